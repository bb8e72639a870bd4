"""Labelled nights of EEG as the lamp would tell them: band powers of one channel per epoch.

`DATA/sleepedf_feat` holds mean power densities, not samples; each derivation of a night is a night
of its own here, because the kit has one channel and people differ in where it sits well. The
recordings have no sigma band. Knows no model.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lamp import wire

DATASET = "sleepedf_feat"
CHANNELS = ("Fpz-Cz", "Pz-Oz")
BAND = {0: 0, 1: 1, 2: 2, 3: 4, 4: 5}  # the recording's feature: the lamp's band
LEAST = 2.0**-9  # uV^2/Hz: what a byte can tell


@dataclass(frozen=True)
class Labelled:
    """One night of one channel: `stage` int8 in the files' codes (0 W .. 3 N3, 4 R, -1 unscored),
    `eeg` uint8 (epochs, 6), 0 where nothing was recorded."""

    record: str
    subject: str
    channel: str
    stage: np.ndarray
    eeg: np.ndarray

    def epochs(self) -> Iterator[wire.Epoch]:
        """The night's epochs, one object lent again and again, as on the lamp."""
        epoch = wire.Epoch()
        for index, bands in enumerate(self.eeg):
            epoch.clear(index)
            epoch.eeg[:] = bytes(bands)
            if bands.any():
                epoch.flags = wire.F_WORN
                epoch.quality = 100
            yield epoch


def told(power: np.ndarray) -> np.ndarray:
    """uV^2/Hz -> the lamp's byte."""
    steps = np.rint(8 * np.log2(np.maximum(power, LEAST))) + 80
    return np.clip(steps, 1, 255).astype(np.uint8)


def load(file: Path) -> list[Labelled]:
    """One record: a night for each channel, gaps between its epochs filled with nothing."""
    with np.load(file) as record:
        meta = json.loads(str(record["meta"]))
        at = record["epoch_idx"] - record["epoch_idx"][0]
        stage = np.full(at[-1] + 1, -1, np.int8)
        stage[at] = record["stage"]
        nights = []
        for c, channel in enumerate(CHANNELS):
            eeg = np.zeros((len(stage), wire.EEG_BANDS), np.uint8)
            for feature, band in BAND.items():
                eeg[at, band] = told(record["feat"][:, c, feature])
            nights.append(Labelled(file.stem, meta["subject"], channel, stage, eeg))
    return nights


def nights(data: Path) -> list[Labelled]:
    """Every night and channel of the set; an empty list where it is absent."""
    return [n for f in sorted((data / DATASET).glob("*.npz")) for n in load(f)]
