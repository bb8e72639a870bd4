"""Unattended: whatever becomes of lamp, radio, disk and laptop, the next visit comes."""

import asyncio
import contextlib
import random
import time

import pytest
from dreamlamp import watch
from dreamlamp.line import Absent, LinkLost, NotPaired
from test_stream import Line, target_of


class Near:
    """A lamp of which each visit is one of `fates`, and after them nobody wants to know."""

    def __init__(self, tmp_path, fates: list) -> None:
        self.target, self.fates = target_of(9000, 1), fates
        self.said: list[str] = []
        self.told: list[list[str]] = []
        self.waits: list[float] = []
        self.watch = watch.Watch(
            self.connect, tmp_path, lambda _, found: self.told.append([r.state for r in found]),
            self.said.append,
        )  # fmt: skip

    @contextlib.asynccontextmanager
    async def connect(self):
        fate = self.fates.pop(0)
        if isinstance(fate, Exception):
            raise fate
        yield Line(self.target, random.Random(1), 0, fate)

    async def visits(self) -> None:
        while self.fates:
            self.waits.append(await self.watch.visit())


def test_the_lamp_is_fetched_from_through_everything(tmp_path):
    away = Absent("no lamp was heard")
    fates = [away, away, away, 6, OSError("the adapter fell over"), RuntimeError("dbus"), 10**9]
    near = Near(tmp_path, [*fates, NotPaired("forgotten"), 10**9])
    asyncio.run(near.visits())
    assert near.told == [["complete", "partial"], ["kept", "kept"]]
    assert near.target.log.marked == {1}
    assert near.waits[:4] == [20, 40, 80, watch.SOON_S] and near.waits[6] == watch.EVERY_S
    assert len(near.said) == 5 and "the lamp" in near.said[0] and "fell over" in near.said[2]


def test_an_absence_is_told_once_and_looked_into_ever_more_rarely(tmp_path):
    near = Near(tmp_path, [Absent("no lamp was heard")] * 40 + [10**9, Absent("gone")])
    asyncio.run(near.visits())
    assert len(near.said) == 2 and max(near.waits[:40]) == watch.ABSENT_S[1]
    assert near.waits[-1] == watch.ABSENT_S[0]


def test_a_visit_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "VISIT_S", 0.01)
    near = Near(tmp_path, [10**9])

    @contextlib.asynccontextmanager
    async def forever():
        await asyncio.sleep(60)
        yield

    near.watch.connect = forever
    assert asyncio.run(near.watch.visit()) == watch.ABSENT_S[0]
    assert "TimeoutError" in near.said[0]


@pytest.mark.parametrize("slept", [True, False])
def test_a_laptop_that_slept_looks_at_once(tmp_path, monkeypatch, slept):
    monkeypatch.setattr(watch, "NAP_S", 0.01)
    jumps = iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: 1e9 + (slept and next(jumps) * 60))
    began = time.monotonic()
    asyncio.run(Near(tmp_path, []).watch.rest(0.3))
    assert (time.monotonic() - began < 0.2) == slept


def test_two_hosts_fetch_the_same_lamp_in_turns_and_both_hold_all(tmp_path):
    target = target_of(20_000, 1)
    folders = [tmp_path / "a", tmp_path / "b"]

    async def both() -> None:
        left = set(folders)
        chance = random.Random(2)
        while left:
            folder = chance.choice(sorted(left))
            with contextlib.suppress(LinkLost):
                await watch.sync(Line(target, chance, 0.01, chance.randrange(3, 12)), folder)
                left.discard(folder)

    asyncio.run(both())
    for folder in folders:
        assert (folder / "3F2A-00001.night").read_bytes() == target.log.held[1]
        assert not list(folder.glob("*.part"))
