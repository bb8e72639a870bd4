"""Raw EEG as the lamp kept it: sectors -> runs of samples, and where in the night they lie.

Each sector is read by itself (WIRE.md, "Raw samples"), so what is torn costs only itself. The
samples are decoded by the arithmetic of the lamp's rice.py, on all runs at once, for one after
another would take minutes; a test holds the two together. Knows no file.
"""

import struct
from dataclasses import dataclass

import numpy as np
from lamp import wire

from .nights import Night, frames

RATE_HZ, RATE_OFF = 125, 0.05  # no front end that records is further off
MIDDLE = 1 << 23  # of the converter's offset binary
COUNT_UV = 2.42e6 / 6 / (2**23 - 1)  # of the converter: 2.42 V reference, gain 6
HEAD = 18  # bytes of a sector's header (firmware/lamp/ring.py)
HEADER = "<BBHHHI"
MAGIC = 0xD1
SEGMENT, TOP_HZ, ARTEFACT_UV = 256, 30, 1000.0
EDGES_HZ = ((0.4, 4), (4, 8), (8, 13), (13, 31))  # delta, theta, alpha, beta
TAPS = 12
FIRST = (1200, -350, 150, -900, 0, -750, -150, -330, -200, -100, -150, 0)
ESCAPE = 24
LIMIT = 2047
AT_ONCE = 1024  # runs that are decoded side by side
MOST = 1048575


@dataclass
class Run:
    """Samples without a break. `first` counts from its stretch's beginning, lost ones counted."""

    epoch: int  # in which the first was measured
    first: int
    cut: int  # low bits of the converter's count that were not kept
    values: np.ndarray  # int32: the count, offset binary, without these bits


@dataclass
class Raw:
    """`runs` in their order; `lost_bytes` of sectors lay in no whole frame, blank ends aside."""

    runs: list[Run]
    lost_bytes: int = 0

    @property
    def samples(self) -> int:
        return sum(len(run.values) for run in self.runs)

    @property
    def step_uv(self) -> float:
        """Microvolts of one step of `values`."""
        return COUNT_UV * (1 << self.runs[0].cut) if self.runs else 0.0


def decode(data: bytes, night: int) -> Raw:
    """The runs in the bytes of a night's raw samples."""
    heads: list[tuple[int, int, int, int]] = []
    parts: list[list[tuple[bytes, int]]] = []
    lost = 0
    for at in range(0, len(data), wire.RAW_SECTOR):
        sector = data[at : at + wire.RAW_SECTOR]
        if sector[:1] != bytes((MAGIC,)):
            continue
        body = sector[HEAD:]
        end = len(body.rstrip(b"\xff"))
        whole, bad = frames(body[: end + 4], night | wire.RAW)
        lost += max(0, bad - (min(end + 4, len(body)) - end))
        due = None
        for frame in whole:
            if frame.kind == wire.RAW_FIRST:
                head = _first(frame.payload)
                due = head and head[1] + 1
                if head:
                    heads.append(head)
                    parts.append([])
                continue
            if frame.kind != wire.RAW_MORE or due is None:
                continue
            number, n = _more(frame.payload)
            if number != due & 0xFFFF:  # the one before it is torn, and with it the filter
                due = None
                continue
            parts[-1].append((frame.payload[4:], n))
            due += n
    firsts = [head[3] for head in heads]
    values: list[np.ndarray] = []
    for lane in range(0, len(heads), AT_ONCE):  # a night has some hundreds; memory is their square
        values += unpacked(firsts[lane : lane + AT_ONCE], parts[lane : lane + AT_ONCE])
    runs = [Run(epoch, first, cut, v) for (epoch, first, cut, _), v in zip(heads, values)]
    return Raw(runs, lost)


def _first(payload: bytes) -> tuple[int, int, int, int] | None:
    """What a RAW_FIRST says, if a lamp can have written it: a good CRC proves no good will."""
    if len(payload) != struct.calcsize(wire.RAW_FIRST_LAYOUT):
        return None
    epoch, number, cut, sample = struct.unpack(wire.RAW_FIRST_LAYOUT, payload)
    return (epoch, number, cut, sample) if cut <= 8 and sample << cut < 1 << 24 else None


def _more(payload: bytes) -> tuple[int, int]:
    """(number of the first, how many) of a RAW_MORE; (-1, 0) if it has not a bit for each."""
    if len(payload) < struct.calcsize(wire.RAW_MORE_LAYOUT):
        return -1, 0
    number, n = struct.unpack_from(wire.RAW_MORE_LAYOUT, payload)
    return (number, n) if 0 < n <= 8 * (len(payload) - 4) else (-1, 0)


def unpacked(firsts: list[int], parts: list[list[tuple[bytes, int]]]) -> list[np.ndarray]:
    """Per run: its first sample and the frames (bits, how many samples) after it -> samples."""
    count = np.array([sum(n for _, n in part) for part in parts], int)
    order = np.argsort(-count, kind="stable")
    out = np.zeros((int(count.max(initial=0)) + 1, len(parts)), np.int32)
    bits = bytearray()
    starts: list[int] = []
    sizes: list[int] = []
    lane_at: list[int] = []
    for lane in order:
        lane_at.append(len(starts))
        for payload, n in parts[lane]:
            starts.append(8 * len(bits))
            sizes.append(n)
            bits += payload
        starts.append(8 * len(bits))
        sizes.append(0)
    lanes = _Lanes(bytes(bits), np.array(starts), np.array(sizes), np.array(lane_at, int))
    out[0] = np.array(firsts, int)[order] if firsts else 0
    lanes.last = out[0].astype(np.int64)
    sorted_count = count[order]
    for t in range(len(out) - 1):
        live = int(np.searchsorted(-sorted_count, -t, side="left"))
        out[t + 1, :live] = lanes.step(t, live)
    found: list[np.ndarray] = [np.zeros(0, np.int32)] * len(parts)
    for place, lane in enumerate(order):
        found[lane] = out[: count[lane] + 1, place].copy()
    return found


class _Lanes:
    """The state of rice.py's filter in many runs side by side."""

    def __init__(self, bits: bytes, starts, sizes, frame):
        n, steps = len(frame), 1 + int(sizes.sum())
        padded = np.frombuffer(bits + bytes(16), np.uint8).astype(np.uint64)
        self.words = np.zeros(len(bits) + 8, np.uint64)  # at each byte the eight from there on
        for i in range(8):
            self.words = self.words << np.uint64(8) | padded[i : i + len(self.words)]
        self.starts, self.sizes, self.frame = starts, sizes, frame
        self.at = starts[frame] if n else np.zeros(0, int)
        self.left = sizes[frame] if n else np.zeros(0, int)
        self.mean = np.full(n, 24 << 6, np.int64)
        self.weights = np.repeat(np.array(FIRST, np.int64)[:, None] << 5, n, axis=1)
        longest = TAPS + min(steps, 1 << 24)
        self.past = np.zeros((min(longest, 1 << 17) + TAPS, n), np.int64)
        self.base = 0  # row of `past` at which step 0 would look
        self.last = np.zeros(n, np.int64)

    def step(self, t: int, live: int) -> np.ndarray:
        """The next sample of the first `live` runs."""
        at = self.at[:live]
        w = self.words[np.minimum(at >> 3, len(self.words) - 1)] << (at & 7).astype(np.uint64)
        mean = self.mean[:live]
        k = np.maximum(np.frexp((mean >> 6).astype(float))[1] - 1, 0)
        top = ~(w >> np.uint64(32)) & np.uint64(0xFFFFFFFF)
        q = np.minimum(32 - np.frexp(top.astype(float))[1], ESCAPE)
        low = (w << (q + 1).astype(np.uint64)) >> np.uint64(1)
        u = q.astype(np.int64) << k | (low >> (63 - k).astype(np.uint64)).astype(np.int64)
        escaped = q == ESCAPE
        if escaped.any():
            u = np.where(escaped, ((w << np.uint64(24)) >> np.uint64(40)).astype(np.int64), u)
        self.at[:live] = at + np.where(escaped, 2 * ESCAPE, q + 1 + k)
        self._next_frames(live)
        e = np.where(u & 1, -(u + 1 >> 1), u >> 1)
        row = self._row(t)
        past = self.past[row - TAPS : row][::-1, :live]
        weights = self.weights[:, :live]
        v = e + (4096 + ((weights >> 5) * past).sum(0) >> 13)
        self._learn(weights, past, np.clip(e, -LIMIT, LIMIT))
        self.past[row, :live] = np.clip(v, -LIMIT, LIMIT)
        self.last[:live] += v
        mean += np.minimum(u, 1 << 22) - (mean >> 6)
        return self.last[:live]

    def _learn(self, weights, past, e) -> None:
        size = np.frexp((1 + (past * past).sum(0)).astype(float))[1]
        t = (e * past << np.maximum(12 - size, 0)) >> np.maximum(size - 12, 0)
        np.clip(weights + t, -MOST, MOST, out=weights)

    def _next_frames(self, live: int) -> None:
        """Who has taken all of a frame goes on at the next one."""
        self.left[:live] -= 1
        done = np.flatnonzero(self.left[:live] == 0)
        if done.size:
            self.frame[done] += 1
            self.at[done] = self.starts[self.frame[done]]
            self.left[done] = self.sizes[self.frame[done]]

    def _row(self, t: int) -> int:
        """Row of `past` for step `t`: at the end of it, the last ones move to its beginning."""
        row = t - self.base + TAPS
        if row == len(self.past):
            self.past[:TAPS] = self.past[-TAPS:]
            self.base, row = t, TAPS
        return row


def rate_hz(runs: list[Run]) -> float:
    """Samples a second of the lamp's clock: 125, unless the epochs in which runs began say that
    the converter's own clock goes otherwise."""
    began = [run for run in runs if run.epoch - runs[0].epoch < 1 << 15]
    epoch = np.array([run.epoch for run in began], float)
    number = np.array([run.first for run in began], float)
    off = number / RATE_HZ - (epoch - epoch[:1]) * wire.EPOCH_S
    if len(began) < 3 or not np.ptp(number) or np.ptp(off) <= wire.EPOCH_S + 1:
        return float(RATE_HZ)
    slope = np.polyfit(number, (epoch - epoch[0]) * wire.EPOCH_S, 1)[0]
    found = 1 / float(slope) if slope else 0.0
    return found if abs(found / RATE_HZ - 1) < RATE_OFF else float(RATE_HZ)


def of(night: Night) -> Raw:
    """The raw samples that lie beside a night; none, if there are none."""
    return decode(night.raw_eeg(), night.id)


def spectrogram(night: Night, raw: Raw, column_s: int = 60) -> tuple[np.ndarray, float]:
    """(power density in uV^2/Hz, one row a frequency and one column a minute; Hz from row to row).

    Welch's method within each column, up to TOP_HZ; segments with artefacts are left out, as the
    lamp does. A column without raw samples is what the lamp's band powers say, or nan.
    """
    values, there, rate = placed(raw, night)
    rows = 1 + int(TOP_HZ * SEGMENT / rate)
    columns = -(-len(values) // round(column_s * rate))
    found = _of_bands(night, rows, columns, rate / SEGMENT, column_s)
    window = np.hanning(SEGMENT + 1)[:-1]
    scale = 2 / (rate * (window**2).sum())
    for column in range(columns):
        start = round(column * column_s * rate)
        piece = slice(start, start + round(column_s * rate))
        if there[piece].sum() < SEGMENT:
            continue
        cut = np.lib.stride_tricks.sliding_window_view
        whole = cut(there[piece], SEGMENT)[:: SEGMENT // 2].all(1)
        x = cut(values[piece] * COUNT_UV, SEGMENT)[:: SEGMENT // 2][whole]
        x = x - x.mean(1, keepdims=True)
        x = x[np.ptp(x, axis=1) < ARTEFACT_UV]
        if len(x):
            power = np.abs(np.fft.rfft(x * window, axis=1)) ** 2 * scale
            found[:, column] = power.mean(0)[:rows]
    return found, rate / SEGMENT


def _of_bands(night: Night, rows: int, columns: int, step_hz: float, column_s: int) -> np.ndarray:
    """The band powers, spread over their frequencies."""
    found = np.full((rows, columns), np.nan)
    hz = np.arange(rows) * step_hz
    for second, bands in zip(night.seconds, night.bands):
        column = int(second // column_s)
        if bands[0] and column < columns:
            for (low, high), told in zip(EDGES_HZ, bands[[0, 1, 2, 4]]):
                found[(hz >= low) & (hz < high), column] = 2 ** ((float(told) - 80) / 8)
    return found


def placed(raw: Raw, night: Night) -> tuple[np.ndarray, np.ndarray, float]:
    """(samples int32 less MIDDLE, whether there is one, rate in Hz) from the night's start on."""
    births = np.array([boot.epoch for boot in night.boots])
    stretches = np.searchsorted(births, [run.epoch for run in raw.runs], side="right") - 1
    longest = np.bincount(stretches).argmax() if len(stretches) else 0
    rate = rate_hz([r for r, k in zip(raw.runs, stretches) if k == longest]) if raw.runs else 125.0
    size = round(night.length_s * rate)
    values, there = np.zeros(size, np.int32), np.zeros(size, bool)
    for run, k in zip(raw.runs, stretches):
        start = round(night.starts_s[k][0] * rate) + run.first
        part = run.values[: max(0, size - start)]
        values[start : start + len(part)] = (part << run.cut) - MIDDLE
        there[start : start + len(part)] = True
    return values, there, rate
