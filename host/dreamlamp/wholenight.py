"""A whole night, end to end: a heart at one end, a report in the morning at the other.

The recording's beats become light in a virtual finger; the firmware, under MicroPython, makes a
night of it; `sync` fetches it with bleak over the virtual radio; `report` draws it and `replay`
reaches every decision again.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from . import library, replay, report
from .air import Air
from .errors import DreamlampError
from .link import LampError, LinkLost, connect, find, pair
from .nights import Night
from .recordings import Recording, trained_on
from .sim import Lamp, LampDied, Scenario, World, claimed
from .sync import Result, sync

BEDTIME = (23, 0)  # clock time at which a recording begins, the evening before
TRIES = 3
FILLER = {"heart": "synthetic", "name": "made to fill the flash"}
MARKER = ".dreamlamp-night"  # in a folder that may be cleared for the next night
HELD_MS = 4000  # of the button: opens the lamp's window for pairing

Told = Callable[[str, float], None]  # what is going on, and the share of it that is done


@dataclass
class Outcome:
    """What came of it; `ok` if nothing is amiss."""

    night: Night
    facts: dict
    verdict: replay.Verdict
    path: Path
    page: Path
    synced: Result
    night_s: float  # of computing
    sync_s: float
    starts: int  # of the lamp
    others: list[str]  # shorter nights that were recorded besides, by name

    @property
    def ok(self) -> bool:
        whole = self.synced.state in ("complete", "kept") and not self.facts["lost_bytes"]
        return self.verdict.ok and whole and self.facts["worn_min"] > 0

    def as_json(self) -> dict:
        return {
            **self.facts, "ok": self.ok, "replay": self.verdict.as_json(),
            "report": str(self.page), "file": str(self.path), "lamp_starts": self.starts,
            "others": self.others,
            "computing_s": round(self.night_s, 1), "sync_s": round(self.sync_s, 2),
            "sync_bytes": self.synced.bytes, "sync_resent": self.synced.resent,
        }  # fmt: skip


def bedtime(now: datetime | None = None) -> datetime:
    """The last evening's BEDTIME, in this computer's zone."""
    now = now or datetime.now().astimezone()
    return (now - timedelta(days=1)).replace(
        hour=BEDTIME[0], minute=BEDTIME[1], second=0, microsecond=0
    )


def run(
    recording: Recording,
    scenario: Scenario,
    folder: Path,
    told: Told = lambda what, share: None,
    drop_link: bool = False,
) -> Outcome:
    """Let the night happen in `folder` (world/ is made anew, nights/ is the library)."""
    with claimed(folder, MARKER), Air() as air, asyncio.Runner() as loop:
        shutil.rmtree(folder / "world", ignore_errors=True)
        shutil.rmtree(folder / "nights", ignore_errors=True)
        world = World(folder / "world", recording, scenario)
        began = time.monotonic()
        unpack(world, air, loop)
        world.open_to(air.lamp)
        with Lamp(world, lambda s: told("night", min(1, s / world.over_s))) as lamp:
            host = _Host(world, lamp, folder / "nights", told, air if drop_link else None)
            if scenario.visit:
                loop.run(host.visit())
            lamp.wait_until(world.over_s)
            asleep_s = time.monotonic() - began
            results = loop.run(host.visit())
            starts = lamp.starts
    ours = [result for result in results if result.night > world.older]
    if not ours:
        raise DreamlampError("the lamp recorded no night: " + lamp.last_words())
    synced = max(ours, key=lambda result: result.bytes)
    path = synced.path
    for result in results:
        if result.night <= world.older:
            library.annotate(result.path, source=FILLER)
    for result in ours:
        began_s = library.read(result.path).boots[0].second
        library.annotate(result.path, **_reference(recording, world, began_s))
    night = library.read(path)
    verdict = replay.replay(night)
    page = path.with_suffix(".html")
    facts = report.write(night, page, verdict.sentence())
    sync_s = time.monotonic() - began - asleep_s
    others = [result.path.stem for result in ours if result is not synced]
    return Outcome(night, facts, verdict, path, page, synced, asleep_s, sync_s, starts, others)


def unpack(world: World, air: Air, loop: asyncio.Runner) -> None:
    """Plug a new lamp in, in real time, hold its button, pair with it, and unplug it again."""
    os.environ["DREAMLAMP_AIR"] = air.address
    os.environ["DREAMLAMP_AIR_KEYS"] = str(world.folder / "host.json")
    world.open_to(air.lamp, realtime=True)
    with Lamp(world) as lamp:
        try:
            loop.run(find())  # a button that is down at boot means something else
        except LampError as error:
            raise LampDied(f"{error}. The virtual lamp said: {lamp.last_words()}") from error
        air.hands().press(HELD_MS)
        time.sleep(HELD_MS / 1000)
        loop.run(pair())


class _Host:
    """A paired computer that comes to the lamp, tells the time and fetches the nights."""

    def __init__(self, world: World, lamp: Lamp, nights: Path, told: Told, drop: Air | None):
        self.lamp, self.nights, self.told, self.drop = lamp, nights, told, drop
        self.plugged = bedtime() - timedelta(seconds=world.lead_s)

    def now(self) -> float:
        """Unix time in the world of the lamp."""
        return self.plugged.timestamp() + self.lamp.now_s()

    async def visit(self) -> list[Result]:
        """Sync; come again if the link is lost."""
        for left in reversed(range(TRIES)):
            try:
                async with connect() as link:
                    return await sync(link, self.nights, self._progress, self.now)
            except LinkLost:
                if not left:
                    raise
        raise AssertionError

    def _progress(self, entry, have: int) -> None:
        self.told("sync", have / max(1, entry.length))
        if self.drop and have > entry.length / 2:  # out of reach, once, in the midst of it
            air, self.drop = self.drop, None
            air.hands().cut()


def _reference(recording: Recording, world: World, began_s: int) -> dict:
    """What others scored, beside a night that began `began_s` after the lamp was plugged in."""
    if not recording.stages:
        return {}
    return {
        "reference": {
            "stages": recording.stages,
            "at_s": world.lead_s + recording.stages_at_ms / 1000 - began_s,
            "by": recording.scored_by,
            "in_sample": trained_on(recording.name),
        }
    }
