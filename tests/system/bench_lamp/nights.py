"""Nights that are made up: whole frames, no two alike, the same on every run and machine."""

import struct
from binascii import crc32

from lamp import wire


def made(night, length):
    """The bytes of `night`, at most `length` and nearly so."""
    out = bytearray()
    while len(out) + wire.FRAME_MAX < length:
        n = len(out) // 7 % 200 + 20
        first = len(out) // 261
        frame = bytes((wire.PPG, n)) + bytes((first + i * night) & 255 for i in range(n))
        out.extend(frame + struct.pack("<I", crc32(frame, crc32(struct.pack("<H", night)))))
    return out
