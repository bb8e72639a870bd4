"""What lies in a night's raw sectors, read with wire, ring and rice alone: for several tests."""

import struct
from array import array

from lamp import rice, wire
from lamp.ring import HEADER_SIZE, sealed


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
