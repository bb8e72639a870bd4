"""Seven o'clock is seven o'clock, whatever the season does."""

import os
import struct
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from dreamlamp import dawnplan
from dreamlamp.dawnplan import plan
from dreamlamp.errors import DreamlampError
from lamp import wire
from lamp.dawn import Dawn

BERLIN = ZoneInfo("Europe/Berlin")


def walls(value):
    """The wall times in Berlin of a plan."""
    times = struct.unpack(f"<{(len(value) - 2) // 4}I", value[2:])
    return [datetime.fromtimestamp(t, BERLIN) for t in times]


@pytest.mark.parametrize(
    "now", (datetime(2026, 3, 27, 21, tzinfo=UTC), datetime(2026, 10, 23, 21, tzinfo=UTC))
)
def test_it_is_the_same_wall_time_on_both_sides_of_a_change(now):
    mornings = walls(plan(time(7, 0), BERLIN, now))
    assert len(mornings) == 14
    assert {(m.hour, m.minute) for m in mornings} == {(7, 0)}
    assert len({m.utcoffset() for m in mornings}) == 2
    assert len({m.date() for m in mornings}) == 14


def test_it_begins_with_the_next_time_and_not_a_past_one():
    now = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
    assert walls(plan(time(7, 0), BERLIN, now))[0].date() == now.date()
    later = now + timedelta(hours=2)
    assert walls(plan(time(7, 0), BERLIN, later))[0].date() == now.date() + timedelta(days=1)


def test_the_lamp_reads_it():
    now = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
    dawn = Dawn(plan(time(7, 0), BERLIN, now, level=50, window_min=20))
    dawn.clock(100, int(now.timestamp()))
    assert (dawn.level, dawn.window_s, dawn.at_s) == (50, 1200, 100 + 9 * 3600)
    assert dawn.feed(wire.Epoch(), 130) == 0


@pytest.mark.parametrize(
    "wrong",
    ({"level": 0}, {"level": 101}, {"window_min": 61}, {"mornings": 0}, {"days": frozenset()}),
)
def test_what_no_dawn_can_be_is_refused(wrong):
    with pytest.raises(ValueError):
        plan(time(7), BERLIN, datetime.now(UTC), **wrong)


def test_a_time_that_the_spring_skips_comes_as_much_after_the_jump():
    now = datetime(2026, 3, 28, 20, tzinfo=UTC)
    first = walls(plan(time(2, 30), BERLIN, now))[0]
    assert (first.day, first.hour, first.minute) == (29, 3, 30)


@pytest.mark.parametrize(
    "text, wanted",
    (("mon-fri", {0, 1, 2, 3, 4}), ("sat,sun", {5, 6}), ("fri-mon", {4, 5, 6, 0}), ("Wed", {2})),
)
def test_days_are_read_as_people_write_them(text, wanted):
    assert dawnplan.weekdays(text) == wanted
    now = datetime(2026, 11, 22, 21, tzinfo=UTC)
    mornings = walls(plan(time(7), BERLIN, now, days=frozenset(wanted)))
    assert {m.weekday() for m in mornings} == wanted and len(mornings) == 14


@pytest.mark.parametrize("text", ("", "monday", "mon-", "8", "mon--fri"))
def test_days_that_are_none_are_refused(text):
    with pytest.raises(DreamlampError, match="mon-fri"):
        dawnplan.weekdays(text)


def test_a_wish_that_comes_before_the_library_makes_a_folder_for_the_owner_alone(tmp_path):
    old = os.umask(0)
    try:
        dawnplan.keep(tmp_path / "new", "3F2A", dawnplan.Wish("06:30"))
    finally:
        os.umask(old)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert {f.stat().st_mode & 0o777 for f in (tmp_path / "new").iterdir()} == {0o600}


def test_a_wish_is_kept_for_each_lamp_until_it_is_taken_back(tmp_path):
    wish = dawnplan.Wish("06:30", "mon-fri", 20, 50)
    dawnplan.keep(tmp_path / "new", "3F2A", wish)
    dawnplan.keep(tmp_path / "new", "0001", dawnplan.Wish("09:00"))
    assert dawnplan.kept(tmp_path / "new", "3F2A") == wish
    dawnplan.keep(tmp_path / "new", "3F2A", None)
    assert dawnplan.kept(tmp_path / "new", "3F2A") is None
    assert dawnplan.kept(tmp_path / "new", "0001").at == "09:00"
    value = wish.plan(datetime.now().astimezone())
    assert value[:2] == bytes((50, 20))
    assert {(m.hour, m.minute) for m in dawnplan.deadlines(value)} == {(6, 30)}
