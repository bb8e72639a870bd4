"""The built-in sleeper: a seed -> a hypnogram and a heart that follows it. Synthetic.

Sleep cycles as textbooks draw them (deep sleep early, REM late, about 95 min each), a heart whose
rate and variability follow the stage, breathing in it, brief awakenings, lone surges and, if
asked for, a loop: six surges about 150 s apart, each 12 to 18 bpm and a minute long, late in the
night. Figures of the heart are plausible, not measured: never train on it, never score with it.
The same seed gives the same night. Knows no lamp.
"""

import numpy as np

from .recordings import Recording

EPOCH_S = 30
GRID_S = 0.25
# stage: bpm above the sleeper's floor, slow variability (sd, bpm), breathing swing (bpm)
HEART = {
    "W": (12.0, 4.0, 1.5),
    "N1": (5.0, 2.5, 2.0),
    "N2": (1.5, 1.2, 2.2),
    "N3": (0.5, 0.6, 2.6),
    "R": (5.0, 3.2, 1.2),
}
LONE_SURGES_PER_H = {"N2": 0.8, "R": 2.2}  # as in healthy nights; see the data's README
LOOP_SURGES, LOOP_APART_S, LOOP_LONG_S = 6, 150, 60
LOOP_BPM = (12.0, 18.0)


def sleeper(seed: int, hours: float = 8.0, loop: bool = False) -> Recording:
    """One synthetic night of about `hours`; `loop` injects one."""
    rng = np.random.default_rng(seed)
    stages = hypnogram(rng, hours)
    rate = _rate(rng, stages)
    starts = _loop_starts(rng, stages) if loop else []
    for at in starts:
        _add_surge(rate, at, LOOP_LONG_S, rng.uniform(*LOOP_BPM))
    turns = np.cumsum(rate) * GRID_S / 60
    times = np.arange(rate.size) * GRID_S
    beats = np.interp(np.arange(1, int(turns[-1])), turns, times)
    return Recording(
        name=f"synthetic sleeper, seed {seed}" + (", loop injected" if loop else ""),
        beats_ms=np.round(beats * 1000).astype(np.int64),
        stages=stages,
        scored_by="the synthetic sleeper's script",
        synthetic=True,
        loops_ms=[round(at * 1000) for at in starts],
    )


def hypnogram(rng: np.random.Generator, hours: float) -> list[str]:
    """Stages of each 30 s: awake, cycles until the time is up, awake."""
    wanted = round(hours * 3600 / EPOCH_S)
    night = ["W"] * _epochs(rng, 12, 4) + ["N1"] * _epochs(rng, 4, 1)
    cycle = 0
    while len(night) < wanted - 10:
        deep = max(0, 42 - 15 * cycle)
        night += ["N2"] * _epochs(rng, 16 + 3 * cycle, 3)
        if deep:
            night += ["N3"] * _epochs(rng, deep, 4) + ["N2"] * _epochs(rng, 14, 3)
        else:
            night += ["N2"] * _epochs(rng, 18, 4)
        night += ["R"] * _epochs(rng, 8 + 6 * cycle, 3)
        night += ["W"] * int(rng.integers(1, 5)) + ["N1"] * int(rng.integers(1, 4))
        cycle += 1
    night = night[: wanted - 8] + ["W"] * 8
    for at in rng.integers(60, len(night) - 60, 10):  # brief awakenings
        if night[at] in ("N2", "R"):
            night[at] = "W"
    return night


def _epochs(rng: np.random.Generator, minutes: float, spread: float) -> int:
    return max(2, round(rng.normal(minutes, spread) * 60 / EPOCH_S))


def _rate(rng: np.random.Generator, stages: list[str]) -> np.ndarray:
    """Heart rate in bpm on the grid."""
    per_epoch = round(EPOCH_S / GRID_S)
    count = len(stages) * per_epoch
    times = np.arange(count) * GRID_S
    level, spread, swing = (
        _smooth(np.repeat([HEART[s][k] for s in stages], per_epoch), 40) for k in range(3)
    )
    floor = rng.uniform(50, 60) + 4 * np.exp(-times / 3600 / 3)  # the heart slows into the night
    breath = 2 * np.pi * np.cumsum(rng.uniform(0.21, 0.26) + 0.01 * _wander(rng, count, 60))
    rate = floor + level + spread * _wander(rng, count, 25)
    rate += swing * np.sin(breath * GRID_S) + 0.8 * _wander(rng, count, 4)
    for stage, per_hour in LONE_SURGES_PER_H.items():
        where = np.flatnonzero(np.array(stages) == stage)
        for epoch in rng.choice(where, rng.poisson(per_hour * where.size / 120)):
            _add_surge(rate, epoch * EPOCH_S, rng.uniform(25, 50), rng.uniform(8, 15))
    return np.clip(rate, 38, 130)


def _smooth(values: np.ndarray, seconds: float) -> np.ndarray:
    width = round(seconds / GRID_S)
    padded = np.pad(values.astype(float), (width, width), mode="edge")
    return np.convolve(padded, np.ones(width) / width, mode="same")[width:-width]


def _wander(rng: np.random.Generator, count: int, seconds: float) -> np.ndarray:
    """Unit-variance noise without a trend, correlated over about `seconds`."""
    noise = _smooth(_smooth(rng.normal(size=count), seconds / 2), seconds / 2)
    return noise / noise.std()


def _add_surge(rate: np.ndarray, at_s: float, long_s: float, bpm: float) -> None:
    start, width = round(at_s / GRID_S), round(long_s / GRID_S)
    width = min(width, rate.size - start)
    rate[start : start + width] += bpm * np.hanning(width)


def _loop_starts(rng: np.random.Generator, stages: list[str]) -> list[float]:
    """Starts of the surges, in the longest late stretch of one sleep stage."""
    wanted_s = LOOP_SURGES * LOOP_APART_S
    runs, start = [], 0
    for i in range(1, len(stages) + 1):
        if i == len(stages) or stages[i] != stages[start]:
            if stages[start] in ("R", "N2") and start > len(stages) // 2:
                runs.append((i - start, start))
            start = i
    length, start = max(runs)
    at = start * EPOCH_S + max(0, (length * EPOCH_S - wanted_s) / 2)
    jitter = rng.uniform(-0.1, 0.1, LOOP_SURGES) * LOOP_APART_S
    return [float(at + k * LOOP_APART_S + j) for k, j in enumerate(jitter)]
