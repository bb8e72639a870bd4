"""The lamp's pipeline as one would write it at first: floating point, plain Python, no viper.

The same beats, features, trees, Markov filter and recurrence as firmware/lamp, so that the cost
bench compares what integers and viper are worth and nothing else. Runs under MicroPython and
CPython. Knows no log and no light; nothing here is flashed.
"""

import math

WINDOWS = (2, 5, 10, 20, 40)


class Heart:
    """Beats (`times`, `intervals` in s, `good`) out of samples at 50 Hz."""

    def __init__(self):
        self.width = 8
        self.history = [0.0] * 16
        self.head = 0
        self.fresh = True
        self.mean = self.v1 = self.v2 = self.best = self.left = self.right = 0.0
        self.age = self.now = 0
        self.size = self.typical = self.last = 0.0
        self.times, self.intervals, self.good = [], [], []

    def feed(self, buf, n):
        for i in range(n):
            self.sample(float(buf[i]))

    def sample(self, x):
        width, history, head = self.width, self.history, self.head
        if self.fresh:
            self.fresh = False
            for i in range(2 * width):
                history[i] = x
            self.new = self.old = x * width
            self.mean = x
        mid = history[(head + width) % (2 * width)]
        self.new += x - mid
        self.old += mid - history[head]
        history[head] = x
        self.head = (head + 1) % (2 * width)
        self.mean += (x - self.mean) / 64.0
        self.now += 1
        v = self.old - self.new  # blood dims the light
        if self.v1 >= self.v2 and self.v1 > v and self.v1 > max(self.best, self.size / 8.0, 50.0):
            self.best, self.left, self.right = self.v1, self.v2, v
            self.age = 0
        self.v2, self.v1 = self.v1, v
        self.age += 1
        hold = min(0.6, max(0.24, 0.45 * self.typical)) * 50.0
        if self.best and self.age >= hold:
            self.beat()

    def beat(self):
        bend = 2.0 * self.best - self.left - self.right
        top = (self.right - self.left) / (2.0 * bend) if bend else 0.0
        t = (self.now + top - self.age - self.width + 0.5) / 50.0
        interval = t - self.last
        likely = 0.3 <= interval <= 2.0
        steady = not self.typical or abs(interval - self.typical) < 0.4 * self.typical
        even = not self.size or 0.4 * self.size < self.best < 2.5 * self.size
        self.times.append(t)
        self.intervals.append(interval)
        self.good.append(likely and steady and even)
        if likely:
            follow = 0.25 if self.typical else 1.0
            self.typical += (interval - self.typical) * follow
        self.size += (self.best - self.size) * (0.125 if self.size else 1.0)
        self.last, self.best = t, 0.0

    def close(self, start):
        """Rates (bpm) of the six bins of the epoch that began at `start` s, RMSSD; forget it."""
        rates = []
        for k in range(6):
            low, high = start + 5.0 * k, start + 5.0 * (k + 1)
            covered = turns = 0.0
            for t, interval, good in zip(self.times, self.intervals, self.good):
                overlap = min(t, high) - max(t - interval, low)
                if good and overlap > 0.0:
                    covered += overlap
                    turns += overlap / interval
            rates.append(60.0 * turns / covered if covered else 0.0)
        squares = [
            (self.intervals[i] - self.intervals[i - 1]) ** 2
            for i in range(1, len(self.times))
            if self.good[i] and self.good[i - 1]
        ]
        rmssd = math.sqrt(sum(squares) / len(squares)) if squares else 0.0
        self.times, self.intervals, self.good = [], [], []
        return rates, rmssd


class Counts:
    """How often each value was seen; its quantiles and ranks."""

    def __init__(self, low, size):
        self.low, self.n, self.cells = low, 0, [0.0] * size

    def add(self, value):
        self.n += 1
        self.cells[max(0, min(len(self.cells) - 1, int(value - self.low)))] += 1.0

    def quantile(self, share):
        left, i = self.n * share, 0
        while i < len(self.cells) - 1 and left >= self.cells[i]:
            left -= self.cells[i]
            i += 1
        return float(self.low + i)

    def rank(self, value):
        at = max(0, min(len(self.cells) - 1, int(value - self.low)))
        return 255.0 * (sum(self.cells[:at]) + self.cells[at] / 2.0) / self.n if self.n else 128.0


class Features:
    """The 64 features of the heart."""

    def __init__(self):
        self.rates, self.varies, self.logs = [], [], []
        self.all_rates, self.all_varies = Counts(35, 120), Counts(0, 100)
        self.y = self.first = 0.0
        self.seen = 0
        self.surge = self.quiet = 255.0

    def take(self, bins, index):
        steps, smooth = [], []
        for rate in bins:
            if rate:
                last, self.y = self.y, self.y + (rate - self.y) / 4.0 if self.y else rate
                smooth.append(self.y)
                steps.append(min(30.0, abs(self.y - last)) if last else 0.0)
        if not smooth:
            return None
        rate, vary = sum(smooth) / len(smooth), sum(steps) / len(steps)
        log = 16.0 * math.log(vary * 160.0 + 1.0) / math.log(2.0)
        self.rates, self.varies = [rate] + self.rates[:39], [vary] + self.varies[:39]
        self.logs = [log] + self.logs[:39]
        self.seen += 1
        self.first += (rate - self.first) / self.seen if self.seen <= 20 else 0.0
        self.all_rates.add(rate)
        self.all_varies.add(log / 2.0)
        return self.windows(rate) + self.shapes() + self.night(rate, log, smooth, index)

    def windows(self, here):
        typical = self.all_rates.quantile(0.5) + 0.5
        middle, low = 2.0 * self.all_varies.quantile(0.5), 2.0 * self.all_varies.quantile(0.2)
        x, self.means, self.calms = [], [], []
        for window in WINDOWS:
            rates, varies = self.rates[:window], self.varies[:window]
            mean = sum(rates) / len(rates)
            calm = 16.0 * math.log(160.0 * sum(varies) / len(varies) + 1.0) / math.log(2.0)
            spread = sum((rate - mean) ** 2 for rate in rates) / len(rates)
            self.means.append(mean)
            self.calms.append(calm)
            x += [128.0 + (mean - typical) * 5.0, 128.0 + (here - mean) * 5.0]
            x += [128.0 + calm - middle, 128.0 + calm - low]
            x.append(16.0 * math.log(100.0 * spread + 1.0) / math.log(2.0) - 16.0)
        return x

    def shapes(self):
        middle, high = 2.0 * self.all_varies.quantile(0.5), 2.0 * self.all_varies.quantile(0.8)
        x = []
        for window in WINDOWS[1:]:
            logs = self.logs[:window]
            n = len(logs)
            x += [128.0 + min(logs) - middle, 128.0 + max(logs) - middle]
            x.append(128.0 + sum(logs) / n - middle)
            x.append(200.0 * sum(log > middle + 1.0 for log in logs) / n)
            x.append(200.0 * sum(log > high + 1.0 for log in logs) / n)
        return x

    def night(self, here, log, smooth, index):
        mean, calm, rates, varies = self.means, self.calms, self.all_rates, self.all_varies
        low, middle = rates.quantile(0.1), rates.quantile(0.5)
        top, quiet = max(smooth), varies.rank(calm[1] / 2.0)
        self.surge = 0.0 if top - mean[2] >= 8.0 else min(255.0, self.surge + 1.0)
        self.quiet = 0.0 if quiet < 64.0 else min(255.0, self.quiet + 1.0)
        return [
            index / 4.0,
            here * 2.0,
            (top - min(smooth)) * 5.0,
            128.0 + (top - mean[1]) * 5.0,
            rates.rank(here),
            rates.rank(mean[1]),
            quiet,
            varies.rank(log / 2.0),
            128.0 + log - 2.0 * varies.quantile(0.5),
            32.0 + (mean[1] - low) * 5.0,
            (rates.quantile(0.9) - low) * 5.0,
            128.0 + (middle - self.first) * 5.0,
            128.0 + calm[1] - calm[3],
            128.0 + (mean[0] - mean[2]) * 5.0,
            128.0 + (mean[1] - mean[3]) * 5.0,
            128.0 + (mean[2] - mean[4]) * 5.0,
            2.0 * (varies.quantile(0.8) - varies.quantile(0.2)),
            self.surge,
            self.quiet,
        ]


class Stager:
    """Trees and a Markov filter. `trees`: (splits, leaves); `model`: the tables, as floats."""

    def __init__(self, trees, model):
        self.trees, self.model = trees, model
        self.features = Features()
        self.alpha = list(model["start"])

    def feed(self, bins, index):
        """The posteriors of wake, light, deep and REM."""
        x = self.features.take(bins, index)
        chain, alpha = self.model["chain"], self.alpha
        alpha = [sum(alpha[i] * chain[i][j] for i in range(4)) for j in range(4)]
        if x:
            scores = list(self.model["bias"])
            for k, (splits, leaves) in enumerate(self.trees):
                node = 0 if splits else 128
                while node < 128:
                    feature, limit, left, right = splits[node]
                    node = left if x[feature] <= limit else right
                scores[k % 4] += leaves[node - 128]
            scores = [s - p for s, p in zip(scores, self.model["prior"])]
            best = max(scores)
            weights = [math.exp((s - best) * self.model["temper"]) for s in scores]
            alpha = [a * w for a, w in zip(alpha, weights)]
            total = sum(alpha)
            alpha = [a / total for a in alpha]
        self.alpha = alpha
        return alpha


class Loops:
    """The chains of recurrences, and the excess over a baseline."""

    def __init__(self):
        self.y = [0.0] * 40
        self.chains = [[0.0] * 40 for _ in range(6)]
        self.floor, self.level, self.held = 0.8, 0.0, 0.0

    def feed(self, bins, posterior):
        """The loop score."""
        best = 0.0
        for i in range(0, 6, 2):
            pair = [rate for rate in bins[i : i + 2] if rate]
            rate = sum(pair) / len(pair) if pair else self.y[0]
            best = max(best, self.bin((self.y[0] + self.y[1] + rate) / 3.0))
        if posterior[0] < 0.5:
            self.floor += (min(best, 15.0) - self.floor) / 250.0
        rate = sum(bins) / 6.0
        self.level = self.level or rate
        excess = rate - self.level
        self.held = max(0.0, self.held + excess - 7.0)
        self.level += 0.2 if excess > 0.0 else -0.2
        limit = 13.7 + 4.3 * posterior[3]
        return max(best / (limit * (0.3 + self.floor)), self.held / 138.0)

    def bin(self, rate):
        y = self.y = [rate] + self.y[:39]
        worth = [0.0] * 39
        for gap in range(8, 39):
            ends = min(y[0], y[gap]) - 0.75 * abs(y[0] - y[gap])
            between = max(y[int(0.3 * gap + 0.5) : int(0.7 * gap + 0.5) + 1])
            worth[gap] = max(0.0, min(6.0, ends - between))
        best = 0.0
        for chain, (low, high) in zip(
            self.chains, ((8, 12), (10, 15), (12, 19), (15, 24), (19, 30), (24, 38))
        ):
            most = 0.0
            for gap in range(low, high + 1):
                if worth[gap]:
                    most = max(most, chain[gap - 1] * 29.0 / 32.0 + worth[gap])
            chain.insert(0, most)
            chain.pop()
            best = max(best, most)
        return best
