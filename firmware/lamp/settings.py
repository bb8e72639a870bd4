"""Settings that survive: small ints and bytes in non-volatile storage, each with its checksum.

A value that is absent, torn, of another layout or of another kind than its default reads as its
default. Knows no chip: the storage is handed in (`get_blob(key, buf) -> n`, `set_blob`,
`erase_key`, `commit`; OSError where there is nothing).
"""

import struct
from binascii import crc32

LAYOUT = 1  # version of the bytes below: version u8, kind u8, value, crc32 u32 over all before
INT, BYTES = 0, 1
VALUE_MAX = 400  # bytes
_OVERHEAD = 6


class Settings:
    """`get(key, default)`, `set(key, value)`; keys of at most 15 characters; None deletes."""

    def __init__(self, store):
        self._store = store
        self._buf = bytearray(VALUE_MAX + _OVERHEAD)

    def get(self, key, default=None):
        """The value: an int (32 bits, signed) or bytes, of the default's kind if it has one."""
        buf = self._buf
        try:
            n = self._store.get_blob(key, buf)
        except OSError:
            return default
        end = n - 4
        if end < 2 or buf[0] != LAYOUT:
            return default
        if struct.unpack_from("<I", buf, end)[0] != crc32(memoryview(buf)[:end]):
            return default
        if default is not None and isinstance(default, int) != (buf[1] == INT):
            return default
        if buf[1] == INT:
            return struct.unpack_from("<i", buf, 2)[0]
        return bytes(memoryview(buf)[2:end])

    def set(self, key, value):
        """Store it durably; False if the storage refused. ValueError above VALUE_MAX bytes."""
        try:
            if value is None:
                self._store.erase_key(key)
            else:
                self._store.set_blob(key, self._packed(value))
            self._store.commit()
        except OSError:
            return False
        return True

    def _packed(self, value):
        kind = INT if isinstance(value, int) else BYTES
        if kind == INT:
            value = struct.pack("<i", value)
        if len(value) > VALUE_MAX:
            raise ValueError("setting too long")
        buf, end = self._buf, 2 + len(value)
        buf[0], buf[1] = LAYOUT, kind
        buf[2:end] = value
        struct.pack_into("<I", buf, end, crc32(memoryview(buf)[:end]))
        return bytes(memoryview(buf)[: end + 4])
