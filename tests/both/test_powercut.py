"""Power cut in a night: nothing committed is lost, the same night goes on. Some of the cuts;
tests/host/test_every_cut.py has all of them."""

import powercut
from sim import flash as sim


def test_a_night_survives_cuts_of_every_kind():
    base = powercut.old_nights()
    many = powercut.operations(base)
    for i in range(30):
        powercut.die_at(base, many * i // 30, i % 7, (0, 7, 15)[i % 3], i)


def test_every_operation_where_a_sector_begins():
    base = powercut.old_nights()
    for operation in range(8):
        for tear in (sim.TORN, sim.WEAK, sim.FAINT):
            powercut.die_at(base, operation, tear, 3, operation)


def test_cells_that_read_blank_are_not_trusted_at_the_next_boot_either():
    base = powercut.old_nights()
    for operation in range(8):
        flash, kept = powercut.copy(base), []
        powercut.write(powercut.boot(flash), kept, 5)
        for again in range(4):
            night = powercut.boot(flash).open_id
            flash.cut(operation, sim.WEAK)
            try:
                powercut.go_on(flash, night, kept, 50)
            except powercut.PowerCut:
                pass
            flash.power_on()
            powercut.check(flash, night, kept)
            if again & 1:
                powercut.go_on(flash, night, kept, 2)
                flash.power_on()
                powercut.check(flash, night, kept)
