"""Frames in a ring of raw flash sectors, durable when `append` returns; replays a torn night.

A night owns whole sectors. Each begins with a header (night, ordinal, what lay before it); frames
follow end to end, in place, none across a border. A night lives and dies with its first sector:
its marks (synced, deleted) are bytes there that fall. What a power cut may have touched is never
written again without an erase: DESIGN.md, "The power-loss argument". Knows no chip and no radio.

Sources: log-structured storage on NOR, in place with bits that only fall, as in JFFS (Woodhouse
2001); CRC-32 of IEEE 802.3.
"""

import binascii
import hashlib
import struct
from array import array

from . import wire
from .compat import const, micropython, ptr8, uint

HEADER = "<BBHHHI"  # magic, flags, night, ordinal, epochs before, bytes before; then CRC-32
MAGIC = const(0xD1)
ENDED = const(1)  # flag: the night had ended before this sector
SYNCED_AT = const(16)  # marks: 0xFF, or mostly zeros
DELETED_AT = const(17)
HEADER_SIZE = const(18)
VOID = const(0)  # a "frame" of one byte: written where frames begin again after a boot
LAST_NIGHT = const(0x7FFE)

_PIECE = const(16)  # bytes of one program; all that a cut can leave looking untouched
_AHEAD = const(1024)  # erase the next sector when less than this is left: some 9 minutes
_RESERVE = const(64)  # of the very last sector, for the event that says so and the end
_TRIES = const(4)
_SYNCED = const(0x8000)
_BAD = const(0xFFFF)
_NIGHT = const(0x7FFF)
_sum = bytearray(4)


@micropython.viper
def _crc(out: ptr8, buf: ptr8, n: int, night: int):
    """CRC-32 of the night's id and `n` bytes, without the big int binascii would make of it."""
    poly = uint(0xEDB8) << 16 | uint(0x8320)
    crc = uint(0xFFFF) << 16 | uint(0xFFFF)
    i = -2
    while i < n:
        if i == -2:
            crc = crc ^ uint(night & 255)
        elif i == -1:
            crc = crc ^ uint(night >> 8)
        else:
            crc = crc ^ uint(buf[i])
        bit = 0
        while bit < 8:
            if crc & uint(1):
                crc = crc >> 1 ^ poly
            else:
                crc = crc >> 1
            bit += 1
        i += 1
    out[0] = int(crc & uint(255)) ^ 255
    out[1] = int(crc >> 8 & uint(255)) ^ 255
    out[2] = int(crc >> 16 & uint(255)) ^ 255
    out[3] = int(crc >> 24 & uint(255)) ^ 255


if isinstance(micropython, type):  # CPython: no viper, and no small ints to guard

    def _crc(out, buf, n, night):
        seed = binascii.crc32(struct.pack("<H", night))
        struct.pack_into("<I", out, 0, binascii.crc32(memoryview(buf)[:n], seed))


def seal(buf, n, night):
    """Put the CRC of `buf[:n]` after it."""
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


def _marked(byte):
    """Most bits fell: a mark. One bit of rot makes none and unmakes none."""
    zeros = 0
    for i in range(8):
        zeros += not byte >> i & 1
    return zeros > 4


class NightLog:
    """The nights of one flash. After construction `open_id` is the night left open (0: none)."""

    def __init__(self, flash):
        self.flash = flash
        self.full = False
        self.open_id = 0
        self.next_epoch = 0  # index after the last epoch of the newest night
        self.stats = {
            "programs": 0,
            "bytes": 0,
            "erases": 0,
            "rot": 0,
            "torn": 0,
            "faults": 0,
            "evicted": 0,
            "lost": 0,
        }
        self._owner = array("H", [0] * flash.sectors)  # night | _SYNCED, 0 to be erased, _BAD
        self._frame = bytearray(wire.FRAME_MAX)
        self._view = memoryview(self._frame)
        self._piece = bytearray(_PIECE)
        view = memoryview(self._piece)
        self._parts = [view[:i] for i in range(_PIECE + 1)]
        self._spare = -1  # a sector erased by us, this boot
        self._newest = 0
        self._sector = self._ordinal = -1  # where the newest night is being written
        self._offset = self._bytes = 0
        self._ended = False
        self._claim = False  # the first write after a boot says where frames go on
        self._digest = None
        self._forget_cursor()
        self._replay()

    # --- a night ---

    def open_night(self):
        """Begin a night and return its id. May erase a sector (45 to 400 ms)."""
        if self.open_id:
            self.close(wire.END_LOST)
        if self._newest >= LAST_NIGHT:
            self.full = True
            return 0
        self._newest += 1
        self.open_id = self._newest
        self._last = max(self._sector, 0)
        self._sector = self._ordinal = -1
        self._offset = self._bytes = self.next_epoch = 0
        self._ended = self._claim = self.full = False
        if self._spare < 0:
            self._erase_ahead()
        return self.open_id

    @property
    def newest(self):
        """The id of the newest night, open or not; 0: none."""
        return self._newest

    def resume(self):
        """The night that a reset left open, to be gone on with; 0 if there is none."""
        return self.open_id

    def append(self, kind, payload, n):
        """Commit a frame to the open night; it is durable when this returns True.

        False, and `full` set, when there is no room; False after repeated flash faults.
        """
        if not self.open_id or not self._commit(kind, payload, n):
            return False
        if kind == wire.END:
            self.open_id, self._ended = 0, True
        return True

    def append_late(self, night, kind, payload, n):
        """Commit a frame to a night that may have ended, while it is the newest and unsynced."""
        if night == self.open_id:
            return self.append(kind, payload, n)
        if night != self._newest or self._sector < 0 or self._owner[self._sector] != night:
            return False
        return self._commit(kind, payload, n)

    def close(self, reason=wire.END_BUTTON):
        """End the open night."""
        if self.open_id:
            self.append(wire.END, struct.pack("<BH", reason, self.next_epoch), 3)
            self.open_id, self._ended = 0, True

    def prepare(self):
        """Erase the sector that will be needed next, if it is time; True if it did.

        Call it at a moment when 45 to 400 ms do no harm: right after the FIFO was read.
        """
        soon = self._offset > self.flash.sector_size - _AHEAD
        if self._spare >= 0 or not self.open_id or self._claim or not soon:
            return False
        return self._erase_ahead()

    # --- writing ---

    def _commit(self, kind, payload, n):
        for _ in range(_TRIES):
            if not self._room(kind, n + wire.FRAME_OVERHEAD):
                return False
            size = self._build(kind, payload, n)
            at, self._offset = self._offset, self._offset + size
            if self._put(self._sector, at, size):
                self._bytes += size
                if kind == wire.EPOCH:
                    self.next_epoch = (payload[0] | payload[1] << 8) + 1
                self._digest = None
                return True
            self._void(at)
        return False

    def _build(self, kind, payload, n):
        frame = self._frame
        frame[0], frame[1] = kind, n
        for i in range(n):
            frame[2 + i] = payload[i]
        seal(frame, 2 + n, self._newest)
        return n + wire.FRAME_OVERHEAD

    def _room(self, kind, size):
        """Make `_sector` and `_offset` a place for `size` bytes; False if there is none."""
        left = self.flash.sector_size - self._offset - size - self._claim
        if self._sector >= 0 and left >= 0:
            small = kind in (wire.EVENT, wire.END, wire.CLOCK)
            if small or left >= _RESERVE or self._spare >= 0 or self._erase_ahead():
                return self._say_where()
        elif self._next_sector():
            return True
        self.full = True
        return False

    def _say_where(self):
        """After a boot: mark the place before anything is put there."""
        if self._claim:
            self._frame[0] = VOID
            if not self._put(self._sector, self._offset, 1):
                return self._next_sector()
            self._offset += 1
            self._claim = False
        return True

    def _next_sector(self):
        for _ in range(_TRIES):
            if self._spare < 0 and not self._erase_ahead():
                return False
            sector, self._spare = self._spare, -1
            head = (MAGIC, self._ended, self._newest, self._ordinal + 1, self.next_epoch)
            struct.pack_into(HEADER, self._frame, 0, *head, self._bytes)
            seal(self._frame, 12, 0)
            if self._put(sector, 0, SYNCED_AT):
                self._owner[sector] = self._newest
                self._sector, self._offset = sector, HEADER_SIZE
                self._ordinal += 1
                self._claim = False
                return True
            self._owner[sector] = _BAD
        return False

    def _put(self, sector, at, n):
        """Program `_frame[:n]` piece by piece, then read it back; whether it stands there."""
        frame, piece, parts, stats = self._frame, self._piece, self._parts, self.stats
        for start in range(0, n, _PIECE):
            k = min(_PIECE, n - start)
            for i in range(k):
                piece[i] = frame[start + i]
            self.flash.program(sector, at + start, parts[k])
            stats["programs"] += 1
            stats["bytes"] += k
        for start in range(0, n, _PIECE):
            k = min(_PIECE, n - start)
            self.flash.read(sector, at + start, parts[k])
            for i in range(k):
                if piece[i] != frame[start + i]:
                    stats["faults"] += 1
                    return False
        return True

    def _void(self, at):
        """A frame that failed must not come to life later."""
        self._piece[0] = VOID
        self.flash.program(self._sector, at, self._parts[1])

    # --- sectors ---

    def _erase_ahead(self):
        for _ in range(_TRIES):
            sector = self._choose()
            if sector < 0:
                return False
            self.flash.erase(sector)
            self.stats["erases"] += 1
            if self._end_of_data(sector, 0) == 0:
                self._spare = sector
                return True
            self._owner[sector] = _BAD
            self.stats["faults"] += 1
        return False

    def _choose(self):
        """The next sector in the ring that nobody needs; -1 if there is none."""
        n, owner = self.flash.sectors, self._owner
        here = self._sector if self._sector >= 0 else self._last
        for _ in range(2):
            for i in range(1, n + 1):
                sector = (here + i) % n
                if owner[sector] == 0:
                    return sector
            if not self._give_way():
                break
        return -1

    def _give_way(self):
        """Give up the oldest synced night, or else the oldest; never the open one."""
        best = _BAD
        for o in self._owner:
            if o not in (0, _BAD) and o & _NIGHT != self.open_id:
                best = min(best, o ^ _SYNCED)
        if best == _BAD:
            return False
        self.stats["evicted" if best < _SYNCED else "lost"] += 1
        self._drop(best & _NIGHT)
        return True

    def _drop(self, night):
        self._mark(night, DELETED_AT)
        for sector in range(self.flash.sectors):
            if self._owner[sector] & _NIGHT == night and self._owner[sector] != _BAD:
                self._owner[sector] = 0
        if night == self._newest:
            self._last, self._sector = max(self._sector, 0), -1
        self._forget_cursor()

    def _mark(self, night, where):
        first = self._find(night, 0)
        self._frame[0] = 0
        return self._put(first, where, 1)

    def _find(self, night, ordinal):
        """The sector that holds part `ordinal` of a night; -1 if there is none."""
        for sector in range(self.flash.sectors):
            o = self._owner[sector]
            if o != _BAD and o & _NIGHT == night and self._header(sector)[3] == ordinal:
                return sector
        return -1

    def _header(self, sector):
        """Header of a sector, marks in `_frame`; None where there is none in use."""
        head = self._view[: HEADER_SIZE + 1]
        self.flash.read(sector, 0, head)
        if head[0] == 0xFF and head[1] == 0xFF:
            return None
        if not sealed(head, 12, 0) or head[0] != MAGIC or head[HEADER_SIZE] == 0xFF:
            return None
        return struct.unpack_from(HEADER, head, 0)

    # --- after a boot ---

    def _replay(self):
        """Who owns what; then where the newest night goes on."""
        alive = {}
        for sector in range(self.flash.sectors):
            head = self._header(sector)
            if head:
                self._owner[sector] = head[2]
                self._newest = max(self._newest, head[2])
                if head[3] == 0 and not _marked(self._frame[DELETED_AT]):
                    alive[head[2]] = _SYNCED if _marked(self._frame[SYNCED_AT]) else 0
        for sector, night in enumerate(self._owner):
            self._owner[sector] = night | alive[night] if night in alive else 0
        self._last = 0
        if self._newest in alive:
            self._replay_tail()

    def _replay_tail(self):
        night = self._newest
        for sector, owner in enumerate(self._owner):
            if owner & _NIGHT == night:
                head = self._header(sector)
                if head[3] > self._ordinal:
                    self._sector, self._ordinal = sector, head[3]
                    self._ended = bool(head[1] & ENDED)
                    self.next_epoch, self._bytes = head[4], head[5]
        end = self._walk_sector(self._sector, night, self._note)
        last = self._end_of_data(self._sector, end)
        self._offset = end + _PIECE if last == end else last + wire.FRAME_MAX
        self.stats["torn"] += last != end
        self._claim = True
        if not self._ended:
            self.open_id = night

    def _note(self, frame, size):
        self._bytes += size
        if frame[0] == wire.END:
            self._ended = True
        elif frame[0] == wire.EPOCH:
            self.next_epoch = (frame[2] | frame[3] << 8) + 1

    def _end_of_data(self, sector, start):
        """Offset after the last byte from `start` on that is not FF; `start` if all are."""
        size, end = self.flash.sector_size, start
        for at in range(start, size, _PIECE):
            k = min(_PIECE, size - at)
            self.flash.read(sector, at, self._parts[k])
            for i in range(k):
                if self._piece[i] != 0xFF:
                    end = at + i + 1
        return end

    # --- reading ---

    def _walk_sector(self, sector, night, visit):
        """Call `visit(frame, size)` for each good frame; return the end of the last."""
        at = HEADER_SIZE
        while True:
            found = self._seek_frame(sector, at, night)
            if found < 0:
                return at
            size = self._frame[1] + wire.FRAME_OVERHEAD
            at = found + size
            visit(self._frame, size)

    def _seek_frame(self, sector, at, night):
        """Load the first good frame at or after `at` into `_frame`; its offset, or -1."""
        size, start = self.flash.sector_size, at
        while at + wire.FRAME_OVERHEAD <= size:
            if self._load(sector, at, night):
                self.stats["rot"] += self._is_rot(sector, start, at)
                return at
            at += 1
            if self._frame[0] == 0xFF:
                at = self._skip_blank(sector, at)
        return -1

    def _is_rot(self, sector, start, at):
        """Whether the gap before a good frame is damage, not the mark of a boot."""
        return at > start and at != start + _PIECE + 1

    def _skip_blank(self, sector, at):
        """The next byte that is not FF."""
        size = self.flash.sector_size
        while at < size:
            k = min(_PIECE, size - at)
            self.flash.read(sector, at, self._parts[k])
            for i in range(k):
                if self._piece[i] != 0xFF:
                    return at + i
            at += k
        return size

    def _load(self, sector, at, night):
        room = self.flash.sector_size - at
        frame = self._frame
        self.flash.read(sector, at, frame if room >= wire.FRAME_MAX else self._view[:room])
        if frame[0] in (VOID, 0xFF) or frame[1] + wire.FRAME_OVERHEAD > room:
            return False
        return sealed(frame, 2 + frame[1], night)

    def walk(self, night, visit):
        """Call `visit(frame, size)` for each good frame of a night, in order.

        `frame` is lent: type, length, payload and CRC; valid until `visit` returns.
        """
        ordinal = 0
        while True:
            sector = self._find(night, ordinal)
            if sector < 0:
                return
            self._walk_sector(sector, night, visit)
            ordinal += 1

    def _forget_cursor(self):
        self._at_night = 0

    def _rewind(self, night):
        self._at_night, self._at_ordinal, self._at_pos = night, 0, 0
        self._at_sector, self._at = self._find(night, 0), HEADER_SIZE

    def read(self, night, offset, buf):
        """Fill `buf` with the bytes of a night from `offset` on; return how many there were."""
        if night != self._at_night or offset < self._at_pos:
            self._rewind(night)
        done = 0
        while done < len(buf) and self._at_sector >= 0:
            found = self._seek_frame(self._at_sector, self._at, night)
            if found < 0:
                after = self._find(night, self._at_ordinal + 1)
                if after < 0:
                    break
                self._at_ordinal += 1
                self._at_sector, self._at = after, HEADER_SIZE
                continue
            size = self._frame[1] + wire.FRAME_OVERHEAD
            skip = offset + done - self._at_pos
            if skip < size:
                n = min(size - skip, len(buf) - done)
                buf[done : done + n] = self._view[skip : skip + n]
                done += n
                if skip + n < size:
                    break
            self._at_pos += size
            self._at = found + size
        return done

    def digest(self, night):
        """(length, SHA-256) of the bytes of a night; (0, ...) if there is none."""
        if self._digest is None or self._digest[0] != night:
            sha, total = hashlib.sha256(), [0]

            def add(frame, size):
                sha.update(self._view[:size])
                total[0] += size

            self.walk(night, add)
            self._digest = (night, total[0], sha.digest())
        return self._digest[1:]

    def entries(self):
        """Yield (id, bytes, epochs, flags, boot, second) of each night, oldest first."""
        for night in sorted({o & _NIGHT for o in self._owner if o not in (0, _BAD)}):
            yield self._entry(night)

    def _entry(self, night):
        first, last, top = -1, -1, (0, 0, 0, -1, 0, 0)
        for sector, owner in enumerate(self._owner):
            if owner != _BAD and owner & _NIGHT == night:
                head = self._header(sector)
                if head[3] == 0:
                    first = sector
                if head[3] > top[3]:
                    last, top = sector, head
        now = [top[4], top[5]]

        def add(frame, size):
            now[1] += size
            if frame[0] == wire.EPOCH:
                now[0] = (frame[2] | frame[3] << 8) + 1

        self._walk_sector(last, night, add)
        flags = wire.ENTRY_OPEN if night == self.open_id else 0
        if self._owner[first] & _SYNCED:
            flags |= wire.ENTRY_SYNCED
        boot = second = 0
        if self._seek_frame(first, HEADER_SIZE, night) >= 0:
            boot, _, second = struct.unpack_from("<HBI", self._frame, 4)
        return night, now[1], now[0], flags, boot, second

    def _is(self, night, sha):
        if not night or night == self.open_id or self._find(night, 0) < 0:
            return False
        return self.digest(night)[1] == bytes(sha)

    def mark_synced(self, night, sha):
        """The host holds the night with this SHA-256; False if it is another."""
        if not self._is(night, sha) or not self._mark(night, SYNCED_AT):
            return False
        for sector, owner in enumerate(self._owner):
            if owner == night:
                self._owner[sector] = night | _SYNCED
        return True

    def delete(self, night, sha):
        """Give up the night with this SHA-256; False if it is another."""
        if not self._is(night, sha):
            return False
        self._drop(night)
        return True
