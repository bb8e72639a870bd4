"""Features of an epoch of EEG: its band powers, what they were of late, and in this night.

Bands are told in eighths of an octave, so a ratio is a difference and a change of electrode or
skin a constant; measured against the night's own quantiles it goes away. Ratios of slow to
fast power tell sleep from wake, beta against alpha and theta tells REM. Causal, integers only,
nothing allocated per epoch. Knows no samples, no stage and no model.
"""

from array import array

from . import wire
from .compat import const
from .counts import Counts

_BASE = const(11)  # five bands and six ratios
_RING = const(32)
WINDOWS = (3, 10, 30)  # epochs
# ratios: band over band, in the record's order (delta theta alpha sigma beta gamma)
_OVER = b"\x00\x04\x01\x02\x00\x01\x02\x04\x04\x05\x01\x04"
_PLAIN = b"\x00\x01\x02\x04\x05"  # sigma is absent in the recordings the model is made of
_RANKED = b"\x00\x01\x02\x03\x05\x06"  # of the base: against the night's quantiles
_WILD = b"\x00\x02\x03\x04\x05"  # and whose spread is told
FEATURES = const(11 * 4 + 5 + 6 * 4 + 10 + 10 + 1)


class Features:
    """`take(epoch)` once per epoch, in order, fills `x`; `seen` counts epochs with bands, `blind`
    those since the last one."""

    def __init__(self):
        self.x = bytearray(FEATURES)
        self.seen = 0
        self.blind = 0
        self._i = 0
        self._base = array("h", [0] * (_BASE * _RING))
        self._mean = array("h", [0] * _BASE)
        self._night = [Counts(0 if k < 5 else -128, 200 if k < 5 else 256) for k in _RANKED]

    def take(self, epoch):
        """Take the epoch's bands in; fill `x`."""
        if not epoch.flags & wire.F_WORN or not epoch.eeg[0]:
            self.blind = min(255, self.blind + 1)
            return
        self.blind = 0
        slot = self.seen % _RING * _BASE
        self.seen = min(30000 // _RING * _RING + self.seen % _RING, self.seen + 1)
        base, eeg = self._base, epoch.eeg
        for k in range(5):
            base[slot + k] = eeg[_PLAIN[k]]
        for k in range(6):
            base[slot + 5 + k] = max(-127, min(127, eeg[_OVER[2 * k]] - eeg[_OVER[2 * k + 1]]))
        for k in range(6):
            self._night[k].add(base[slot + _RANKED[k]])
        self._i = 0
        for k in range(_BASE):
            self._put(base[slot + k], k)
        self._windows(slot)
        self._ranks(slot)
        self._spread(slot)
        for back in (1, 2):
            old = (slot + (_RING - min(back, self.seen - 1)) * _BASE) % (_BASE * _RING)
            for k in range(5):
                self._put(base[old + k], 0)
        self.x[self._i] = min(255, epoch.index >> 2)

    def _put(self, value, k):
        """One feature; a band's power as it is, a ratio (k of 5 and up) about 128."""
        if k > 4:
            value += 128
        self.x[self._i] = 0 if value < 0 else 255 if value > 255 else value
        self._i += 1

    def _windows(self, slot):
        base = self._base
        for w in WINDOWS:
            n = min(w, self.seen)
            for k in range(_BASE):
                total = 0
                for age in range(n):
                    total += base[(slot + (_RING - age) * _BASE) % (_BASE * _RING) + k]
                mean = total // n
                self._put(mean, k)
                if w == 10:
                    self._mean[k] = mean
        for k in range(5):
            self._put(base[slot + k] - self._mean[k], 5)

    def _ranks(self, slot):
        base = self._base
        for i in range(6):
            k = _RANKED[i]
            middle = self._night[i].quantile(50)
            self._put(base[slot + k] - self._night[i].quantile(10), 5)
            self._put(base[slot + k] - middle, 5)
            self._put(base[slot + k] - self._night[i].quantile(90), 5)
            self._put(self._mean[k] - middle, 5)

    def _spread(self, slot):
        """Mean distance from the mean over 5 and 15 epochs, eighths."""
        base = self._base
        for w in (5, 15):
            n = min(w, self.seen)
            for k in _WILD:
                total = wide = 0
                for age in range(n):
                    total += base[(slot + (_RING - age) * _BASE) % (_BASE * _RING) + k]
                for age in range(n):
                    at = (slot + (_RING - age) * _BASE) % (_BASE * _RING) + k
                    wide += abs(base[at] * n - total)
                self._put(wide * 8 // (n * n), 0)
