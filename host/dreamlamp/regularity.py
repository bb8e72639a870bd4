"""How alike one's days are: the Sleep Regularity Index, and how sure it is.

SRI = 200 p - 100, p being how often one is in the same state (asleep or not) as 24 hours before
(Phillips et al. 2017, Scientific Reports 7, 3216). Pairs of moments of which one is unknown do
not count. Knows states, and nothing of where they come from.
"""

import numpy as np

NO_SLEEP, ASLEEP, UNKNOWN = 0, 1, 2
FEWEST_PAIRS = 5  # of days; fewer say nothing (Windred et al. 2021 ask for a week)
RESAMPLED = 2000


def sri(days: np.ndarray) -> float | None:
    """SRI of `days` (days x moments of the day, NO_SLEEP, ASLEEP or UNKNOWN), -100 to 100.

    None where no two moments a day apart are known.
    """
    same, known = _pairs(days)
    return 200 * float(same.sum()) / float(known.sum()) - 100 if known.sum() else None


def sri_with_doubt(days: np.ndarray, seed: int = 0) -> dict | None:
    """The SRI, its 95 % interval (bootstrap over pairs of days) and how many pairs; or None."""
    same, known = _pairs(days)
    told = np.flatnonzero(known)
    if told.size < FEWEST_PAIRS:
        return None
    rng = np.random.default_rng(seed)
    drawn = rng.choice(told, (RESAMPLED, told.size))
    found = 200 * same[drawn].sum(1) / known[drawn].sum(1) - 100
    low, high = np.percentile(found, [2.5, 97.5])
    return {"sri": sri(days), "low": float(low), "high": float(high), "pairs": int(told.size)}


def _pairs(days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each pair of neighbouring days: moments alike, moments known in both."""
    a, b = days[:-1], days[1:]
    known = (a != UNKNOWN) & (b != UNKNOWN)
    return ((a == b) & known).sum(1), known.sum(1)
