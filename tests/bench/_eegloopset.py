"""Real nights of EEG for the EEG loop bench, and the bursts that are injected into them.

A night is the band powers of one channel, one value each 30 s: nothing finer is at hand, so a
burst is told as the lamp would tell it, by what it adds to the mean power of its epoch. Its alpha
and beta are raised by so many dB for its length; a `moving` one raises delta and gamma with them,
as muscle and cable do. Knows no detector.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from dreamlamp import eegset

from ._loopset import EPOCH_S, fits, onsets, surge

SET = eegset.DATASET
MAIN = "Pz-Oz"  # the placement that is recommended
AMPLITUDES = (3, 6, 9)  # dB
SHAPES = ("half-sine", "fast-rise", "block", "moving")
OUT_OF_BAND = ("60-90 s", "30-60 s", "300-600 s", "poisson", "brief")
FIRST_S = 2700  # no site before: the gate is shut for 20 min, and floors need a past
ALPHA_BETA = (2, 4)
MOVING = (0, 2, 4, 5)
GRID_S = 1.0
Height = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Night:
    """One night of one channel; `eeg` uint8 (epochs, 6), 0 where nothing was recorded."""

    record: str
    person: str
    channel: str
    stage: np.ndarray
    eeg: np.ndarray

    @property
    def epochs(self) -> int:
        return len(self.eeg)


@dataclass(frozen=True)
class Loop:
    """What is injected: from `first_s` to `end_s`; a hit may begin after `second_s`. `height(t)`
    is the share of `db` that is there at time t."""

    arm: str
    db: int
    shape: str
    first_s: float
    second_s: float
    end_s: float
    gap_s: float
    height: Height = field(repr=False)

    @property
    def bpm(self) -> int:
        """The amplitude, by the name that `_loopscore` has for it."""
        return self.db

    def added(self, night: Night, begin: int, end: int) -> np.ndarray:
        """The bytes of epochs begin..end with the loop in them."""
        eeg = night.eeg[begin:end].astype(int)
        t = np.arange(begin * EPOCH_S, end * EPOCH_S, GRID_S) + GRID_S / 2
        times = 10 ** (self.db * self.height(t) / 10)  # of the power that is there
        mean = times.reshape(end - begin, -1).mean(axis=1)
        steps = np.rint(8 * np.log2(mean)).astype(int)
        for band in MOVING if self.shape == "moving" else ALPHA_BETA:
            eeg[:, band] = np.where(eeg[:, band] > 0, np.minimum(eeg[:, band] + steps, 255), 0)
        return eeg.astype(np.uint8)


@dataclass(frozen=True)
class Site:
    """A place in a night with the loops that are tried there, one at a time."""

    night: int
    stage: int
    epoch: int
    loops: list[Loop]


def load(data: Path) -> list[Night]:
    """Every night of the set, each of its channels; an empty list where it is absent."""
    return [
        Night(n.record, n.subject, n.channel, n.stage, n.eeg)
        for n in eegset.nights(data)
        if (n.stage >= 0).sum() > 240  # two hours: less has no room for a loop
    ]


def bursts(arm: str, db: int, shape: str, at: np.ndarray, wide_s: float, gap_s: float) -> Loop:
    """A train of bursts."""
    at = np.sort(at)
    form = "half-sine" if shape == "moving" else shape

    def height(t):
        return np.max([_burst(t - a, wide_s, form) for a in at], axis=0)

    return Loop(arm, db, shape, at[0], at[1], at[-1] + wide_s, gap_s, height)


def _burst(t: np.ndarray, wide_s: float, form: str) -> np.ndarray:
    if form == "block":
        return ((t >= 0) & (t <= wide_s)).astype(float)
    return surge(t, wide_s, form)


def plateau(db: int, at: float, long_s: float) -> Loop:
    """Held `db` above for `long_s`, 60 s up and 60 s down; a hit may begin after 2 min."""

    def height(t):
        return np.clip(np.minimum(t - at, at + long_s - t) / 60, 0, 1)

    return Loop("plateau", db, "plateau", at, at + 120, at + long_s, long_s, height)


def loops_at(rng, at: float) -> list[Loop]:
    """Every arm and amplitude at time `at`; all amplitudes share their times and shape."""
    n = int(rng.integers(4, 9))
    shape = SHAPES[int(rng.integers(len(SHAPES)))]
    regular, gap = onsets(rng, at, n, 90, 300)
    wide = rng.uniform(15, min(60, 0.6 * gap))
    uniform = np.concatenate([[at], at + rng.uniform(0, regular[-1] - at, n - 1)])
    poisson = at + np.concatenate([[0], np.cumsum(rng.exponential(gap, n - 1))])
    close, close_gap = onsets(rng, at, 2 * n, 60, 90)
    short, short_gap = onsets(rng, at, 2 * n, 30, 60)
    long, long_gap = onsets(rng, at, max(4, n - 2), 300, 600)
    long_s = rng.uniform(480, 1500)
    out = []
    for db in AMPLITUDES:
        out.append(bursts("cycle", db, shape, regular, wide, gap))
        out.append(bursts("uniform", db, shape, uniform, wide, gap))
        out.append(plateau(db, at, long_s))
    out.append(bursts("poisson", 9, shape, poisson, wide, gap))
    out.append(bursts("brief", 9, shape, regular, rng.uniform(3, 15), gap))
    out.append(bursts("60-90 s", 9, shape, close, min(wide, 0.6 * close_gap), close_gap))
    out.append(bursts("30-60 s", 9, shape, short, min(wide, 0.6 * short_gap), short_gap))
    out.append(bursts("300-600 s", 9, shape, long, wide, long_gap))
    return out


def sites(nights: list[Night], seed: int = 1) -> Iterator[Site]:
    """Three sites in REM, two in N2 and N3 each; the seed is the record's name."""
    for i, night in enumerate(nights):
        rng = np.random.default_rng([seed, *night.record.encode()])
        for stage, count in {4: 3, 2: 2, 3: 2}.items():
            for at in _places(rng, night, stage)[:count]:
                yield Site(i, stage, int(at) // EPOCH_S, loops_at(rng, float(at)))


def _places(rng, night: Night, stage: int) -> list[float]:
    """Candidate onsets, s: in `stage` now and for 5 of the next 8 min, hardly awake for 30."""
    length = night.epochs * EPOCH_S
    out: list[float] = []
    for at in rng.uniform(FIRST_S, length - 2400, 600):
        apart = all(abs(at - other) > 1200 for other in out)
        if apart and fits(night.stage[int(at) // EPOCH_S :], stage):
            out.append(float(at))
    return out
