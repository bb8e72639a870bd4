"""Features of an epoch -> stage and a confidence, or unscored. Causal, integers only.

Boosted trees look at the heart rate's level, spread and restlessness over trailing windows of
1 to 20 minutes, each held against the night so far (local heart-rate variability tells REM and
wake from N2 and N3; RMSSD and LF/HF hardly do: DREAMT, Cohen's d), and a hidden Markov model
filters their scores over the night. The laptop trains with this very file, so that features
cannot differ. Knows no beats, no log and no clock but the epoch's index.

The model was trained on a watch's smoothed heart rate. `Stager(smooth=2)`, the default, brings
beat-derived rates to that form: y += (x - y) / 4 per 5 s bin, the one of nine causal smoothers
whose mean |HR(t + lag) - HR(t)| over lags of 5 s to 2 min comes nearest to the watch's.
"""

from array import array

from . import stagemodel, wire
from .compat import const

WINDOWS = (2, 5, 10, 20, 40)  # epochs
RING = const(64)  # epochs remembered one by one
LOW = const(25)  # bpm of the histogram's first cell
CELLS = const(160)
VCELLS = const(128)
HISTORY = const(4)  # epochs with a heart rate before the first stage: the windows hold nothing
BLIND = const(10)  # epochs without a heart rate that the Markov model bridges
STILL = const(60)  # bins (5 min) of one and the same rate: a machine, not a heart
BRIDGE = const(3)  # bins over which a difference is still one step
SURGE = const(80)  # bpm x10 above the 5 min mean: 8 bpm, the loop detector's step
FEATURES = const(46)
MOTION = const(39)  # first feature that needs motion
CLASSES = const(4)
SMOOTH = const(2)  # for rates made of beats
STAGES = (wire.W, wire.N2, wire.N3, wire.R)  # in the model's order


def log16(x):
    """16 log2(x + 1), piecewise linear, for 0 <= x < 2**30."""
    x += 1
    n = 0
    while x >> n > 1:
        n += 1
    return (n << 4) + ((x >> n - 4 if n > 4 else x << 4 - n) & 15)


EXP2 = array("H", stagemodel.EXP2)  # 2 ** (-i / 64), Q14


class Stager:
    """One night's staging. `feed(epoch)` once per epoch, in order; nothing is allocated."""

    def __init__(self, smooth=SMOOTH, model=stagemodel):
        self.smooth = smooth
        self.model = model
        self.x = bytearray(FEATURES)  # features of the last epoch
        self.logit = array("i", [0] * CLASSES)  # trees' scores of it
        self.alpha = array("i", model.START)  # filtered probabilities, Q14
        self._next = array("i", model.START)
        self._rate = array("h", [0] * RING)  # epoch's mean rate, bpm x10; 0 absent
        self._vary = array("h", [0] * RING)  # epoch's mean |difference| of bins, bpm x160
        self._move = bytearray(RING)  # log16 of motion
        self._rates = array("H", [0] * CELLS)  # the night's epochs by rate, 1 bpm cells
        self._varies = array("H", [0] * VCELLS)  # and by log16 of variation / 2
        self._y = 0  # smoothed rate, bpm x160
        self._last = 0  # last bin's rate, bpm x10
        self._age = 0  # bins since
        self._same = 0  # bins of one rate
        self._n = 0  # epochs fed
        self._seen = 0  # of them with a rate
        self._blind = 0  # epochs since one
        self._surge = 255  # epochs since a surge
        self._quiet = 255  # since the variation was in its lowest quarter
        self._moved = 255
        self._first = 0  # mean rate of the first epochs with one
        self._top = 0
        self._low = 0
        self._means = array("h", [0] * 10)  # of the windows: rate, then log16 of variation

    def feed(self, epoch):
        """Stage `epoch`: set `stage`, `confidence`, `p_w`, `p_n3`, `p_r`."""
        self.measure(epoch)
        self._predict()
        if self._blind == 0:
            self._score(epoch.motion >= 0)
            self._update()
        self._decide(epoch)

    # --- features ---------------------------------------------------------------------------

    def measure(self, epoch):
        """Take the epoch's heart rate in and fill `x`."""
        slot = self._n % RING
        worn = epoch.flags & wire.F_WORN
        seen = self._bins(epoch.hr_x10, slot) if worn else self._nothing(slot)
        if epoch.motion >= 0:
            self._move[slot] = min(255, log16(epoch.motion))
            self._moved = 0 if self._move[slot] > 64 else min(255, self._moved + 1)
        if seen:
            self._blind = 0
            self._seen += 1
            self._remember(slot)
        else:
            self._blind = min(255, self._blind + 1)
        self._n += 1
        if self._seen:
            self._windows(slot, epoch)

    def _nothing(self, slot):
        self._rate[slot] = self._vary[slot] = 0
        self._age = BRIDGE
        return False

    def _bins(self, hr_x10, slot):
        """Mean, variation and extremes of the epoch's bins; False if there is no rate."""
        n = total = steps = change = 0
        self._top = 0
        self._low = 32767
        for i in range(wire.BINS):
            hr = hr_x10[i]
            self._age += 1
            if hr < 250 or hr > 2400:
                continue
            if self._age > BRIDGE:
                self._y = hr << 4
            else:
                self._y += ((hr << 4) - self._y) >> self.smooth
            y = (self._y + 8) >> 4
            if self._age <= BRIDGE:
                steps += self._age
                change += min(300, abs(y - self._last))
                self._same = min(STILL, self._same + self._age) if y == self._last else 0
            self._age = 0
            self._last = y
            n += 1
            total += y
            self._top = max(self._top, y)
            self._low = min(self._low, y)
        self._rate[slot] = total // n if n else 0
        self._vary[slot] = (change << 4) // steps if steps else 0
        return n > 0

    def _remember(self, slot):
        rate = self._rate[slot]
        if self._seen <= 20:
            self._first += (rate - self._first) // self._seen
        self._rates[min(CELLS - 1, max(0, rate // 10 - LOW))] += 1
        self._varies[min(VCELLS - 1, log16(self._vary[slot]) >> 1)] += 1

    def _put(self, i, value):
        self.x[i] = 0 if value < 0 else 255 if value > 255 else value

    def _windows(self, slot, epoch):
        """Walk back through the ring once; what its windows and the night hold goes to `x`."""
        rate = self._rate
        p10 = self._quantile(10)
        p50 = self._quantile(50)
        here = rate[slot] or self._last
        n = s1 = s2 = sv = sm = age = 0
        for w in range(len(WINDOWS)):
            while age < WINDOWS[w] and age < self._n:
                k = (slot - age) % RING
                age += 1
                sm += self._move[k]
                if rate[k]:
                    d = max(-400, min(400, rate[k] - here))
                    n += 1
                    s1 += d
                    s2 += d * d
                    sv += self._vary[k]
            m = n or 1
            mean = self._means[w] = here + s1 // m
            vary = self._means[w + 5] = log16(sv // m)
            self._put(16 + w, 128 + (mean - p50) // 2)
            self._put(21 + w, vary)
            self._put(26 + w, log16(max(0, (s2 - s1 * s1 // m) // m)) - 16)
            self._put(31 + w, 128 + (here - mean) // 2)
            self._put(MOTION + w, sm // age)
        means = self._means
        v = log16(self._vary[slot])
        quiet = self._rank(self._varies, VCELLS, means[6] >> 1)
        self._surge = 0 if self._top - means[2] >= SURGE else min(255, self._surge + 1)
        self._quiet = 0 if quiet < 64 else min(255, self._quiet + 1)
        self._put(0, epoch.index >> 2)
        self._put(1, 128 + (here - p50) // 2)
        self._put(2, v)
        self._put(3, (self._top - self._low) // 2)
        self._put(4, self._rank(self._rates, CELLS, here // 10 - LOW))
        self._put(5, self._rank(self._rates, CELLS, means[1] // 10 - LOW))
        self._put(6, quiet)
        self._put(7, self._rank(self._varies, VCELLS, v >> 1))
        self._put(8, 32 + (means[1] - p10) // 2)
        self._put(9, (self._quantile(90) - p10) // 2)
        self._put(10, 128 + means[6] - means[8])
        self._put(11, 128 + (means[0] - means[2]) // 2)
        self._put(12, self._surge)
        self._put(13, self._quiet)
        self._put(14, 128 + (p50 - self._first) // 2)
        self._put(15, here // 5)
        self._put(36, 128 + (self._top - means[1]) // 2)
        self._put(37, 128 + (means[1] - means[3]) // 2)
        self._put(38, 128 + (means[2] - means[4]) // 2)
        self._put(MOTION + 5, self._move[slot])
        self._put(MOTION + 6, self._moved)

    def _quantile(self, percent):
        """The night's rate, bpm x10, below which `percent` of its epochs lie."""
        left = self._seen * percent // 100
        for i in range(CELLS):
            left -= self._rates[i]
            if left < 0:
                return (i + LOW) * 10 + 5
        return (CELLS + LOW) * 10

    def _rank(self, cells, size, at):
        """Share of the night's epochs below cell `at`, half of those in it, 255 = all."""
        at = max(0, min(size - 1, at))
        below = 0
        for i in range(at):
            below += cells[i]
        return (below * 2 + cells[at]) * 255 // (self._seen * 2)

    # --- model ------------------------------------------------------------------------------

    def _score(self, motion):
        """Add up the trees' leaves, natural log x256, one tree per class in turn."""
        logit, model = self.logit, self.model
        for k in range(CLASSES):
            logit[k] = model.BIAS[k]
        self._trees(model.HEART)
        if motion:
            self._trees(model.MOTION)

    def _trees(self, table):
        """Walk every tree of `table`: its number of splits n, then n of (feature, largest value
        that goes left, left, right), then n + 1 leaves plus 128. A child of 128 up is a leaf."""
        x, logit = self.x, self.logit
        at = k = 0
        end = len(table)
        while at < end:
            n = table[at]
            at += 1
            node = 0
            while node < 128:
                p = at + (node << 2)
                node = table[p + 2] if x[table[p]] <= table[p + 1] else table[p + 3]
            at += n << 2
            logit[k] += table[at + node - 128] - 128
            at += n + 1
            k = k + 1 & 3

    def _predict(self):
        """One step of the Markov chain: alpha <- alpha T."""
        alpha, new, chain = self.alpha, self._next, self.model.CHAIN
        for j in range(CLASSES):
            total = 8192
            for i in range(CLASSES):
                total += alpha[i] * chain[i * CLASSES + j]
            new[j] = total >> 14
        for j in range(CLASSES):
            alpha[j] = new[j]

    def _update(self):
        """Weigh alpha by the scores: 2 ** -(distance to the best), then make it sum to 1."""
        alpha, new = self.alpha, self._next
        logit, model = self.logit, self.model
        best = -(1 << 20)
        for k in range(CLASSES):
            best = max(best, logit[k] - model.PRIOR[k])
        total = 0
        for k in range(CLASSES):
            d = (best - logit[k] + model.PRIOR[k]) * model.TEMPER >> 10  # 1/64 octaves
            q = alpha[k] * (EXP2[d & 63] >> (d >> 6) if d < 896 else 1)
            new[k] = q
            total += q
        total = (total >> 14) + 1
        for k in range(CLASSES):
            alpha[k] = max(1, new[k] // total)

    def _decide(self, epoch):
        """The class whose weighted probability is largest, or nothing."""
        alpha, weight = self.alpha, self.model.WEIGHT
        best = 0
        for k in range(1, CLASSES):
            if alpha[k] * weight[k] > alpha[best] * weight[best]:
                best = k
        epoch.p_w = min(255, alpha[0] >> 6)
        epoch.p_n3 = min(255, alpha[2] >> 6)
        epoch.p_r = min(255, alpha[3] >> 6)
        epoch.stage = STAGES[best]
        epoch.confidence = self.model.CONFIDENCE[(best << 4) + min(15, alpha[best] >> 10)]
        if self._abstains(epoch):
            epoch.stage = wire.UNSCORED
            epoch.confidence = epoch.p_w = epoch.p_n3 = epoch.p_r = 0

    def _abstains(self, epoch):
        """Unworn, too little history, no signal, or a rate no heart keeps."""
        return (
            not epoch.flags & wire.F_WORN
            or self._seen < HISTORY
            or self._blind > BLIND
            or self._same >= STILL
        )
