"""Other rules for the EEG loop bench, each a score per epoch of bands, higher = more alarming.

They are given the same alpha and beta in dB and stand behind the same gate; the threshold is what
makes the false alarms match. Floating point, whole arrays. Knows no night and no threshold.
"""

import numpy as np

from ._looppeers import counted, recurrence

WINDOW = 40  # epochs: 20 min
LAGS = range(3, 11)  # 90..300 s
BURST_DB = 3.0
LEAK_EPOCHS = 16  # 8 min


def decibels(eeg: np.ndarray) -> np.ndarray:
    """Alpha and beta, the mean of both in dB; epochs without a spectrum hold the last."""
    both = (eeg[:, 2].astype(float) + eeg[:, 4]) / 2 * 10 * np.log10(2) / 8
    at = np.where(eeg[:, 2] > 0, np.arange(len(both)), 0)
    return both[np.maximum.accumulate(at)]


def windows(v: np.ndarray, n: int) -> np.ndarray:
    """The last `n` values at each epoch, the first one repeated before the start."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(v, (n - 1, 0), "edge"), n)


def burst_counter(eeg: np.ndarray) -> np.ndarray:
    """Bursts of 3 dB over the trailing 10 min median, counted with a leak of 8 min."""
    v = decibels(eeg)
    over = v - np.median(windows(v, 20), axis=1) >= BURST_DB
    onset = over & ~np.concatenate([[False], over[:-1]])
    return counted(onset, 1 / LEAK_EPOCHS)


def autocorrelation(eeg: np.ndarray) -> np.ndarray:
    """Autocovariance of 20 min at lags of 90-300 s, dB^2 x correlation, less the half lag's."""
    return recurrence(windows(decibels(eeg), WINDOW), LAGS)


def lomb_scargle(eeg: np.ndarray) -> np.ndarray:
    """Most power at a period of 90-300 s in 20 min, dB^2, times its share of all (Lomb 1976;
    without gaps it is the least-squares sine at each frequency)."""
    x = windows(decibels(eeg), WINDOW)
    x = x - x.mean(axis=1, keepdims=True)
    t = np.arange(WINDOW) * 30.0
    total = np.maximum((x**2).mean(axis=1), 1e-9)
    best = np.zeros(len(x))
    for f in np.linspace(1 / 300, 1 / 90, 36):
        tau = np.arctan2(np.sin(4 * np.pi * f * t).sum(), np.cos(4 * np.pi * f * t).sum())
        phase = 2 * np.pi * f * t - tau / 2
        c, s = np.cos(phase), np.sin(phase)
        power = ((x @ c) ** 2 / (c @ c) + (x @ s) ** 2 / (s @ s)) / WINDOW
        best = np.maximum(best, power**2 / total)
    return best


PEERS = {
    "burst_counter": burst_counter,
    "autocorrelation": autocorrelation,
    "lomb_scargle": lomb_scargle,
}
