"""make bench BENCH=beats: the beat detector against ECG, with its peers on the same samples.

`bidmc`: 8 minutes of finger PPG per patient with R peaks, brought to 50 and 25 Hz and to the
MAX30102's counts (half scale, a pulse dims the light). All detectors are treated alike: one lag
per record (the one that matches most beats, then the median), a beat within 150 ms of one R peak
is right; R peaks on which two ECG detectors disagree (`beats_agree`) count neither way; the
first 5 s are left out. IBI errors are taken on pairs of beats that all detectors found; peers'
peaks are taken as they come and with a parabola, and the better is named. `floor` is the
steepest slope of the 125 Hz original, searched without a hurry: the pulse's own transit jitter
(with the ECG clock's 8 ms). heart.py has no trained figure, but its few thresholds were looked
at on these records: figures of every second record stand apart to show the spread (`even`,
`odd`), and other subjects must confirm them.
`welltory_ppg`: fingertip on a phone's camera; error of the recording's mean heart rate.
"""

import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lamp import wire
from lamp.heart import Heart

from . import _peers as peers

TOLERANCE_S = 0.150
SETTLE_S = 5.0
BURST = 32
OURS = "dreamlamp"


@dataclass
class Found:
    """Beats of one detector on one record: times in s, and what the gate made of them."""

    t: np.ndarray
    good: np.ndarray  # the interval that ends here is accepted
    cpu_s: float = 0.0
    latency_s: float = 0.0


@dataclass
class Score:
    right: int
    extra: int
    missed: int
    time_of: np.ndarray  # for each R peak the beat's time, or NaN
    is_extra: np.ndarray


def counts(ppg: np.ndarray, fs: float, rate: int) -> np.ndarray:
    """PPG that rises with the pulse to 18-bit counts at `rate`, dimming with it."""
    from scipy.signal import resample_poly

    x = np.nan_to_num(ppg.astype(float), nan=float(np.nanmean(ppg)))
    x = resample_poly(x - x.mean(), rate, round(fs), padtype="line")
    span = np.percentile(x, 99) - np.percentile(x, 1)
    return np.clip(np.round(131072 - x * 3000 / span), 0, 0x3FFFF).astype(int)


def play(x: np.ndarray, rate: int, burst: int = BURST) -> Found:
    """Run the lamp's own detector over counts, in bursts, with an epoch every 30 s."""
    heart, buf = Heart(rate), array("i", [0] * burst)
    t, good, late, offset, n, spent = [], [], 0.0, 0, 0, 0.0
    x = np.append(x, np.full(-len(x) % burst, x[-1]))
    for i in range(0, len(x), burst):
        buf[:] = array("i", x[i : i + burst].tolist())
        known, began = heart.beats.n, time.process_time()
        heart.feed(buf, burst, 0, 0)
        spent += time.process_time() - began
        b, n = heart.beats, n + burst
        for k in range(known, b.n):
            t.append((offset + b.t_ms[k]) / 1000)
            good.append(b.flag[k] == wire.NN)
            late = max(late, (heart.now_ms() - b.t_ms[k]) / 1000)
        if n >= wire.EPOCH_S * rate:
            heart.next_epoch(n * 1000 // rate)
            offset, n = offset + n * 1000 // rate, 0
    return Found(np.array(t), np.array(good, bool), spent, late)


def pair(t: np.ndarray, ref: np.ndarray) -> np.ndarray:
    """For each reference the index of the beat that is mutually nearest, or -1."""
    if len(t) < 2:
        return np.full(len(ref), -1)
    near = lambda a, b: np.abs(a[:, None] - b[None, :]).argmin(1)  # noqa: E731
    j = near(ref, t)
    ok = (near(t, ref)[j] == np.arange(len(ref))) & (np.abs(t[j] - ref) <= TOLERANCE_S)
    return np.where(ok, j, -1)


def find_lag(t: np.ndarray, ref: np.ndarray) -> float:
    """The pulse's delay after the R peak, s, that matches most beats."""
    lag = max(np.arange(-0.2, 0.8, 0.04), key=lambda lag: (pair(t - lag, ref) >= 0).sum())
    for _ in range(2):
        j = pair(t - lag, ref)
        if (j >= 0).any():
            lag = np.median(t[j[j >= 0]] - ref[j >= 0])
    return float(lag)


def score(t: np.ndarray, ref: np.ndarray, sure: np.ndarray) -> Score:
    lag = find_lag(t, ref)
    j = pair(t - lag, ref)
    end = ref[-1]
    counted = sure & (ref >= SETTLE_S)
    right = int(((j >= 0) & counted).sum())
    unpaired = np.ones(len(t), bool)
    unpaired[j[j >= 0]] = False
    at = t - lag
    after = np.clip(np.searchsorted(ref, at), 1, len(ref) - 1)
    inside = (at >= SETTLE_S) & (at < end) & sure[after] & sure[after - 1]
    time_of = np.where(j >= 0, t[j] if len(t) else np.nan, np.nan)
    return Score(right, int((unpaired & inside).sum()), int(counted.sum()) - right,
                 time_of, unpaired & inside)  # fmt: skip


def f1(scores: list[Score]) -> float:
    right = sum(s.right for s in scores)
    return 2 * right / (2 * right + sum(s.extra + s.missed for s in scores))


def records(data: Path) -> Iterator[tuple[str, dict]]:
    for file in sorted((data / "bidmc").glob("*.npz")):
        with np.load(file) as d:
            yield file.stem, {k: d[k] for k in ("ppg", "ppg_fs", "beats_t", "beats_agree")}


def floor_times(r: dict) -> np.ndarray:
    """Steepest slope of the 125 Hz original near each R peak: the pulse's own transit jitter."""
    fs, x = float(r["ppg_fs"]), np.nan_to_num(r["ppg"].astype(float))
    w = round(0.16 * fs)
    total = np.concatenate([[0.0], np.cumsum(x)])
    slope = np.zeros(len(x))
    slope[w : len(x) - w + 1] = total[2 * w :] - 2 * total[w:-w] + total[: -2 * w]
    tops = np.flatnonzero((slope[1:-1] > slope[:-2]) & (slope[1:-1] >= slope[2:])) + 1
    tops = tops[slope[tops] > np.percentile(slope[tops], 75) / 3]
    return peers.refine(slope, tops) / fs


def errors(scores: dict[str, Score], ref: np.ndarray, sure: np.ndarray) -> dict[str, np.ndarray]:
    """IBI errors in ms on pairs of neighbouring beats that every detector found."""
    found = np.all([~np.isnan(s.time_of) for s in scores.values()], axis=0) & sure
    both = found[1:] & found[:-1]
    return {k: 1000 * (np.diff(s.time_of) - np.diff(ref))[both] for k, s in scores.items()}


def rms(parts: list[np.ndarray]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(parts) ** 2)))


def bench_bidmc(data: Path, rate: int) -> dict:
    """One table: every detector on every record at `rate`."""
    marks: dict[str, list[Score]] = {}
    wrong: dict[str, list[np.ndarray]] = {}
    cpu: dict[str, float] = {}
    cover, false, accepted, late, worst, turned = [], [], [], [], [], []
    for name, r in records(data):
        x = counts(r["ppg"], float(r["ppg_fs"]), rate)
        ref, sure = r["beats_t"], r["beats_agree"]
        ours = play(x, rate)
        times = {OURS: ours.t}
        cpu[OURS] = cpu.get(OURS, 0.0) + ours.cpu_s
        for peer in peers.PEERS:
            times[peer], times[peer + " + parabola"], spent = peers.run(peer, -x * 1.0, rate)
            cpu[peer] = cpu.get(peer, 0.0) + spent
        times["floor"] = floor_times(r)
        got = {k: score(t, ref, sure) for k, t in times.items()}
        for key, s in got.items():
            marks.setdefault(key, []).append(s)
        for key, e in errors(got, ref, sure).items():
            wrong.setdefault(key, []).append(e)
        turned.append(score(play(0x3FFFF - x, rate).t, ref, sure))
        late.append(play(x[: 60 * rate], rate, 1).latency_s)
        # An interval is accepted, or not; it is false if either of its beats was none.
        ends = np.flatnonzero(ours.good & (ours.t >= SETTLE_S))
        ends = ends[ends > 0]
        cover.append(float((ours.t[ends] - ours.t[ends - 1]).sum() / (ref[-1] - SETTLE_S)))
        bad = got[OURS].is_extra
        false.append(int((bad[ends] | bad[ends - 1]).sum()))
        accepted.append(len(ends))
        worst.append((f1([got[OURS]]), name))
    return table(rate, marks, wrong, cpu) | {
        "coverage": float(np.mean(cover)),
        "coverage_even": float(np.mean(cover[::2])),
        "coverage_odd": float(np.mean(cover[1::2])),
        "false_beats": sum(false) / sum(accepted),
        "false_beats_even": sum(false[::2]) / sum(accepted[::2]),
        "false_beats_odd": sum(false[1::2]) / max(1, sum(accepted[1::2])),
        "f1_inverted": f1(turned),  # the first 13 beats or so are spent on finding out
        "latency_ms_max": round(1000 * max(late)),
        "worst_record": min(worst)[1],
        "worst_f1": min(worst)[0],
        "records": len(worst),
    }


def table(rate: int, marks: dict, wrong: dict, cpu: dict) -> dict:
    """Print the detectors side by side; return the keys of BENCH.md."""
    print(f"\nbidmc at {rate} Hz, {len(marks[OURS])} records")
    print(f"{'detector':40} {'F1':>7} {'even':>7} {'odd':>7} {'IBI RMSE ms':>12} {'CPU':>6}")
    for key, scores in marks.items():
        ratio = f"{cpu[key] / cpu[OURS]:6.2f}" if key in cpu else ""
        halves = " ".join(f"{f1(s):7.4f}" for s in (scores, scores[::2], scores[1::2] or scores))
        halves = halves if key != "floor" else " " * len(halves)
        print(f"{key:40} {halves} {rms(wrong[key]):12.2f} {ratio}")
    others = {k: f1(v) for k, v in marks.items() if k in peers.PEERS}
    best = max(others, key=lambda k: others[k])
    theirs = {k: rms(v) for k, v in wrong.items() if k not in (OURS, "floor")}
    steady = min(theirs, key=lambda k: theirs[k])
    return {
        "f1": f1(marks[OURS]),
        "f1_even": f1(marks[OURS][::2]),
        "f1_odd": f1(marks[OURS][1::2] or marks[OURS]),
        "best_peer": best,
        "best_peer_f1": others[best],
        "ibi_rmse_ms": rms(wrong[OURS]),
        "best_peer_ibi": steady,
        "best_peer_ibi_rmse_ms": theirs[steady],
        "transit_floor_ms": rms(wrong["floor"]),
        "cpu_of_peers": {k: v / cpu[OURS] for k, v in cpu.items() if k != OURS},
    }


def bench_welltory(data: Path, rate: int = 50) -> dict:
    """Mean heart rate of accepted intervals against the chest strap's, per recording."""
    off, cover = [], []
    for file in sorted((data / "welltory_ppg").glob("*.npz")):
        with np.load(file) as d:
            t, rgb, rr = d["ppg_t"].astype(float), d["ppg_rgb"].astype(float), d["rr_ms"]
        grid = np.arange(t[0], t[-1], 1 / rate)
        level = rgb.mean(0)
        swing = rgb.std(0) / np.maximum(level, 1)  # the channel that pulses most
        x = np.interp(grid, t, rgb[:, swing.argmax()])
        x = np.round(131072 + (x - x.mean()) * 3000 / (4 * x.std())).clip(0, 0x3FFFF).astype(int)
        found = play(x, rate)
        ends = np.flatnonzero(found.good)
        ibi = found.t[ends] - found.t[ends - 1]
        cover.append(float(ibi.sum() / (t[-1] - t[0])))
        if len(ibi):
            off.append(abs(60 / ibi.mean() - 60000 / rr.mean()))
        print(f"  {file.stem}: coverage {cover[-1]:.2f}, "
              f"error {off[-1] if len(ibi) else float('nan'):.1f} bpm")  # fmt: skip
    return {
        "hr_error_bpm": float(np.mean(off)),
        "hr_error_bpm_median": float(np.median(off)),
        "coverage": float(np.mean(cover)),
        "recordings": len(cover),
        "answered": len(off),
    }


def run(data: Path, train: bool) -> dict:
    result = {"bidmc": bench_bidmc(data, 50), "bidmc_25hz": bench_bidmc(data, 25)}
    print("\nwelltory_ppg at 50 Hz")
    result["welltory_ppg"] = bench_welltory(data)
    for key in ("bidmc", "bidmc_25hz", "welltory_ppg"):
        said = (f"{k} {v:.4g}" for k, v in result[key].items() if isinstance(v, float | int))
        print(f"{key}: {', '.join(said)}")
    return result
