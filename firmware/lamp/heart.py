"""PPG samples to beats, and beats to the heart rate, RMSSD and signal quality of an epoch.

A beat is the steepest slope of the pulse (dsp.scan), not its rounded top: the upstroke is where
the pressure wave arrives, and its time wanders least against the ECG. Tried on `bidmc` at 50 Hz,
root mean square of interval differences: slope over 2 x 160 ms 15.6 ms, over 2 x 60 ms 16.8,
half height 15.8, foot by intersecting tangents 17.7, top with parabola 21.0. The time is refined
below the sample by a parabola, which is worth more than a higher rate (arXiv 2202.13651). A beat
is confirmed when nothing steeper has followed for 45 % of the typical interval, at most 600 ms;
with the filter's 160 ms it is told at most 0.8 s late.

A beat is always reported; its interval is an artefact unless both its beats' pulses and its
length are plausible, and `Beats.why` keeps the first question that was answered with no.
Which way the pulse points is found by comparing the steepest slopes either way: vessels fill
faster than they drain. Knows no chip, no clock and no log.
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
_FINE = const(0)
RANGE = const(1)  # not 300..2000 ms
STEP = const(2)  # 40 % off the typical interval
SIZE = const(3)  # a pulse under 2/5 or over 5/2 of the usual
NOISE = const(4)  # something else between the beats was nearly as steep
RAILED = const(5)  # the converter was at its rail

IBI_MIN_MS = const(300)  # 200 and 30 bpm
IBI_MAX_MS = const(2000)
_HOLD_MIN_MS = const(240)  # under the shortest interval
_HOLD_MAX_MS = const(600)  # bounds the latency
_TURN_VOTES = const(12)  # beats, on balance, that must speak for turning the pulse over
_SETTLED_VOTES = const(60)  # what beats that speak against it can save up
_TRUST_BEATS = const(6)  # good intervals in a row that noise does not make
_TRUST_MS = const(30000)  # how long they prove that a finger is there
_DRIFT_MS = const(2000)  # how far sensor time may run off before a new origin is taken
_LONG_AGO_MS = const(1 << 20)


class Beats:
    """The beats confirmed in an epoch, oldest first; see DESIGN.md, Faces."""

    def __init__(self):
        self.n = 0
        self.t_ms = array("h", [0] * BEATS_MAX)
        self.ibi_ms = array("H", [0] * BEATS_MAX)
        self.flag = bytearray(BEATS_MAX)
        self.why = bytearray(BEATS_MAX)  # stays on the lamp

    def add(self, t_ms, ibi_ms, flag, why):
        """Append a beat; False if there is no room for it or its time has no name here."""
        i = self.n
        if i == BEATS_MAX or not -32768 <= t_ms < 32768:
            return False
        self.t_ms[i] = t_ms
        self.ibi_ms[i] = ibi_ms
        self.flag[i] = flag
        self.why[i] = why
        self.n = i + 1
        return True


class Heart:
    """Beats out of raw PPG samples (0..262143) at `rate_hz`: 25, 50 or 100."""

    def __init__(self, rate_hz):
        self.period_ms = 1000 // rate_hz
        self.beats = Beats()
        self._s = dsp.state(160 // self.period_ms)
        self._s[dsp.FALLING] = 1  # blood dims a reflecting sensor; `_sense` may think otherwise
        self._origin_ms = 0  # what the sample count must be corrected by
        self._last_ms = 0  # time of the last beat
        self._sure_ms = 0  # time of the last beat whose pulse was not in doubt
        self._last_why = _FINE  # doubt about its pulse
        self._broken = True  # no interval can end at the next beat
        self._typical_ms = 0  # smoothed interval
        self._size = 0  # smoothed slope of a pulse
        self._due = 0  # sample count at which a beat is overdue
        self._with = 0  # steepest slopes of late, with the pulse and against it
        self._against = 0
        self._votes = 0  # for turning the pulse over
        self._run = 0  # good intervals in a row
        self._trust_ms = -_LONG_AGO_MS  # when there were last enough of them
        self._good_ms = 0  # good intervals of this epoch
        self._flags = 0

    def now_ms(self):
        """Time of the newest sample, ms from the epoch's start, by the sensor's own clock."""
        return self._s[dsp.NOW] * self.period_ms + self._origin_ms

    def worn(self):
        """Whether a finger is on the sensor: light comes back, and it pulsed like a heart in
        the last 30 s. Open air sends nothing back, a table's light has no pulse."""
        return self._lit() and self.now_ms() - self._trust_ms < _TRUST_MS

    def _lit(self):
        s = self._s  # 1/32 of full scale; a driver that aims at half scale is far above
        return s[dsp.NEW] + s[dsp.OLD] > s[dsp.WIDTH] << 14

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
        while i < n:  # what is found must not depend on how the samples come in bursts
            i = dsp.scan(buf, i, min(n, i + max(1, self._due + 1 - s[dsp.NOW])), s)
            if s[dsp.EVENT]:
                self._beat()
            if s[dsp.NOW] > self._due:
                self._overdue()

    def _break(self, flag):
        """What came before tells nothing about what comes now."""
        self._flags |= flag
        self._s[dsp.PRIME] = 1
        self._broken = True

    def _overdue(self):
        """No beat for long: a loosening finger. Look for smaller pulses."""
        s = self._s
        if self._size:
            self._size = max(self._size - (self._size >> 2), self._noise())
        self._floor()
        self._due = s[dsp.NOW] + 1000 // self.period_ms

    def _noise(self):
        """The least slope that is taken for a pulse: it rises by 1/4096 of the level; below that
        (some 30 counts at half scale) lies the converter's noise."""
        return (self._s[dsp.NEW] + self._s[dsp.OLD]) >> 13

    def _floor(self):
        """A pulse has an eighth of the usual slope, and is no noise."""
        self._s[dsp.FLOOR] = max(self._size >> 3, self._noise())

    def _beat(self):
        """A beat is confirmed: time it, judge its interval, learn from it."""
        s = self._s
        t = self._time()
        ibi = t - self._last_ms
        pulse = self._pulse(s[dsp.BEST])
        why = pulse or self._last_why or self._rhythm(ibi)
        if self._broken or ibi > 65535:
            self._broken = not self.beats.add(t, 0, FIRST, _FINE)
            self._run = 0
        else:
            self._broken = not self.beats.add(t, ibi, ARTEFACT if why else NN, why)
            self._account(t, ibi, why)
            self._follow(t, pulse)
        self._last_ms = t
        self._last_why = pulse
        if not pulse:
            self._sure_ms = t
        self._learn(s[dsp.BEST])
        self._sense(s[dsp.BEST], pulse)
        self._rearm()

    def _time(self):
        """When the candidate's slope was steepest: the middle of the filter, and the top of the
        parabola through the three slopes around it."""
        s, period = self._s, self.period_ms
        left, right = s[dsp.LEFT] - dsp.BIAS, s[dsp.RIGHT] - dsp.BIAS
        bend = 2 * s[dsp.BEST] - left - right
        top = (right - left) * period // (2 * bend) if bend else 0
        return self.now_ms() + top - (s[dsp.AGE] + s[dsp.WIDTH]) * period + (period >> 1)

    def _pulse(self, best):
        """Why this beat's own pulse is in doubt, or _FINE."""
        s = self._s
        if s[dsp.RAILED]:
            self._flags |= F_SATURATED
            s[dsp.RAILED] = 0
            return RAILED
        if self._size and (2 * best > 5 * self._size or 5 * best < 2 * self._size):
            return SIZE
        if s[dsp.BEFORE] * 4 > best * 3:
            return NOISE
        return _FINE

    def _rhythm(self, ibi):
        """Why an interval is in doubt for its length, or _FINE."""
        if not IBI_MIN_MS <= ibi <= IBI_MAX_MS:
            return RANGE
        if self._typical_ms and abs(ibi - self._typical_ms) * 5 > self._typical_ms * 2:
            return STEP
        return _FINE

    def _account(self, t, ibi, why):
        """Keep account of good intervals."""
        if why:
            self._run = 0
        else:
            self._good_ms += ibi
            self._run += 1
            if self._run >= _TRUST_BEATS:
                self._trust_ms = t

    def _follow(self, t, pulse):
        """Follow the typical interval, from one sure beat to the next over any doubtful ones:
        so a dicrotic wave that was taken for a beat cannot halve it for long."""
        gap, typical = t - self._sure_ms, self._typical_ms
        if pulse or not IBI_MIN_MS <= gap <= IBI_MAX_MS:
            return
        if not typical:
            self._typical_ms = gap
            return
        self._typical_ms += max(-typical >> 1, min(typical, gap - typical)) >> 2

    def _learn(self, best):
        """Follow the usual slope by an eighth, rounded up, of a doubling or halving at most.

        Rounded down, a size of a few counts, as open air leaves it, could never grow back.
        """
        size = self._size or best
        self._size = size + ((max(size >> 1, min(size << 1, best)) - size + 7) >> 3)
        self._floor()

    def _sense(self, best, pulse):
        """Vote on which way pulses point.

        Vessels fill 1.2 to 2 times as fast as they drain (all fingers of `bidmc` but one). A
        jump of the light, however high, counts for a few beats; and it is the board that
        decides, so what a minute has settled is not soon undone.
        """
        self._with = max(best, self._with - (self._with >> 2))
        counter = min(self._s[dsp.COUNTER], 2 * self._with)
        self._against = max(counter, self._against - (self._against >> 2))
        if pulse == RAILED:
            return
        wrong = self._against * 8 > self._with * 9
        self._votes = max(-_SETTLED_VOTES, self._votes + (1 if wrong else -1))
        if self._votes > _TURN_VOTES:
            self._with = self._against = self._votes = self._size = 0
            self._s[dsp.FALLING] ^= 1
            self._break(0)

    def _rearm(self):
        """Make the scanner ready for the next beat."""
        s, period = self._s, self.period_ms
        s[dsp.BEST] = 0
        s[dsp.BEFORE] = s[dsp.AFTER]
        s[dsp.AFTER] = 0
        s[dsp.COUNTER] = 0
        hold = self._typical_ms * 29 >> 6
        s[dsp.HOLD] = max(_HOLD_MIN_MS, min(_HOLD_MAX_MS, hold)) // period
        s[dsp.EARLY] = max(0, (self._typical_ms * 3 >> 2) // period - s[dsp.AGE])
        self._due = s[dsp.NOW] + 2000 // period

    def close(self, epoch, epoch_ms):
        """Fill the measures of `epoch`, `epoch_ms` long, from what was fed since its start.

        Quality is the share of it, in percent, that good intervals cover.
        """
        epoch.quality = min(100, self._good_ms * 100 // epoch_ms)
        epoch.flags |= self._flags
        if self._s[dsp.RAILED]:
            epoch.flags |= F_SATURATED
        if self.worn():
            epoch.flags |= F_WORN
        summarise(self.beats, epoch)

    def next_epoch(self, epoch_ms):
        """Drop the beats and put the origin `epoch_ms` later.

        `epoch_ms` is best told in the sensor's own time (see `now_ms`); where it is the wall's,
        the chain is broken and the origin set anew each time they are 2 s apart.
        """
        s = self._s
        now = self.now_ms() - epoch_ms
        self._last_ms -= epoch_ms
        self._sure_ms -= epoch_ms
        self._trust_ms = max(self._trust_ms - epoch_ms, -_LONG_AGO_MS)
        self._due = max(0, self._due - s[dsp.NOW])
        if abs(now) > _DRIFT_MS:
            self._broken = True
            now = 0
        self._origin_ms = now
        s[dsp.NOW] = 0
        self.beats.n = 0
        self._good_ms = 0
        self._flags = 0


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
    covered = turns = 0  # ms; beats x 2**16, and 600000 / 2**16 = 75 * 125 / 2**10
    for i in range(beats.n):
        if beats.flag[i] != NN:
            continue
        t = beats.t_ms[i]
        overlap = min(t, end) - max(t - beats.ibi_ms[i], start)
        if overlap > 0:
            covered += overlap
            turns += (overlap << 16) // beats.ibi_ms[i]
    return (turns * 75 // covered * 125 + 512) >> 10 if covered else 0
