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
from .link import LinkLost, connect
from .nights import Night
from .recordings import Recording
from .sim import Lamp, Scenario, World
from .sync import Result, sync

BEDTIME = (23, 0)  # clock time at which a recording begins, the evening before
TRIES = 3
HELD_MS = 3200  # of the button: opens the lamp's window for pairing

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

    @property
    def ok(self) -> bool:
        whole = self.synced.state in ("complete", "kept") and not self.facts["lost_bytes"]
        return self.verdict.ok and whole and self.facts["worn_min"] > 0

    def as_json(self) -> dict:
        return {
            **self.facts, "ok": self.ok, "replay": self.verdict.as_json(),
            "report": str(self.page), "file": str(self.path), "lamp_starts": self.starts,
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
    shutil.rmtree(folder / "world", ignore_errors=True)
    shutil.rmtree(folder / "nights", ignore_errors=True)
    world = World(folder / "world", recording, scenario)
    began = time.monotonic()
    with Air() as air:
        world.open_to(air.lamp)
        with Lamp(world, lambda s: told("night", min(1, s / world.over_s))) as lamp:
            os.environ["DREAMLAMP_AIR"] = air.address
            os.environ["DREAMLAMP_AIR_KEYS"] = str(folder / "world" / "host.json")
            visit = _Visit(world, lamp, folder / "nights", air, drop_link)
            if scenario.visit:
                visit.pay(told)
            lamp.wait_until(world.over_s)
            asleep_s = time.monotonic() - began
            results = visit.pay(told)
            starts = lamp.starts
    if not results:
        raise DreamlampError("the lamp recorded no night: " + lamp.last_words())
    synced = max(results, key=lambda result: result.bytes)
    path = synced.path
    library.annotate(path, **_note(recording, world, library.read(path).boots[0].second))
    night = library.read(path)
    verdict = replay.replay(night)
    page = path.with_suffix(".html")
    facts = report.write(night, page, verdict.sentence())
    sync_s = time.monotonic() - began - asleep_s
    return Outcome(night, facts, verdict, path, page, synced, asleep_s, sync_s, starts)


class _Visit:
    """A host that comes to the lamp: tells the time, fetches the nights."""

    def __init__(self, world: World, lamp: Lamp, nights: Path, air: Air, drop_link: bool):
        self.lamp, self.nights, self.drop_link = lamp, nights, drop_link
        self.hands = air.hands()
        self.paired = False
        self.plugged = bedtime() - timedelta(seconds=world.lead_s)

    def now(self) -> float:
        """Unix time in the world of the lamp."""
        return self.plugged.timestamp() + self.lamp.now_s()

    def pay(self, told: Told) -> list[Result]:
        """Come, pair if it is the first time, and come again if the link is lost."""
        for left in reversed(range(TRIES)):
            try:
                return asyncio.run(self._sync(told))
            except LinkLost:
                if not left:
                    raise
        raise AssertionError

    async def _sync(self, told: Told) -> list[Result]:
        def progress(entry, have):
            told("sync", have / max(1, entry.length))
            if self.drop_link and have > entry.length / 2:  # once, in the midst of it
                self.drop_link = False
                self.hands.cut()

        if not self.paired:
            self.hands.press(HELD_MS)
            await asyncio.sleep(HELD_MS / 1000)
        async with connect(pair=not self.paired) as link:
            self.paired = True
            return await sync(link, self.nights, progress, self.now)


def _note(recording: Recording, world: World, began_s: int) -> dict:
    """What the lamp cannot know: whose heart it was, and what others scored.

    The night began `began_s` after the lamp was plugged in, which is where world time begins.
    """
    kind = "synthetic" if recording.synthetic else "recording"
    note: dict = {
        "source": {"heart": kind, "name": recording.name, "remarks": recording.remarks()}
    }
    if recording.stages:
        note["reference"] = {
            "stages": recording.stages,
            "at_s": world.lead_s + recording.stages_at_ms / 1000 - began_s,
            "by": recording.scored_by,
        }
    return note
