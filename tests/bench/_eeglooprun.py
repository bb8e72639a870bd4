"""Runs the EEG kit's stager and detector over a night, untouched or with a loop in it.

As `_looprun` does for the heart: a trace holds the score against the committed limits, so any
other limits can be applied to it afterwards.
"""

import numpy as np
from lamp import eegloops, eegstaging, wire

from . import _eegloopset as es
from ._eeglooppeers import PEERS
from ._looprun import LEAD, Judges, Trace
from ._loopscore import Try


class Watcher(Judges):
    """Those of the EEG, for bands of some epochs."""

    def __init__(self, model):
        super().__init__(model, eegstaging.Stager(model), eegloops.EegLoops())

    def measures(self, part: np.ndarray) -> np.ndarray:
        return part

    def fill(self, measure: np.ndarray) -> None:
        self.epoch.eeg[:] = bytes(measure)
        if measure.any():
            self.epoch.flags, self.epoch.quality = wire.F_WORN, 100


def injected(night: es.Night, start: Watcher, epoch: int, loop: es.Loop) -> Trace:
    """From `epoch` to a minute after the loop, with the loop in it."""
    end = min(night.epochs, int(loop.end_s + 60) // es.EPOCH_S + 1)
    begin = max(0, epoch - LEAD)
    eeg = loop.added(night, begin, end)
    wanted = PEERS if loop.arm == "cycle" else {}
    peers = {name: score(eeg)[epoch - begin :] for name, score in wanted.items()}
    return start.copy().run(eeg[epoch - begin :], epoch, peers)[0]


def simulate(nights: list[es.Night], models: dict) -> tuple[list[Trace], list[Try]]:
    """Traces of untouched nights, and a try of each loop at each site."""
    places: dict[int, list] = {}
    for site in es.sites(nights):
        places.setdefault(site.night, []).append(site)
    traces, tries = [], []
    for i, night in enumerate(nights):
        here = places.get(i, [])
        peers = {name: score(night.eeg) for name, score in PEERS.items()}
        watcher = Watcher(models[night.person])
        trace, copies = watcher.run(night.eeg, 0, peers, {s.epoch for s in here})
        traces.append(trace)
        for site in here:
            for loop in site.loops:
                tries.append(
                    Try(site, loop, injected(night, copies[site.epoch], site.epoch, loop))
                )
    return traces, tries
