"""Other people's rules for the same job, each a score per epoch, higher = more alarming.

Each is given the same bins and stands behind the same gate; its threshold is what makes its
false alarms match. Floating point, whole arrays. Knows no night and no threshold.
"""

import numpy as np

WINDOW = 72  # 10 s bins: 12 min
LAGS = range(9, 31)  # 90..300 s


def tens(hr_x10: np.ndarray) -> np.ndarray:
    """5 s bins -> bpm of 10 s bins, empty ones holding the last."""
    pairs = hr_x10.reshape(-1, 2).astype(float)
    count = (pairs > 0).sum(axis=1)
    v = np.where(count > 0, pairs.sum(axis=1) / np.maximum(count, 1), np.nan) / 10
    at = np.where(np.isnan(v), 0, np.arange(len(v)))
    v = v[np.maximum.accumulate(at)]
    return np.where(np.isnan(v), np.nanmedian(v) if np.isfinite(v).any() else 60.0, v)


def windows(v: np.ndarray, n: int) -> np.ndarray:
    """The last `n` bins at each epoch's end, the first value repeated before the start."""
    padded = np.concatenate([np.full(n - 3, v[0]), v])
    return np.lib.stride_tricks.sliding_window_view(padded, n)[::3]


def leaky_surge_counter(hr_x10: np.ndarray) -> np.ndarray:
    """Surges of 8 bpm over the trailing 3 min median, counted with an 8 min leak."""
    v = tens(hr_x10)
    over = v - np.median(
        np.lib.stride_tricks.sliding_window_view(np.pad(v, (17, 0), "edge"), 18), axis=1
    )
    onset = (over >= 8) & ~np.concatenate([[False], over[:-1] >= 8])
    return counted(onset, 10 / 480).reshape(-1, 3).max(axis=1)


def counted(onset: np.ndarray, leak: float) -> np.ndarray:
    """How many of `onset` there were, forgotten at `leak` a step."""
    out, level = np.zeros(len(onset)), 0.0
    for i, new in enumerate(onset):
        level = level * np.exp(-leak) + new
        out[i] = level
    return out


def energy_x_regularity(hr_x10: np.ndarray) -> np.ndarray:
    """Autocovariance of 12 min at lags of 90-300 s, bpm^2 x correlation, less the half lag's."""
    return recurrence(windows(tens(hr_x10), WINDOW), LAGS)


def recurrence(x: np.ndarray, lags: range) -> np.ndarray:
    """Autocovariance of each row at its best lag x correlation, less the half lag's."""
    x = x - x.mean(axis=1, keepdims=True)
    n = x.shape[1]
    cov = np.stack([(x[:, k:] * x[:, : n - k]).mean(axis=1) for k in range(max(lags) + 1)])
    power = np.maximum(cov[0], 1e-9)
    best = [np.maximum(cov[k] - np.maximum(cov[k // 2], 0), 0) * cov[k] / power for k in lags]
    return np.max(best, axis=0)


def seventeen_percent(hr_x10: np.ndarray) -> np.ndarray:
    """The epoch's rate over the lowest of the last ten readings (blesleep's rule: 17 %)."""
    rate = tens(hr_x10).reshape(-1, 3).mean(axis=1)
    low = np.lib.stride_tricks.sliding_window_view(np.pad(rate, (9, 0), "edge"), 10).min(axis=1)
    return 100 * (rate / low - 1)


def percent_over_average(hr_x10: np.ndarray) -> np.ndarray:
    """The epoch's rate over a 10 min average (OpenSeizureDetector's rule: 30 %)."""
    v = tens(hr_x10)
    mean = windows(v, 60).mean(axis=1)
    return 100 * (v.reshape(-1, 3).mean(axis=1) / mean - 1)


PEERS = {
    "leaky_surge_counter": leaky_surge_counter,
    "energy_x_regularity": energy_x_regularity,
    "seventeen_percent": seventeen_percent,
    "percent_over_average": percent_over_average,
}
