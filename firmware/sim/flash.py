"""NOR flash that behaves: bits only fall, erase is by sector, power may go at any byte.

The array is a file (or anything with seek, read and write), never the heap. A planned power cut
raises `PowerCut`, a BaseException, and freezes the array: no `finally` writes after death. What a
cut leaves behind (`tear`):

    NOTHING   the operation had not begun
    PREFIX    the first bytes are done, the rest is untouched
    SUFFIX    the first bytes are untouched, the rest is done
    TORN      the first bytes are done, in the others only some of the bits moved
    WEAK      it reads as if nothing had happened, but cells are half charged: whatever is put
              there without an erase looks right now and decays until the next power-up
    FAINT     it reads as done, but from the second power-up on some bits read as before (a
              program; an erase is WEAK); doing the same again makes it firm
    DONE      the operation is complete, only its caller never hears of it

An erase moves bits to 1 and a program to 0; "some of the bits" is a seeded coin for each. A WEAK
erase reads blank. Knows no log and no partition table; runs on CPython and MicroPython.
"""

NOTHING, PREFIX, SUFFIX, TORN, WEAK, FAINT, DONE = range(7)
TEARS = ("nothing", "prefix", "suffix", "torn", "weak", "faint", "done")
_CHUNK = 256  # bytes handled at a time, so that the heap never sees a sector


class PowerCut(BaseException):
    """The power is gone. Not an Exception: nothing may catch it on the way out."""


def _done(tear, whole, n):
    """Which bytes of `n` an operation has done properly: first, end."""
    if tear in (None, DONE, FAINT):
        return 0, n
    if tear == SUFFIX:
        return whole, n
    return 0, whole if tear in (PREFIX, TORN) else 0


class Chance:
    """Seeded bits, the same on both Pythons (30-bit xorshift: small ints everywhere)."""

    def __init__(self, seed):
        self.state = (seed * 2654435 + 88172645) & 0x3FFFFFFF or 1

    def below(self, n):
        """An int in 0..n-1, n up to 2**16."""
        x = self.state
        x ^= (x & 0x1FFFF) << 13
        x ^= x >> 17
        x ^= (x & 0x1FFFFFF) << 5
        self.state = x
        return (x >> 9) % n


class Flash:
    """`sectors` sectors of `sector_size` bytes in the file `path`; made blank if absent."""

    def __init__(self, path, sectors=384, sector_size=4096, page=256):
        self.sectors, self.sector_size, self.page = sectors, sector_size, page
        self._file = path if hasattr(path, "seek") else self._open(path)
        self.programs = 0  # calls
        self.programmed = 0  # bytes handed over
        self.erases = 0
        self.wear = bytearray(sectors)  # erases of each sector, up to 255
        self.operations = 0  # programs and erases begun
        self.dead = False
        self.stuck = {}  # address: bits of that byte which never fall
        self._cut = None
        self._weak = []  # [address, bytes] of half-programmed cells, [sector, None] half erased
        self._decays = []  # the same, programmed over since
        self._faint = []  # [address, bytes, power-ups since]

    def _open(self, path):
        try:
            return open(path, "r+b")
        except OSError:
            with open(path, "wb") as new:
                for _ in range(self.sectors * self.sector_size // _CHUNK):
                    new.write(b"\xff" * _CHUNK)
            return open(path, "r+b")

    def close(self):
        self._file.close()

    # --- the three things a chip can do ---

    def read(self, addr, buf):
        """Fill `buf` from `addr` on."""
        self._check(addr, len(buf))
        self._file.seek(addr)
        self._file.readinto(buf)

    def program(self, addr, data):
        """Clear the bits that are 0 in `data`; the others stay as they are."""
        self._check(addr, len(data))
        self.programs += 1
        self.programmed += len(data)
        tear, whole, chance = self._begin()
        first, end = _done(tear, whole, len(data))
        if tear in (None, DONE):
            self._heal(addr, data)
        if tear != NOTHING:
            self._touch(addr, len(data))
        before = self._old(addr, len(data)) if tear == FAINT else None
        for at in range(0, len(data), _CHUNK):
            piece = bytearray(data[at : at + _CHUNK])
            old = self._old(addr + at, len(piece))
            for i in range(len(piece)):
                if first <= at + i < end:
                    piece[i] = old[i] & (piece[i] | self.stuck.get(addr + at + i, 0))
                elif tear == TORN:
                    piece[i] = old[i] & (piece[i] | chance.below(256))
                else:
                    piece[i] = old[i]
            self._write(addr + at, piece)
        if tear == WEAK:
            self._weak.append([addr, bytes(data)])
        elif tear == FAINT:
            changed = bytes([a | b ^ 255 for a, b in zip(data, before)])  # 0 fell just now
            self._faint.append([addr, changed, 0])
        self._end(tear)

    def erase(self, sector):
        """Set every bit of the sector."""
        start = sector * self.sector_size
        self._check(start, self.sector_size)
        self.erases += 1
        self.wear[sector] = min(255, self.wear[sector] + 1)
        tear, whole, chance = self._begin()
        tear = WEAK if tear == FAINT else tear
        first, end = _done(DONE if tear == WEAK else tear, whole, self.sector_size)
        if tear != NOTHING:
            self._forget(sector)
        for at in range(0, self.sector_size, _CHUNK):
            old = self._old(start + at, _CHUNK)
            for i in range(_CHUNK):
                if first <= at + i < end:
                    old[i] = 0xFF
                elif tear == TORN:
                    old[i] |= chance.below(256)
            self._write(start + at, old)
        if tear not in (None, NOTHING, DONE):  # blank or not, it holds nothing for long
            self._weak.append([sector, None])
        self._end(tear)

    # --- power ---

    def cut(self, operation, tear=NOTHING, whole=0, seed=1):
        """Plan the death at the `operation`-th program or erase from now on, the first being 0.

        `whole` bytes of it are done properly before the tear begins.
        """
        self._cut = (self.operations + operation, tear, whole, seed)

    def power_on(self):
        """Live again; what was written onto weak cells has decayed meanwhile."""
        self.dead, self._cut = False, None
        chance = Chance(7)
        for where, data in self._decays:
            if data is None:
                self._rot_sector(where, chance)
            else:
                old = self._old(where, len(data))
                self._write(where, bytes([a & b for a, b in zip(old, data)]))
        self._decays = []
        for faint in self._faint:
            faint[2] += 1
            if faint[2] > 1:
                old = self._old(faint[0], len(faint[1]))
                self._write(
                    faint[0],
                    bytes([a | (b ^ 255) & chance.below(256) for a, b in zip(old, faint[1])]),
                )

    def rot(self, addr, bit):
        """Flip one bit, as radiation and the years do."""
        old = self._old(addr, 1)
        self._write(addr, bytes([old[0] ^ 1 << bit]))

    # --- inside ---

    def _check(self, addr, n):
        if self.dead:
            raise PowerCut("no power")
        if addr < 0 or addr + n > self.sectors * self.sector_size:
            raise ValueError("outside the flash")

    def _begin(self):
        plan, self.operations = self._cut, self.operations + 1
        if plan is None or plan[0] != self.operations - 1:
            return None, 0, None
        return plan[1], plan[2], Chance(plan[3])

    def _end(self, tear):
        if tear is not None:
            self._file.flush()
            self.dead = True
            raise PowerCut(TEARS[tear])

    def _old(self, addr, n):
        old = bytearray(n)
        self._file.seek(addr)
        self._file.readinto(old)
        return old

    def _write(self, addr, data):
        self._file.seek(addr)
        self._file.write(data)

    def _heal(self, addr, data):
        """What is done again is firm."""
        for faint in list(self._faint):
            i = faint[0] - addr
            again = data[i : i + len(faint[1])] if i >= 0 else b""
            if len(again) == len(faint[1]) and not any(a & ~b for a, b in zip(again, faint[1])):
                self._faint.remove(faint)

    def _touch(self, addr, n):
        """What is programmed onto weak cells is bound to decay."""
        for weak in self._weak:
            if weak[1] is None:
                hit = weak[0] == addr // self.sector_size
            else:
                hit = addr < weak[0] + len(weak[1]) and weak[0] < addr + n
            if hit and weak not in self._decays:
                self._decays.append(weak)

    def _forget(self, sector):
        """A whole erase heals the weak cells of its sector."""
        for many in (self._weak, self._decays):
            for weak in list(many):
                if sector == (weak[0] if weak[1] is None else weak[0] // self.sector_size):
                    many.remove(weak)
        self._faint = [f for f in self._faint if f[0] // self.sector_size != sector]

    def _rot_sector(self, sector, chance):
        start = sector * self.sector_size
        for at in range(0, self.sector_size, _CHUNK):
            old = self._old(start + at, _CHUNK)
            for i in range(0, _CHUNK, 16):
                old[i] &= chance.below(256)
            self._write(start + at, old)


class Sectors:
    """The face that the log knows (`board.flash`) over a Flash."""

    def __init__(self, flash):
        self.flash = flash
        self.sectors, self.sector_size = flash.sectors, flash.sector_size

    def read(self, sector, offset, buf):
        self.flash.read(sector * self.sector_size + offset, buf)

    def program(self, sector, offset, data):
        self.flash.program(sector * self.sector_size + offset, data)

    def erase(self, sector):
        self.flash.erase(sector)
