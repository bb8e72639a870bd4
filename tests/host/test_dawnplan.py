"""Seven o'clock is seven o'clock, whatever the season does."""

import struct
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from dreamlamp.dawnplan import plan
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
    assert len(mornings) == 7
    assert {(m.hour, m.minute) for m in mornings} == {(7, 0)}
    assert len({m.utcoffset() for m in mornings}) == 2
    assert len({m.date() for m in mornings}) == 7


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


@pytest.mark.parametrize("wrong", ({"level": 0}, {"level": 101}, {"window_min": 61}, {"days": 0}))
def test_what_no_dawn_can_be_is_refused(wrong):
    with pytest.raises(ValueError):
        plan(time(7), BERLIN, datetime.now(UTC), **wrong)
