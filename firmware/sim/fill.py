"""Fill a simulated flash with nights that no host ever fetched: fill.py FLASH FREE_SECTORS

The past of a lamp that was never synced, written by the firmware's own log; what is in the
nights is dull. Run by CPython.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from flash import Flash, Sectors  # noqa: E402
from lamp import wire  # noqa: E402
from lamp.diary import Diary  # noqa: E402
from lamp.mind import DEFAULTS  # noqa: E402
from lamp.nightlog import NightLog  # noqa: E402

EPOCHS = 960
BEATS_BYTES = 30  # what an epoch's beats take, about


def fill(path: str, free: int) -> int:
    """Write nights until at most `free` sectors are; return how many nights there are."""
    log = NightLog(Sectors(Flash(path)))
    epoch, frame = wire.Epoch(), bytearray(wire.Epoch.SIZE + BEATS_BYTES)
    nights = 0
    while True:
        log.open_night()
        nights += 1
        Diary(log).boot(wire.NIGHT, DEFAULTS, nights, 1, 0, 50, 0)
        for index in range(EPOCHS):
            epoch.clear(index)
            epoch.pack_into(frame, 0)
            log.append(wire.EPOCH, frame, len(frame))
            log.prepare()
            if sum(owner == 0 for owner in log.ring.owner) <= free:
                log.close(wire.END_UNWORN)
                return nights


if __name__ == "__main__":
    print(fill(sys.argv[1], int(sys.argv[2])), "nights")
