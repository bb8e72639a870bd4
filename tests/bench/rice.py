"""make bench BENCH=rice: raw samples packed without loss, against their entropy and FLAC.

No raw EEG of a night is at hand. The first rows are signals with the band powers of real nights
(headset.py: the spectra are real, the waveform is noise) and the converter's own noise, in the two
steps that the kit may store; the others are real signals of another kind (ECG and finger light,
125 Hz). The filter begins anew with each sector of flash, as in the lamp's log.
Entropy is of order 0, of what the lamp's own filter leaves; FLAC is libsndfile's at its best
compression, headers counted, frames of the log not. The keys are of the EEG rows together.
"""

import io
from array import array
from pathlib import Path

import numpy as np
from dreamlamp import headset
from lamp import rice
from rich.console import Console
from rich.table import Table

MINUTES = 20
FRAME = 251  # bytes of a frame's samples
SECTOR = 4000  # bytes of a sector's
COUNT_UV = 2.42e6 / 6 / (2**23 - 1)  # of the converter, at gain 6
NOISE_COUNTS = 10  # rms, 0.5 uV
DROPPED = {3: "0.4 uV", 5: "1.5 uV"}  # bits, and what a step is then


def entropy(values: np.ndarray) -> float:
    """Bits a value, were they drawn from their own histogram."""
    share = np.unique(values, return_counts=True)[1] / len(values)
    return float(-(share * np.log2(share)).sum())


def packed(x: np.ndarray) -> tuple[float, float]:
    """(bits a sample, entropy of the residuals) of the lamp's packer; it must come back."""
    buf, bits = array("i", x.tolist()), 0
    starts = set()
    i = 0
    while i < len(buf):
        starts.add(i)
        s, back = rice.state(), rice.state()
        rice.begin(s, buf[i])
        rice.begin(back, buf[i])
        bits += 24
        i += 1
        for _ in range(SECTOR // FRAME):
            out = bytearray(FRAME)
            s[rice.BITS] = back[rice.BITS] = 0
            j = rice.pack(s, buf, i, len(buf), out, FRAME)
            part = array("i", [0] * (j - i))
            rice.decode(back, out, j - i, part)
            if part != buf[i:j]:
                raise AssertionError("what was packed does not come back")
            bits += -(-s[rice.BITS] // 8) * 8
            i = j
    return bits / len(buf), entropy(residuals(buf, starts))


def residuals(buf: array, starts: set[int]) -> np.ndarray:
    """What the lamp's filter leaves of a signal; it begins anew at `starts`."""
    s, out = rice.state(), np.zeros(len(buf), np.int64)
    for i in range(len(buf)):
        if i in starts:
            rice.begin(s, buf[i])
            continue
        v = buf[i] - s[0]
        e = v - rice.predict(s)
        rice.learn(s, v, e)
        s[0], out[i] = buf[i], e
    return out


def flac(x: np.ndarray) -> float:
    """Bits a sample of a FLAC file, 16 bits where they suffice."""
    import soundfile

    y, file = (x - x[0]).astype(np.int32), io.BytesIO()
    if np.abs(y).max() < 1 << 15:
        kind, y = "PCM_16", y.astype(np.int16)
    else:
        kind, y = "PCM_24", y << 8
    soundfile.write(file, y, 8000, format="FLAC", subtype=kind, compression_level=1.0)
    return len(file.getvalue()) * 8 / len(x)


def signals(data: Path) -> dict[str, np.ndarray]:
    """Name -> samples, below 2**21."""
    out = {}
    rng = np.random.default_rng(1)
    for file in sorted((data / "sleepedf_feat").glob("*.npz"))[::3]:
        with np.load(file) as record:
            powers = record["feat"][:, 1, :5][-MINUTES * 6 : -MINUTES * 4]  # late in the night
        uv = headset.signal(powers) * headset.UNIT_UV
        counts = np.rint(uv / COUNT_UV + rng.normal(size=len(uv)) * NOISE_COUNTS)
        for dropped, step in DROPPED.items():
            whole = counts.astype(int) + (1 << 23) + 400000
            out[f"EEG of {file.stem}'s powers, {step}"] = whole >> dropped
    for file in sorted((data / "bidmc").glob("*.npz"))[:3]:
        with np.load(file) as record:
            for key in ("ecg", "ppg"):
                out[f"{key.upper()} {file.stem}"] = record[key].astype(int) + (1 << 20)
    return out


def run(data: Path, train: bool) -> dict:
    """Pack every signal; the keys are of the EEG rows together."""
    table = Table(title="bits a sample", title_justify="left")
    for head in ("signal", "samples", "lamp", "entropy", "FLAC", "lamp / entropy", "lamp / FLAC"):
        table.add_column(head)
    rows = {}
    for name, x in signals(data).items():
        bits, least = packed(x)
        peer = flac(x)
        rows[name] = {"bits": bits, "entropy": least, "flac": peer, "eeg": name.startswith("EEG")}
        table.add_row(
            name, str(len(x)), f"{bits:.3f}", f"{least:.3f}", f"{peer:.3f}",
            f"{bits / least:.3f}", f"{bits / peer:.3f}",
        )  # fmt: skip
    Console(width=110).print(table)
    eeg = [r for r in rows.values() if r["eeg"]]
    if not eeg:
        print(f"no recordings of sleepedf_feat under {data}")
        return {"rows": rows}
    return {
        "eeg_bits_over_entropy": sum(r["bits"] for r in eeg) / sum(r["entropy"] for r in eeg),
        "flac_ratio": sum(r["bits"] for r in eeg) / sum(r["flac"] for r in eeg),
        "rows": rows,
    }
