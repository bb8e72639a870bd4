"""A new firmware beside the old one, which stays until the new one has proved itself.

Writes the folder that does not run, checks it by its hashes on the board, and puts it on trial
(firmware/boot/choose.py): whatever happens after that, the lamp ends with a firmware that runs.
"""

import asyncio
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lamp import VERSION, wire

from . import cable, doctor, flash
from .line import LampError, Line
from .remote import BoardError, Remote, connect, differing, removing, writing

SLOTS = "ab"
PROVING_S = 75  # a start and the minute a new firmware has to run
PATIENCE_S = 300  # three starts that hang, each until its watchdog bites
LOOK_S = 1.0

Told = Callable[[str, float], None]


@dataclass
class Updated:
    """What came of it; `proven` False: the lamp went back to the firmware it had."""

    proven: bool
    slot: str
    name: str
    crash: str = ""

    def as_json(self) -> dict:
        return {**self.__dict__, "ok": self.proven, "firmware": ".".join(map(str, VERSION))}


def scripts(files: Mapping[str, bytes], slot: int) -> Iterator[str]:
    """What is run on the board to write `files` into a slot that does not run."""
    yield marking(slot ^ 1)  # a trial that was going on is over
    yield removing("/" + SLOTS[slot])
    yield from writing(files)


def marking(mark: int) -> str:
    """A script that sets the chooser's mark; it changes at one instant."""
    return f"import esp32\nstore = esp32.NVS('boot')\nstore.set_i32('ab', {mark})\nstore.commit()"


def running(board: Remote) -> int:
    """The slot of the proven firmware."""
    script = "import esp32\ntry: print(esp32.NVS('boot').get_i32('ab'))\nexcept OSError: print(0)"
    return int(board.run(script)) & 1


def update(
    port: str,
    told: Told = lambda what, share: None,
    files: Mapping[str, bytes] | None = None,
    busy: bool = False,
) -> Updated | None:
    """Bring this package's firmware (or `files`, by paths within a slot) to the lamp at `port`.

    None if it has just that firmware. A night that is being recorded is broken off only if
    `busy`; it goes on after the update.
    """
    if not busy:
        flash.refuse_in_a_night(flash.standing(port), "update")
    slot = _begin(port, told, files)
    if slot is None:
        asyncio.run(_awake(port))
        return None
    return asyncio.run(outcome(port, slot, told))


async def _awake(port: str) -> None:
    """Return when the lamp answers."""
    async with flash.lamp_at(port):
        pass


def _begin(port: str, told: Told, files: Mapping[str, bytes] | None) -> int | None:
    """Write the new firmware and put it on trial; its slot, None if it is there already."""
    with connect(port) as board:
        arch = flash.check(board)
        old = running(board)
        slot = old ^ 1
        new = _placed(files, slot) if files else _slot_only(flash.firmware(arch, SLOTS[slot]))
        held = board.hashes()
        same = {f"/{SLOTS[old]}{path[2:]}": data for path, data in new.items()}
        if not differing(held, same):
            board.run(marking(old))
            flash.restart(board)
            return None
        steps = list(scripts(new, slot))
        for done, script in enumerate(steps, 1):
            board.run(script)
            told("copying", done / len(steps))
        wrong = differing(board.hashes(), new)
        if wrong:
            raise BoardError(
                f"{wrong[0]} on the board is not what was written; the lamp keeps its firmware: "
                "use another cable and update again"
            )
        board.run(marking(old | doctor.TRIAL))
        flash.restart(board)
    return slot


def _slot_only(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Without what starts the slots: that is replaced by `flash` alone."""
    return {path: data for path, data in files.items() if path.count("/") > 1}


def _placed(files: Mapping[str, bytes], slot: int) -> dict[str, bytes]:
    return {f"/{SLOTS[slot]}/{path}": data for path, data in files.items()}


async def outcome(port: str, slot: int, told: Told) -> Updated:
    """Wait until the trial is over."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_S:
        told("trial", min(0.99, (time.monotonic() - began) / PROVING_S))
        try:
            async with cable.connect(port) as line:
                mark = await _mark(line)
                if not mark & doctor.TRIAL:
                    told("trial", 1)
                    return await _verdict(line, mark, slot)
        except LampError:
            pass
        await asyncio.sleep(LOOK_S)
    raise BoardError(
        "the lamp does not answer after the update: unplug it, hold its button, plug it in (it "
        "then takes the firmware it had), and run `dreamlamp doctor`"
    )


async def _mark(line: Line) -> int:
    facts = await line.request(wire.CHECKUP, bytes((wire.CHECK_SYSTEM,)))
    return struct.unpack(wire.CHECK_SYSTEM_LAYOUT, facts)[8]


async def _verdict(line: Line, mark: int, slot: int) -> Updated:
    proven = mark & 1 == slot
    crash = ""
    if not proven:
        facts = await doctor.ask(line)
        crash = facts.crashes[0] if facts.crashes else ""
    return Updated(proven, SLOTS[mark & 1], line.name, crash)
