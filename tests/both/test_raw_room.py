"""Raw samples take what room the nights leave, and give way to any night."""

from fakes import Ram
from lamp import wire
from lamp.nightlog import NightLog
from lamp.rawlog import RawLog
from rawtape import SECTORS, back, begin, boot, chip, epochs, payload, wear
from sim.flash import Sectors


def test_a_full_flash_gives_up_the_oldest_raw_samples_and_no_epoch():
    log, ids = boot(chip()), []
    for _ in range(3):
        night, at = begin(log), 0
        ids.append(night)
        for index in range(20):
            at = wear(log, 250, index, at)
            epochs(log, 1)
        log.close()
    assert log.nights() == ids and log.stats["lost"] == log.stats["evicted"] == 0
    assert [log.entry(night)[2] for night in ids] == [20, 20, 20]
    assert not log.entry(ids[0] | wire.RAW)
    found = back(log, night)
    assert found[0][1] > 1000 and found[-1][1] + found[-1][2] == at


def test_raw_samples_of_a_night_go_from_its_beginning_on():
    log = boot(chip(8))
    night = begin(log)
    wear(log, 4000)
    log.close()
    found = back(log, night)
    assert found[0][1] > 500 and found[-1][1] + found[-1][2] == 4000
    first = log.ring.header(log.ring.find(night | wire.RAW, 0))[3]
    assert first > 1 and log.entry(night)[3] & wire.ENTRY_RAW


def test_a_night_that_a_host_holds_makes_room_for_raw_samples_and_no_other_does():
    log, ids = boot(chip()), []
    for _ in range(2):
        ids.append(begin(log))
        epochs(log, 40)
        log.close()
    assert log.mark_synced(ids[0], log.digest(ids[0])[1])
    night = begin(log)
    wear(log, 5000)
    log.close()
    assert log.nights() == [ids[1], night] and log.stats["lost"] == 0
    assert log.entry(ids[1])[2] == 40


def test_for_more_than_most_of_the_flash_no_night_that_a_host_holds_goes():
    for held, left in ((298, 0), (300, 1)):
        log = RawLog(Wide(), wire.RAW_FINE)
        night = begin(log)
        log.close()
        assert log.mark_synced(night, log.digest(night)[1])
        begin(log)
        for sector in range(384):
            if not log.ring.owner[sector]:
                log.ring.owner[sector] = 2 | (wire.RAW if sector < held + 2 else 0)
        log.ring.spare = -1
        log.spare_one()
        assert (night in log.nights()) == left, held


class Wide(Ram):
    """384 sectors, of which the first are real."""

    sectors = 384

    def read(self, sector, offset, buf):
        Ram.read(self, sector % 4, offset, buf)

    def program(self, sector, offset, data):
        Ram.program(self, sector % 4, offset, data)

    def erase(self, sector):
        Ram.erase(self, sector % 4)


def lived_on_a_full_flash(fine, bad=0):
    """[unsynced nights lost, sectors erased] by 30 epochs, each of which is read back."""
    log = boot(chip(), fine)
    while not log.stats["lost"]:
        begin(log)
        epochs(log, 3)
        log.close()
    for oldest in log.nights()[:bad]:
        log.ring.owner[log.ring.find(oldest, 0)] = 0xFFFF  # a sector that went bad
    log.ring.drop(log.nights()[0])
    log.ring.drop(log.nights()[0])  # room for the night, and for a sector of raw samples
    night, at = begin(log), 0
    for index in range(30):
        at = wear(log, 250, index, at)
        epochs(log, 1)
    log.close()
    told = []
    log.walk(night, lambda frame, _: told.append(frame[2]) if frame[0] == wire.EPOCH else 0)
    assert told == list(range(30)) and log.stats["faults"] == 0
    return log.stats["lost"], log.stats["erases"]


def test_on_a_flash_full_of_nights_nobody_fetched_the_open_one_keeps_its_own_sectors():
    for bad in (0, 1):
        lost, erases = lived_on_a_full_flash(wire.RAW_OFF, bad)
        lost_too, more = lived_on_a_full_flash(wire.RAW_FINE, bad)
        assert 1 < lost_too <= lost  # no night went for raw samples
        assert more <= erases + 8, (erases, more)  # no sector goes to and fro


def test_a_heart_kits_log_leaves_them_alone_and_gives_them_up_first():
    flash = chip()
    log = boot(flash)
    night = begin(log)
    wear(log, 5000)
    log.close()
    log = NightLog(Sectors(flash))
    assert log.nights() == [night] and log.newest == night
    second = log.open_night()
    for i in range(70):
        assert log.append(wire.EPOCH, payload(i), 51)
        log.prepare()
    assert log.nights() == [night, second] and log.stats["lost"] == 0


def idle(log, seconds):
    """A lamp that records nothing calls `prepare` ten times a second."""
    for _ in range(int(seconds * 10)):
        log.prepare()


def test_an_idle_lamp_erases_a_sector_in_three_seconds_and_none_in_a_boots_first_half_minute():
    flash = chip()
    for _ in range(3):
        log = boot(flash)
        idle(log, 29)
    assert flash.erases == 0
    idle(log, 31)
    assert 8 <= flash.erases <= 11
    idle(log, 60)
    assert flash.erases == SECTORS
    log = boot(flash, wire.RAW_OFF)
    idle(log, 90)
    assert flash.erases == SECTORS


def test_the_number_of_a_night_that_was_deleted_is_not_given_again():
    flash = chip()
    log = boot(flash)
    for _ in range(3):
        night = begin(log)
        epochs(log, 3)
        log.close()
    assert log.delete(night, log.digest(night)[1])
    idle(log, 120)
    assert boot(flash).open_night() == night + 1


def test_an_evening_spares_the_night_its_erases():
    flash = chip()
    log, at = boot(flash), 0
    idle(log, 30 + 16 * 3.2)
    night = begin(log)
    before = flash.erases
    for index in range(10):
        at = wear(log, 100, index, at)
        epochs(log, 1)
    log.close()
    assert sum(n for _, _, n in back(log, night)) == at
    assert flash.erases == before, flash.erases - before
