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
            if again != 1:
                powercut.go_on(flash, night, kept, 2)
                flash.power_on()
                powercut.check(flash, night, kept)


def test_a_dead_night_stays_dead_whatever_half_happens_to_it():
    for operation, tear in ((0, sim.FAINT), (1, sim.FAINT), (2, sim.NOTHING)):
        flash = powercut.copy(powercut.old_nights())
        log = powercut.boot(flash)
        dead = log.ring.nights()[1]
        first = log.ring.find(dead, 0)
        flash.cut(operation, tear)
        try:
            log.delete(dead, log.digest(dead)[1])
            log.ring.here = first - 1  # the dead night's first sector is the next to be erased
            log.ring.erase_ahead()
        except powercut.PowerCut:
            pass
        flash.power_on()
        if operation == 2:
            head = bytearray(16)
            flash.read(first * powercut.SIZE, head)
            assert bytes(head) == bytes(16), "an erase was begun on a living header"
        ring = powercut.boot(flash).ring
        ring.here = first  # now another one is
        ring.erase_ahead()
        for _ in range(3):
            flash.power_on()
            assert dead not in powercut.boot(flash).ring.nights()
