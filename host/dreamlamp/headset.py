"""A head for the virtual EEG kit: band powers of each epoch -> a signal that has them.

The powers are real (a record of Sleep-EDF) or those typical of a stage; the waveform is not: noise
with that spectrum, its epochs faded into each other. It has no spindles, no K complexes and no
artefacts, so it can test plumbing and coding, never staging of raw EEG. The same seed gives the
same signal. Knows no lamp.
"""

import numpy as np

RATE_HZ = 125
EPOCH_S = 30
EDGES_HZ = ((0.5, 4), (4, 8), (8, 13), (13, 30), (30, 50))  # as the recordings' bands
ALPHA_BETA = (2, 3)
BURST_S, BURST_DB = 60, 12.0  # of an injected loop; made up
UNIT_UV = 1 / 16  # of the signal that is returned
# stage: power density of each band, uV^2/Hz; medians of Pz-Oz in the recordings, rounded
TYPICAL = {
    "W": (25.0, 3.0, 5.0, 0.6, 0.1),
    "N1": (20.0, 4.0, 2.0, 0.35, 0.06),
    "N2": (50.0, 6.0, 2.5, 0.3, 0.03),
    "N3": (250.0, 11.0, 3.0, 0.25, 0.02),
    "R": (20.0, 5.0, 1.6, 0.25, 0.04),
}


def powers_of(stages: list[str], seed: int = 1) -> np.ndarray:
    """Band powers of a hypnogram, uV^2/Hz (epochs, 5), wandering a little."""
    rng = np.random.default_rng(seed)
    level = np.log2([TYPICAL[s] for s in stages])
    wander = rng.normal(size=level.shape).cumsum(axis=0)
    wander -= np.linspace(0, 1, len(level))[:, None] * wander[-1]
    return 2 ** (level + 0.25 * rng.normal(size=level.shape) + 0.02 * wander)


def with_bursts(powers: np.ndarray, starts_s: list[float]) -> np.ndarray:
    """The same powers with a burst of alpha and beta from each of `starts_s` on: a loop."""
    out = powers.copy()
    t = np.arange(0, len(powers) * EPOCH_S) + 0.5
    height = sum(
        (np.sin(np.pi * np.clip((t - at) / BURST_S, 0, 1)) for at in starts_s), np.zeros(len(t))
    )
    gain = (10 ** (BURST_DB * height / 10)).reshape(-1, EPOCH_S).mean(axis=1)
    out[:, ALPHA_BETA] *= gain[:, None]
    return out


def resampled(uv: np.ndarray, rate_hz: float) -> np.ndarray:
    """A signal in uV -> int16 samples as `signal`'s; what lies above half of either rate goes."""
    spectrum = np.fft.rfft(uv - uv.mean())
    n = round(len(uv) * RATE_HZ / rate_hz)
    kept = np.zeros(n // 2 + 1, complex)
    kept[: len(spectrum)] = spectrum[: len(kept)]
    at_125 = np.fft.irfft(kept, n) * n / len(uv)
    return np.clip(np.rint(at_125 / UNIT_UV), -32768, 32767).astype("<i2")


def signal(powers: np.ndarray, seed: int = 1) -> np.ndarray:
    """Powers -> int16 samples in 1/16 uV at 125 Hz; an epoch without power (nan) is silent."""
    rng = np.random.default_rng(seed)
    half = RATE_HZ * EPOCH_S
    f = np.fft.rfftfreq(2 * half, 1 / RATE_HZ)
    band = np.zeros(len(f), int) - 1
    for k, (low, high) in enumerate(EDGES_HZ):
        band[(f >= low) & (f < high)] = k
    fade = np.sin(np.pi * (np.arange(2 * half) + 0.5) / (2 * half))
    out = np.zeros(half * (len(powers) + 1))
    for epoch, power in enumerate(np.nan_to_num(powers)):
        density = np.where(band >= 0, power[band], 0.0)
        size = np.sqrt(density * RATE_HZ * half / 2)
        spectrum = size * (rng.normal(size=len(f)) + 1j * rng.normal(size=len(f)))
        out[epoch * half : (epoch + 2) * half] += np.fft.irfft(spectrum, 2 * half) * fade
    return np.clip(np.rint(out[half // 2 : -half // 2] / UNIT_UV), -32768, 32767).astype("<i2")
