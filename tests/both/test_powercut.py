"""Power cut in a night: nothing committed is lost, the same night goes on. Some of the cuts;
tests/host/test_every_cut.py has all of them."""

import powercut
from sim import flash as sim


def test_a_night_survives_cuts_of_every_kind():
    base = powercut.old_nights()
    many = powercut.operations(base)
    for i in range(30):
        powercut.die_at(base, many * i // 30, i % 5, (0, 7, 15)[i % 3], i)


def test_every_operation_where_a_sector_begins():
    base = powercut.old_nights()
    for operation in range(8):
        for tear in (sim.TORN, sim.WEAK):
            powercut.die_at(base, operation, tear, 3, operation)


def test_cuts_one_after_another_at_the_same_place():
    """Cells that read blank were touched again and again; still nothing is put on them."""
    flash, kept = powercut.copy(powercut.old_nights()), []
    powercut.write(powercut.boot(flash), kept, 5)
    for i in range(12):
        log = powercut.boot(flash)
        night = log.open_id
        flash.cut(i % 3, (sim.WEAK, sim.TORN, sim.NOTHING)[i % 3 if i > 5 else 0], 2, i)
        try:
            powercut.write(log, kept, 99)
        except powercut.PowerCut:
            pass
        flash.power_on()
        powercut.check(flash, night, kept)
    powercut.write(powercut.boot(flash), kept, len(kept) + 12)
    flash.power_on()
    powercut.check(flash, night, kept)
