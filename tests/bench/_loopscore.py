"""How the loop bench counts: alarms, hits, exact bounds, and how thresholds are chosen.

Knows no file and prints nothing.
"""

import math
from dataclasses import dataclass

import numpy as np

from . import _looprun, _loopset

TARGET = {"walch2019": 0.05, "slpdb": 0.1, "apnea_ecg": 0.1}  # false alarms a night
BUDGETS = (("walch2019",), ("slpdb", "apnea_ecg"))  # nights that share one
GRID = np.round(np.arange(0.6, 1.95, 0.025), 3)
HOLD_SHARE = 0.4  # of the budget
MARGIN = 1.075  # the cycle threshold stands this far above what the training nights need
REM_OVER = (1.0, 1.1, 1.2)  # threshold of REM-like over that of other sleep
REFRACTORY = 60  # epochs


@dataclass(frozen=True)
class Limits:
    """Thresholds as multiples of the committed ones."""

    cycle_n: float = 1.0
    cycle_r: float = 1.0
    hold: float = 1.0

    def score(self, trace: _looprun.Trace) -> np.ndarray:
        return trace.score(self.cycle_n, self.cycle_r, self.hold)


@dataclass
class Try:
    """One loop injected at one site, and what came of it."""

    site: _loopset.Site
    loop: _loopset.Loop
    trace: _looprun.Trace


# --- scoring ------------------------------------------------------------------------------------


def alarms(score: np.ndarray, limit: float = 100) -> list[int]:
    """Epochs of the alarms; one loop is one alarm, and ends with 30 min below the limit."""
    out, last = [], -REFRACTORY - 1
    for epoch in np.flatnonzero(score >= limit):
        if epoch - last > REFRACTORY:
            out.append(int(epoch))
        last = epoch
    return out


def latency_s(one: Try, score: np.ndarray, twin: np.ndarray, limit: float = 100) -> float:
    """From the first pulse to a hit; infinite where there is none."""
    loop = one.loop
    times = (np.flatnonzero(score >= limit) + one.trace.begin + 1) * _loopset.EPOCH_S
    times = times[times > loop.first_s]
    if not len(times) or not loop.second_s < times[0] <= loop.end_s + 60:
        return math.inf
    before = (np.flatnonzero(twin >= limit) + 1) * _loopset.EPOCH_S
    if ((before > loop.second_s) & (before <= loop.end_s + 60)).any():
        return math.inf
    return float(times[0] - loop.first_s)


def poisson_bound(k: float, upper: bool) -> float:
    """Exact one-sided 95 % bound of a Poisson mean, by bisection."""
    if k == 0 and not upper:
        return 0.0

    def tail(mean):  # P(X <= k) for the upper bound, P(X >= k) for the lower
        top = int(k) if upper else math.ceil(k) - 1
        below = sum(
            math.exp(-mean + i * math.log(mean) - math.lgamma(i + 1)) for i in range(top + 1)
        )
        return below if upper else 1 - below

    low, high = 1e-9, 10 * k + 20
    for _ in range(60):
        middle = (low + high) / 2
        if (tail(middle) > 0.05) == upper:
            low = middle
        else:
            high = middle
    return low


def false_alarms(nights, counts, traces) -> dict:
    """Alarms of one set, with exact bounds on counts deflated by their clustering in people."""
    people = {}
    for night, count in zip(nights, counts):
        people.setdefault(night.person, []).append(count)
    k, n = sum(counts), len(nights)
    per = [sum(c) for c in people.values()]
    clustering = max(1.0, float(np.var(per) / np.mean(per))) if k else 1.0
    open_hours = sum(float(t.gate.sum()) for t in traces) / 120
    return {
        "alarms": k,
        "nights": n,
        "people": len(people),
        "people_with_alarms": sum(c > 0 for c in per),
        "hours": sum(night.epochs for night in nights) / 120,
        "open_hours": open_hours,
        "per_night": k / n,
        "per_open_hour": k / open_hours if open_hours else None,
        "lower95": poisson_bound(k / clustering, upper=False) * clustering / n,
        "upper95": poisson_bound(k / clustering, upper=True) * clustering / n,
    }


# --- thresholds ---------------------------------------------------------------------------------


def within(nights, budget: float, score) -> bool:
    """Whether the alarms of `score(trace)` on (set, trace) stay within a share of every target."""
    for names in BUDGETS:
        chosen = [trace for dataset, trace in nights if dataset in names]
        fired = sum(len(alarms(score(t))) for t in chosen)
        if fired > budget * TARGET[names[0]] * len(chosen):
            return False
    return True


def choose(nights, traces, tries, kept: set[int]) -> Limits:
    """The lowest thresholds that meet the targets on the nights `kept`."""
    some = [(nights[i].dataset, traces[i]) for i in sorted(kept)]
    inside = [t for t in tries if t.site.night in kept]

    def lowest(budget, score_at):
        fits = (g for g in GRID if within(some, budget, lambda t, g=g: score_at(t, g)))
        return float(next(fits, GRID[-1]))

    hold = lowest(HOLD_SHARE, lambda t, g: t.score(math.inf, math.inf, g))
    best = (-1, Limits())
    for ratio in REM_OVER:
        n = lowest(1.0, lambda t, g, r=ratio: t.score(g, g * r, hold)) * MARGIN
        limits = Limits(n, n * ratio, hold)
        hits = sum(math.isfinite(s) for s in latencies(inside, traces, limits, "cycle", 12))
        best = max(best, (hits, limits), key=lambda pair: pair[0])
    return best[1]


def latencies(tries, traces, limits, arm, bpm, stage=None, shape=None) -> list[float]:
    """Latency of every try of an arm; `limits` one for all, or one per night."""
    out = []
    for one in tries:
        if (one.loop.arm, one.loop.bpm) != (arm, bpm) or stage not in (None, one.site.stage):
            continue
        if shape in (None, one.loop.shape):
            lim = limits if isinstance(limits, Limits) else limits[one.site.night]
            twin = traces[one.site.night]
            out.append(latency_s(one, lim.score(one.trace), lim.score(twin)))
    return out
