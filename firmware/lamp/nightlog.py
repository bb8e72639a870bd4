"""Frames end to end in a ring of raw flash sectors, durable when `append` returns.

Frames are programmed in place behind their sector's header, none across a border. What a power
cut may have touched is never written again without an erase: after a boot frames go on behind a
gap and a mark (DESIGN.md, "The power-loss argument"). Knows no chip, no radio and no clock.
"""

import hashlib
import struct

from . import wire
from .compat import const
from .ring import HEADER_SIZE, PIECE, Ring, seal, sealed

ENDED = const(1)  # flag in a sector's header: the night had ended before it
_VOID = const(0)  # one byte where frames begin again after a boot, or over a frame that failed
_LAST_NIGHT = const(0x3FFE)

_AHEAD = const(1024)  # erase the next sector when less than this is left: some 9 minutes
_RESERVE = const(64)  # of the very last sector, for the event that says so and the end
_TRIES = const(4)
_SMALL = (wire.EVENT, wire.END, wire.CLOCK)


class Cursor:
    """Where somebody reads: a frame's place on flash, and in the bytes of its night."""

    night = ordinal = pos = at = 0
    sector = -1


class NightLog:
    """The nights of one flash. After construction `open_id` is the night left open (0: none).

    `raw` (wire.RAW_*) is for a log that keeps raw samples; this one has none.
    """

    def __init__(self, flash, raw=0):
        self.ring = Ring(flash)
        self.full = False  # the last frame found no room
        self.open_id = 0
        self.next_epoch = 0  # index after the last epoch of the newest night
        self.torn = 0  # torn tails found at boot
        self.rot = 0  # damaged frames that `digest` walked over
        self._size = flash.sector_size
        self._frame = bytearray(wire.FRAME_MAX)
        self._view = memoryview(self._frame)
        self._sector = self._ordinal = -1  # where the newest night is being written
        self._offset = self._bytes = 0
        self._ended = False
        self._claim = False  # the first write after a boot says where frames go on
        self._tail = -1  # and makes firm the last frame: a cut may have left it faint
        self._digest = _NO_DIGEST
        self._hashing = 0  # the night whose digest is being made
        self._damaged = self._walked = 0
        self._replay()

    @property
    def newest(self):
        """Id of the newest night, open or ended."""
        return self.ring.newest

    @property
    def given_up(self):
        """Nights that no host had fetched and that had to make room, since boot."""
        return self.ring.lost

    @property
    def faults(self):
        """Programs and erases that did not stick, since boot."""
        return self.ring.faults

    @property
    def stats(self):
        """What the flash went through since boot, and what was found on it."""
        r = self.ring
        return {
            "programs": r.programs,
            "bytes": r.bytes,
            "erases": r.erases,
            "faults": r.faults,
            "evicted": r.evicted,
            "lost": r.lost,
            "rot": self.rot,
            "torn": self.torn,
        }

    # --- a night ---

    def open_night(self):
        """Begin a night and return its id, 0 if ids are used up. May erase (45 to 400 ms)."""
        if self.open_id:
            self.close(wire.END_LOST)
        if self.ring.newest >= _LAST_NIGHT:
            self.full = True
            return 0
        self.ring.newest += 1
        self.open_id = self.ring.keep = self.ring.newest
        self._sector = self._ordinal = -1
        self._offset = self._bytes = self.next_epoch = 0
        self._ended = self._claim = self.full = False
        self._tail = -1
        self.ring.erase_ahead()
        return self.open_id

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
            self._end()
        return True

    def append_late(self, night, kind, payload, n):
        """Commit a frame to a night that has ended, while it is the newest and unsynced."""
        if night == self.open_id:
            return self.append(kind, payload, n)
        if night != self.ring.newest or self._sector < 0 or self.ring.synced(self._sector):
            return False
        return self._commit(kind, payload, n)

    def keep(self, index, buf, n, marks, lost):
        """Raw samples of epoch `index`: a log of another kind may keep them (rawlog.RawLog)."""

    def close(self, reason=wire.END_BUTTON):
        """End the open night."""
        if self.open_id:
            self.append(wire.END, struct.pack("<BH", reason, self.next_epoch), 3)
            self._end()

    def _end(self):
        self.open_id = self.ring.keep = 0
        self._ended = True

    def prepare(self):
        """Erase the sector that will be needed next, if it is time; True if it did.

        Call it at a moment when 45 to 400 ms do no harm: right after the FIFO was read. A boot
        that has not written yet erases nothing, so that a crash loop does not wear the flash.
        """
        soon = self._offset > self._size - _AHEAD
        if self.ring.spare >= 0 or not self.open_id or self._claim or not soon:
            return False
        return self.ring.erase_ahead()

    # --- writing ---

    def _commit(self, kind, payload, n):
        ring = self.ring
        for _ in range(_TRIES):
            if not self._room(kind, n + wire.FRAME_OVERHEAD):
                self.full = True
                return False
            size = self._build(kind, payload, n)
            at, self._offset = self._offset, self._offset + size
            if ring.put(self._sector, at, self._frame, size):
                self._note(self._frame, size)
                return True
            self._frame[0] = _VOID  # it must not come to life later
            ring.put(self._sector, at, self._frame, 1)
        return False

    def _build(self, kind, payload, n):
        frame = self._frame
        frame[0], frame[1] = kind, n
        for i in range(n):
            frame[2 + i] = payload[i]
        seal(frame, 2 + n, self.ring.newest)
        return n + wire.FRAME_OVERHEAD

    def _note(self, frame, size):
        """A good frame of the newest night: count it."""
        self._bytes += size
        if frame[0] == wire.EPOCH:
            self.next_epoch = (frame[2] | frame[3] << 8) + 1
        elif frame[0] == wire.END:
            self._ended = True
        if self._digest[0] == self.ring.newest:
            self._digest = _NO_DIGEST

    def _room(self, kind, size):
        """Make `_sector` and `_offset` a place for `size` bytes; False if there is none."""
        if self._tail >= 0:
            self._make_firm()
        left = self._size - self._offset - size - self._claim
        if self._sector < 0 or left < 0:
            return self._next_sector()
        if left >= _RESERVE or kind in _SMALL or self.ring.erase_ahead():
            return not self._claim or self._go_on_here()
        return False

    def _make_firm(self):
        if self._load(self._sector, self._tail, self.ring.newest):
            size = self._frame[1] + wire.FRAME_OVERHEAD
            self.ring.put(self._sector, self._tail, self._frame, size)
        self._tail = -1

    def _go_on_here(self):
        """The first write after a boot: mark the place before anything is put there."""
        self._frame[0] = _VOID
        if not self.ring.put(self._sector, self._offset, self._frame, 1):
            return self._next_sector()
        self._offset += 1
        self._claim = False
        return True

    def _next_sector(self):
        ring = self.ring
        flags = ENDED if self._ended else 0
        sector = ring.take(ring.newest, self._ordinal + 1, flags, self.next_epoch, self._bytes)
        if sector < 0:
            return False
        self._sector, self._offset = sector, HEADER_SIZE
        self._ordinal += 1
        self._claim = self.full = False
        return True

    # --- after a boot ---

    def _replay(self):
        """Find where the newest night goes on, and whether it is open."""
        ring = self.ring
        sector, head = ring.last(ring.newest)
        if sector < 0:
            return
        self._sector, self._ordinal, self._ended = sector, head[3], head[1] & ENDED != 0
        self.next_epoch, self._bytes = head[4], head[5]
        ring.here = sector
        end = self._walk_sector(sector, ring.newest, self._note)
        if end == HEADER_SIZE and self._ordinal == 0:  # cut before its first frame was whole
            ring.drop(ring.newest)
            self._sector = -1
            return
        last = self._last_byte(sector, end)
        self._offset = end + PIECE if last == end else last + wire.FRAME_MAX
        self.torn += last != end
        self._claim, self._tail = True, self._last_at
        if not self._ended:
            self.open_id = ring.keep = ring.newest

    def _last_byte(self, sector, end):
        """Offset after the last byte that is not FF; `end` if nothing follows it."""
        at = self.ring.written(sector, end)
        while at < self._size:
            end = at + 1
            at = self.ring.written(sector, end)
        return end

    # --- reading ---

    def walk(self, night, visit):
        """Call `visit(frame, size)` for each good frame of a night, in order.

        `frame` is lent: type, length, payload, CRC; good until `visit` returns.
        """
        sector = self.ring.find(night, 0)
        while sector >= 0:
            sector = self._walk_part(sector, night, visit)

    def _walk_part(self, sector, night, visit):
        """Visit the good frames of a sector; the sector where the night goes on, or -1."""
        head = self.ring.header(sector)
        if not head:
            return -1
        damaged = self._damaged
        self._walk_sector(sector, night, visit)
        sector = self.ring.find(night, head[3] + 1, sector)
        after = self.ring.header(sector) if sector >= 0 else None
        if after and after[5] - head[5] > self._walked and damaged == self._damaged:
            self._damaged += 1  # the last frame of a sector has none after it to tell
        return sector

    def _walk_sector(self, sector, night, visit):
        """Visit the good frames of a sector; return the end of the last."""
        at, self._walked, self._last_at = HEADER_SIZE, 0, -1
        while True:
            found = self._seek(sector, at, night)
            if found < 0:
                return at
            size = self._frame[1] + wire.FRAME_OVERHEAD
            at, self._last_at = found + size, found
            self._walked += size
            visit(self._frame, size)

    def _seek(self, sector, start, night):
        """Load the first good frame from `start` on into `_frame`; its offset, or -1."""
        at = start
        while at + wire.FRAME_OVERHEAD <= self._size:
            if self._load(sector, at, night):
                if at > start and not self._is_gap(sector, start, at):
                    self._damaged += 1
                    self._load(sector, at, night)
                return at
            at = self.ring.written(sector, at) if self._frame[0] == 0xFF else at + 1
        return -1

    def _is_gap(self, sector, start, at):
        """Whether nothing but what a boot leaves lies between two frames.

        A boot leaves a mark, and before it either PIECE blank bytes or, where it met a torn
        frame, at least FRAME_MAX of them. Anything else was a good frame once.
        """
        ring = self.ring
        if ring.byte(sector, at - 1) != _VOID:
            return False
        return at - start == PIECE + 1 or ring.byte(sector, at - PIECE - 2) == 0xFF

    def _load(self, sector, at, night):
        """Read the frame at `at` into `_frame`; False if there is no good one."""
        frame, room = self._frame, self._size - at
        whole = room >= wire.FRAME_MAX
        self.ring.flash.read(sector, at, frame if whole else self._view[:room])
        if frame[0] == _VOID or frame[0] == 0xFF or frame[1] + wire.FRAME_OVERHEAD > room:
            return False
        return sealed(frame, 2 + frame[1], night)

    def read(self, night, offset, buf, cursor):
        """Fill `buf` with the bytes of a night from `offset` on; return how many there were.

        Going on where the last call with this `cursor` ended costs no search; else the way there
        is walked a sector a call, some 40 ms: -1, ask again.
        """
        if night != cursor.night or offset < cursor.pos:
            cursor.night, cursor.ordinal = night, 0
            cursor.pos, cursor.at = 0, HEADER_SIZE
            cursor.sector = self.ring.find(night, 0)
        done, first = 0, cursor.sector
        while done < len(buf) and cursor.sector >= 0 and self._load_at(cursor):
            size = self._frame[1] + wire.FRAME_OVERHEAD
            skip = offset + done - cursor.pos
            if skip >= size and cursor.sector != first:
                return -1
            n = min(size - skip, len(buf) - done)
            for i in range(n):
                buf[done + i] = self._frame[skip + i]
            done += max(n, 0)
            if skip + n < size:
                break
            cursor.pos += size
            cursor.at += size
        return done

    def _load_at(self, cursor):
        """Load the frame at the cursor, moved to the next sector if need be."""
        night = cursor.night
        while self.ring.owns(night, cursor.sector):
            found = self._seek(cursor.sector, cursor.at, night)
            if found >= 0:
                cursor.at = found
                return True
            after = self.ring.find(night, cursor.ordinal + 1, cursor.sector)
            if after < 0:
                return False
            cursor.ordinal = self.ring.header(after)[3]
            cursor.sector, cursor.at = after, HEADER_SIZE
        cursor.night = 0
        return False

    def hash_on(self, night):
        """Bring `digest` one sector nearer, some 40 ms of work; True once it is there.

        One night at a time: what somebody else began is finished first.
        """
        if self._digest[0] == night:
            return True
        if not self._hashing:
            self._hashing, self._at_hash = night, self.ring.find(night, 0)
            self._sha, self._hashed, self._damaged = hashlib.sha256(), 0, 0
        if self._at_hash >= 0:
            self._at_hash = self._walk_part(self._at_hash, self._hashing, self._hash)
        if self._at_hash >= 0:
            return False
        self.rot += self._damaged
        self._digest = (self._hashing, self._hashed, self._sha.digest())
        self._hashing = 0
        return self._digest[0] == night

    def _hash(self, frame, size):
        self._sha.update(self._view[:size])
        self._hashed += size

    def digest(self, night):
        """(length, SHA-256) of the bytes of a night; of none the length is 0."""
        while not self.hash_on(night):
            pass
        return self._digest[1:]

    def nights(self):
        """The ids of all nights, oldest first."""
        return self.ring.nights()

    def entry(self, night):
        """(id, bytes, epochs, flags, boot, second) of a night, some 40 ms of work; None: no such.

        `bytes` as written, `epochs` the index after the last one. A night whose headers cannot be
        read is none until the next boot, which may read them again.
        """
        sector, head = self.ring.last(night)
        if not head:
            if night != self.open_id:
                self._forget(night)
                self.ring.lose(night)
            return None
        epochs, length = head[4], head[5]

        def add(frame, size):
            nonlocal epochs, length
            length += size
            if frame[0] == wire.EPOCH:
                epochs = (frame[2] | frame[3] << 8) + 1

        self._walk_sector(sector, night, add)
        flags = wire.ENTRY_OPEN if night == self.open_id else 0
        flags |= wire.ENTRY_SYNCED if self.ring.synced(sector) else 0
        boot = second = 0
        if self._seek(self.ring.find(night, 0), HEADER_SIZE, night) >= 0:
            boot, _, second = struct.unpack_from("<HBI", self._frame, 4)
        return night, length, epochs, flags, boot, second

    def mark_synced(self, night, sha):
        """The host holds the night with this SHA-256; False if it is another, or open."""
        return self._is(night, sha) and self.ring.mark_synced(night)

    def delete(self, night, sha):
        """Give up the night with this SHA-256; False if it is another, or open."""
        return self._is(night, sha) and self._drop(night)

    def _drop(self, night):
        self._forget(night)
        return self.ring.drop(night)

    def _forget(self, night):
        if night == self.ring.newest:
            self._sector = -1
        self._digest, self._hashing = _NO_DIGEST, 0

    def _is(self, night, sha):
        if night == self.open_id or self.ring.find(night, 0) < 0:
            return False
        return self.digest(night)[1] == bytes(sha)


_NO_DIGEST = (0, 0, b"")
