"""Does a loop that goes on look like waking up? The arousal flag in real sleep, with and without.

At sites where a person scored the sleeper asleep for ten minutes, surges are added to the heart
rate and the firmware's own stager judges both nights; wake.Wake, whose rescue is begun there by
hand, says whether it took the sleeper for awake. The untouched twin shows what the stager does
anyway, the true awakenings how often and how late the flag comes when it should. The stager has
seen these sleepers in training: in-sample, and so too good.
"""

import json
from pathlib import Path

import numpy as np
from lamp import wire
from lamp.staging import Stager
from lamp.wake import Wake

LENGTH = 16  # epochs: the light's longest shine
BEGUN = 20  # epochs the surges have been going on when the light rises
OUT = ("7749105",)  # heart rate in a fifth of its epochs only (shared data's README)
BEFORE = 3  # epochs of sleep before a true awakening


def load(data: Path):
    """Yield (heart rate in 5 s bins, bpm, 0 where absent; stage of each epoch) of each night."""
    for file in sorted((data / "walch2019").glob("*.npz")):
        if file.stem in OUT:
            continue
        night = np.load(file)
        assert json.loads(str(night["meta"]))["epoch_s"] == wire.EPOCH_S
        stage, n = night["stage"], len(night["stage"]) * wire.BINS
        at = np.floor((night["hr_t"] - float(night["stage_t0"])) / wire.BIN_S).astype(int)
        ok = (at >= 0) & (at < n)
        count = np.bincount(at[ok], minlength=n)
        total = np.bincount(at[ok], night["hr_bpm"][ok], minlength=n)
        yield np.divide(total, count, out=np.zeros(n), where=count > 0), stage


def surges(dice, bpm: float, n: int) -> np.ndarray:
    """Half-sine surges of 60 s, 150 s apart with 15 % jitter, in `n` bins."""
    t = np.arange(n) * wire.BIN_S
    out, at = np.zeros(n), 0.0
    while at < t[-1]:
        inside = (t >= at) & (t < at + 60)
        out[inside] = bpm * np.sin(np.pi * (t[inside] - at) / 60)
        at += 150 * (1 + dice.uniform(-0.15, 0.15))
    return out


def took_for_awake(bins: np.ndarray, first: int) -> int:
    """Return the epoch after `first` (1..LENGTH) in which the flag fell, 0 if it did not."""
    stager, epoch = Stager(smooth=0), wire.Epoch()
    wake = Wake(wire.ACT, wire.POLICY, 40)
    for i in range(first + LENGTH + 1):
        epoch.clear(i)
        rates = bins[i * wire.BINS : (i + 1) * wire.BINS]
        epoch.flags = wire.F_WORN
        epoch.quality = int(100 * np.mean(rates > 0))
        for k, rate in enumerate(rates):
            epoch.hr_x10[k] = round(rate * 10)
        if (rates > 0).any():
            epoch.hr_bpm_x10 = round(rates[rates > 0].mean() * 10)
        stager.feed(epoch)
        epoch.score = 120  # it goes on, as far as the detector can tell
        wake.feed(epoch, 0, i * wire.EPOCH_S)
        if i == first:
            wake.run = 1
        if i > first and wake.awake():
            return i - first
    return 0


def sites(stage: np.ndarray, asleep: bool, dice, most: int = 4) -> list[int]:
    """Epochs after the first 70 min at which ten minutes of sleep, or an awakening, begin."""
    found = []
    for i in range(140, len(stage) - LENGTH - 1):
        before, after = stage[i - BEFORE : i + 1], stage[i + 1 : i + 1 + LENGTH]
        if asleep and (before > 0).all() and (after > 0).all():
            found.append(i)
        if not asleep and (before > 0).all() and (after[:4] == 0).all():
            found.append(i)
    chosen = dice.choice(found, min(most, len(found)), replace=False) if found else []
    return sorted(int(i) for i in chosen)


def run(data: Path, seed: int = 1) -> dict:
    """Return the shares of flags: by surge height, on the untouched twin, at true awakenings."""
    dice = np.random.default_rng(seed)
    flags = {"untouched": [], "12": [], "18": [], "awakening": []}
    nights = 0
    for bins, stage in load(data):
        nights += 1
        for site in sites(stage, True, dice):
            flags["untouched"].append(took_for_awake(bins, site))
            for bpm in (12, 18):
                moved, at = bins.copy(), (site - BEGUN) * wire.BINS
                add = surges(dice, bpm, (LENGTH + BEGUN + 1) * wire.BINS)
                part = moved[at : at + len(add)]
                part[part > 0] += add[: len(part)][part > 0]
                flags[str(bpm)].append(took_for_awake(moved, site))
        for site in sites(stage, False, dice):
            flags["awakening"].append(took_for_awake(bins, site))
    out = {"nights": nights, "sites": len(flags["untouched"])}
    for name, fell in flags.items():
        out[f"flag_{name}"] = round(sum(f > 0 for f in fell) / max(1, len(fell)), 3)
    late = sorted(f for f in flags["awakening"] if f)
    out["awakenings"] = len(flags["awakening"])
    out["flag_awakening_s_median"] = late[len(late) // 2] * wire.EPOCH_S if late else None
    return out
