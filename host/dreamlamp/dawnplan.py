"""A wake-up time on the wall to the absolute times of a dawn plan (lamp.wire.KEY_DAWN).

The lamp counts seconds and knows no time zone; daylight saving is settled here, day by day, by the
zone's own table. Knows no link.
"""

import struct
from datetime import datetime, time, timedelta, tzinfo

DAYS = 7  # a plan ends with its last day: a lamp that no host visits for a week stays dark


def plan(
    at: time,
    zone: tzinfo | None,
    now: datetime,
    level: int = 60,
    window_min: int = 0,
    days: int = DAYS,
) -> bytes:
    """Return the plan of the next `days` mornings at wall time `at` in `zone`.

    `now` is aware; `zone` None is this computer's own; `level` CIE L* 1..100; `window_min` 0..60.
    A time that a spring night skips is the instant the clocks jump over it (PEP 495, fold 0); one
    that an autumn night repeats is the first.
    """
    if not (1 <= level <= 100 and 0 <= window_min <= 60 and 1 <= days <= 31):
        raise ValueError("a dawn has a level of 1 to 100, a window to 60 min and 1 to 31 days")
    today = now.astimezone(zone).date()
    times = []
    for day in range(days + 1):
        moment = datetime.combine(today + timedelta(days=day), at, tzinfo=zone).timestamp()
        if moment > now.timestamp():
            times.append(int(moment))
    times = times[:days]
    return struct.pack(f"<BB{len(times)}I", level, window_min, *times)
