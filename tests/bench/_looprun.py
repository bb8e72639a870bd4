"""Runs the gate and the detector over a night, untouched or with a loop in it.

The lamp's own `staging.Stager` and `loops.Loops` see every epoch. Because a trace holds the score
against the committed thresholds, any other threshold can be applied to it afterwards: the
detector's state does not depend on what it decided.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from lamp import loops, staging, wire

from . import _loopset as ls
from ._looppeers import PEERS

HOUR = 120  # epochs
LEAD = 48  # epochs before a site that the peers' windows see


@dataclass
class Trace:
    """Per epoch: the parts of the score in percent of the committed thresholds, the slow REM
    posterior (255 = 1), whether the gate was open, and the peers' scores behind that gate."""

    begin: int
    cycle: np.ndarray
    hold: np.ndarray
    rem: np.ndarray
    gate: np.ndarray
    peers: dict[str, np.ndarray]

    def score(self, cycle_n=1.0, cycle_r=1.0, hold=1.0) -> np.ndarray:
        """The score at thresholds of these multiples of the committed ones; inf leaves out."""
        limit = cycle_n + (cycle_r - cycle_n) * self.rem / 256 if cycle_r != cycle_n else cycle_n
        return np.maximum(self.cycle / limit, self.hold / hold) * self.gate


class Judges:
    """Stager and detector of one night; can be copied in the middle of it. A kit's own kind says
    what one epoch's measures are and puts them into `epoch`."""

    def __init__(self, model, stager, detector):
        self.model = model
        self.stager = stager
        self.loops = detector
        self.epoch = wire.Epoch()

    def copy(self):
        return copy.deepcopy(self, {id(self.model): self.model})

    def measures(self, part) -> Iterable:
        raise NotImplementedError

    def fill(self, measure) -> None:
        raise NotImplementedError

    def run(self, part, begin: int, peers: dict[str, np.ndarray], stops=()) -> tuple:
        """Feed `part` from epoch `begin`; return the trace and a copy of self at each stop."""
        epoch, rows, copies = self.epoch, [], {}
        for index, measure in enumerate(self.measures(part), begin):
            if index in stops:
                copies[index] = self.copy()
            epoch.clear(index)
            self.fill(measure)
            self.stager.feed(epoch)
            self.loops.feed(epoch)
            is_open = epoch.flags & wire.F_GATE > 0
            rows.append((epoch.cycle, epoch.hold, self.loops.rem >> 8, is_open))
        cycle, hold, rem, gate = np.array(rows, float).reshape(-1, 4).T
        behind = {name: score * gate for name, score in peers.items()}
        return Trace(begin, cycle, hold, rem, gate, behind), copies


class Watcher(Judges):
    """Those of the heart, for `ls.Bins`."""

    def __init__(self, night: ls.Night, model):
        smooth = 0 if night.bpm is not None else staging.SMOOTH
        super().__init__(model, staging.Stager(smooth, model), loops.Loops())

    def measures(self, part: ls.Bins) -> Iterable:
        rows, quality, mean = part.hr_x10, part.quality, part.mean_x10
        return zip(rows.tolist(), quality.tolist(), mean.tolist(), strict=True)

    def fill(self, measure) -> None:
        rates, quality, mean = measure
        self.epoch.flags = wire.F_WORN
        self.epoch.quality = int(quality)
        self.epoch.hr_bpm_x10 = int(mean)
        for k in range(wire.BINS):
            self.epoch.hr_x10[k] = rates[k]


def untouched(night: ls.Night, model, stops) -> tuple[Trace, dict[int, Watcher]]:
    """The whole night as it is."""
    bins = night.bins()
    peers = {name: score(bins.hr_x10) for name, score in PEERS.items()}
    return Watcher(night, model).run(bins, 0, peers, stops)


def injected(night: ls.Night, watcher: Watcher, epoch: int, loop: ls.Loop, peers=()) -> Trace:
    """From `epoch` to a minute after the loop, with the loop in it."""
    end = min(night.epochs, int(loop.end_s + 60) // ls.EPOCH_S + 1)
    begin = max(0, epoch - LEAD)
    bins = night.bins(loop.add, begin, end)
    skip = epoch - begin
    scores = {name: PEERS[name](bins.hr_x10)[skip:] for name in peers}
    rest = ls.Bins(bins.hr_x10[skip:], bins.mean_x10[skip:], bins.quality[skip:])
    return watcher.copy().run(rest, epoch, scores)[0]


def disturbed(night: ls.Night, watcher: Watcher, epoch: int, kind) -> Trace:
    """An hour from `epoch` with a look-alike in it."""
    bins = night.bins(None, epoch, epoch + HOUR)
    rng = np.random.default_rng([epoch, *night.record.encode()])
    rows = np.clip(np.rint(kind(bins.hr_x10, rng)), 0, 2400).astype(int)
    count = (rows > 0).sum(axis=1)
    mean = rows.sum(axis=1) // np.maximum(count, 1)
    quality = np.minimum(bins.quality, count * 100 // wire.BINS)
    return watcher.copy().run(ls.Bins(rows, mean, quality), epoch, {})[0]
