"""Other ways of staging the same nights, in floating point: the baselines of the table.

Clock only, and logistic regression on the heart features, each filtered by the same kind of
Markov chain, fitted on the same training nights as the lamp's model. The emission exponent is
fixed a priori (TEMPER), the class weights balanced on the training nights. SleepECG's published
three-class network (`wrn-gru-mesa`, 1971 nights, shipped in its wheel) runs on the same beats
with Keras on JAX; it looks 2.5 min ahead.
"""

import contextlib
import datetime
import io
import os
import warnings
from collections.abc import Sequence

import numpy as np
from dreamlamp import nightset, stagefloat, train
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ._stagescore import ABSTAINED

TEMPER = 0.35
SLEEPECG = {0: ABSTAINED, 1: 1, 2: 3, 3: 0}  # undefined, NREM, REM, wake -> our classes


def clock(s: train.Sample) -> np.ndarray:
    """Hours since the start, and how it may bend."""
    hours = np.arange(len(s.x)) / 120
    return np.stack(
        [hours, hours**2, np.exp(-hours * 4), np.sin(4.19 * hours), np.cos(4.19 * hours)], 1
    )


def heart(s: train.Sample) -> np.ndarray:
    """The lamp's heart features as numbers."""
    return s.x[:, : s.hearts].astype(float)


class Logistic:
    """Logistic regression on `see(sample)` and a causal Markov filter."""

    def __init__(self, see, samples: Sequence, classes: int = 4, start: list = train.START):
        self.see = see
        x = np.vstack([see(s) for s in samples])
        y = np.concatenate([s.y for s in samples])
        use = (y >= 0) & np.concatenate([s.seen for s in samples])
        self.scale = StandardScaler().fit(x[use])
        self.fit = LogisticRegression(C=0.02, max_iter=300).fit(
            self.scale.transform(x[use]), y[use]
        )
        share = np.log(np.bincount(y[use], minlength=classes) / use.sum())
        self.model = {"prior": share.tolist(), "chain": train.chain(samples, classes).tolist()}
        self.model |= {"start": start, "temper": [TEMPER], "weight": [[1.0] * classes]}
        p = np.vstack([self._posterior(s) for s in samples])[y >= 0]
        self.model["weight"] = [train.balance(p, y[y >= 0])]

    def _posterior(self, s: train.Sample) -> np.ndarray:
        score = self.fit.predict_log_proba(self.scale.transform(self.see(s)))
        return stagefloat.posteriors(self.model, [score], [s.seen], 0)[0]

    def said(self, s: train.Sample) -> np.ndarray:
        """The class of every epoch."""
        return stagefloat.decide(self.model, self._posterior(s), 0)


def sleepecg(night: nightset.Labelled) -> np.ndarray | None:
    """What SleepECG says of a night with beats; None where it is not installed."""
    os.environ.setdefault("KERAS_BACKEND", "jax")  # it prefers torch, ten times the download
    try:
        import keras  # noqa: F401
        import sleepecg as peer
    except ImportError:
        return None
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        record = peer.SleepRecord(
            sleep_stage_duration=30,
            heartbeat_times=night.beats_s,
            recording_start_time=datetime.time(23, 0),
        )
        network = peer.load_classifier("wrn-gru-mesa", "SleepECG", silence_tf_messages=False)
        said = peer.stage(network, record, return_mode="prob")[:, 1:].argmax(axis=1) + 1
    out = np.full(len(night.stage), ABSTAINED)
    n = min(len(said), len(out))
    out[:n] = [SLEEPECG[int(k)] for k in said[:n]]
    return out
