"""The log keeps what it was given: append, read, resume, sync, delete, the ring."""

import binascii
import hashlib
import struct

from fakes import Memory
from lamp import nightlog, wire
from lamp.nightlog import Cursor
from sim.flash import Flash, Sectors

SIZE = 1024  # small sectors: the same code, sooner at every border


def chip(sectors=12, size=SIZE):
    return Flash(Memory(sectors * size), sectors, size)


def boot(flash):
    return nightlog.NightLog(Sectors(flash))


def payload(index, n=51):
    data = bytearray((index * 7 + i * i) & 255 for i in range(n))
    data[0], data[1] = index & 255, index >> 8
    return data


def write(log, count, start=0):
    for i in range(start, start + count):
        assert log.append(wire.EPOCH, payload(i), 51)
        log.prepare()


def frames(log, night):
    found = []
    log.walk(night, lambda frame, size: found.append((frame[0], bytes(frame[2 : size - 4]))))
    return found


def begin(log, boot_number=3):
    night = log.open_night()
    first = struct.pack("<HHBI", night, boot_number, 1, 77) + bytes(17)
    assert log.append(wire.NIGHT, first, len(first))
    return night


def test_a_frame_is_the_one_of_wire():
    log = boot(chip())
    night = begin(log)
    write(log, 1)
    buf = bytearray(400)
    n = log.read(night, 0, buf, Cursor())
    at = 6 + buf[1]
    body = bytes(buf[at : n - 4])
    assert body == bytes([wire.EPOCH, 51]) + bytes(payload(0))
    seed = binascii.crc32(struct.pack("<H", night))
    assert struct.unpack("<I", bytes(buf[n - 4 : n]))[0] == binascii.crc32(body, seed)


def test_a_night_is_read_in_windows_of_any_size():
    log = boot(chip(5))
    night = begin(log)
    write(log, 40)
    whole = bytearray(2500)
    total = log.read(night, 0, whole, Cursor())
    for window in (1, 7, 244, 1000):
        buf, got, cursor = bytearray(window), b"", Cursor()
        while True:
            n = log.read(night, len(got), buf, cursor)
            if n == 0:
                break
            got += bytes(buf[:n])
            if window == 1 and len(got) > 300:
                break
        assert got == bytes(whole[: len(got)])
    assert log.digest(night) == (total, hashlib.sha256(bytes(whole[:total])).digest())
    buf = bytearray(100)
    cursor = Cursor()
    assert log.read(night, 1234, buf, cursor) == -1, "the way there takes another call"
    assert log.read(night, 1234, buf, cursor) == 100 and bytes(buf) == bytes(whole[1234:1334])
    assert log.read(night + 1, 0, buf, Cursor()) == 0


def test_the_way_to_a_far_place_is_walked_a_sector_at_a_time():
    log = boot(chip(8))
    night = begin(log)
    write(log, 100)
    whole = bytearray(6000)
    total = log.read(night, 0, whole, Cursor())
    assert total > 4 * SIZE
    buf, cursor = bytearray(50), Cursor()
    flash, reads = log.ring.flash, []
    read = flash.read

    def counted(*where):
        reads[-1] += 1
        read(*where)

    flash.read = counted
    n = -1
    while n < 0:
        reads.append(0)
        n = log.read(night, total - 300, buf, cursor)
    assert n == 50 and bytes(buf) == bytes(whole[total - 300 : total - 250])
    assert len(reads) > 3 and max(reads) < 2 * SIZE // 56


def test_a_reset_goes_on_in_the_same_night():
    flash = chip()
    log = boot(flash)
    night = begin(log)
    for resets in range(5):
        write(log, 13, resets * 13)
        log = boot(flash)
        assert log.open_id == night == log.resume() and log.next_epoch == (resets + 1) * 13
    log.close()
    assert [p for k, p in frames(log, night) if k == wire.EPOCH] == [
        bytes(payload(i)) for i in range(65)
    ]
    log = boot(flash)
    assert log.open_id == 0 and frames(log, night)[-1] == (wire.END, b"\x01" + bytes([65, 0]))
    assert log.rot == log.torn == 0


def test_a_crash_loop_that_writes_nothing_takes_nothing():
    flash = chip()
    begin(boot(flash))
    before = flash.operations
    for _ in range(20):
        log = boot(flash)
        log.resume()
        log.prepare()
    assert flash.operations == before


def test_entries_tell_each_night():
    flash = chip()
    log = boot(flash)
    one = begin(log, 3)
    write(log, 30)
    log.close()
    two = begin(log, 4)
    write(log, 2)
    for log in (log, boot(flash)):  # noqa: B020
        a, b = map(log.entry, log.nights())
        assert a[:2] == (one, log.digest(one)[0]) and a[2:] == (30, 0, 3, 77)
        assert b == (two, log.digest(two)[0], 2, wire.ENTRY_OPEN, 4, 77)


def test_synced_and_deleted_need_the_hash_and_survive_a_reset():
    flash = chip()
    log = boot(flash)
    one = begin(log)
    sha = log.digest(one)[1]
    assert not log.mark_synced(one, sha)  # still open
    log.close()
    sha = log.digest(one)[1]
    assert not log.mark_synced(one, bytes(32)) and log.mark_synced(one, sha)
    two = begin(log)
    log.close()
    log = boot(flash)
    assert [e[3] for e in map(log.entry, log.nights())] == [wire.ENTRY_SYNCED, 0]
    assert not log.delete(one, bytes(32)) and log.delete(one, sha)
    log = boot(flash)
    assert [e[0] for e in map(log.entry, log.nights())] == [two]


def test_the_clock_may_come_late():
    flash = chip()
    log = boot(flash)
    night = begin(log)
    log.close()
    clock = struct.pack(wire.CLOCK_LAYOUT, 3, 1, 2, 60)
    assert log.append_late(night, wire.CLOCK, clock, len(clock))
    log = boot(flash)
    assert log.open_id == 0
    assert log.append_late(night, wire.CLOCK, clock, len(clock))
    log = boot(flash)
    assert log.open_id == 0 and [k for k, _ in frames(log, night)] == [1, 7, 5, 5]
    assert log.mark_synced(night, log.digest(night)[1])
    assert not log.append_late(night, wire.CLOCK, clock, len(clock))
    later = begin(log)
    assert not log.append_late(night, wire.CLOCK, clock, len(clock)) and later == night + 1


def test_synced_nights_give_way_first_and_the_oldest_first():
    flash = chip(8)
    log = boot(flash)
    ids = []
    for _ in range(3):
        ids.append(begin(log))
        write(log, 20)
        log.close()
    assert log.mark_synced(ids[1], log.digest(ids[1])[1])
    log = boot(flash)
    ids.append(begin(log))
    write(log, 40)
    assert [e[0] for e in map(log.entry, log.nights())] == [ids[0], ids[2], ids[3]]
    assert log.stats["evicted"] == 1 and log.stats["lost"] == 0
    write(log, 20, 40)
    assert [e[0] for e in map(log.entry, log.nights())] == [ids[2], ids[3]] and log.stats[
        "lost"
    ] == 1
    assert len(frames(log, ids[2])) == 22


def test_running_full_is_told_and_the_end_still_fits():
    log = boot(chip(4))
    night = begin(log)
    done = 0
    while log.append(wire.EPOCH, payload(done), 51):
        log.prepare()
        done += 1
    assert log.full and done > 60
    assert not log.append(wire.EPOCH, payload(done), 51)
    assert log.append(wire.EVENT, bytes([wire.LOG_FULL] + [0] * 9), 10)
    log.close(wire.END_FULL)
    assert [k for k, _ in frames(log, night)] == [1] + [3] * done + [4, 7]
