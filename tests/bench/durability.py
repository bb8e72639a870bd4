"""Power cuts: every operation of a shortened night, and 10,000 random ones of whole nights.

Whole nights of a simulated heart follow each other round the ring, every second one synced. Each
has its programs and erases recorded; a case is one of them, by SEED:OP: the flash as it was just
before, the operation torn, two or three boots with frames written between. Rerun one with

    CASE=SEED:OP make bench BENCH=durability

CUTS=N makes N random cuts instead. Checked after every boot: each frame that `append` confirmed is
read back in order, at most one unconfirmed follows, the same night is open, no other night lost.
"""

import io
import os
import random
import sys
import traceback
from pathlib import Path

from lamp import nightlog, wire
from sim import flash as sim
from sim.flash import TEARS, Chance, Flash, PowerCut, Sectors

ROOT = Path(__file__).resolve().parents[2]
NEEDS_DATA = False
NIGHTS = 50
EPOCHS = 960
SIZE = 384 * 4096


class Recorder(Sectors):
    """Sectors that write down what is done to them."""

    def __init__(self, flash):
        super().__init__(flash)
        self.done = []

    def program(self, sector, offset, data):
        self.done.append((sector * self.sector_size + offset, bytes(data)))
        super().program(sector, offset, data)

    def erase(self, sector):
        self.done.append((sector, None))
        super().erase(sector)


class Story:
    """One night as it happened on the flash: the image before, each operation, each frame."""

    def __init__(self, seed: int, flash: Flash):
        self.seed = seed
        self.image = flash._file.getvalue()
        board = Recorder(flash)
        log = nightlog.NightLog(board)
        self.before = log.ring.nights()
        self.night = log.open_night()
        self.frames, self.ready = [], []  # `ready[i]`: operations done when frame i was confirmed
        for kind, data in contents(seed):
            assert log.append(kind, data, len(data))
            self.frames.append((kind, data))
            self.ready.append(len(board.done))
            log.prepare()
        self.operations = list(board.done)
        self.after = log.ring.nights()
        log.close()
        if seed % 2:
            assert log.mark_synced(self.night, log.digest(self.night)[1])


def contents(seed: int):
    """(kind, payload) of a whole night: sizes as real hearts give them."""
    chance = Chance(seed + 1)
    yield wire.NIGHT, body(chance, 26)
    for index in range(EPOCHS):
        yield wire.EPOCH, bytes([index & 255, index >> 8]) + body(chance, 35 + chance.below(35))
        if chance.below(40) == 0:
            yield wire.EVENT, body(chance, 10)
        if index == 2:
            for _ in range(30):
                yield wire.PPG, body(chance, 120 + chance.below(100))


def body(chance: Chance, n: int) -> bytes:
    return bytes(chance.below(256) for _ in range(n))


def frames(log, night):
    found = []
    log.walk(night, lambda f, size: found.append((f[0], bytes(f[2 : size - 4]))))
    return found


def apply(image: bytearray, operation) -> None:
    """Do an operation properly."""
    at, data = operation
    if data is None:
        image[at * 4096 : (at + 1) * 4096] = b"\xff" * 4096
    else:
        for i, byte in enumerate(data):
            image[at + i] &= byte


def die(story: Story, op: int, image: bytes) -> None:
    """One case; AssertionError says what was lost."""
    chance = Chance(story.seed * 131071 + op)
    flash = Flash(io.BytesIO(image))
    tear, whole = chance.below(len(TEARS)), chance.below(20)
    at, data = story.operations[op]
    flash.cut(0, tear, whole, op + 1)
    try:
        if data is None:
            flash.erase(at)
        else:
            flash.program(at, data)
    except PowerCut:
        pass
    kept = story.frames[: sum(done <= op for done in story.ready)]
    night = story.night
    for boot in range(3):
        flash.power_on()
        log = nightlog.NightLog(Sectors(flash))
        found = frames(log, night) if night in log.ring.nights() else []
        lost = sum(a != b for a, b in zip(kept, found)) + max(0, len(kept) - len(found))
        assert lost == 0, f"boot {boot}: {lost} of {len(kept)} frames lost"
        # each life may have died between a frame's last bit and the word that it is kept
        more = len(found) - len(kept)
        assert more <= boot + 1, f"boot {boot}: {more} frames too many"
        assert log.open_id == (night if found else 0), f"boot {boot}: open {log.open_id}"
        gone = set(story.before) - set(log.ring.nights())
        allowed = set(story.before) - set(story.after)
        assert len(gone) <= len(allowed) + 1 and all(n < night for n in gone), f"gone {gone}"
        if chance.below(3) == 0:  # a boot that writes nothing
            continue
        if not log.open_id:
            night = log.open_night()
        if chance.below(2):
            flash.cut(chance.below(30), chance.below(len(TEARS)), chance.below(20), op)
        write(log, kept, found, chance)


def write(log, kept: list, found: list, chance: Chance) -> None:
    """A few more epochs, until done or dead; the first one confirms whatever was `found`."""
    try:
        for _ in range(1 + chance.below(6)):
            data = bytes([len(found) & 255, 0]) + body(chance, 40)
            assert log.append(wire.EPOCH, data, len(data)), "append failed"
            found.append((wire.EPOCH, data))
            kept[:] = found
            log.prepare()
    except PowerCut:
        pass


def stories(upto: int):
    flash = Flash(io.BytesIO(b"\xff" * SIZE))
    for seed in range(upto):
        yield Story(seed, flash)


def exhaustive() -> tuple[int, list[str]]:
    """Every operation of the shortened night of tests/both/powercut.py, torn in every way."""
    sys.path.insert(0, str(ROOT / "tests" / "both"))
    import powercut

    base, failed = powercut.old_nights(), []
    many = powercut.operations(base)
    ways = [(tear, whole) for tear in range(len(TEARS)) for whole in (0, 1, 5, 9, 17, 300)]
    ways = [w for w in ways if w[0] in (sim.PREFIX, sim.SUFFIX, sim.TORN) or w[1] == 0]
    for operation in range(many):
        for tear, whole in ways:
            try:
                powercut.die_at(base, operation, tear, whole, operation)
            except Exception as error:
                failed.append(
                    f"powercut.die_at(old_nights(), {operation}, {tear}, {whole}): {error}"
                )
    return many * len(ways), failed


def run(data: Path | None, train: bool) -> dict:
    only = os.environ.get("CASE")
    if only:
        return one(*(int(part) for part in only.split(":")))
    cuts, lost = exhaustive()
    done, boots = 0, []
    wanted = int(os.environ.get("CUTS", "10000"))
    for story in stories(NIGHTS):
        share = (story.seed + 1) * wanted // NIGHTS - done
        coin = random.Random(story.seed)
        chosen = sorted(coin.sample(range(len(story.operations)), share))
        image, at = bytearray(story.image), 0
        for op in chosen:
            while at < op:
                apply(image, story.operations[at])
                at += 1
            done += 1
            try:
                die(story, op, bytes(image))
            except AssertionError as error:
                lost.append(
                    f"{error}: rerun with CASE={story.seed}:{op} make bench BENCH=durability"
                )
            except Exception:
                boots.append(f"CASE={story.seed}:{op}: {traceback.format_exc(limit=-2)}")
    for line in (lost + boots)[:20]:
        print(line)
    result = {
        "exhaustive_cuts": cuts,
        "random_cuts": done,
        "frames_lost": len(lost),
        "boots_failed": len(boots),
        "nights": NIGHTS,
    }
    for key, value in result.items():
        print(f"{key:20}{value:>8}")
    return result


def one(seed: int, op: int) -> dict:
    """Rerun one case, loudly."""
    story = list(stories(seed + 1))[-1]
    image = bytearray(story.image)
    for operation in story.operations[:op]:
        apply(image, operation)
    where, data = story.operations[op]
    what = f"erase of sector {where}" if data is None else f"program of {len(data)} at {where:#x}"
    print(f"night {story.night}, operation {op} of {len(story.operations)}: {what}")
    die(story, op, bytes(image))
    print("nothing was lost")
    return {"case": f"{seed}:{op}"}
