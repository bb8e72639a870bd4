"""Labelled nights of `DATA` as the lamp would see them: epochs of 5 s heart-rate bins.

`walch2019` is a watch's heart rate (about one value in 5 s; a bin without one keeps the last
value for up to 10 s) with 30 s movement counts; `slpdb` is beats, binned as `heart.summarise`
bins them. Knows no model.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from lamp import heart, wire

LEFT_OUT = {"7749105"}  # heart rate in 21 % of its epochs
DATASETS = ("walch2019", "slpdb")
KEEP_BINS = 2
NORMAL = "N"  # the WFDB beat type whose intervals count; ectopic beats are another rhythm


@dataclass(frozen=True)
class Labelled:
    """One night: `stage` int8 in the files' codes (0 W .. 3 N3, 4 R, -1 unscored) per epoch,
    `hr_x10` int (epochs, 6), 0 absent; `motion` int per epoch, -1 absent."""

    dataset: str
    record: str
    subject: str
    stage: np.ndarray
    hr_x10: np.ndarray
    motion: np.ndarray
    beats_s: np.ndarray | None = None  # from the first epoch on, where there are beats

    def epochs(self, motion: bool) -> Iterator[wire.Epoch]:
        """The night's epochs, one object lent again and again, as on the lamp."""
        epoch = wire.Epoch()
        for index, bins in enumerate(self.hr_x10):
            epoch.clear(index)
            present = 0
            for i, value in enumerate(bins):
                epoch.hr_x10[i] = value
                present += value > 0
            epoch.flags = wire.F_WORN
            epoch.quality = present * 100 // wire.BINS
            if motion and self.motion[index] >= 0:
                epoch.motion = int(self.motion[index])
                epoch.flags |= wire.F_MOTION
            yield epoch


def watch_bins(t: np.ndarray, bpm: np.ndarray, n: int) -> np.ndarray:
    """Watch samples -> `n` bins of 5 s, bpm x10, empty ones bridged causally."""
    at = np.floor(t / wire.BIN_S).astype(int)
    inside = (at >= 0) & (at < n)
    count = np.bincount(at[inside], minlength=n)
    total = np.bincount(at[inside], bpm[inside], minlength=n)
    bins = np.rint(10 * total / np.maximum(count, 1)).astype(int)
    for i in np.flatnonzero(count == 0):
        recent = [j for j in range(max(0, int(i) - KEEP_BINS), int(i)) if count[j]]
        bins[i] = bins[recent[-1]] if recent else 0
    return bins


def beat_bins(t: np.ndarray, normal: np.ndarray, epochs: int) -> np.ndarray:
    """Beat times, s, and whether each is normal -> bins by the lamp's own `heart.summarise`."""
    epoch, beats = wire.Epoch(), heart.Beats()
    ms = np.rint(t * 1000).astype(int)
    ibi = np.diff(ms, prepend=ms[0])
    good = normal & np.append(False, normal[:-1])
    good &= (ibi >= heart.IBI_MIN_MS) & (ibi <= heart.IBI_MAX_MS)
    edges = np.searchsorted(ms, np.arange(epochs + 1) * wire.EPOCH_S * 1000)
    rows = []
    for e, (begin, end) in enumerate(pairwise(edges)):
        beats.n = min(int(end - begin), len(beats.flag))
        for i, k in enumerate(range(begin, begin + beats.n)):
            beats.t_ms[i] = ms[k] - e * wire.EPOCH_S * 1000
            beats.ibi_ms[i] = min(65535, ibi[k])
            beats.flag[i] = wire.NN if good[k] else wire.ARTEFACT
        heart.summarise(beats, epoch)
        rows.append(list(epoch.hr_x10))
    return np.array(rows)


def load(file: Path) -> Labelled:
    """Read one record of `walch2019` or `slpdb`."""
    with np.load(file) as record:
        meta = json.loads(str(record["meta"]))
        stage, t0 = record["stage"].astype(np.int8), float(record["stage_t0"])
        n = len(stage) * wire.BINS
        motion, beats = np.full(len(stage), -1), None
        if "hr_t" in record:
            bins = watch_bins(record["hr_t"] - t0, record["hr_bpm"], n)
            count = record["act_count"]
            motion = np.where(np.isfinite(count), np.minimum(count, 30000), -1).astype(int)
        else:
            normal = np.array([c == NORMAL for c in str(record["beats_type"])])
            beats = record["beats_t"] - t0
            bins = beat_bins(beats, normal, len(stage))
    return Labelled(
        dataset=meta["dataset"],
        record=file.stem,
        subject=f"{meta['dataset']}/{meta.get('subject', file.stem)}",
        stage=stage,
        hr_x10=bins.reshape(-1, wire.BINS),
        motion=motion,
        beats_s=beats,
    )


def nights(data: Path, dataset: str) -> list[Labelled]:
    """Every usable night of a set; an empty list where the set is absent."""
    files = sorted((data / dataset).glob("*.npz"))
    return [load(f) for f in files if f.stem not in LEFT_OUT]
