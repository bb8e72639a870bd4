"""Heart rate so far -> loop score, its parts, and an event when the score crosses 100.

A *cycle* is a trajectory that returns to the same surge, coming down in between, at gaps that
resemble each other; a *hold* is one that is held far above the sleeper's baseline and does not
recover (equations: DESIGN.md, "What a loop is"). Integers only, nothing allocated per epoch,
bit-identical on every build. Knows no beats, no light and no consent, and no clock but the
epoch's index.

Cycle: per 10 s bin the recurrence D(g) of the smoothed rate over every gap g, its lower end less
the highest point between (topographic prominence), and per class of gaps a leaky chain
S(t) = max over g of 29/32 S(t - g) + D(g): Viterbi's recursion for a jittered comb. Measured
against the sleeper's own usual S (a constant-false-alarm-rate floor). Hold: Page's one-sided
CUSUM over a baseline that follows slowly and stands still while held.
"""

from array import array

from . import wire
from .compat import const, micropython, ptr8, ptr16

_RING = const(40)  # 10 s bins: the longest gap of the last class fits
# shortest and longest gap of each class, bins: centres 95..300 s, a ratio of 1.26 apart, each
# reaching 20 % below and 25 % above, so that the jittered gaps of one loop share a class
CLASSES = b"\x08\x0c\x0a\x0f\x0c\x13\x0f\x18\x13\x1e\x18\x26"
_COUNT = const(6)
_BRIDGE = const(6)  # bins without a rate that the last one stands for
# A step of 24 bpm within 10 s is an awakening, an ectopic run or a sensor that locked on to a
# harmonic, not a loop: surges injected here rise 18. One such night held half of Walch's alarms.
_JOLT = const(240)
_JOLT_EPOCHS = const(25)
# A rate that jumps by 4 bpm from one 5 s bin to the next for minutes is atrial fibrillation, or
# no heart at all.
_ROUGH = const(40)
_FLOOR_EPOCHS = const(250)  # memory of the usual score: two hours
_FLOOR_CAP = const(150)  # what one epoch may teach it, bpm x10
_FLOOR_PRIOR = const(8)  # the usual score of 73 untouched nights, bpm x10
_FLOOR_LEAST = const(3)
# Thresholds, tenths of a multiple of the floor, in sleep that looks least and most like REM;
# between them by the slow posterior. Chosen, like HOLD_LIMIT, by tests/bench/loops.py on the
# records that tests/bench/loops_chosen_on.txt lists.
CYCLE_N = const(136)
CYCLE_R = const(179)
HOLD_LIMIT = const(1070)  # bpm x10 x epochs of excess
_SLACK = const(40)  # excess that is nothing yet, bpm x10, besides twice the usual spread
_SPREAD_PRIOR = const(30)  # usual distance from the level, bpm x10
_EXCESS_CAP = const(150)
_LEVEL_STEP = const(32)  # the level follows 0.2 bpm an epoch, up half of it while held
_VALLEY = const(102)  # posterior of wake, 255 = 1, below which an epoch looks asleep,
_DOZES = const(4)  # as so many of the last 16 have to for the gate to be open,
_SLEEPS = const(12)  # and so many, and this one hardly awake, for anything usual to be learned
_AWAKE = const(128)
_REM_EPOCHS = const(12)  # memory of the slow posterior: 6 min
_QUALITY = const(50)  # percent
_WARM_UP = const(40)  # epochs of a night before the gate may open
_REFRACTORY = const(60)  # epochs below the threshold that end a loop
_SHIFT_LEAST = const(-20)  # percent the morning's answers may move the threshold
_SHIFT_MOST = const(50)
HOURS = const(4)  # two-hour parts of a night
_CELLS = const(12)  # (light, deep, REM) x HOURS
HEAD = const(6)  # bytes before the cells: version, nights, level u16, floor, spread
_MIDDLE = const(600)  # bpm x10 that cells' means are kept against, so that they fit
_RATE = const(8)  # nights over which a baseline forgets
_ENOUGH = const(20)  # epochs of a cell that make it worth learning


@micropython.viper
def recur(y: ptr16, chain: ptr16, work: ptr8, slot: int) -> int:
    """Take the newest smoothed rate y[slot] into the chains; return best << 6 | its gap.

    `y` _RING rates, bpm x10, 0 absent; `chain` _COUNT x _RING; `work` _RING bytes of scratch, then
    CLASSES. Everything is below 2**16.
    """
    now = y[slot]
    for g in range(8, 39):
        i = slot - g
        if i < 0:
            i += 40
        old = y[i]
        d = now if old > now else old
        apart = old - now if old > now else now - old
        d -= 3 * apart >> 2  # one loop returns to one height
        k = (3 * g + 5) * 205 >> 11  # the middle: 0.3 g .. 0.7 g before now
        last = (7 * g + 5) * 205 >> 11
        i = slot - k
        if i < 0:
            i += 40
        top = 0
        while k <= last:
            if y[i] > top:
                top = y[i]
                if top >= d:
                    k = last
            i -= 1
            if i < 0:
                i += 40
            k += 1
        d -= top
        work[g] = 0 if d <= 0 or old == 0 else 60 if d > 60 else d
    best = 0
    gap = 0
    for c in range(6):
        row = c * 40
        most = 0
        g = int(work[40 + c + c])
        end = int(work[41 + c + c])
        while g <= end:
            if work[g]:
                i = slot - g
                if i < 0:
                    i += 40
                s = (chain[row + i] * 29 >> 5) + work[g]
                if s > most:
                    most = s
                    if s > best:
                        best = s
                        gap = g
            g += 1
        chain[row + slot] = most
    return best << 6 | gap


def clamp(x, least, most):
    """`x` within its bounds."""
    return least if x < least else most if x > most else x


class Loops:
    """One night's watch. `feed(epoch)` once per epoch, in order.

    Another series than the heart's has `_bins`, `_level_of`, `limits` and `layout` of its own.
    """

    limits = (CYCLE_N, CYCLE_R, HOLD_LIMIT)
    layout = 1  # of the baseline: no kit begins with another's

    def __init__(self, baseline=None, shift=0):
        self.nights = 0  # nights the baseline is made of
        self.threshold = 100 + clamp(shift, _SHIFT_LEAST, _SHIFT_MOST)  # percent of the committed
        self._y = array("H", [0] * _RING)
        self._chain = array("H", [0] * (_COUNT * _RING))
        self._work = bytearray(_RING) + CLASSES
        self._slot = self._one = self._two = 0  # ring's head; the two bins before
        self._missing = _BRIDGE
        self._peak = self._gap = 0  # best chain of the epoch and its gap, bins
        self._slept = 0  # bit by bit, which of the last 16 epochs looked asleep
        self.rem = 0  # slow posterior, 65280 = 1
        self._quiet = 0  # epochs of refractory left
        self._held = 0  # CUSUM, bpm x10 x epochs
        self._level = 0  # baseline less the cell's offset, bpm x160; 0 unknown
        self._jolt = 0  # epochs of it left
        self._rough = 0  # usual step between neighbouring bins, bpm x2560
        self._floor = _FLOOR_PRIOR << 12
        self._spread = _SPREAD_PRIOR << 12
        self._offset = bytearray([128] * _CELLS)  # of each cell from the level, 0.25 bpm, +128
        self._sum = array("h", [0] * _CELLS)  # this night's mean rate in it, bpm x80
        self._count = bytearray(_CELLS)  # above _MIDDLE, and epochs, 255 = 255 or more
        if baseline and len(baseline) >= HEAD + _CELLS and baseline[0] == self.layout:
            self.nights = baseline[1]
            self._level = (baseline[2] | baseline[3] << 8) << 4
            self._floor, self._spread = baseline[4] << 12, baseline[5] << 12
            for i in range(_CELLS):
                self._offset[i] = baseline[HEAD + i]

    def feed(self, epoch):
        """Judge `epoch`; return 0, wire.CYCLE or wire.HOLD (once per loop)."""
        seen = self._bins(epoch)
        good, calm, valleys = self._good(epoch, seen), self._gate(epoch), self._valleys(epoch)
        is_open = good and calm and valleys >= _DOZES
        asleep = good and valleys >= _SLEEPS and epoch.p_w < _AWAKE
        rate = self._level_of(epoch)
        cell = self._cell(epoch)
        base = self._base(cell)
        if asleep and calm and rate:
            base = self._follow(rate, cell, base)
        epoch.base_bpm = clamp((base + 5) // 10, 0, 255)
        epoch.cycle, epoch.hold = self._cycle(), self._hold()
        epoch.lag_s = self._gap * 10
        epoch.score = max(epoch.cycle, epoch.hold) if is_open else 0
        if is_open:
            epoch.flags |= wire.F_GATE
        if asleep:
            self._floor += ((min(self._peak, _FLOOR_CAP) << 12) - self._floor) // _FLOOR_EPOCHS
        return self._decide(epoch)

    # --- cycle --------------------------------------------------------------------------------

    def _bins(self, epoch):
        """Take three 10 s bins in; True if the epoch held any rate."""
        seen = False
        worn = epoch.flags & wire.F_WORN
        self._peak = self._gap = 0
        for i in range(0, wire.BINS, 2):
            a, b = epoch.hr_x10[i], epoch.hr_x10[i + 1]
            if a and b:
                self._rough += ((abs(b - a) << 8) - self._rough) >> 6
            rate = ((a + b) >> 1 if a and b else a or b) if worn else 0
            seen = seen or rate > 0
            self._bin(rate)
        return seen

    def _level_of(self, epoch):
        """The epoch's rate, bpm x10; 0 absent."""
        return epoch.hr_bpm_x10

    def _bin(self, rate):
        """One 10 s bin of `rate`, bpm x10; 0 absent: the last one stands for it for a minute."""
        if rate:
            if self._missing <= _BRIDGE and self._one and abs(rate - self._one) > _JOLT:
                self._jolt = _JOLT_EPOCHS
            self._missing = 0
        elif self._missing < _BRIDGE:
            self._missing += 1
            rate = self._one
        if not self._two:
            self._two = self._one
        mean = (self._two + self._one + rate) // 3 if rate and self._two else rate
        self._two, self._one = self._one, rate
        self._slot = (self._slot + 1) % _RING
        self._y[self._slot] = mean
        found = recur(self._y, self._chain, self._work, self._slot)
        if found >> 6 > self._peak:
            self._peak, self._gap = found >> 6, found & 63

    def _cycle(self):
        """The best chain against the usual one, 100 = the threshold."""
        least, most, _ = self.limits
        limit = (least + ((most - least) * (self.rem >> 8) >> 8)) * self.threshold // 100
        usual_q4 = (_FLOOR_LEAST << 4) + (self._floor >> 8)
        return min(255, self._peak * 16000 // (limit * usual_q4))

    # --- hold ---------------------------------------------------------------------------------

    def _cell(self, epoch):
        """Index of the part of the night and the kind of sleep it looks like."""
        kind = 2 if self.rem >= 32768 else 1 if epoch.p_n3 >= 128 else 0
        return kind * HOURS + min(HOURS - 1, epoch.index // 240)

    def _base(self, cell):
        """Rate to expect, bpm x10."""
        return (self._level >> 4) + ((self._offset[cell] - 128) * 5 >> 1) if self._level else 0

    def _follow(self, rate, cell, base):
        """CUSUM of the excess, then let the level follow: slowly, and hardly while held."""
        if not self._level:
            self._level = rate << 4
            base = self._base(cell)
        excess = clamp(rate - base, -_EXCESS_CAP, _EXCESS_CAP)
        slack = _SLACK + (self._spread >> 11)
        if excess < 0:
            slack -= excess  # recovering counts twice
        self._held = clamp(self._held + excess - slack, 0, self.limits[2] * 2)
        step = _LEVEL_STEP
        if self._held:
            step >>= 1
        else:
            self._spread += ((abs(excess) << 12) - self._spread) // _FLOOR_EPOCHS
        self._level += step if excess > 0 else -_LEVEL_STEP if excess < 0 else 0
        above = (rate - _MIDDLE) << 3
        if self._count[cell]:
            above = self._sum[cell] + ((above - self._sum[cell] + 32) >> 6)
        self._sum[cell] = above
        self._count[cell] = min(255, self._count[cell] + 1)
        return base

    def _hold(self):
        """The CUSUM, 100 = the threshold."""
        return min(255, self._held * 10000 // (self.limits[2] * self.threshold))

    # --- gate and decision ----------------------------------------------------------------------

    def _good(self, epoch, seen):
        """A heart was heard and the epoch scored."""
        self.rem += ((epoch.p_r << 8) - self.rem) // _REM_EPOCHS
        return seen and epoch.stage != wire.UNSCORED and epoch.quality >= _QUALITY

    def _valleys(self, epoch):
        """How many of the last 16 epochs look asleep: a loop's surges look like waking, and what
        lies between them does not."""
        scored = epoch.stage != wire.UNSCORED
        found = self._slept << 1 & 0xFFFF | int(scored and epoch.p_w < _VALLEY)
        self._slept, count = found, 0
        while found:
            found &= found - 1
            count += 1
        return count

    def _gate(self, epoch):
        """Late enough in the night, and no steps of late that no heart makes in sleep."""
        calm = self._jolt == 0
        self._jolt -= self._jolt > 0
        return calm and self._rough < _ROUGH << 8 and epoch.index >= _WARM_UP

    def _decide(self, epoch):
        """An event, unless this loop has had its event: it ends with 30 min below 100."""
        if epoch.score < 100:
            self._quiet -= self._quiet > 0
            return 0
        known = self._quiet
        self._quiet = _REFRACTORY
        if known:
            return 0
        return wire.CYCLE if epoch.cycle >= epoch.hold else wire.HOLD

    # --- over nights ----------------------------------------------------------------------------

    def learn(self):
        """The baseline after this night, HEAD + _CELLS bytes. Allocates: called in the morning."""
        share = min(self.nights + 1, _RATE)
        out = bytearray(HEAD + _CELLS)
        out[0] = self.layout
        out[1] = min(255, self.nights + 1)
        total = weight = 0
        for i in range(_CELLS):
            total += self._sum[i] * self._count[i]
            weight += self._count[i]
        mean = total // weight if weight else 0  # allocates where small ints end: once a night
        level = _MIDDLE + (mean >> 3) if weight else self._level >> 4
        out[2], out[3] = level & 255, level >> 8
        out[4] = clamp(self._floor >> 12, 1, 255)
        out[5] = clamp(self._spread >> 12, 1, 255)
        for i in range(_CELLS):
            old = self._offset[i]
            if self._count[i] >= _ENOUGH:
                old += ((self._sum[i] - mean) // 20 + 128 - old) // share
            out[HEAD + i] = clamp(old, 68, 188)  # within 15 bpm of the level
        return bytes(out)
