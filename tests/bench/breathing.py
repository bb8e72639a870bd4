"""The breathing hint against labelled apnea: nights marked, nights spared.

The rule of `dreamlamp.breathing` on `apnea_ecg` (42 nights, apnea scored per minute). Its peer is
the plain one: the share of the heart rate's power between 0.013 and 0.04 Hz. Both were looked at
on these nights, so their figures are in-sample; people recur across records.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from dreamlamp import breathing, judge, recordings

APNEA_MIN, HEALTHY_MIN = 100, 5  # minutes of apnea in a night, as the set's own classes A and C
BAND_HZ = (0.013, 0.04)  # periods of 25 to 75 s


def beats_of(file: Path):
    """What `breathing` reads of a night: beats and the second at which each epoch begins."""
    beats = list(judge.epochs_of(recordings.load(file).beats_ms))
    return SimpleNamespace(beats=beats, seconds=np.arange(len(beats)) * 30.0)


def power_share(night) -> float:
    at, bpm = breathing._rates(night)
    rate = np.interp(np.arange(at[0], at[-1], 0.5), at, bpm)
    spectrum = np.abs(np.fft.rfft(rate - rate.mean())) ** 2
    hz = np.fft.rfftfreq(rate.size, 0.5)
    inside = (hz >= BAND_HZ[0]) & (hz <= BAND_HZ[1])
    return float(spectrum[inside].sum() / spectrum[(hz > 0.005) & (hz < 0.5)].sum())


def area(ill: np.ndarray, well: np.ndarray) -> float:
    """Chance that an ill night stands above a well one."""
    return float(np.mean(ill[:, None] > well) + np.mean(ill[:, None] == well) / 2)


def run(data: Path, train: bool) -> dict:
    rows = []
    for file in sorted((data / "apnea_ecg").glob("*.npz")):
        minutes = json.loads(str(np.load(file)["meta"]))["apnea_min"]
        night = beats_of(file)
        rows.append((minutes, breathing.cyclic_percent(night), power_share(night)))
    table = np.array(rows, float)
    ill, well = table[table[:, 0] >= APNEA_MIN], table[table[:, 0] < HEALTHY_MIN]
    result = {
        "nights": len(table), "ill": len(ill), "well": len(well),
        "marked_ill": int((ill[:, 1] >= breathing.SUSPECT_PERCENT).sum()),
        "marked_well": int((well[:, 1] >= breathing.SUSPECT_PERCENT).sum()),
        "area": area(ill[:, 1], well[:, 1]), "area_peer": area(ill[:, 2], well[:, 2]),
    }  # fmt: skip
    print(
        f"{result['nights']} nights of apnea_ecg, in-sample\n"
        f"marked of {result['ill']} with {APNEA_MIN} min of apnea: {result['marked_ill']}\n"
        f"marked of {result['well']} with less than {HEALTHY_MIN} min: {result['marked_well']}\n"
        f"area under ROC {result['area']:.3f}, of the power in the same band "
        f"{result['area_peer']:.3f}"
    )
    return result
