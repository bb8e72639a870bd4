"""Settings as the lamp keeps them in NVS (firmware/lamp/settings.py). Knows the form, no key."""

import struct
from binascii import crc32

LAYOUT, INT, BYTES = 1, 0, 1


def packed(value: int | bytes) -> bytes:
    """The blob of a value."""
    whole = isinstance(value, int)
    body = struct.pack("<i", value) if whole else bytes(value)
    blob = bytes((LAYOUT, INT if whole else BYTES)) + body
    return blob + struct.pack("<I", crc32(blob))


def unpacked(blob: bytes) -> int | bytes | None:
    """The value of a blob; None where the lamp would read its default."""
    if len(blob) < 6 or blob[0] != LAYOUT or crc32(blob[:-4]) != struct.unpack("<I", blob[-4:])[0]:
        return None
    return struct.unpack("<i", blob[2:-4])[0] if blob[1] == INT else blob[2:-4]
