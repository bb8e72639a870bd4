"""The EEG kit's log: beside the nights, raw samples where they are asked for.

The raw samples of night n are the bytes of `n | RAW`: its sectors as they lie on flash, from the
first that is left, 4096 bytes each; one that is gone reads as FF. So any byte is found at once,
and what a torn or rotten one means is the host's affair. Only those of a night that is over are
handed out, and once a host holds them they are gone from here. While no night is recorded a sector
is erased every three seconds, for the front end has no FIFO, so an erase costs samples. Not in a
boot's first half minute, so that a loop of crashes takes no wear.
"""

import hashlib

from . import wire
from .compat import const
from .nightlog import NightLog
from .ring import BAD, ID, RAW, SYNCED, WHOSE

_CLEAN = const(0x8000)  # an owner: nobody, and erased in this boot
_PAGE = const(256)
_AT_ONCE = const(8)  # sectors of a step of hashing, 50 ms
_FIRST = const(-300)  # calls of `prepare`, ten a second, before the first erase
_EVERY = const(-32)  # and from one to the next
_MOST = const(300)  # of 384: for more of them no night that a host holds gives way


class RawLog(NightLog):
    """A NightLog that keeps raw samples as `fine` says (wire.RAW_*), and hands out what it has."""

    def __init__(self, flash, fine):
        NightLog.__init__(self, flash)
        self.pen = None
        self._idle = _FIRST
        if fine:
            from .raw import Pen

            self.pen = Pen(self, fine)
        self._page = memoryview(self._frame)[:_PAGE]
        self._raw = 0  # the night, and sectors of it, that the following is true of
        self._raw_held = 0
        self._raw_first = self._raw_n = 0
        self._raw_part = self._raw_sector = -1  # where the last one read lies
        self._raw_sha = None
        self._raw_hashed = 0
        self._raw_digest = b""

    # --- a night --------------------------------------------------------------------------------

    def append(self, kind, payload, n):
        pen = self.pen
        if pen and kind == wire.END:
            pen.settle()
        done = NightLog.append(self, kind, payload, n)
        if pen and (kind == wire.NIGHT or kind == wire.BOOT):
            pen.begin(self.open_id)
        return done

    def keep(self, index, buf, n, marks, lost):
        if self.pen and self.open_id:
            self.pen.keep(index, buf, n, marks, lost)

    def prepare(self):
        """As NightLog's; with raw samples, sectors are needed sooner."""
        if not self.pen:
            return NightLog.prepare(self)
        if self.open_id:
            return not self._claim and self.spare_one()
        self._idle += 1
        return not self._idle and self._clear()

    def spare_one(self):
        """Have a spare sector for raw samples: one that was erased in the evening, else erase;
        True if it did. No night that nobody fetched goes for them, nor what the pen writes in."""
        ring = self.ring
        if ring.spare >= 0:
            return False
        free = synced = held = 0
        for sector in range(ring.flash.sectors):
            o = ring.owner[sector]
            if o == _CLEAN:
                ring.spare = sector
                ring.owner[sector] = 0
                return False
            if not o:
                free = 1
            elif o & RAW:
                held += o != BAD
            elif o & SYNCED:
                synced = 1
        if not free:
            if synced and held < _MOST:
                ring.give_way()
            elif held < 2:
                return False
        return ring.erase_ahead()

    def _clear(self):
        """Erase a sector that nobody owns; True if there was one. A deleted newest night's stay:
        they say which number was the last."""
        self._idle = _EVERY
        ring = self.ring
        here, spare = ring.here, ring.spare
        for sector in range(ring.flash.sectors):
            if not ring.owner[sector] and sector != spare:
                head = ring.header(sector)
                if head and head[2] == ring.newest:
                    continue
                ring.here, ring.spare = sector - 1, -1
                if ring.erase_ahead():
                    ring.owner[ring.spare] = _CLEAN
                ring.here, ring.spare = here, spare
                return True
        return False

    # --- what a host may ask for ----------------------------------------------------------------

    def _look(self, night):
        """How many sectors the raw samples of a night span; 0: none, or it is not over yet."""
        held = 0
        for o in self.ring.owner:
            held += o & WHOSE == night
        if night & ID == self.open_id or not held:
            return 0
        if night != self._raw or held != self._raw_held:
            ring = self.ring
            last, head = ring.last(night)
            if not head:
                return 0
            self._raw, self._raw_held = night, held
            self._raw_n = head[3]
            self._raw_first = ring.header(ring.find(night, 0, last + 1))[3]
            self._raw_n -= self._raw_first - 1
            self._raw_part, self._raw_sha = -1, None
        return self._raw_n

    def entry(self, night):
        if not night & RAW:
            entry = NightLog.entry(self, night)
            if entry and self._look(night | RAW):
                entry = entry[:3] + (entry[3] | wire.ENTRY_RAW,) + entry[4:]
            return entry
        n = self._look(night)
        return (night, n * self._size, 0, 0, 0, 0) if n else None

    def read(self, night, offset, buf, cursor):
        if not night & RAW:
            return NightLog.read(self, night, offset, buf, cursor)
        part, at = offset // self._size, offset % self._size
        if (night != self._raw and not self._look(night)) or part >= self._raw_n:
            return 0
        ring = self.ring
        if part != self._raw_part:
            self._raw_part, wanted = part, self._raw_first + part
            self._raw_sector = ring.find(night, wanted, max(0, self._raw_sector))
            head = ring.header(self._raw_sector)
            if not head or head[3] != wanted:
                self._raw_sector = -1
        n = min(len(buf), self._size - at)
        if self._raw_sector >= 0 and ring.owns(night, self._raw_sector):
            ring.flash.read(self._raw_sector, at, memoryview(buf)[:n])
        else:
            for i in range(n):
                buf[i] = 0xFF
        return n

    def hash_on(self, night):
        if not night & RAW:
            return NightLog.hash_on(self, night)
        n = self._look(night) * self._size
        if not n:
            return True
        if self._raw_sha is None:
            self._raw_sha, self._raw_hashed, self._raw_digest = hashlib.sha256(), 0, b""
        for _ in range(_AT_ONCE * self._size // _PAGE):
            if self._raw_hashed < n:
                self.read(night, self._raw_hashed, self._page, None)
                self._raw_sha.update(self._page)
                self._raw_hashed += _PAGE
        if self._raw_hashed == n and not self._raw_digest:
            self._raw_digest = self._raw_sha.digest()
        return self._raw_hashed == n

    def digest(self, night):
        if not night & RAW:
            return NightLog.digest(self, night)
        while not self.hash_on(night):
            pass
        return (self._raw_hashed, self._raw_digest) if self._look(night) else (0, b"")

    def mark_synced(self, night, sha):
        """A host holds it; of raw samples, one that does is enough: there is no room for more."""
        if not night & RAW:
            return NightLog.mark_synced(self, night, sha)
        if not self._is(night, sha):
            return False
        ring = self.ring
        for sector in range(ring.flash.sectors):
            if ring.owns(night, sector):
                ring.kill(sector)
                ring.owner[sector] = 0
        self._raw = 0
        return True

    def delete(self, night, sha):
        """Give up the night with this SHA-256, or its raw samples alone."""
        if night & RAW:
            return self.mark_synced(night, sha)
        return NightLog.delete(self, night, sha)
