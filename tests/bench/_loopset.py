"""Real nights for the loop bench, and the loops that are injected into them.

A night is beats (`slpdb`, `apnea_ecg`) or a watch's heart rate (`walch2019`); a disturbance is a
heart rate in bpm to be added, a function of time. It is added before the feature stage: beats are
moved (the phase of the heart gains the integral of the disturbance), the watch's samples are
raised, and the 5 s bins are made anew. Knows no detector.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from dreamlamp import nightset
from lamp import heart, wire

SETS = ("walch2019", "slpdb", "apnea_ecg")
BIN_S, BINS, EPOCH_S = 5, 6, 30
BLIND = -1  # the stage of a site nobody scored
STAGE = {1: "N1", 2: "N2", 3: "N3", 4: "R", BLIND: "blind"}
AMPLITUDES = (8, 12, 18)  # bpm
FIRST_S = 2700  # no site before: the gate is shut for 20 min, and floors need a past
Disturbance = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Night:
    """`t`, `bpm` of a watch, or `t` of beats and no `bpm`; `stage` per epoch or None."""

    dataset: str
    record: str
    person: str
    t: np.ndarray
    bpm: np.ndarray | None
    epochs: int
    stage: np.ndarray | None
    events: np.ndarray | None = None

    def bins(self, disturbance: Disturbance | None = None, begin=0, end=None) -> "Bins":
        """5 s bins of epochs begin..end."""
        end = self.epochs if end is None else min(end, self.epochs)
        make = _beat_bins if self.bpm is None else _watch_bins
        return make(self, disturbance, begin * EPOCH_S, (end - begin) * BINS)


@dataclass(frozen=True)
class Bins:
    """`hr_x10` (epochs, 6), 0 absent; `mean_x10` and `quality` (percent) per epoch."""

    hr_x10: np.ndarray
    mean_x10: np.ndarray
    quality: np.ndarray


def _pack(hr_x10: np.ndarray, quality: np.ndarray) -> Bins:
    rows = hr_x10.reshape(-1, BINS)
    count = (rows > 0).sum(axis=1)
    mean = rows.sum(axis=1) // np.maximum(count, 1)
    return Bins(rows.astype(int), mean.astype(int), quality.astype(int))


def _watch_bins(night: Night, disturbance, begin_s: int, n: int) -> Bins:
    bpm = night.bpm if disturbance is None else night.bpm + disturbance(night.t)
    rows = nightset.watch_bins(night.t - begin_s, bpm, n)
    return _pack(rows, (rows.reshape(-1, BINS) > 0).mean(axis=1) * 100)


def _beat_bins(night: Night, disturbance, begin_s: int, n: int) -> Bins:
    """Bins and means by the lamp's own `heart.summarise`; of the quality gate, which judges
    light and not beats, a rule on intervals stands in."""
    near = (night.t > begin_s - 60) & (night.t < begin_s + n * BIN_S + 600)
    t = night.t[near] if disturbance is None else _moved(night.t[near], disturbance)
    ms = np.rint((t - begin_s) * 1000).astype(int)
    ibi = np.diff(ms, prepend=ms[0])
    usual = np.convolve(np.pad(ibi, (8, 0), mode="edge"), np.ones(8) / 8, "valid")[:-1]
    good = (ibi >= 300) & (ibi <= 2000) & (np.abs(ibi - usual) <= 0.4 * usual)
    edges = np.searchsorted(ms, np.arange(n // BINS + 1) * EPOCH_S * 1000)
    epoch, beats = wire.Epoch(), heart.Beats()
    rows, means, quality = [], [], []
    for e, (first, last) in enumerate(pairwise(edges.tolist())):
        beats.n = min(last - first, len(beats.flag))
        for i, k in enumerate(range(first, first + beats.n)):
            beats.t_ms[i] = int(ms[k]) - e * EPOCH_S * 1000
            beats.ibi_ms[i] = min(65535, int(ibi[k]))
            beats.flag[i] = wire.NN if good[k] else wire.ARTEFACT
        heart.summarise(beats, epoch)
        rows.append(list(epoch.hr_x10))
        means.append(epoch.hr_bpm_x10)
        covered = ibi[first:last][good[first:last]].sum()
        quality.append(min(100, covered // (EPOCH_S * 10)))
    return Bins(np.array(rows).reshape(-1, BINS), np.array(means, int), np.array(quality, int))


def _moved(t: np.ndarray, disturbance: Disturbance) -> np.ndarray:
    """Beat times of the same heart with `disturbance` bpm added to its rate."""
    grid = np.arange(t[0], t[-1], 0.1)
    extra = disturbance(grid)
    if not extra.any():
        return t
    phase = np.interp(grid, t, np.arange(len(t))) + np.cumsum(extra) * 0.1 / 60
    return np.interp(np.arange(0, int(phase[-1])), phase, grid)


def load(data: Path, dataset: str) -> list[Night]:
    """Every usable night of a set; an empty list where the set is absent."""
    files = sorted((data / dataset).glob("*.npz"))
    return [_read(f) for f in files if f.stem not in nightset.LEFT_OUT]


def _read(file: Path) -> Night:
    with np.load(file) as r:
        meta = json.loads(str(r["meta"]))
        t0 = float(r["stage_t0"]) if "stage_t0" in r else 0.0
        t = r["hr_t" if "hr_t" in r else "beats_t"].astype(float) - t0
        stage = r["stage"].astype(int) if "stage" in r else None
        return Night(
            meta["dataset"],
            file.stem,
            f"{meta['dataset']}/{meta.get('subject', file.stem)}",
            t,
            r["hr_bpm"].astype(float) if "hr_bpm" in r else None,
            len(stage) if stage is not None else int(t[-1] // EPOCH_S),
            stage,
            r.get("events"),
        )


# --- loops --------------------------------------------------------------------------------------


def surge(t: np.ndarray, wide_s: float, shape: str) -> np.ndarray:
    """One pulse of height 1 from t = 0 to `wide_s`."""
    u = t / wide_s
    inside = (u >= 0) & (u <= 1)
    if shape == "half-sine":
        return np.where(inside, np.sin(np.pi * np.clip(u, 0, 1)), 0)
    rest = np.exp(-0.8 / 0.27)
    fall = (np.exp(-(np.clip(u, 0.2, 1) - 0.2) / 0.27) - rest) / (1 - rest)
    return np.where(inside, np.where(u < 0.2, u / 0.2, fall), 0)


@dataclass(frozen=True)
class Loop:
    """What is injected: from `first_s` to `end_s`; a hit may begin after `second_s`."""

    arm: str
    bpm: int
    shape: str
    first_s: float
    second_s: float
    end_s: float
    add: Disturbance = field(repr=False)


def pulses(arm: str, bpm: int, shape: str, onsets: np.ndarray, wide_s: float) -> Loop:
    """A train of pulses."""
    onsets = np.sort(onsets)

    def add(t):
        return sum(bpm * surge(t - at, wide_s, shape) for at in onsets)

    return Loop(arm, bpm, shape, onsets[0], onsets[1], onsets[-1] + wide_s, add)


def plateau(bpm: int, at: float, long_s: float) -> Loop:
    """Held `bpm` above for `long_s`, 60 s up and 60 s down; a hit may begin after 2 min."""

    def add(t):
        return bpm * np.clip(np.minimum(t - at, at + long_s - t) / 60, 0, 1)

    return Loop("plateau", bpm, "plateau", at, at + 120, at + long_s, add)


@dataclass(frozen=True)
class Site:
    """A place in a night with the loops that are tried there, one at a time."""

    night: int
    stage: int
    epoch: int
    loops: list[Loop]


def onsets(rng, at: float, n: int, low_s: float, high_s: float) -> tuple[np.ndarray, float]:
    """`n` onsets from `at`, spaced low..high s with 10-30 % jitter; and the spacing."""
    gap = rng.uniform(low_s, high_s)
    jitter = rng.uniform(0.1, 0.3)
    gaps = gap * (1 + jitter * rng.uniform(-1, 1, n - 1))
    return at + np.concatenate([[0], np.cumsum(gaps)]), gap


def loops_at(rng, at: float) -> list[Loop]:
    """Every arm and amplitude at time `at`; all amplitudes share their times and shape."""
    n = int(rng.integers(4, 9))
    shape = ("half-sine", "fast-rise")[int(rng.integers(2))]
    regular, gap = onsets(rng, at, n, 90, 300)
    wide = rng.uniform(20, min(120, 0.7 * gap))
    uniform = np.concatenate([[at], at + rng.uniform(0, regular[-1] - at, n - 1)])
    poisson = at + np.concatenate([[0], np.cumsum(rng.exponential(gap, n - 1))])
    short, short_gap = onsets(rng, at, 2 * n, 30, 90)
    long, _ = onsets(rng, at, max(4, n - 2), 300, 600)
    long_s = rng.uniform(480, 1500)
    out = []
    for bpm in AMPLITUDES:
        out.append(pulses("cycle", bpm, shape, regular, wide))
        out.append(pulses("uniform", bpm, shape, uniform, wide))
        out.append(plateau(bpm, at, long_s))
    out.append(pulses("poisson", 18, shape, poisson, wide))
    out.append(pulses("30-90 s", 18, shape, short, min(wide, 0.7 * short_gap)))
    out.append(pulses("300-600 s", 18, shape, long, wide))
    return out


def sites(nights: list[Night], seed: int = 1) -> Iterator[Site]:
    """Two sites per stage in a scored night, four in another; the seed is the record's name."""
    for i, night in enumerate(nights):
        rng = np.random.default_rng([seed, *night.person.encode(), *night.record.encode()])
        wanted = {2: 2, 3: 2, 4: 2} if night.stage is not None else {BLIND: 4}
        for stage, count in wanted.items():
            for at in _places(rng, night, stage)[:count]:
                yield Site(i, stage, int(at) // EPOCH_S, loops_at(rng, float(at)))


def _places(rng, night: Night, stage: int) -> list[float]:
    """Candidate onsets, s: in `stage` now and for 5 of the next 8 min, hardly awake for 30."""
    length = night.epochs * EPOCH_S
    if length < FIRST_S + 2400:
        return []
    out = []
    for at in rng.uniform(FIRST_S, length - 2400, 400):
        apart = all(abs(at - other) > 1200 for other in out)
        if apart and (stage == BLIND or fits(night.stage[int(at) // EPOCH_S :], stage)):
            out.append(at)
    return out


def fits(stages: np.ndarray, stage: int) -> bool:
    """Whether a loop may begin here."""
    near, far = stages[:16], stages[:60]
    return stages[0] == stage and np.mean(near == stage) >= 0.6 and np.mean(far == 0) <= 0.1
