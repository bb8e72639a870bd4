"""A small flash, nights with raw samples on it, and what lies in their sectors; for several tests.

It is read with wire, ring and rice alone.
"""

import struct
from array import array

from fakes import Memory
from lamp import rice, wire
from lamp.rawlog import RawLog
from lamp.ring import HEADER_SIZE, sealed
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
    found = stretches(bytes_of(log, night), night, SIZE)
    for _, first, run in found:
        for i in range(len(run)):
            assert run[i] == signal(at + first + i) >> cut << cut, (first, i)
    return [(epoch, first, len(run)) for epoch, first, run in found]


def bytes_of(log, night):
    """The raw samples of a night as a host reads them, in windows of an odd size."""
    entry = log.entry(night | wire.RAW)
    got, buf, at = bytearray(entry[1] if entry else 0), bytearray(247), 0
    while True:
        n = log.read(night | wire.RAW, at, buf, None)
        if not n:
            assert at == len(got)
            return got
        got[at : at + n] = buf[:n]
        at += n


def frames(sector, night):
    """(type, payload) of the good frames of a sector."""
    at, buf = HEADER_SIZE, bytearray(sector)
    while at + wire.FRAME_OVERHEAD <= len(buf):
        end = at + 2 + buf[at + 1]
        if buf[at] not in (0, 0xFF) and end + 4 <= len(buf):
            frame = bytearray(buf[at : end + 4])
            if sealed(frame, end - at, night | wire.RAW):
                yield frame[0], bytes(frame[2:-4])
                at = end + 4
                continue
        at += 1


def stretches(data, night, size=wire.RAW_SECTOR):
    """[epoch, number of the first sample, samples] of each run of samples in `data`."""
    found, s = [], rice.state()
    for at in range(0, len(data), size):
        due = None
        for kind, payload in frames(data[at : at + size], night):
            if kind == wire.RAW_FIRST:
                epoch, number, cut, x = struct.unpack(wire.RAW_FIRST_LAYOUT, payload)
                found.append([epoch, number, array("i", [x << cut])])
                rice.begin(s, x)
                due = number + 1
                continue
            number, n = struct.unpack_from(wire.RAW_MORE_LAYOUT, payload)
            if due is None or number != due & 0xFFFF:
                due = None
                continue
            part = array("i", [0] * n)
            s[rice.BITS] = 32
            rice.decode(s, payload, n, part)
            for i in range(n):
                part[i] <<= cut
            found[-1][2].extend(part)
            due += n
    return found
