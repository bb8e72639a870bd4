"""Settings over any store that keeps blobs."""

import struct
from binascii import crc32

from lamp.settings import LAYOUT, VALUE_MAX, Settings


class Store:
    """Non-volatile storage in a dict."""

    def __init__(self):
        self.blobs = {}
        self.commits = 0

    def get_blob(self, key, buf):
        if key not in self.blobs:
            raise OSError(-4354)
        blob = self.blobs[key]
        buf[: len(blob)] = blob
        return len(blob)

    def set_blob(self, key, blob):
        self.blobs[key] = bytes(blob)

    def erase_key(self, key):
        if key not in self.blobs:
            raise OSError(-4354)
        del self.blobs[key]

    def commit(self):
        self.commits += 1


def test_ints_and_bytes_come_back_and_are_committed():
    store = Store()
    settings = Settings(store)
    values = {"a": 0, "b": -(2**31), "c": 2**31 - 1, "d": b"", "e": b"\x00" * VALUE_MAX}
    for key in values:
        settings.set(key, values[key])
    again = Settings(store)
    for key in values:
        assert again.get(key) == values[key], key
    assert store.commits == len(values)


def test_what_is_absent_or_deleted_is_the_default():
    settings = Settings(Store())
    assert settings.get("mode", 1) == 1
    settings.set("mode", 2)
    settings.set("mode", None)
    settings.set("mode", None)
    assert settings.get("mode", 1) == 1


def test_every_flipped_bit_reads_as_the_default():
    store = Store()
    settings = Settings(store)
    settings.set("mode", 2)
    whole = store.blobs["mode"]
    for bit in range(8 * len(whole)):
        torn = bytearray(whole)
        torn[bit >> 3] ^= 1 << (bit & 7)
        store.blobs["mode"] = torn
        assert settings.get("mode", "default") == "default", bit
    for n in range(len(whole)):
        store.blobs["mode"] = whole[:n]
        assert settings.get("mode", "default") == "default", n


def test_another_layout_reads_as_the_default():
    store = Store()
    settings = Settings(store)
    settings.set("mode", 2)
    other = bytearray(store.blobs["mode"])
    other[0] = LAYOUT + 1
    other[-4:] = struct.pack("<I", crc32(other[:-4]))
    store.blobs["mode"] = other
    assert settings.get("mode", "default") == "default"


def test_a_value_of_another_kind_than_its_default_reads_as_the_default():
    settings = Settings(Store())
    settings.set("mode", b"\x02")
    settings.set("bond0", 7)
    assert settings.get("mode", 1) == 1 and settings.get("bond0", b"") == b""
    assert settings.get("mode") == b"\x02" and settings.get("bond0") == 7


def test_a_value_too_long_is_refused():
    try:
        Settings(Store()).set("key", b"x" * (VALUE_MAX + 1))
    except ValueError:
        return
    raise AssertionError("stored")
