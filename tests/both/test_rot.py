"""One flipped bit costs at most the frame it is in; it is counted and the rest is read."""

import powercut
from lamp import wire
from sim.flash import Chance, Flash


def test_any_flipped_bit_costs_at_most_its_frame():
    base = powercut.old_nights()
    night = 2
    before = powercut.frames(powercut.boot(base), night)
    first = powercut.boot(base).ring.find(night, 0) * powercut.SIZE
    chance = Chance(8)
    for i in range(60):
        flash = powercut.copy(base)
        addr = first + (i if i < 20 else chance.below(2 * powercut.SIZE))
        flash.rot(addr, chance.below(8))
        log = powercut.boot(flash)
        found = powercut.frames(log, night)
        lost = [f for f in before if f not in found]
        assert len(lost) < 2 and found == [f for f in before if f in found]
        length, _ = log.digest(night)
        assert length == sum(len(body) + 6 for _, body in found)
        if addr % powercut.SIZE < 1000:
            assert log.rot == len(lost), "at %d: %d lost, %d counted" % (addr, len(lost), log.rot)
        assert len(log.nights()) == 2


def test_a_rotten_frame_before_a_boots_gap_is_counted_and_a_torn_one_is_not():
    flash, kept = powercut.copy(powercut.old_nights()), []
    log = powercut.boot(flash)
    powercut.write(log, kept, 3)
    here, end = log._sector * powercut.SIZE, log._offset
    powercut.write(powercut.boot(flash), kept, 5)
    log = powercut.boot(flash)
    log.digest(log.open_id)
    assert log.rot == 0
    flash.rot(here + end - 9, 1)
    log = powercut.boot(flash)
    log.digest(log.open_id)
    assert log.rot == 1 and powercut.frames(log, log.open_id) == kept[:2] + kept[3:]
    flash, kept = powercut.copy(powercut.old_nights()), []
    powercut.write(powercut.boot(flash), kept, 3)
    flash.cut(8, 3, 5)
    try:
        powercut.write(powercut.boot(flash), kept, 9)
    except powercut.PowerCut:
        pass
    flash.power_on()
    log = powercut.boot(flash)
    assert log.torn == 1
    powercut.write(log, kept, len(kept) + 3)
    log.digest(log.open_id)
    assert log.rot == 0


def test_a_cell_that_will_not_fall_costs_a_retry_not_a_frame():
    flash, kept = powercut.copy(powercut.old_nights()), []
    log = powercut.boot(flash)
    powercut.write(log, kept, 2)
    at = log._sector * powercut.SIZE + log._offset
    flash.stuck = {at + 1: 0xFF}
    powercut.write(log, kept, 6)
    assert log.stats["faults"] == 1 and powercut.frames(log, log.open_id) == kept
    assert powercut.frames(powercut.boot(flash), log.open_id) == kept


def test_a_sector_that_will_not_take_a_header_is_left_out():
    flash = Flash(powercut.SCRATCH, powercut.SECTORS, powercut.SIZE)
    for sector in range(powercut.SECTORS):
        flash.erase(sector)
    flash.stuck = {powercut.SIZE: 0x01, 2 * powercut.SIZE + 2: 0xFF}
    kept = []
    log = powercut.boot(flash)
    powercut.write(log, kept, 40)
    assert powercut.frames(log, log.open_id) == kept and kept[0][0] == wire.NIGHT
    assert log.stats["faults"] >= 1
