"""A month of nights, fetched by two laptops that nobody attends: NIGHTS and SEED.

The lamp is the whole firmware in virtual time, its nights shortened to twelve minutes; the laptops
are two processes of `dreamlamp sync --watch`, each with a library and a bond of its own. Meanwhile
1 % of the notifications are lost, links are cut, the power goes within nights, and laptops sleep
(SIGSTOP) and crash (SIGKILL). Figures: nights_lost and nights_wrong of all copies, against what
the lamp's own log reads from its flash, and what they came through.
"""

import asyncio
import dataclasses
import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from dreamlamp import link, sim, sleeper
from dreamlamp.air import Air

ROOT = Path(__file__).resolve().parents[2]
NEEDS_DATA = False
SLOT_S, NIGHT_S = 1440, 720
PATIENCE_S = 120  # for the last visit of each
HELD_MS = 4000


class Month(sim.World):
    """A lamp for `nights` nights, one every SLOT_S."""

    def __init__(self, folder: Path, nights: int, seed: int) -> None:
        self.nights, self.chance = nights, random.Random(seed)
        heart = sleeper.sleeper(seed)
        beats = heart.beats_ms[heart.beats_ms < 2 * 3600_000]
        again = [beats + k * 7200_000 for k in range(nights * SLOT_S // 7200 + 1)]
        super().__init__(
            folder, dataclasses.replace(heart, beats_ms=np.concatenate(again)), sim.Scenario()
        )
        self.cuts = 0
        self.plan = sorted(self._plan())
        self.over_s = nights * SLOT_S
        self.fast_until_s = self.over_s

    def _plan(self) -> list[list]:
        found: list[list] = [[0, "finger_off"]]
        for n in range(self.nights):
            at = n * SLOT_S * 1000 + 200_000
            end = at + NIGHT_S * 1000
            found += [[at - 60_000, "finger_on"], [at, "button", 300]]
            found += [[end, "button", 300], [end + 20_000, "finger_off"]]
            if self.chance.random() < 0.3:
                found.append([self.chance.randrange(at + 60_000, end - 90_000), "power_cut", 9000])
                self.cuts += 1
        return found

    def events(self) -> list[list]:
        return self.plan


class Laptop:
    """A process of `dreamlamp sync --watch`, its keys and its library."""

    def __init__(self, folder: Path, air: Air) -> None:
        self.library = folder / "nights"
        self.keys = folder / "host.json"
        path = os.pathsep.join((str(ROOT / "firmware"), str(ROOT / "host")))
        self.world = {"DREAMLAMP_AIR": air.address, "DREAMLAMP_AIR_KEYS": str(self.keys)}
        self.environment = {**os.environ, **self.world, "PYTHONPATH": path}
        self.log = folder / "said"
        folder.mkdir()
        self.process: subprocess.Popen | None = None

    def pair(self, air: Air) -> None:
        os.environ.update(self.world)
        asyncio.run(link.find())  # a button that is down at boot means something else
        air.hands().press(HELD_MS)
        time.sleep(HELD_MS / 1000 + 1)
        asyncio.run(link.pair())

    def start(self) -> None:
        command = [sys.executable, "-m", "dreamlamp.cli", "sync", "--watch", "--every", "0.01"]
        with self.log.open("a") as said:
            self.process = subprocess.Popen(
                [*command, "--library", str(self.library)],
                env=self.environment, stdout=said, stderr=said,
            )  # fmt: skip

    def signal(self, number: int) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self) -> int:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGINT)
        return self.process.wait(20) if self.process else 0

    def held(self) -> dict[int, bytes]:
        return {int(f.stem.split("-")[-1]): f.read_bytes() for f in self.library.glob("*.night")}


def on_flash(folder: Path) -> dict[int, bytes]:
    """The nights as the lamp's own log reads them from its flash."""
    sys.path[:0] = [str(ROOT / "firmware" / "sim")]
    from flash import Flash, Sectors
    from lamp.nightlog import Cursor, NightLog

    log = NightLog(Sectors(Flash(io.BytesIO((folder / "flash.bin").read_bytes()))))
    found = {}
    for night, length, *_ in map(log.entry, log.nights()):
        raw = bytearray(length)
        found[night] = bytes(raw[: log.read(night, 0, raw, Cursor())])
    return found


def month(folder: Path, nights: int, seed: int) -> dict:
    """Live it; the figures."""
    chance = random.Random(seed)
    happened = {"links_cut": 0, "laptops_slept": 0, "laptops_killed": 0}
    with Air() as air:
        world = Month(folder / "world", nights, seed)
        laptops = [Laptop(folder / name, air) for name in ("a", "b")]
        world.plan, plan = [[0, "finger_off"]], world.plan
        # unpacked and paired in real time; then unplugged, and time begins
        world.open_to(air.lamp, realtime=True)
        with sim.Lamp(world):
            for laptop in laptops:
                laptop.pair(air)
        world.plan = plan
        world.open_to(air.lamp)
        air.hands().lose(0.01, seed)
        with sim.Lamp(world) as lamp:
            for laptop in laptops:
                laptop.start()
            while lamp.world_s < world.over_s - 60 and not lamp.ended.is_set():
                time.sleep(chance.uniform(0.5, 3))
                disturb(chance, air, laptops, happened)
            for laptop in laptops:
                laptop.signal(signal.SIGCONT)
            air.hands().lose(0, seed)
            until = time.monotonic() + PATIENCE_S
            while time.monotonic() < until and not all(
                sum(len(n) for n in laptop.held().values()) == sum(map(len, truth(world).values()))
                for laptop in laptops
            ):
                time.sleep(1)
            statuses = [laptop.stop() for laptop in laptops]
            starts = lamp.starts
    flash = truth(world)
    wrong = lost = 0
    for laptop in laptops:
        held = laptop.held()
        lost += len(flash.keys() - held.keys())
        wrong += sum(held[n] != flash[n] for n in flash.keys() & held.keys())
    said = "".join(laptop.log.read_text() for laptop in laptops)
    return {
        "nights": len(flash), "laptops": len(laptops), "nights_lost": lost, "nights_wrong": wrong,
        "bytes": sum(map(len, flash.values())), "visits_told": said.count("bytes new"),
        "nights_fetched_while_recorded": said.count("still being recorded"),
        "watches_ended_badly": sum(map(bool, statuses)),
        "power_cuts": world.cuts, "lamp_starts": starts, **happened,
    }  # fmt: skip


def truth(world: Month) -> dict[int, bytes]:
    return on_flash(world.folder)


def disturb(chance: random.Random, air: Air, laptops: list[Laptop], happened: dict) -> None:
    """One of the things that happen to radios and laptops; mostly none."""
    laptop, share = chance.choice(laptops), chance.random()
    if share < 0.15:
        air.hands().cut()
        happened["links_cut"] += 1
    elif share < 0.25:
        laptop.signal(signal.SIGSTOP)
        time.sleep(chance.uniform(0.5, 4))
        laptop.signal(signal.SIGCONT)
        happened["laptops_slept"] += 1
    elif share < 0.3:
        laptop.signal(signal.SIGKILL)
        laptop.process.wait()  # type: ignore[union-attr]
        laptop.start()
        happened["laptops_killed"] += 1


def run(data: Path | None, train: bool) -> dict:
    nights, seed = int(os.environ.get("NIGHTS", 30)), int(os.environ.get("SEED", 1))
    with tempfile.TemporaryDirectory() as folder:
        result = month(Path(folder), nights, seed)
    for key, value in result.items():
        print(f"{key:32}{value:>12}")
    return result
