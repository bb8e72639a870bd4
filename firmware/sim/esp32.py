"""What the firmware uses of the chip's `esp32` module: NVS and raw flash partitions.

NVS lives in nvs.json (bytes as hex); what was not committed is lost. A partition behaves as
observed on a real image: `writeblocks` with an offset only clears bits, without one it erases
the block first. Times are charged to `time`; a power cut that falls within an operation tears it
where it was. Not modelled: cells half charged that decay at the next power-up (each boot is a
process of its own; flash.py itself does it).
"""

import binascii
import json
import struct
import time

import world
from flash import DONE, NOTHING, PREFIX, TORN, Flash, PowerCut
from micropython import const

_ERASE_US = const(45000)
_PAGE_US = const(700)
_PAGE = const(256)
_READ_US_PER_KB = const(100)
_READ_CALL_US = const(20)
# The firmware's own code round a read, an estimate: some twelve calls at 19 us and as many lines
# at 80 MHz (measured at 160 in an emulated ESP32). It is what a hash or a list of nights costs.
_AROUND_READ_US = const(400)
_SECTOR = const(4096)
_NOT_FOUND = const(-4354)
# label: its file in WORLD, and the event that cuts an operation on it
_FILES = {"nights": ("/flash.bin", "flash_cut"), "vfs": ("/vfs.bin", "vfs_cut")}
LAYOUT = ((1, 0x81, 0x200000, 0x80000, "vfs"), (1, 0x40, 0x280000, 0x180000, "nights"))
HEAP_DATA, HEAP_EXEC = 4, 1
TEARS = (NOTHING, PREFIX, TORN, DONE)


def _stored():
    try:
        with open(world.folder + "/nvs.json") as file:
            return json.load(file)
    except OSError:
        return {}


def idf_heap_info(capabilities):
    """[(total, free, largest free, lowest free)]; not simulated: as a stock image booted."""
    return [(200000, 144268, 110592, 140000)]


class NVS:
    """Settings of one namespace: i32 and blobs, keys of at most 15 characters."""

    def __init__(self, namespace):
        self._name = namespace
        self._values = _stored().get(namespace, {})

    def _get(self, key, kind):
        if key not in self._values:
            raise OSError(_NOT_FOUND, "ESP_ERR_NVS_NOT_FOUND")
        value = self._values[key]
        if not isinstance(value, kind):
            raise OSError(_NOT_FOUND, "ESP_ERR_NVS_NOT_FOUND")
        return value

    def _set(self, key, value):
        if not 0 < len(key) <= 15:
            raise OSError(-4361, "ESP_ERR_NVS_KEY_TOO_LONG")
        self._values[key] = value

    def get_i32(self, key):
        return self._get(key, int)

    def set_i32(self, key, value):
        self._set(key, value)

    def get_blob(self, key, buf):
        blob = binascii.unhexlify(self._get(key, str))
        if len(blob) > len(buf):
            raise OSError(-4364, "ESP_ERR_NVS_INVALID_LENGTH")
        buf[: len(blob)] = blob
        return len(blob)

    def set_blob(self, key, blob):
        self._set(key, binascii.hexlify(blob).decode())

    def erase_key(self, key):
        if key not in self._values:
            raise OSError(_NOT_FOUND, "ESP_ERR_NVS_NOT_FOUND")
        del self._values[key]

    def commit(self):
        time.charge_us(2 * _PAGE_US)
        if world.alive:
            stored = _stored()
            stored[self._name] = self._values
            world.replace(world.folder + "/nvs.json", json.dumps(stored))


def _table():
    """[(type, subtype, offset, size, label)]: WORLD/table.bin as flashed, else the lamp's own."""
    try:
        with open(world.folder + "/table.bin", "rb") as file:
            raw = file.read(3072)
    except OSError:
        return LAYOUT
    found = []
    for at in range(0, len(raw) - 31, 32):
        magic, kind, subtype, offset, size, label, _flags = struct.unpack_from(
            "<HBBII16sI", raw, at
        )
        if magic != 0x50AA:
            break
        found.append((kind, subtype, offset, size, label.rstrip(b"\0").decode()))
    return found


class Partition:
    """A raw partition; the two of LAYOUT have bytes, each a file of its own."""

    TYPE_APP, TYPE_DATA = 0, 1
    BOOT, RUNNING = 0, 1

    def __init__(self, label):
        rows = [row for row in _table() if row[4] == label]
        if not rows or label not in _FILES:
            raise OSError(-2, "ENOENT")
        self._row = rows[0]
        name, self._cut_event = _FILES[label]
        self._sectors = self._row[3] // _SECTOR
        self._flash = Flash(world.folder + name, self._sectors)
        world.listeners.append(self._before)

    def _before(self, name, args):
        if name == self._cut_event:
            self._flash.cut(*args)

    def _spend(self, us, n, operation, *args):
        """An operation on n bytes that takes `us`: whole, or torn where the power goes."""
        cut_ms = world.cut_ms()
        within_us = (cut_ms - world.now_ms) * 1000 if cut_ms - world.now_ms < 1000 else us
        if within_us < us:
            self._flash.cut(0, TEARS[cut_ms & 3], n * max(0, within_us) // us, cut_ms & 255)
        before = time.heap()
        try:
            operation(*args)
        except PowerCut as cut:
            if within_us < us:
                world.until(cut_ms)  # the event itself ends it
            world.die(cut)
        time.simulators(time.heap() - before)
        time.charge_us(us)

    @classmethod
    def find(cls, type=0, subtype=0xFF, label=None, block_size=4096):
        return [
            cls(row[4])
            for row in _table()
            if row[0] == type
            and subtype in (0xFF, row[1])
            and label in (None, row[4])
            and row[4] in _FILES
        ]

    def info(self):
        return tuple(self._row) + (False,)

    def readblocks(self, block, buf, offset=0):
        time.charge_us(_READ_CALL_US + _AROUND_READ_US + len(buf) * _READ_US_PER_KB // 1024)
        before = time.heap()
        self._flash.read(block * _SECTOR + offset, buf)
        time.simulators(time.heap() - before)

    def writeblocks(self, block, buf, offset=None):
        if offset is None:
            for i in range((len(buf) + _SECTOR - 1) // _SECTOR):
                self._erase(block + i)
            offset = 0
        address = block * _SECTOR + offset
        pages = (address + len(buf) - 1) // _PAGE - address // _PAGE + 1
        self._spend(pages * _PAGE_US, len(buf), self._flash.program, address, buf)

    def _erase(self, block):
        self._spend(_ERASE_US, _SECTOR, self._flash.erase, block)

    def ioctl(self, op, arg):
        if op == 4:
            return self._sectors
        if op == 5:
            return _SECTOR
        if op == 6:
            self._erase(arg)
        return 0
