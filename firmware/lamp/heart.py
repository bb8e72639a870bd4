"""PPG samples to beats, and beats to the heart rate, RMSSD and signal quality of an epoch.

A beat is the steepest slope of the pulse (dsp.scan), not its peak: the upstroke is where the
pressure wave arrives, so its time wanders less against the ECG than the rounded top does. The
time is refined below the sample by a parabola through three slopes (Bellenger 2021 and
Peralta 2019: at 20-50 Hz interpolation matters more than the rate). A beat is confirmed when
nothing steeper has followed for 45 % of the typical interval, so it is at most 0.9 s late.

A beat is always reported; its interval is an artefact unless every question in `_doubt` is
answered well, and `why` keeps the first that was not. Which way the pulse points is found by
comparing the steepest slopes either way: the heart empties faster than the vessels do.
Knows no chip, no clock and no log.
"""

from array import array

from . import dsp
from .compat import const
from .wire import (
    ARTEFACT,
    BIN_S,
    BINS,
    F_FAULT,
    F_LOST,
    F_SATURATED,
    F_WORN,
    FIRST,
    M_FAULT,
    M_LED,
    M_LOST,
    NN,
)

BEATS_MAX = const(128)

# why an interval is an artefact
FINE = const(0)
RANGE = const(1)  # shorter than 300 ms or longer than 2000 ms
STEP = const(2)  # too far from its neighbours
SIZE = const(3)  # the pulse is much smaller or larger than usual
NOISE = const(4)  # something else between the beats was nearly as steep
RAILED = const(5)  # the converter was at its rail
UNWORN = const(6)  # no finger
REASONS = const(7)

IBI_MIN_MS = const(300)
IBI_MAX_MS = const(2000)


class Beats:
    """The beats confirmed in an epoch, oldest first; see DESIGN.md, Faces."""

    def __init__(self):
        self.n = 0
        self.t_ms = array("h", [0] * BEATS_MAX)
        self.ibi_ms = array("H", [0] * BEATS_MAX)
        self.flag = bytearray(BEATS_MAX)
        self.why = bytearray(BEATS_MAX)


class Heart:
    """Beats out of raw PPG samples (0..262143) at `rate_hz`, a divisor of 1000 from 25 to 100."""

    def __init__(self, rate_hz):
        self.period_ms = 1000 // rate_hz
        self.width = 160 // self.period_ms
        self.beats = Beats()
        self._s = dsp.state(self.width)
        self._s[dsp.FALLING] = 1  # blood dims a reflecting sensor
        self._origin_ms = 0  # what the sample count must be corrected by
        self._last_ms = 0  # time of the last beat
        self._broken = True  # no interval can end at the next beat
        self._doubted = True  # the last beat's own pulse was bad
        self._typical_ms = 0  # smoothed accepted interval
        self._size = 0  # typical slope of a pulse
        self._due = 0  # sample count at which a beat is overdue
        self._with = 0  # steepest slopes of late, with the pulse and against it
        self._against = 0
        self._vote = 0  # for turning the pulse over
        self._trust_ms = -(1 << 20)  # time of the last good interval
        self._flags = 0
        self._good_ms = 0

    def now_ms(self):
        """Time of the newest sample, ms from the epoch's start, by the sensor's own clock."""
        return self._s[dsp.NOW] * self.period_ms + self._origin_ms

    def worn(self):
        """Whether a finger is on the sensor now: light comes back, and it pulses like a heart."""
        return self.now_ms() - self._trust_ms < 30000 and self._lit()

    def _lit(self):
        s = self._s
        return s[dsp.NEW] + s[dsp.OLD] > self.width << 14

    def feed(self, buf, n, marks, lost):
        """Take `n` samples; `marks` and `lost` as the sensor gives them. Allocates nothing."""
        s = self._s
        if lost or marks & (M_LOST | M_FAULT):
            s[dsp.NOW] += lost
            self._break(F_FAULT if marks & M_FAULT else F_LOST)
        if marks & M_LED:  # somewhere in this burst the light stepped: it tells nothing
            s[dsp.NOW] += n
            self._break(0)
            return
        i = 0
        while i < n:
            i = dsp.scan(buf, i, n, s)
            if s[dsp.EVENT]:
                self._beat()
        if s[dsp.NOW] > self._due:
            self._overdue()

    def _break(self, flag):
        self._flags |= flag
        self._s[dsp.PRIME] = 1
        self._broken = True

    def _overdue(self):
        """No beat for long: look for smaller ones."""
        s = self._s
        self._size -= self._size >> 2
        s[dsp.FLOOR] = (self._size * 3) >> 3
        self._due = s[dsp.NOW] + 1000 // self.period_ms

    def _beat(self):
        s = self._s
        best, left, right = s[dsp.BEST], s[dsp.LEFT] - dsp.BIAS, s[dsp.RIGHT] - dsp.BIAS
        bend = left + right - 2 * best
        shift = (left - right) * self.period_ms // (2 * bend) if bend else 0
        t = (
            self.now_ms()
            + shift
            - (s[dsp.AGE] + self.width) * self.period_ms
            + (self.period_ms >> 1)
        )
        ibi = t - self._last_ms
        why = self._doubt(best)
        b = self.beats
        if b.n < BEATS_MAX and -32768 <= t < 32768:
            i = b.n
            b.t_ms[i] = t
            if self._broken or ibi >= 65536:
                b.flag[i], b.ibi_ms[i], b.why[i] = FIRST, 0, FINE
            else:
                doubted = why or self._doubted
                reason = why
                if not reason:
                    reason = self._doubted
                if not reason:
                    reason = self._rhythm(ibi)
                b.ibi_ms[i] = ibi
                b.why[i] = reason
                b.flag[i] = ARTEFACT if reason else NN
                if not reason:
                    self._good_ms += ibi
                    self._trust_ms = t
                if not doubted and IBI_MIN_MS <= ibi <= IBI_MAX_MS:
                    if not self._typical_ms:
                        self._typical_ms = ibi
                    self._typical_ms += (ibi - self._typical_ms) >> 2
                    hold = self._typical_ms * 29 // (64 * self.period_ms)
                    s[dsp.HOLD] = max(240 // self.period_ms, min(600 // self.period_ms, hold))
            b.n = i + 1
            self._broken = False
        else:
            self._broken = True
        self._last_ms = t
        self._doubted = why
        self._learn(best)

    def _doubt(self, best):
        """Why this beat's own pulse is no good, or FINE."""
        s = self._s
        if s[dsp.RAILED]:
            self._flags |= F_SATURATED
            s[dsp.RAILED] = 0
            return RAILED
        if self._size and (best > 2 * self._size or 2 * best < self._size):
            return SIZE
        if s[dsp.BEFORE] * 4 > best * 3:
            return NOISE
        return FINE

    def _rhythm(self, ibi):
        if ibi < IBI_MIN_MS or ibi > IBI_MAX_MS:
            return RANGE
        if self._typical_ms and abs(ibi - self._typical_ms) * 5 > self._typical_ms * 2:
            return STEP
        return FINE

    def _learn(self, best):
        """Follow the pulse's size and sense; make ready for the next beat."""
        s = self._s
        size = self._size or best
        self._size = size + ((max(size >> 1, min(size << 1, best)) - size) >> 3)
        s[dsp.FLOOR] = max((self._size * 3) >> 3, s[dsp.LEVEL] >> 13)
        self._with = max(best, self._with - (self._with >> 3))
        self._against = max(s[dsp.COUNTER], self._against - (self._against >> 3))
        self._vote = max(0, self._vote + (1 if self._against * 4 > self._with * 5 else -1))
        if self._vote > 4:
            self._with = self._against = self._vote = self._size = 0
            s[dsp.FALLING] ^= 1
            self._break(0)
        s[dsp.BEST] = 0
        s[dsp.BEFORE] = s[dsp.AFTER]
        s[dsp.AFTER] = 0
        s[dsp.COUNTER] = 0
        self._due = s[dsp.NOW] + 2000 // self.period_ms

    def close(self, epoch, epoch_ms):
        """Fill the measures of `epoch`, `epoch_ms` long, from what was fed since its start."""
        epoch.quality = min(100, self._good_ms * 100 // epoch_ms)
        epoch.flags |= self._flags
        if self.worn():
            epoch.flags |= F_WORN
        if self._s[dsp.RAILED]:
            epoch.flags |= F_SATURATED
        summarise(self.beats, epoch)

    def next_epoch(self, epoch_ms):
        """Drop the beats and put the origin `epoch_ms` later."""
        s = self._s
        self.beats.n = 0
        self._flags = 0
        self._good_ms = 0
        self._origin_ms += s[dsp.NOW] * self.period_ms - epoch_ms
        self._due -= s[dsp.NOW]
        s[dsp.NOW] = 0
        self._last_ms -= epoch_ms
        self._trust_ms = max(self._trust_ms - epoch_ms, -(1 << 20))


def summarise(beats, epoch):
    """Fill `hr_x10`, `hr_bpm_x10`, `rmssd_ms` and `beats` of `epoch` from its beats alone.

    Heart rate of a bin is the beats in it, counted in fractions, over the time that accepted
    intervals cover; an epoch's is the mean over its accepted intervals. Allocates nothing.
    """
    epoch.beats = beats.n
    for k in range(BINS):
        epoch.hr_x10[k] = _bin_rate(beats, k * BIN_S * 1000, (k + 1) * BIN_S * 1000)
    count = total = pairs = squares = 0
    for i in range(beats.n):
        if beats.flag[i] != NN:
            continue
        count += 1
        total += beats.ibi_ms[i]
        if i and beats.flag[i - 1] == NN:
            pairs += 1
            step = beats.ibi_ms[i] - beats.ibi_ms[i - 1]
            squares += step * step
    epoch.hr_bpm_x10 = 600000 * count // total if total else 0
    epoch.rmssd_ms = min(255, dsp.isqrt(squares // pairs)) if pairs else 0


def _bin_rate(beats, start, end):
    """Mean heart rate, bpm x10, of the accepted intervals that overlap [start, end) ms."""
    covered = turns = 0  # ms; beats x2**20
    for i in range(beats.n):
        if beats.flag[i] != NN:
            continue
        t = beats.t_ms[i]
        overlap = min(t, end) - max(t - beats.ibi_ms[i], start)
        if overlap > 0:
            covered += overlap
            turns += (overlap << 16) // beats.ibi_ms[i]
    return (turns * 75 // covered) * 125 >> 10 if covered else 0
