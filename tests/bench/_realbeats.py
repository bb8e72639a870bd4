"""Nights of real beats as the lamp would log them; used by the benches log and durability.

The recorders sampled at 250 Hz (slpdb) and 100 Hz (apnea_ecg), the lamp times beats to 1 ms: each
beat is moved within its recorder's sample by a seeded coin, so that every bit the lamp would pay
for is there. A beat is confirmed 45 % of its interval late, as in heart.py.
"""

from array import array
from pathlib import Path

import numpy as np
from lamp import codec, wire

SAMPLE_S = {"slpdb": 0.004, "apnea_ecg": 0.01}
SAMPLES = 100  # of a PPG frame, 2 s
PPG_FRAMES = 30  # the recorded minute
BREAK_MS = 4000
EPOCHS = 960  # eight hours


class Beats:
    def __init__(self):
        self.n = 0
        self.t_ms = array("h", [0] * codec.MAX_BEATS)
        self.ibi_ms = array("H", [0] * codec.MAX_BEATS)
        self.flag = bytearray(codec.MAX_BEATS)


def recordings(data: Path) -> list[Path]:
    return [f for name in SAMPLE_S for f in sorted((data / name).glob("*.npz"))]


def beat_times_ms(file: Path) -> np.ndarray:
    """Ascending beat times, ms."""
    t = np.load(file)["beats_t"]
    width = SAMPLE_S[file.parent.name]
    coin = np.random.default_rng(sum(map(ord, file.stem)))
    t = t[np.isfinite(t)] + coin.uniform(-width / 2, width / 2, np.isfinite(t).sum())
    return np.unique(np.round((t - t.min()) * 1000).astype(int))


def epochs(times: np.ndarray):
    """Yield the Beats of each 30 s.

    As heart.py judges them: an interval outside 300..2000 ms is an artefact, and nothing for four
    seconds a break.
    """
    ibi = np.diff(times, prepend=times[0] - 60000)
    seen = times + np.where(ibi <= 2000, ibi * 45 // 100, 400)
    which = np.maximum.accumulate(seen) // 30000
    for epoch in range(int(which[-1])):
        beats = Beats()
        for i in np.flatnonzero(which == epoch)[: codec.MAX_BEATS]:
            first = ibi[i] > BREAK_MS
            beats.t_ms[beats.n] = int(times[i] - epoch * 30000)
            beats.ibi_ms[beats.n] = 0 if first else int(ibi[i])
            odd = wire.NN if 300 <= ibi[i] <= 2000 else wire.ARTEFACT
            beats.flag[beats.n] = wire.FIRST if first else odd
            beats.n += 1
        yield beats


def entropy_bits(times: np.ndarray) -> tuple[float, int]:
    """Order-0 entropy of the night's differences of intervals, bits; and how many intervals."""
    ibi = np.diff(times)
    step = np.diff(ibi[ibi <= BREAK_MS])
    _, counts = np.unique(step, return_counts=True)
    p = counts / counts.sum()
    return float(-(p * np.log2(p)).sum()), len(step)


def frames(times: np.ndarray, pulse: np.ndarray):
    """Yield (kind, payload) of at most eight hours but the END, as night.py writes them."""
    out, epoch = bytearray(255), wire.Epoch()
    yield wire.NIGHT, bytes([1] * 26)
    for index, beats in zip(range(EPOCHS), epochs(times)):
        epoch.clear(index)
        epoch.beats, epoch.quality = beats.n, 97
        epoch.pack_into(out, 0)
        yield wire.EPOCH, bytes(out[: codec.pack_beats(beats, beats.n, out, epoch.SIZE)])
        if index % 60 == 59:
            yield wire.EVENT, bytes([wire.LOOP, index & 255, index >> 8, 0, 0, 0, 0, 0, 0, 0])
        if index in (2, 3):  # the recorded minute
            for at in range(0, PPG_FRAMES // 2):
                part = array("i", pulse[at * SAMPLES : (at + 1) * SAMPLES].tolist())
                yield wire.PPG, bytes(out[: codec.pack_samples(part, len(part), out, 6)])


def pulse(data: Path) -> np.ndarray:
    """30 s of a real finger at 50 Hz, scaled to 18 bits, with 4 counts of noise."""
    file = sorted((data / "bidmc").glob("*.npz"))[0]
    ppg = np.load(file)["ppg"].astype(float)
    at = np.arange(PPG_FRAMES * SAMPLES // 2) * 2.5
    wave = np.interp(at, np.arange(len(ppg)), ppg)
    wave = (wave - wave.min()) / (wave.max() - wave.min())
    noise = np.random.default_rng(1).normal(0, 4, len(wave))
    return np.round(120000 + 2400 * wave + noise).astype(int)
