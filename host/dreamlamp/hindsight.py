"""Stages in hindsight: what a heart's night says of an epoch once five more minutes are known.

The lamp stages an epoch the moment it ends, for its light cannot wait; who reads the night can.
From the posteriors in the log, ten epochs go back through the lamp's own Markov chain: fixed-lag
smoothing (Rauch, Tung, Striebel 1965, for a discrete chain). Integers, so that every reader of a
night comes to the same; still causal, five minutes late. What the lamp left unscored stays so.

Knows no beats and no trees. An EEG night keeps the stages said at once: its posteriors do not
tell N1 from N2.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from lamp import wire

LAG = 10  # epochs; 20 gave no more (docs/attempts.md)
STAGES = np.array([wire.W, wire.N2, wire.N3, wire.R])  # in the model's order
FILE = Path(__file__).with_suffix(".json")  # by `make train`, with the lamp's model


@dataclass(frozen=True)
class Tables:
    """What turns posteriors into stages; the second of two is where motion was measured.

    `chain` Q14 (from, to); `weight` Q12 of each class; `confidence` percent by class and
    sixteenth of its posterior; `gate` p_r (255 = 1) from which on it is REM with high precision.
    """

    chain: np.ndarray  # (4, 4)
    weight: np.ndarray  # (2, 4)
    confidence: np.ndarray  # (2, 4, 16)
    gate: tuple[int, ...]


@dataclass(frozen=True)
class Reading:
    """A night read in hindsight, a row an epoch: wire's stage codes, percent sure, and Q14
    posteriors of wake, light, N3, R (even where nothing was scored)."""

    stage: np.ndarray
    confidence: np.ndarray
    posterior: np.ndarray


@cache
def committed() -> Tables:
    """The tables that go with the lamp's committed model."""
    return tables(json.loads(FILE.read_text()))


def tables(held: Mapping) -> Tables:
    """Tables from their JSON."""
    each = {name: np.array(held[name], np.int64) for name in ("chain", "weight", "confidence")}
    return Tables(**each, gate=tuple(held["gate"]))


def read(epochs: Mapping[str, np.ndarray], by: Tables | None = None) -> Reading:
    """Read a night's `epochs` (columns `index`, `flags`, `stage`, `p_w`, `p_n3`, `p_r`)."""
    by = by or committed()
    scored = epochs["stage"] != wire.UNSCORED
    posterior = smoothed(logged(epochs), by.chain, follows(epochs["index"], scored))
    motion = (epochs["flags"] & wire.F_MOTION > 0).astype(int)
    best = (posterior * by.weight[motion]).argmax(axis=1)
    row = np.arange(len(best))
    sure = by.confidence[motion, best, np.minimum(posterior[row, best] >> 10, 15)]
    return Reading(
        np.where(scored, STAGES[best], wire.UNSCORED), np.where(scored, sure, 0), posterior
    )


def at_once(epochs: Mapping[str, np.ndarray]) -> Reading:
    """What the lamp said, as a reading."""
    return Reading(epochs["stage"], epochs["confidence"], _q14(logged(epochs)))


def logged(epochs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The posteriors in the log, 768 = 1: a byte and a third, the mean of those that read 0."""
    held = [np.asarray(epochs[name], np.int64) * 3 + 1 for name in ("p_w", "p_n3", "p_r")]
    light = np.maximum(1, 768 - sum(held))
    return np.column_stack([held[0], light, held[1], held[2]])


def follows(index: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """Whether the next epoch goes on with this one: both scored, nothing between."""
    on = np.zeros(len(index), bool)
    on[:-1] = scored[:-1] & scored[1:] & (np.diff(index) == 1)
    return on


def smoothed(filtered: np.ndarray, chain: np.ndarray, on: np.ndarray) -> np.ndarray:
    """`filtered` posteriors (sum about 768) after LAG steps back, Q14, as far as `on` reaches.

    A step: p(now | later) = filtered * sum_j chain[., j] p(next j | later) / p(next j | now).
    Below 2**60 even where the chain holds a zero.
    """
    start = now = _q14(filtered)
    ahead = np.maximum(1, filtered @ chain)
    for _ in range(LAG):
        later = np.vstack([now[1:], now[-1:]])
        back = filtered * (((later << 20) // ahead) @ chain.T)
        back = (back << 4) // ((back.sum(axis=1, keepdims=True) >> 10) + 1)
        now = np.where(on[:, None], back, start)
    return now


def _q14(p: np.ndarray) -> np.ndarray:
    return (p << 14) // p.sum(axis=1, keepdims=True)
