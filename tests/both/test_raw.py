"""Raw samples: they come back bit for bit, lose only what was lost, and are handed out once."""

import gc
import hashlib

from fakes import Ram
from lamp import wire
from lamp.rawlog import RawLog
from rawtape import BUF, SIZE, back, begin, boot, bytes_of, chip, epochs, wear


def test_what_is_kept_comes_back_bit_for_bit_and_in_its_place():
    for fine, cut in ((wire.RAW_FINE, 3), (wire.RAW_NIGHT, 5)):
        log, at = boot(chip(), fine), 0
        night = begin(log)
        for index in range(4):
            at = wear(log, 500, index, at)
            epochs(log, 1)
        log.close()
        found = back(log, night, cut)
        number = 0
        for _, first, n in found:
            assert first == number
            number += n
        assert number == at == 2000
        assert len(found) == len(bytes_of(log, night)) // SIZE > 2


def test_lost_samples_and_a_loose_electrode_leave_their_room():
    log = boot(chip())
    night = begin(log)
    wear(log, 100)
    wear(log, 50, 0, 107, 0, 7)
    wear(log, 25, 0, 157, wire.M_LEADOFF)
    wear(log, 40, 0, 182)
    log.keep(1, BUF, 0, wire.M_FAULT, 0)  # a front end that is set up anew
    wear(log, 10, 2, 6900, wire.M_FAULT, 6678)
    log.close()
    assert back(log, night) == [(0, 0, 100), (0, 107, 50), (0, 182, 40), (2, 6900, 10)]


def test_off_is_off():
    flash = chip()
    log = boot(flash, wire.RAW_OFF)
    night = begin(log)
    epochs(log, 1)
    before = flash.operations
    wear(log, 500)
    assert log.pen is None and flash.operations == before
    log.close()
    assert not log.entry(night | wire.RAW) and not log.entry(night)[3] & wire.ENTRY_RAW
    assert log.entry(night | wire.RAW) is None


def test_a_reset_goes_on_in_a_sector_of_its_own():
    flash = chip()
    log = boot(flash)
    night = begin(log)
    wear(log, 150)
    log.pen.settle()
    for index in (1, 2):
        epochs(log, 1)
        log = boot(flash)
        assert log.resume() == night
        begin(log, wire.BOOT)
        wear(log, 100, index)
    log.close()
    assert back(log, night) == [(0, 0, 150), (1, 0, 1), (2, 0, 100)]  # what no frame held is gone


def test_a_torn_sector_costs_only_itself():
    flash = chip()
    log = boot(flash)
    night = begin(log)
    wear(log, 1500)
    log.close()
    whole = back(log, night)
    second = log.ring.find(night | wire.RAW, 1)
    flash.rot(second * SIZE + 120, 3)
    spoilt = back(log, night)
    assert spoilt[0] == whole[0] and spoilt[2:] == whole[2:]
    assert spoilt[1][:2] == whole[1][:2] and spoilt[1][2] < whole[1][2]
    for bit in (0, 1, 2):
        flash.rot(second * SIZE + 4, bit)
    log = boot(flash)
    data = bytes_of(log, night)
    assert data[SIZE : 2 * SIZE] == b"\xff" * SIZE
    assert back(log, night) == whole[:1] + whole[2:]


def test_the_hash_is_that_of_the_bytes_and_once_held_they_are_gone():
    flash = chip()
    log = boot(flash)
    night = begin(log)
    wear(log, 3000)
    raw = night | wire.RAW
    assert log.entry(raw) is None and log.digest(raw)[0] == 0  # while it is being written
    log.close()
    data = bytes_of(log, night)
    steps = 1
    while not log.hash_on(raw):
        steps += 1
    assert log.digest(raw) == (len(data), hashlib.sha256(data).digest())
    assert log.entry(raw)[1] == len(data) and steps == -(-len(data) // SIZE // 8)
    assert not log.mark_synced(raw, bytes(32)) and log.entry(raw)
    assert log.mark_synced(raw, log.digest(raw)[1])
    assert not log.entry(raw) and not log.entry(night)[3]
    log = boot(flash)
    assert not log.entry(raw) and log.nights() == [night]


def test_each_night_has_a_hash_of_its_own():
    log = boot(chip())
    for samples in (800, 1100, 1100):
        begin(log)
        wear(log, samples)
        log.close()
    for night in (1, 2, 3, 1):
        data = bytes_of(log, night)
        assert log.digest(night | wire.RAW) == (len(data), hashlib.sha256(data).digest())


def test_what_gives_way_under_a_reader_reads_as_gone():
    log = boot(chip())
    night = begin(log)
    wear(log, 3000)
    log.close()
    whole = bytes_of(log, night)
    buf, raw = bytearray(64), night | wire.RAW
    log.read(raw, 100, buf, None)
    gone = log.ring.find(raw, log.ring.header(log._raw_sector)[3])
    log.ring.owner[gone] = 0
    assert log.read(raw, 164, buf, None) == 64 and bytes(buf) == bytes([255] * 64)
    assert log.entry(raw)[1] == len(whole) - SIZE  # it looks anew
    assert log.digest(raw)[1] == hashlib.sha256(whole[SIZE:]).digest()


def test_the_night_takes_its_raw_samples_along():
    flash = chip()
    log = boot(flash)
    night = begin(log)
    wear(log, 2000)
    log.close()
    assert log.delete(night, log.digest(night)[1])
    for log in (log, boot(flash)):  # noqa: B020
        assert not log.entry(night | wire.RAW) and not any(log.ring.owner)
    assert begin(log) == night + 1


def test_a_burst_allocates_nothing():
    if not hasattr(gc, "mem_alloc"):
        return
    log = RawLog(Ram(), wire.RAW_FINE)
    begin(log)
    wear(log, 500)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(40):
        log.keep(1, BUF, 25, 0, 0)
    spent = gc.mem_alloc() - before
    gc.enable()
    assert spent == 0, spent
