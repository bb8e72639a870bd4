"""A wake-up time on the wall to the absolute times of a dawn plan (lamp.wire.KEY_DAWN).

The lamp counts seconds and knows no time zone; daylight saving is settled here, day by day, by
the zone's own table. What was wished for is kept beside the nights, so that every sync can send
the lamp a fortnight more. Knows no link.
"""

import json
import struct
from dataclasses import asdict, dataclass
from datetime import datetime, time, timedelta, tzinfo
from pathlib import Path

from . import sealed
from .errors import DreamlampError

MORNINGS = 14  # of a plan, which fits one request; then a lamp that no host visits stays dark
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FILE = "dawn.json"


def plan(
    at: time,
    zone: tzinfo | None,
    now: datetime,
    level: int = 60,
    window_min: int = 0,
    days: frozenset[int] = frozenset(range(7)),
    mornings: int = MORNINGS,
) -> bytes:
    """Return the plan of the next `mornings` at wall time `at` on the weekdays `days` (0 Monday).

    `now` is aware; `zone` None is this computer's; `level` CIE L* 1..100; `window_min` 0..60. A
    time that a spring night skips is that much after the instant the clocks jump (PEP 495, fold
    0); of one that an autumn night repeats it is the first.
    """
    if not (1 <= level <= 100 and 0 <= window_min <= 60 and 1 <= mornings <= MORNINGS and days):
        raise ValueError("a dawn has a level of 1 to 100, a window to 60 min, 1 to 14 mornings")
    day = now.astimezone(zone).date()
    times: list[int] = []
    while len(times) < mornings:
        moment = datetime.combine(day, at, tzinfo=zone).timestamp()
        if day.weekday() in days and moment > now.timestamp():
            times.append(int(moment))
        day += timedelta(days=1)
    return struct.pack(f"<BB{len(times)}I", level, window_min, *times)


def deadlines(value: bytes) -> list[datetime]:
    """The mornings of a plan, on this computer's clock."""
    times = struct.unpack(f"<{max(0, len(value) - 2) // 4}I", value[2:])
    return [datetime.fromtimestamp(t).astimezone() for t in times]


def weekdays(text: str) -> frozenset[int]:
    """`mon-fri`, `sat,sun`, `mon-wed,fri` -> numbers of days, 0 Monday."""
    found: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if first not in WEEK or (dash and last not in WEEK):
            raise DreamlampError(f"{text!r} is no span of days: write it as mon-fri or sat,sun")
        at, end = WEEK.index(first), WEEK.index(last or first)
        found |= {(at + i) % 7 for i in range((end - at) % 7 + 1)}
    return frozenset(found)


@dataclass(frozen=True)
class Wish:
    """What a sleeper asked for: `at` HH:MM, `days` as `weekdays` reads them."""

    at: str
    days: str = "mon-sun"
    smart_min: int = 0
    level: int = 60

    def plan(self, now: datetime) -> bytes:
        """The plan of the next fortnight of mornings."""
        at = time.fromisoformat(self.at)
        return plan(at, None, now, self.level, self.smart_min, weekdays(self.days))


def kept(folder: Path, lamp: str) -> Wish | None:
    """The wish kept in `folder` for the lamp of this name."""
    held = _read(folder)
    return Wish(**held[lamp]) if lamp in held else None


def keep(folder: Path, lamp: str, wish: Wish | None) -> None:
    """Keep it, whole or not at all; None forgets it."""
    held = _read(folder)
    held.pop(lamp, None)
    if wish:
        held[lamp] = asdict(wish)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # it may become the library
    sealed.put(folder / FILE, json.dumps(held, indent=1).encode())


def _read(folder: Path) -> dict:
    try:
        return json.loads((folder / FILE).read_text())
    except OSError:
        return {}
