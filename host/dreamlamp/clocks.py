"""What time it was: from the readings that hosts left to the hour on a wall.

The lamp counts seconds since power-up and has no other clock. Each host that comes says what time
it takes it for; hosts err, disagree, jump and change to summer time. What most readings agree on
counts, and how far the others are off is said. Knows no frames and no files.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

AGREED_S = 60  # two crystals drift apart by a few seconds a day; more is a clock that is wrong
HOLE_MAX_S = 16 * 3600  # what goes on later is another night, or one of the clocks is wrong


@dataclass(frozen=True)
class Clock:
    """At `second` after boot number `boot` it was `unix_s`."""

    boot: int
    second: int
    unix_s: int
    utc_offset_min: int

    @property
    def born_s(self) -> int:
        """Unix time of that power-up."""
        return self.unix_s - self.second


def agreed(readings: list[Clock]) -> Clock | None:
    """The last of those that most agree with; of as many on two sides the later side's."""
    best: list[Clock] = []
    for reading in readings:
        alike = [r for r in readings if abs(r.born_s - reading.born_s) <= AGREED_S]
        if len(alike) >= len(best):
            best = alike
    return best[-1] if best else None


def quarrel_s(readings: list[Clock]) -> int:
    """Seconds between the two readings of one power-up that differ most; 0 if all agree."""
    worst = 0
    for boot in {reading.boot for reading in readings}:
        births = [r.born_s for r in readings if r.boot == boot]
        worst = max(worst, max(births) - min(births))
    return worst if worst > AGREED_S else 0


def away_s(before: Clock, last_s: float, after: Clock, first_s: float) -> float | None:
    """Seconds between `last_s` of one power-up and `first_s` of a later one.

    None where the readings contradict each other, or lie so far apart that it is no one night.
    """
    away = after.born_s + first_s - (before.born_s + last_s)
    if not -AGREED_S <= away <= HOLE_MAX_S:
        return None
    return max(0.0, away)


def local(unix_s: float, readings: list[Clock]) -> datetime:
    """The time on the wall where the nearest of `readings` was made.

    If this computer's zone had the reading's offset then, its rules count: it knows of summer
    time. Otherwise the offset is taken as it was read.
    """
    nearest = min(readings, key=lambda r: abs(r.unix_s - unix_s))
    offset = timedelta(minutes=nearest.utc_offset_min)
    here = datetime.fromtimestamp(nearest.unix_s).astimezone().utcoffset()
    if here == offset:
        return _fixed(datetime.fromtimestamp(unix_s).astimezone())
    return datetime.fromtimestamp(unix_s, timezone(offset))


def _fixed(at: datetime) -> datetime:
    """With an offset instead of a zone's name."""
    return at.astimezone(timezone(at.utcoffset() or timedelta()))


def change(start_s: float, end_s: float, readings: list[Clock]) -> tuple[float, int] | None:
    """When between two Unix times the offset changes, and by how many minutes; None: not."""
    first, last = (local(at, readings).utcoffset() for at in (start_s, end_s))
    assert first is not None and last is not None
    if first == last:
        return None
    low, high = start_s, end_s
    while high - low > 1:
        middle = (low + high) / 2
        if local(middle, readings).utcoffset() == first:
            low = middle
        else:
            high = middle
    return high, round((last - first).total_seconds() / 60)
