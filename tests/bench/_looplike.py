"""What looks like a loop and is not: disturbances of an hour of 5 s bins, all synthetic.

Each takes bins (epochs, 6), bpm x10, and a generator, and returns changed bins. The lamp's
answer to each: what beats cannot carry is marked absent by the heart's quality gate; a step of
24 bpm in 10 s shuts the detector's gate; what does not come down and return is not a cycle.
"""

import numpy as np


def atrial_fibrillation(bins: np.ndarray, rng) -> np.ndarray:
    """Irregularly irregular: intervals with a spread of 20 %, about six a bin, 15 bpm faster."""
    return bins + (bins > 0) * (150 + bins * 0.2 / 6**0.5 * rng.normal(size=bins.shape))


def ectopic_beats(bins: np.ndarray, rng) -> np.ndarray:
    """One bin in twenty holds a run of early beats: 10-30 bpm faster."""
    hit = (rng.random(bins.shape) < 0.05) & (bins > 0)
    return bins + hit * rng.uniform(100, 300, bins.shape)


def loosening_finger(bins: np.ndarray, rng) -> np.ndarray:
    """Bins drop out ever more often over the hour; one in five that stay is 12 bpm off."""
    share = np.linspace(0, 0.8, bins.size).reshape(bins.shape)
    wrong = (rng.random(bins.shape) < 0.2 * share) * 120 * rng.choice([-1, 1], bins.shape)
    return np.where(rng.random(bins.shape) < share, 0, bins + (bins > 0) * wrong)


def partner(bins: np.ndarray, rng) -> np.ndarray:
    """Somebody turns over every 2-6 min: 10-20 s lost, then 15 s read 10 bpm too high."""
    flat, at = bins.reshape(-1).copy(), 0
    while at < flat.size:
        lost = int(rng.integers(2, 5))
        flat[at + lost : at + lost + 3] += 100 * (flat[at + lost : at + lost + 3] > 0)
        flat[at : at + lost] = 0
        at += int(rng.integers(24, 72))
    return flat.reshape(bins.shape)


def alarm_clock(bins: np.ndarray, rng) -> np.ndarray:
    """Three alarms 9 min apart: 20 bpm up within 10 s, back over 5 min."""
    t = np.arange(bins.size).reshape(bins.shape) * 5.0
    extra = sum((t >= at) * 200 * np.exp(-np.maximum(t - at, 0) / 120) for at in (600, 1140, 1680))
    return bins + (bins > 0) * extra


def dawn_or_lamp(bins: np.ndarray, rng) -> np.ndarray:
    """Light raises the heart rate: 6 bpm over 30 min, then held (Mason 2022, for the sign)."""
    ramp = np.clip(np.arange(bins.size) / 360, 0, 1).reshape(bins.shape)
    return bins + (bins > 0) * 60 * ramp


KINDS = (
    atrial_fibrillation,
    ectopic_beats,
    loosening_finger,
    partner,
    alarm_clock,
    dawn_or_lamp,
)
