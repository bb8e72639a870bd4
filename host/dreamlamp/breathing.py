"""How much of a night the heart cycles as it does where breathing stops and starts again.

In sleep apnea the heart slows while breath is held and races when it returns, every 25 to 75 s,
for minutes on end (cyclic variation of heart rate: Guilleminault et al. 1984, Lancet). Windows of
five minutes count as cyclic whose heart rate is that periodic. A reason to ask a doctor, never a
diagnosis: other things cycle the heart, and apnea need not.
"""

import numpy as np
from lamp import wire

from .nights import Night

RATE_HZ = 2
WINDOW_S, STEP_S = 300, 150
LAGS_S = (25, 75)
PERIODIC = 0.5  # autocorrelation from which on a window is cyclic
SAME = 0.8  # a peak at a shorter lag, so high in proportion, means a faster rhythm: breathing
NEIGHBOURS = 5  # beats on either side whose median an interval may leave by a quarter
# Of the windows, percent. On the open records of `apnea_ecg` this rule, chosen with them in view,
# marks 22 of 24 with 100 min of apnea or more and none of 12 with less than 5.
SUSPECT_PERCENT = 8.0


def cyclic_percent(night: Night) -> float | None:
    """Percent of the windows that are cyclic; None where an hour of beats is not had."""
    at, bpm = _rates(night)
    if at.size < 1000:
        return None
    grid = np.arange(at[0], at[-1], 1 / RATE_HZ)
    rate = np.interp(grid, at, bpm)
    rate = _mean(rate, 5) - _mean(rate, 90)
    size, step = WINDOW_S * RATE_HZ, STEP_S * RATE_HZ
    if rate.size < 3600 * RATE_HZ:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(rate, size)[::step]
    times = np.lib.stride_tricks.sliding_window_view(grid, size)[::step]
    beats = np.searchsorted(at, times[:, -1]) - np.searchsorted(at, times[:, 0])
    windows = windows[
        beats > WINDOW_S / 2
    ]  # where beats are missing, interpolation cycles nothing
    if len(windows) * STEP_S < 3600:
        return None
    return 100 * float((_periodicity(windows) > PERIODIC).mean())


def _rates(night: Night) -> tuple[np.ndarray, np.ndarray]:
    """(second, bpm) of each beat whose interval agrees with its neighbours'."""
    if not any(held.n for held in night.beats):
        return np.array([]), np.array([])
    sizes = [held.n for held in night.beats]
    at = np.repeat(night.seconds, sizes) + np.concatenate(
        [np.array(held.t_ms[: held.n], float) / 1000 for held in night.beats]
    )
    ibi = np.concatenate([np.array(held.ibi_ms[: held.n]) for held in night.beats])
    flag = np.concatenate([np.frombuffer(held.flag, np.uint8)[: held.n] for held in night.beats])
    at, ibi = at[flag == wire.NN], ibi[flag == wire.NN]
    if ibi.size <= 2 * NEIGHBOURS:
        return np.array([]), np.array([])
    around = np.lib.stride_tricks.sliding_window_view(ibi, 2 * NEIGHBOURS + 1)
    usual = np.pad(np.median(around, axis=1), NEIGHBOURS, mode="edge")
    agree = np.abs(ibi - usual) < usual / 4
    return at[agree], 60000 / ibi[agree]


def _mean(values: np.ndarray, seconds: int) -> np.ndarray:
    """Running mean."""
    width = seconds * RATE_HZ
    padded = np.pad(values, (width // 2, width - width // 2 - 1), mode="edge")
    total = np.concatenate([[0.0], np.cumsum(padded)])
    return (total[width:] - total[:-width]) / width


def _periodicity(windows: np.ndarray) -> np.ndarray:
    """Of each window the highest peak of its unbiased autocorrelation within LAGS_S; else 0."""
    size = windows.shape[1]
    level = windows - windows.mean(1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(level, 2 * size)) ** 2
    curve = np.fft.irfft(spectrum)[:, :size] / (size - np.arange(size))
    low, high = (lag * RATE_HZ for lag in LAGS_S)
    part = curve[:, low:high] / np.maximum(curve[:, :1], 1e-9)
    best = part.argmax(1)
    inside = (best > 0) & (best < part.shape[1] - 1)
    early = curve[:, : low + 1] / np.maximum(curve[:, :1], 1e-9)
    is_peak = (early[:, 1:-1] > early[:, :-2]) & (early[:, 1:-1] > early[:, 2:])
    faster = np.where(is_peak, early[:, 1:-1], 0).max(1) > SAME * part.max(1)
    return np.where(inside & ~faster, part.max(1), 0)
