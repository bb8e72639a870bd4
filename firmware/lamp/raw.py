"""Raw EEG samples into frames, and those into sectors of their own.

A sector begins with a RAW_FIRST, which says of what night's moment its samples are, and so can
be read without any other; so does whatever follows a break. The samples are coded without loss
(rice.py) once the bits that hold little but noise are cut off. A power cut costs what is not yet
in a frame, two to five seconds; after it a new sector is begun. Lost samples are counted, so each
keeps its place in time. Knows no chip, and nothing of what happens to a sector later.
"""

from . import rice, wire
from .compat import const
from .ring import HEADER_SIZE, RAW, seal

_LEAST = const(64)  # bytes of a sector that are worth a frame
_HEAD = const(6)  # of a RAW_MORE: type, length, RAW_MORE_LAYOUT
_FIRST = const(11)  # RAW_FIRST_LAYOUT


def _little(out, at, value, n):
    """`value` in `n` bytes at `at`; a layout's text would cost every kit its memory."""
    for i in range(n):
        out[at + i] = value >> 8 * i & 255


class Pen:
    """Writes into `log` (rawlog.RawLog); one buffer, born here."""

    def __init__(self, log, fine):
        self._log = log
        self._cut = 3 if fine == wire.RAW_FINE else 5
        self._s = rice.state()
        self._frame = bytearray(wire.FRAME_MAX)
        self._night = 0
        self._sector = -1  # that is written into; -1: another is to be begun
        self._ordinal = 0  # of the next one
        self._offset = 0
        self._joined = False  # the next sample follows the one before it
        self._n = self._end = 0  # samples in the frame, and the byte at which it is full
        self._at = 0  # number of the next sample in this stretch

    def begin(self, night):
        """A stretch of the night begins."""
        self.settle()
        if night != self._night:
            self._night = night
            head = self._log.ring.last(night | RAW)[1]
            self._ordinal = head[3] + 1 if head else 0
            self._sector = -1
        self._joined = False
        self._at = 0

    def keep(self, index, buf, n, marks, lost):
        """Keep `n` samples of epoch `index`; `marks` and `lost` as a sensor gives them."""
        if marks or lost:
            self.settle()
            self._joined = False
            self._at += lost
        i = 0
        while i < n:
            j = n  # where an electrode is off, or no room is left
            if not marks & wire.M_LEADOFF:
                if self._joined:
                    j = rice.pack(self._s, buf, i, n, self._frame, self._end, self._cut)
                    self._n += j - i
                elif self._first(index, buf[i] >> self._cut):
                    j = i + 1
            self._at += j - i
            i = j
            if self._joined and i < n:
                self.settle()

    def settle(self):
        """Write down the samples that wait."""
        if self._n:
            frame = self._frame
            _little(frame, 2, self._at - self._n, 2)  # RAW_MORE_LAYOUT
            _little(frame, 4, self._n, 2)
            self._n = 0
            self._put(wire.RAW_MORE, (self._s[rice.BITS] + 7 >> 3) - 2)
            self._fresh()

    def _first(self, index, sample):
        """Begin a stretch of samples; False if the flash has no room for it."""
        if self._sector < 0:
            ring = self._log.ring
            if ring.spare < 0:
                self._log.spare_one()
                if ring.spare < 0:
                    return False
            self._sector = ring.take(self._night | RAW, self._ordinal, 0, index, 0)
            if self._sector < 0:
                return False
            self._ordinal += 1
            self._offset = HEADER_SIZE
        frame = self._frame
        _little(frame, 2, index, 2)  # RAW_FIRST_LAYOUT
        _little(frame, 4, self._at, 4)
        frame[8] = self._cut
        _little(frame, 9, sample, 4)
        self._joined = True
        self._put(wire.RAW_FIRST, _FIRST)
        self._fresh()
        rice.begin(self._s, sample)
        return self._joined

    def _put(self, kind, n):
        """Write the frame with `n` bytes of payload; a sector that does not take it is left, and
        one that a night took meanwhile."""
        frame, ring = self._frame, self._log.ring
        night = self._night | RAW
        frame[0], frame[1] = kind, n
        seal(frame, 2 + n, night)
        n += wire.FRAME_OVERHEAD
        at = self._sector
        if not (ring.owns(night, at) and ring.put(at, self._offset, frame, n)):
            self._joined = False
            self._sector = -1
        self._offset += n

    def _fresh(self):
        """An empty frame, as long as the sector has room for; with none, leave the sector."""
        frame = self._frame
        for i in range(len(frame)):
            frame[i] = 0
        self._s[rice.BITS] = _HEAD << 3
        left = self._log.ring.flash.sector_size - self._offset
        self._end = min(left, wire.FRAME_MAX) - 4
        if left < _LEAST:
            self._joined = False
            self._sector = -1
