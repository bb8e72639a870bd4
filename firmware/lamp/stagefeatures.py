"""Features of an epoch: its heart rate against the last 20 minutes and against the night so far.

Local heart-rate variability tells REM and wake from N2 and N3; RMSSD and LF/HF hardly do
(DREAMT, Cohen's d), so everything here is made of six 5 s rates an epoch and, in a kit that
measures it, motion. The night's own quantiles are kept as counts that never forget. Causal,
integers only, nothing allocated per epoch. Knows no beats, no stage and no model.

The model was trained on a watch's smoothed heart rate. `smooth` brings beat-derived rates to
that form: y += (x - y) / 4 per 5 s bin, whose mean |HR(t + lag) - HR(t)| over lags of 5 s to
2 min comes nearest to the watch's of the causal smoothers tried (docs/attempts.md).
"""

from array import array

from . import wire
from .compat import const
from .counts import Counts

WINDOWS = (2, 5, 10, 20, 40)  # epochs
RING = const(40)  # epochs remembered one by one
_BRIDGE = const(3)  # bins over which a difference is still one step
_SURGE = const(80)  # bpm x10 above the mean of 5 min; 10 bpm is a surge in the recordings' README
HEART = const(64)  # features of the heart alone; those of motion follow
FEATURES = const(71)


def log16(x):
    """16 log2(x + 1), piecewise linear, for 0 <= x < 2**29."""
    x += 1
    n = 0
    while x >> n > 1:
        n += 1
    return (n << 4) + ((x >> n - 4 if n > 4 else x << 4 - n) & 15)


class Features:
    """`take(epoch)` once per epoch, in order, fills `x`; `seen` counts epochs with a rate,
    `blind` those since the last one, `same` the bins (of one epoch 6) of one and the same rate.
    """

    def __init__(self, smooth):
        self.smooth = smooth
        self.x = bytearray(FEATURES)
        self.seen = 0
        self.blind = 0
        self.same = 0
        self._i = 0  # of the feature put next
        self._n = 0  # epochs taken
        self._rate = array("h", [0] * RING)  # mean rate, bpm x10; 0 absent
        self._vary = array("h", [0] * RING)  # mean |difference| of neighbouring bins, bpm x160
        self._vary_log = bytearray(RING)
        self._move_log = bytearray(RING)
        self._rates = Counts(35, 120)  # the night's rates, bpm
        self._varies = Counts(0, 100)  # and log16 of variation, halved
        self._mean = array("h", [0] * len(WINDOWS))  # rate of each window
        self._calm = array("h", [0] * len(WINDOWS))  # log16 of variation of each window
        self._y = 0  # smoothed rate, bpm x160
        self._last = 0  # last bin's rate, bpm x10
        self._age = _BRIDGE  # bins since
        self._surge = 255  # epochs since a surge
        self._quiet = 255  # since the variation was in its lowest quarter
        self._moved = 255  # since a movement
        self._first = 0  # mean rate of the first ten minutes
        self._top = 0  # extremes of the epoch's bins
        self._low = 0

    def take(self, epoch):
        """Take the epoch's heart rate and motion in; fill `x` once there was a rate."""
        slot = self._n % RING
        self._n += 1
        self._rate[slot] = self._vary[slot] = self._vary_log[slot] = self._move_log[slot] = 0
        if epoch.motion >= 0:
            self._move_log[slot] = log16(epoch.motion)
            self._moved = 0 if epoch.motion > 15 else min(255, self._moved + 1)
        if epoch.flags & wire.F_WORN and self._bins(epoch.hr_x10, slot):
            self.blind = 0
            self._remember(self._rate[slot], self._vary_log[slot])
        else:
            self.blind = min(255, self.blind + 1)
        if self.seen:
            self._i = 0
            self._windows(slot)
            self._shapes(slot)
            self._night(slot, epoch.index)
            self._motion(slot)

    def _bins(self, hr_x10, slot):
        """Mean, variation and extremes of the epoch's bins; False if there is no rate."""
        n = total = steps = change = 0
        self._top = 0
        self._low = 2400
        for i in range(wire.BINS):
            self._age = min(255, self._age + 1)
            if not 250 <= hr_x10[i] <= 2400:
                continue
            last = self._last
            y = self._smoothed(hr_x10[i])
            if self._age <= _BRIDGE:
                steps += self._age
                change += min(300, abs(y - last))
            self.same = min(255, self.same + self._age) if y == last else 0
            self._age = 0
            n += 1
            total += y
            self._top = max(self._top, y)
            self._low = min(self._low, y)
        if n:
            self._rate[slot] = total // n
            self._vary[slot] = (change << 4) // max(1, steps)
            self._vary_log[slot] = log16(self._vary[slot])
        return n > 0

    def _smoothed(self, hr_x10):
        """The bin's rate in the form of a watch's, bpm x10; starts afresh after a gap."""
        x = hr_x10 << 4
        self._y = self._y + ((x - self._y) >> self.smooth) if self._age <= _BRIDGE else x
        self._last = (self._y + 8) >> 4
        return self._last

    def _remember(self, rate, vary):
        self.seen = min(30000, self.seen + 1)
        if self.seen <= 20:
            self._first += (rate - self._first) // self.seen
        self._rates.add(rate // 10)
        self._varies.add(vary >> 1)

    def _put(self, value):
        self.x[self._i] = 0 if value < 0 else 255 if value > 255 else value
        self._i += 1

    def _windows(self, slot):
        """Of each window: level, variation and spread. One walk back through the ring."""
        here = self._rate[slot] or self._last
        typical = self._rates.quantile(50) * 10 + 5
        middle = self._varies.quantile(50) * 2
        low = self._varies.quantile(20) * 2
        n = s1 = s2 = vary = age = 0
        for w in range(len(WINDOWS)):
            while age < WINDOWS[w] and age < self._n:
                k = (slot - age) % RING
                age += 1
                if self._rate[k]:
                    d = max(-400, min(400, self._rate[k] - here))
                    n += 1
                    s1 += d
                    s2 += d * d  # at most 40 * 400**2
                    vary += self._vary[k]
            m = n or 1
            mean = self._mean[w] = here + s1 // m
            calm = self._calm[w] = log16(vary // m)
            self._put(128 + (mean - typical) // 2)
            self._put(128 + (here - mean) // 2)
            self._put(128 + calm - middle)
            self._put(128 + calm - low)
            self._put(log16(max(0, (s2 - s1 * s1 // m) // m)) - 16)

    def _shapes(self, slot):
        """Of the longer windows: calmest, wildest and typical variation, and how often it was
        above the night's middle and top fifth."""
        middle = self._varies.quantile(50) * 2
        high = self._varies.quantile(80) * 2
        calmest, wildest = 255, 0
        n = total = above = top = age = 0
        for w in range(1, len(WINDOWS)):
            while age < WINDOWS[w] and age < self._n:
                k = (slot - age) % RING
                age += 1
                if self._rate[k]:
                    n += 1
                    total += self._vary_log[k]
                    calmest = min(calmest, self._vary_log[k])
                    wildest = max(wildest, self._vary_log[k])
                    above += self._vary_log[k] > middle + 1
                    top += self._vary_log[k] > high + 1
            self._put(128 + min(calmest, wildest) - middle)
            self._put(128 + wildest - middle)
            self._put(128 + total // (n or 1) - middle)
            self._put(above * 200 // (n or 1))
            self._put(top * 200 // (n or 1))

    def _night(self, slot, index):
        """The epoch and its windows against the night so far."""
        mean, calm, rates = self._mean, self._calm, self._rates
        here = self._rate[slot] or self._last
        low = rates.quantile(10)
        middle = rates.quantile(50)
        quiet = self._varies.rank(calm[1] >> 1)
        self._surge = 0 if self._top - mean[2] >= _SURGE else min(255, self._surge + 1)
        self._quiet = 0 if quiet < 64 else min(255, self._quiet + 1)
        self._put(index >> 2)
        self._put(here // 5)
        self._put((self._top - self._low) // 2)
        self._put(128 + (self._top - mean[1]) // 2)
        self._put(rates.rank(here // 10))
        self._put(rates.rank(mean[1] // 10))
        self._put(quiet)
        self._put(self._varies.rank(self._vary_log[slot] >> 1))
        self._put(128 + self._vary_log[slot] - 2 * self._varies.quantile(50))
        self._put(32 + (mean[1] - 10 * low) // 2)
        self._put((rates.quantile(90) - low) * 5)
        self._put(128 + (10 * middle - self._first) // 2)
        self._put(128 + calm[1] - calm[3])
        self._put(128 + (mean[0] - mean[2]) // 2)
        self._put(128 + (mean[1] - mean[3]) // 2)
        self._put(128 + (mean[2] - mean[4]) // 2)
        self._put(2 * (self._varies.quantile(80) - self._varies.quantile(20)))
        self._put(self._surge)
        self._put(self._quiet)

    def _motion(self, slot):
        """Movement now, over each window, and since when there was none."""
        total = age = 0
        self._put(self._move_log[slot])
        for w in range(len(WINDOWS)):
            while age < WINDOWS[w] and age < self._n:
                total += self._move_log[(slot - age) % RING]
                age += 1
            self._put(total // age)
        self._put(self._moved)
