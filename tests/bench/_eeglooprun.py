"""Runs the EEG kit's stager and detector over a night, untouched or with a loop in it.

As `_looprun` does for the heart: a trace holds the score against the committed limits, so any
other limits can be applied to it afterwards.
"""

import copy

import numpy as np
from lamp import eegloops, eegstaging, wire

from . import _eegloopset as es
from ._eeglooppeers import PEERS
from ._looprun import Trace
from ._loopscore import Try

LEAD = 48  # epochs before a site that the peers' windows see


class Watcher:
    """Stager and detector of one night; can be copied in the middle of it."""

    def __init__(self, model):
        self.model = model
        self.stager = eegstaging.Stager(model)
        self.loops = eegloops.EegLoops()
        self.epoch = wire.Epoch()

    def copy(self) -> "Watcher":
        return copy.deepcopy(self, {id(self.model): self.model})

    def run(self, eeg: np.ndarray, begin: int, peers: dict[str, np.ndarray], stops=()) -> tuple:
        """Feed bands from epoch `begin`; return the trace and a copy of self at each stop."""
        epoch, rows, copies = self.epoch, [], {}
        for index, bands in enumerate(eeg, begin):
            if index in stops:
                copies[index] = self.copy()
            epoch.clear(index)
            epoch.eeg[:] = bytes(bands)
            if bands.any():
                epoch.flags, epoch.quality = wire.F_WORN, 100
            self.stager.feed(epoch)
            self.loops.feed(epoch)
            is_open = epoch.flags & wire.F_GATE > 0
            rows.append((epoch.cycle, epoch.hold, self.loops.rem >> 8, is_open))
        cycle, hold, rem, gate = np.array(rows, float).reshape(-1, 4).T
        behind = {name: score * gate for name, score in peers.items()}
        return Trace(begin, cycle, hold, rem, gate, behind), copies


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
