"""Which night owns which sector of a raw flash: headers, marks, erasing ahead, giving way.

A night owns whole sectors, numbered by its ordinals; it lives and dies with the first, where its
marks (synced, deleted) are bytes that fall. A sector is trusted to be blank only after an erase
of this boot: one that was cut may read blank and not stay so. A night's raw samples lie in
sectors of the id `night | RAW`: they live as long as the night, and each of them gives way,
oldest first, before any night does. Knows no frame and no chip.

Sources: log-structured storage on NOR with bits that only fall, as in JFFS (Woodhouse 2001);
CRC-32 of IEEE 802.3.
"""

import binascii
import struct
from array import array

from .compat import CPYTHON, const, micropython, ptr8, ptr16, ptr32, uint

# viper's types, called: to mypy they are Any, and it minds by the order in which it reads files
# mypy: disable-error-code="call-arg, index"

HEADER = "<BBHHHI"  # magic, flags, night, ordinal, epochs before, bytes before; then CRC-32
MAGIC = const(0xD1)
_SEALED_SIZE = const(12)  # of HEADER
_SYNCED_AT = const(16)  # marks: 0xFF, or mostly zeros
_DELETED_AT = const(17)
HEADER_SIZE = const(18)
PIECE = const(16)  # bytes of one program: the most that a cut can touch and leave looking blank

_WIDE = const(64)  # bytes of one read where a whole sector is looked through
_TRIES = const(4)
_FREE = const(0)  # owners: nobody (and not blank for certain)
BAD = const(0xFFFF)  # a sector that would not erase or program, until the next boot
SYNCED = const(0x8000)  # of an owner: a host holds the night
RAW = const(0x4000)
WHOSE = const(0x7FFF)
ID = const(0x3FFF)  # the same for a night and its raw samples
_sum = bytearray(4)
# CRC-32 of each half byte, little-endian: bit by bit it was half of what reading a night takes
_NIBBLES = (
    b"\x00\x00\x00\x00\x64\x10\xb7\x1d\xc8\x20\x6e\x3b\xac\x30\xd9\x26"
    b"\x90\x41\xdc\x76\xf4\x51\x6b\x6b\x58\x61\xb2\x4d\x3c\x71\x05\x50"
    b"\x20\x83\xb8\xed\x44\x93\x0f\xf0\xe8\xa3\xd6\xd6\x8c\xb3\x61\xcb"
    b"\xb0\xc2\x64\x9b\xd4\xd2\xd3\x86\x78\xe2\x0a\xa0\x1c\xf2\xbd\xbd"
)


@micropython.viper
def _crc_viper(out: ptr8, buf: ptr8, n: int, night: int):
    """CRC-32 of the night's id and `n` bytes, without the big int binascii would make of it."""
    table = ptr32(_NIBBLES)
    crc = uint(0xFFFF) << 16 | uint(0xFFFF)
    i = -2
    while i < n:
        if i >= 0:
            crc = crc ^ uint(buf[i])
        else:
            crc = crc ^ uint(night & 255)
            night = night >> 8
        crc = crc >> 4 ^ table[int(crc & uint(15))]
        crc = crc >> 4 ^ table[int(crc & uint(15))]
        i += 1
    for i in range(4):
        out[i] = int(crc & uint(255)) ^ 255
        crc = crc >> 8


def _crc_c(out, buf, n, night):
    seed = binascii.crc32(struct.pack("<H", night))
    struct.pack_into("<I", out, 0, binascii.crc32(memoryview(buf)[:n], seed))


# CPython has no viper, and no small ints to guard
_crc = _crc_c if CPYTHON else _crc_viper


@micropython.viper
def _blank(buf: ptr8, at: int, end: int) -> int:
    """The first place from `at` on that is not FF, or `end`."""
    while at < end and buf[at] == 0xFF:
        at += 1
    return at


@micropython.viper
def _owned(owner: ptr16, at: int, end: int, night: int) -> int:
    """The first sector from `at` on that is the night's, or `end`."""
    while at < end and owner[at] & 0x7FFF != night:
        at += 1
    return at


def seal(buf, n, night):
    """Put the CRC of `buf[:n]`, seeded with the night, after it."""
    _crc(_sum, buf, n, night)
    for i in range(4):
        buf[n + i] = _sum[i]


def sealed(buf, n, night):
    """Whether the CRC of `buf[:n]` stands after it."""
    _crc(_sum, buf, n, night)
    return (
        buf[n] == _sum[0]
        and buf[n + 1] == _sum[1]
        and buf[n + 2] == _sum[2]
        and buf[n + 3] == _sum[3]
    )


def _zeros(byte):
    return sum(not byte >> i & 1 for i in range(8))


def _marked(byte):
    """Most bits fell: a mark. One bit of rot makes none and unmakes none."""
    return _zeros(byte) > 4


class Ring:
    """The sectors of `flash`, after a look at every header."""

    def __init__(self, flash):
        self.flash = flash
        self.keep = 0  # the night that never gives way
        self.newest = 0
        self.here = 0  # the sector taken last
        self.spare = -1  # a sector erased in this boot, for the next `take`
        self.programs = self.bytes = self.erases = 0  # done since boot
        self.faults = 0  # programs and erases that did not stick
        self.evicted = self.lost = 0  # synced and unsynced nights given up for room
        self._dying = []  # first sectors with a deletion mark that a cut may have left faint
        self.owner = array("H", [_FREE] * flash.sectors)
        self._head = bytearray(HEADER_SIZE + 1)
        self._piece = bytearray(PIECE)
        self._wide = bytearray(_WIDE)
        view = memoryview(self._piece)
        self._parts = [view[:i] for i in range(PIECE + 1)]  # born once: a slice would allocate
        self._scan()

    # --- bytes ---

    def put(self, sector, at, buf, n):
        """Program `buf[:n]` piece by piece, then read it back: True if it stands there."""
        piece, parts = self._piece, self._parts
        for start in range(0, n, PIECE):
            k = min(PIECE, n - start)
            for i in range(k):
                piece[i] = buf[start + i]
            self.flash.program(sector, at + start, parts[k])
            self.programs += 1
            self.bytes += k
        for start in range(0, n, PIECE):
            k = min(PIECE, n - start)
            self.flash.read(sector, at + start, parts[k])
            for i in range(k):
                if piece[i] != buf[start + i]:
                    self.faults += 1
                    return False
        return True

    def written(self, sector, start):
        """Offset of the first byte from `start` on that is not FF; the sector's size if none."""
        wide, at = self._wide, start - start % _WIDE
        while at < self.flash.sector_size:
            self.flash.read(sector, at, wide)
            i = _blank(wide, max(0, start - at), _WIDE)
            at += i
            if i < _WIDE:
                return at
        return self.flash.sector_size

    def byte(self, sector, at):
        self.flash.read(sector, at, self._parts[1])
        return self._piece[0]

    # --- headers ---

    def header(self, sector):
        """(magic, flags, night, ordinal, epochs, bytes) of a sector in use, or None.

        A sector with nothing after its header is not in use: the header may have been cut.
        """
        head = self._head
        self.flash.read(sector, 0, head)
        if _zeros(head[0] ^ MAGIC ^ 0xFF) > 1 or head[HEADER_SIZE] == 0xFF:
            return None
        if not sealed(head, _SEALED_SIZE, 0) and not self._mended():
            return None
        return struct.unpack_from(HEADER, head, 0)

    def _mended(self):
        """Undo one bit of rot in the header just read: it speaks for a whole sector."""
        head = self._head
        for bit in range(8 * _SYNCED_AT):
            head[bit >> 3] ^= 1 << (bit & 7)
            if sealed(head, _SEALED_SIZE, 0):
                return True
            head[bit >> 3] ^= 1 << (bit & 7)
        return False

    def _scan(self):
        alive = {}
        for sector in range(self.flash.sectors):
            head = self.header(sector)
            if head:
                night = head[2] & WHOSE
                self.owner[sector] = night
                self.newest = max(self.newest, night & ID)
                if head[3] == 0:
                    alive[night] = self._marks(sector)
        for sector, night in enumerate(self.owner):
            marks = alive.get(night & ID, -1)
            self.owner[sector] = night | marks if marks >= 0 else 0

    def _marks(self, sector):
        """-1 deleted, else the bits of the owner, of the header just read."""
        if _marked(self._head[_DELETED_AT]):
            self._dying.append(sector)
            return -1
        return SYNCED if _marked(self._head[_SYNCED_AT]) else 0

    def _fell(self, sector, where):
        self._head[0] = 0
        return self.put(sector, where, self._head, 1)

    def owns(self, night, sector):
        owner = self.owner[sector]
        return owner != _FREE and owner != BAD and owner & WHOSE == night

    def parts(self, night, near=0):
        """Yield the sectors of a night, from `near` on and round."""
        owner, end = self.owner, self.flash.sectors
        at = near
        while 0 < night < WHOSE:
            at = _owned(owner, at, end, night)
            if at < end:
                yield at
                at += 1
            elif near:
                at, end, near = 0, near, 0
            else:
                break

    def find(self, night, ordinal, near=0):
        """The sector with part `ordinal` of a night, or the next part there is; -1 if none.

        Looked for from the sector `near` on.
        """
        best, found = BAD, -1
        for sector in self.parts(night, near):
            head = self.header(sector)
            if head and ordinal <= head[3] < best:
                best, found = head[3], sector
                if best == ordinal:
                    break
        return found

    def lose(self, night):
        """Leave a night alone that cannot be read: nothing is written to it, nor in its place."""
        for sector in self.parts(night):
            self.owner[sector] = BAD

    def last(self, night):
        """(sector, header) of the last part of a night; (-1, None) if there is none."""
        best, found = None, -1
        for sector in self.parts(night):
            head = self.header(sector)
            if head and (best is None or head[3] > best[3]):
                best, found = head, sector
        return found, best

    def nights(self):
        """The ids of all nights, oldest first."""
        return sorted({o & ID for o in set(self.owner) if o & ID and not o & RAW})

    # --- taking and giving ---

    def take(self, night, ordinal, ended, epochs, length):
        """Make the spare sector the next part of a night; the sector, or -1: no room."""
        head = self._head
        for _ in range(_TRIES):
            if self.spare < 0 and not self.erase_ahead():
                return -1
            sector, self.spare = self.spare, -1
            struct.pack_into(HEADER, head, 0, MAGIC, ended, night, ordinal, epochs, length)
            seal(head, _SEALED_SIZE, 0)
            if self.put(sector, 0, head, _SYNCED_AT):
                self.owner[sector] = night
                self.newest = night & ID
                self.here = sector
                return sector
            self.owner[sector] = BAD
        return -1

    def erase_ahead(self):
        """Have a spare sector; True if there is one. Erases (45 to 400 ms) at most a few times."""
        for _ in range(_TRIES):
            if self.spare >= 0:
                return True
            sector = self._choose()
            if sector < 0:
                return False
            self.kill(sector)
            self.flash.erase(sector)
            self.erases += 1
            self.owner[sector] = _FREE
            if self.written(sector, 0) == self.flash.sector_size:
                self.spare = sector
            else:
                self.owner[sector] = BAD
                self.faults += 1
        return self.spare >= 0

    def kill(self, sector):
        """No night may rise again out of a faint mark or a half-done erase."""
        while self._dying:
            self._fell(self._dying.pop(), _DELETED_AT)
        head = self._head
        self.flash.read(sector, 0, head)
        if _blank(head, 0, HEADER_SIZE) < HEADER_SIZE:
            for i in range(_SYNCED_AT):
                head[i] = 0
            self.put(sector, 0, head, _SYNCED_AT)

    def _choose(self):
        """The next sector in the ring that nobody owns; -1 if nobody gives one up."""
        n, owner, after = self.flash.sectors, self.owner, self.here + 1
        for _ in range(2):
            sector = _owned(owner, after, n, _FREE)
            if sector < n:
                return sector
            sector = _owned(owner, 0, after, _FREE)
            if sector < after:
                return sector
            raw = WHOSE
            for o in set(owner):
                if o & RAW:
                    raw = min(raw, o & WHOSE)
            sector = self.find(raw, 0)  # of the oldest raw samples
            if sector >= 0 or not self.give_way():
                break
        return sector

    def give_way(self):
        """Give up the oldest synced night, or else the oldest; never the one to keep."""
        best = BAD
        for o in set(self.owner):
            if o & ID and not o & RAW and o & ID != self.keep:
                best = min(best, o ^ SYNCED)
        if best == BAD:
            return False
        if best < SYNCED:
            self.evicted += 1
        else:
            self.lost += 1
        return self.drop(best & ID)

    def drop(self, night):
        """Delete a night."""
        first = self.find(night, 0)
        done = first >= 0 and self._fell(first, _DELETED_AT)
        for owned in (night, night | RAW):
            for sector in self.parts(owned):
                self.owner[sector] = _FREE
        return done

    def mark_synced(self, night):
        first = self.find(night, 0)
        if first < 0 or not self._fell(first, _SYNCED_AT):
            return False
        for sector in self.parts(night):
            self.owner[sector] = night | SYNCED
        return True

    def synced(self, sector):
        return self.owner[sector] & SYNCED != 0
