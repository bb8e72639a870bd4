"""Raw samples: they come back bit for bit, lose only what was lost, and give way to any night."""

import gc
import hashlib
import struct
from array import array

import rawtape
from fakes import Memory, Ram
from lamp import wire
from lamp.nightlog import NightLog
from lamp.rawlog import RawLog
from sim.flash import Flash, Sectors

SIZE, SECTORS = 512, 16
MEMORY = Memory(SECTORS * SIZE)
FIRST = struct.pack("<HHBI", 1, 3, 1, 77) + bytes(15)


def chip(sectors=SECTORS):
    flash = Flash(MEMORY, sectors, SIZE)
    for sector in range(sectors):
        flash.erase(sector)
    flash.erases = 0
    return flash


def boot(flash, fine=wire.RAW_FINE):
    return RawLog(Sectors(flash), fine)


def begin(log, kind=wire.NIGHT):
    if kind == wire.NIGHT:
        log.open_night()
    first = FIRST + struct.pack("<H", log.next_epoch)
    assert log.append(kind, first, len(first))
    return log.open_id


BUF = array("i", [0] * 32)


def signal(i):
    """Sample number `i`, of 24 bits."""
    return (1 << 23) + (abs((i * 5 & 1023) - 512) << 3) + (i * i * 7 + i * 13 & 255) * 4


def wear(log, count, index=0, at=0, marks=0, lost=0):
    """`count` samples from number `at` on, in bursts of 25; the first has the marks."""
    end = at + count
    while at < end:
        n = min(25, end - at)
        for i in range(n):
            BUF[i] = signal(at + i)
        log.keep(index, BUF, n, marks, lost)
        marks = lost = 0
        at += n
    return at


def payload(index):
    data = bytearray((index * 7 + i * i) & 255 for i in range(51))
    data[0], data[1] = index & 255, index >> 8
    return data


def epochs(log, count):
    for _ in range(count):
        assert log.append(wire.EPOCH, payload(log.next_epoch), 51)
        log.prepare()


def back(log, night, cut=3, at=0):
    """[(epoch, number of the first, how many)] of each run, every sample of it compared."""
    found = rawtape.stretches(rawtape.bytes_of(log, night), night, SIZE)
    for _, first, run in found:
        for i in range(len(run)):
            assert run[i] == signal(at + first + i) >> cut << cut, (first, i)
    return [(epoch, first, len(run)) for epoch, first, run in found]


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
        assert len(found) == len(rawtape.bytes_of(log, night)) // SIZE > 2


def test_lost_samples_and_a_loose_electrode_leave_their_room():
    log = boot(chip())
    night = begin(log)
    wear(log, 100)
    wear(log, 50, 0, 107, 0, 7)
    wear(log, 25, 0, 157, wire.M_LEADOFF)
    wear(log, 40, 0, 182)
    wear(log, 10, 2, 7500, wire.M_FAULT)
    log.close()
    assert back(log, night) == [(0, 0, 100), (0, 107, 50), (0, 182, 40), (2, 7500, 10)]


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
    data = rawtape.bytes_of(log, night)
    assert data[SIZE : 2 * SIZE] == b"\xff" * SIZE
    assert back(log, night) == whole[:1] + whole[2:]


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


def test_the_hash_is_that_of_the_bytes_and_once_held_they_are_gone():
    flash = chip()
    log = boot(flash)
    night = begin(log)
    wear(log, 3000)
    raw = night | wire.RAW
    assert log.entry(raw) is None and log.digest(raw)[0] == 0  # while it is being written
    log.close()
    data = rawtape.bytes_of(log, night)
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


def test_an_evening_spares_the_night_its_erases():
    flash = chip()
    log, at = boot(flash), 0
    for _ in range(4):
        log.prepare()
    night = begin(log)
    before = flash.erases
    for index in range(10):
        at = wear(log, 100, index, at)
        epochs(log, 1)
    log.close()
    assert sum(n for _, _, n in back(log, night)) == at
    assert flash.erases == before, flash.erases - before


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
