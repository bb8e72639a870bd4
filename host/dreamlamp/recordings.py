"""A file of real beat times -> the beats in ms, checked.

Takes `.npz` with `beats_t` (seconds), CSV or text of RR intervals as chest-strap apps export them
(ms or s; header or none; comma, semicolon, tab or blank; decimal comma; time stamps or none),
EDF (see edf.py) and WFDB annotations. Refuses, with one sentence that names the file and the
fault, what cannot be a heart: negative, missing or unsorted times, a wrong, empty or too short
file. Where no beat is found for more than `GAP_S` there is no pulse: such gaps are kept and named.
Knows no lamp.
"""

import csv
import json
import math
import re
import zipfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from .errors import DreamlampError

EPOCH_S = 30
EEG_HZ = 125  # of the kit's front end
GAP_S = 5  # longest believable pause between beats of a sleeper; beyond it the signal was away
DOUBLE_MS = 200  # two detections closer than this are one beat (refractory time of the ventricle)
MEDIAN_MS = (300, 2000)  # 200 to 30 beats a minute
SHORTEST_MIN = 10
LONGEST_H = 24
STAGES = {0: "W", 1: "N1", 2: "N2", 3: "N3", 4: "R"}
EDF = (".edf", ".bdf")
WFDB = (".ecg", ".qrs", ".atr")  # best first: audited, machine, reference annotations
RR_COLUMN = re.compile(r"\b(rr|r-r|ibi|nn|rr_?interval|beat interval|interval)\b", re.I)
TIME_COLUMN = re.compile(r"time|date|stamp", re.I)


class BadRecording(DreamlampError):
    """The file is not a usable recording; the text names file and fault."""

    def __init__(self, path, fault: str):
        super().__init__(f"{path}: {fault}")


@dataclass(frozen=True)
class Recording:
    """Beat times of one sleeper, in ms from the recording's start, ascending."""

    name: str
    beats_ms: np.ndarray
    gaps: list[tuple[int, int]] = field(default_factory=list)  # ms: no pulse from .. to
    doubles: int = 0  # beats dropped because another was less than DOUBLE_MS away
    stages: list[str] | None = None  # of each 30 s from `stages_at_ms`, as others scored them
    stages_at_ms: int = 0
    scored_by: str = ""
    synthetic: bool = False
    loops_ms: list[int] = field(default_factory=list)  # surges injected on purpose
    began: datetime | None = None  # clock at its start, with its zone
    how: str = ""  # the beats were come by, where the file holds none
    powers: np.ndarray | None = None  # of EEG bands, uV^2/Hz, each 30 s; then there are no beats
    eeg: np.ndarray | None = None  # int16, as headset.signal's, from the recording's start

    @property
    def seconds(self) -> float:
        if self.powers is not None:
            return float(len(self.powers) * EPOCH_S)
        if self.eeg is not None and not self.beats_ms.size:
            return len(self.eeg) / EEG_HZ
        return float(self.beats_ms[-1]) / 1000

    def source(self, kit: str = "heart") -> dict:
        """Whose heart it is, or whose head, for the note beside a night."""
        kind = "synthetic" if self.synthetic else "recording"
        kind = kind if self.powers is None else "spectra"
        kind = "eeg" if kit == "eeg" and self.eeg is not None else kind
        return {"heart": kind, "name": self.name, "remarks": self.remarks()}

    def remarks(self) -> list[str]:
        """Plain sentences on what was found and how it was treated."""
        said = [self.how] if self.how else []
        if self.gaps:
            away = sum(end - start for start, end in self.gaps) / 60000
            said.append(
                f"{len(self.gaps)} gap(s) longer than {GAP_S} s, {away:.1f} min in all: "
                "no pulse there"
            )
        if self.doubles:
            said.append(f"{self.doubles} beat(s) within {DOUBLE_MS} ms of another dropped")
        return said


def load(path: str | Path) -> Recording:
    """Read the recording in `path`; `BadRecording` says why not."""
    path = Path(path).expanduser()
    if path.is_dir():
        raise BadRecording(path, "is a folder: name a file in it")
    if not path.is_file():
        raise BadRecording(path, "there is no such file")
    if path.stat().st_size == 0:
        raise BadRecording(path, "the file is empty")
    if path.suffix == ".npz":
        return _from_npz(path)
    if path.suffix == ".hea" or path.suffix in WFDB:
        return _from_wfdb(path)
    if path.suffix.lower() in EDF:
        from .edf import recording  # it needs this file

        return recording(path)
    return _from_text(path)


def _from_npz(path: Path) -> Recording:
    try:
        with np.load(path, allow_pickle=False) as held:
            data = {key: held[key] for key in held.files}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, TypeError) as error:
        objects = "allow_pickle" in str(error)
        why = "it holds Python objects instead of numbers" if objects else error
        raise BadRecording(path, f"not a readable npz file ({why})") from None
    if "feat" in data and "epoch_idx" in data:
        return _from_bands(path, data)
    if "beats_t" not in data:
        held_keys = ", ".join(sorted(data)) or "nothing"
        raise BadRecording(path, f"no beat times: it lacks `beats_t` and holds {held_keys}")
    times = data["beats_t"]
    if times.ndim != 1 or times.dtype.kind not in "iuf":
        raise BadRecording(path, "`beats_t` is not a list of numbers")
    stages = None
    if "stage" in data and data["stage"].ndim == 1 and data["stage"].dtype.kind in "iu":
        stages = [STAGES.get(int(code), "unscored") for code in data["stage"]]
    meta = _meta(data.get("meta"))
    return checked(
        path,
        times.astype(float),
        stages=stages,
        stages_at_ms=round(float(data.get("stage_t0", 0)) * 1000),
        scored_by=f"PSG of {meta.get('dataset', path.stem)}" if stages else "",
    )


def _from_bands(path: Path, data: dict[str, np.ndarray], channel: int = 0) -> Recording:
    """A night of EEG band powers (eegset.py): its first channel; epochs not recorded are nan."""
    from .eegset import BAND

    at = data["epoch_idx"] - data["epoch_idx"][0]
    powers = np.full((int(at[-1]) + 1, len(BAND)), np.nan)
    powers[at] = data["feat"][:, channel, : len(BAND)]
    stages = ["unscored"] * len(powers)
    for i, code in zip(at, data["stage"]):
        stages[i] = STAGES.get(int(code), "unscored")
    meta = _meta(data.get("meta"))
    name = meta.get("eeg_channels", ["its first channel"])[channel]
    return Recording(
        path.name,
        np.zeros(0, np.int64),
        stages=stages,
        scored_by=f"PSG of {meta.get('dataset', path.stem)}",
        how=f"the band powers of {name} are real; the waveform the lamp sees is noise with them",
        powers=powers,
    )


def _meta(value) -> dict:
    try:
        meta = json.loads(str(value))
    except ValueError:
        return {}
    return meta if isinstance(meta, dict) else {}


def _from_wfdb(path: Path) -> Recording:
    if path.suffix == ".hea":
        found = [s for s in WFDB if path.with_suffix(s).is_file()]
        if not found:
            raise BadRecording(path, f"no beat annotations beside it ({', '.join(WFDB)})")
        path = path.with_suffix(found[0])
    import wfdb  # slow to load, and few need it
    from wfdb.io.annotation import is_qrs

    stem = str(path.with_suffix(""))
    try:
        notes = wfdb.rdann(stem, path.suffix[1:], return_label_elements=["label_store"])
        rate = notes.fs or wfdb.rdheader(stem).fs
    except Exception as error:  # the library raises whatever its parser stumbles over
        raise BadRecording(path, f"not readable as WFDB annotations ({error})") from None
    beats = [at for at, code in zip(notes.sample, notes.label_store) if is_qrs[code]]
    return checked(path, np.array(beats, float) / rate)


def beats_of_ecg(volts: np.ndarray, rate_hz: float) -> np.ndarray:
    """Beat times in seconds, as WFDB's XQRS finds them."""
    from wfdb.processing import xqrs_detect

    return xqrs_detect(volts, rate_hz, verbose=False) / rate_hz


def _from_text(path: Path) -> Recording:
    raw = path.read_bytes()
    if b"\0" in raw:
        raise BadRecording(path, "not a text file; wanted npz, CSV or text of RR, EDF, or WFDB")
    rows = _rows(raw.decode("utf-8-sig", errors="replace"))
    if not rows:
        raise BadRecording(path, "no RR intervals in it")
    column, stamp_column, first = _columns(path, rows)
    intervals = np.array([_number(path, line, row, column) for line, row in rows[first:]])
    scale = 1 if np.median(intervals) < 10 else 1000  # nobody's RR interval lasts 10 s
    bad = np.flatnonzero(~(intervals > 0))
    if bad.size:
        line, row = rows[first + bad[0]]
        raise BadRecording(path, f"line {line}: {row[column]!r} is no RR interval")
    stamps = _stamps(rows[first:], stamp_column)
    return checked(path, _running(intervals / scale, stamps))


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Lines that hold something, with their numbers, split at the separator they share."""
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1)]
    lines = [(n, line) for n, line in lines if line and not line.startswith("#")]
    sample = "\n".join(line for _, line in lines[:50])
    mark = next((m for m in ";\t," if m in sample), None)
    if mark is None:
        rows = [(n, line.split()) for n, line in lines]
    else:
        cells = csv.reader([line for _, line in lines], delimiter=mark)
        rows = [(n, [c.strip() for c in row]) for (n, _), row in zip(lines, cells)]
    if mark == ",":
        rows = [(n, [c for c in row if c]) if len(row) > 20 else (n, row) for n, row in rows]
    if any(len(row) > 20 for _, row in rows[:2]):  # all intervals in one line
        rows = [(n, [cell]) for n, row in rows for cell in row]
    if mark in (";", "\t"):
        rows = [(n, [c.replace(",", ".") for c in row]) for n, row in rows]
    return rows


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _columns(path: Path, rows) -> tuple[int, int | None, int]:
    """(column of the intervals, column of time stamps or None, first row of data)."""
    head = rows[0][1]
    first = 0 if any(_is_number(cell) for cell in head) else 1
    if len(rows) <= first:
        raise BadRecording(path, "a header and nothing else")
    width = len(rows[first][1])
    stamp = next((i for i, c in enumerate(head) if first and TIME_COLUMN.search(c)), None)
    if first:
        named = [i for i, cell in enumerate(head) if RR_COLUMN.search(cell.replace("_", " "))]
        if named and named[0] < width:
            return named[0], stamp if stamp != named[0] else None, first
    for column in range(width):
        values = [row[column] for _, row in rows[first : first + 200] if column < len(row)]
        numbers = [float(v) for v in values if _is_number(v)]
        if len(numbers) > len(values) / 2 and _like_intervals(np.array(numbers)):
            if stamp is None and width > 1:
                stamp = 0 if column else 1
            return column, stamp if stamp != column else None, first
    raise BadRecording(path, "no column looks like RR intervals (in ms or s)")


def _like_intervals(values: np.ndarray) -> bool:
    values = values[np.isfinite(values)]
    if not values.size:
        return False
    middle = float(np.median(values)) * (1000 if np.median(values) < 10 else 1)
    return MEDIAN_MS[0] <= middle <= MEDIAN_MS[1] and not (
        values.size > 9 and (np.diff(values) > 0).all()
    )


def _number(path: Path, line: int, row: list[str], column: int) -> float:
    cell = row[column] if column < len(row) else ""
    try:
        value = float(cell)
    except ValueError:
        raise BadRecording(path, f"line {line}: {cell!r} is no RR interval") from None
    if not math.isfinite(value):
        raise BadRecording(path, f"line {line}: {cell!r} is no RR interval")
    return value


def _stamps(rows, column: int | None) -> np.ndarray | None:
    """Time stamps in seconds, if the column holds such; only gaps are read from them."""
    if column is None:
        return None
    cells = [row[column] if column < len(row) else "" for _, row in rows]
    if all(_is_number(cell) for cell in cells):
        seconds = np.array([float(cell) for cell in cells])
        step = float(np.median(np.diff(seconds))) if len(cells) > 1 else 0
        scale = next((s for s in (1, 1e3, 1e6, 1e9) if step / s < 10), 1)
        return seconds / scale if step > 0 else None
    try:
        moments = [datetime.fromisoformat(cell.replace("Z", "+00:00")) for cell in cells]
        return np.array([(m - moments[0]).total_seconds() for m in moments])
    except (ValueError, TypeError):
        return None


def _running(intervals: np.ndarray, stamps: np.ndarray | None) -> np.ndarray:
    """Beat times in s: intervals added up, plus the holes that the time stamps show."""
    times = np.concatenate([[0.0], np.cumsum(intervals)])
    if stamps is not None:
        holes = np.diff(stamps) - intervals[1:]
        times[2:] += np.cumsum(np.where(holes > GAP_S, holes, 0))
    return times


def checked(path: Path, seconds: np.ndarray, **more) -> Recording:
    """The one gate every format passes."""
    if seconds.size < 2:
        raise BadRecording(path, "no beats in it")
    bad = np.flatnonzero(~np.isfinite(seconds))
    if bad.size:
        raise BadRecording(path, f"beat {bad[0]} has no time (NaN); {bad.size} such beat(s)")
    if seconds[0] < 0 or seconds.min() < 0:
        raise BadRecording(path, f"beat {int(seconds.argmin())} has a negative time")
    back = np.flatnonzero(np.diff(seconds) < 0)
    if back.size:
        raise BadRecording(path, f"beat times go backwards after beat {back[0]}")
    if seconds[-1] > LONGEST_H * 3600:
        hours = seconds[-1] / 3600
        raise BadRecording(path, f"the last beat is at {hours:.0f} h: one night is wanted")
    times = np.round(seconds * 1000).astype(np.int64)
    keep = _without_doubles(times)
    beats = times[keep]
    steps = np.diff(beats)
    median = float(np.median(steps)) if steps.size else 0
    if not MEDIAN_MS[0] <= median <= MEDIAN_MS[1] or keep.mean() < 0.9:
        raise BadRecording(
            path,
            f"the median beat interval is {np.median(np.diff(times)):.0f} ms, "
            "which is no sleeper's heart: wrong unit or wrong file?",
        )
    if beats[-1] - beats[0] < SHORTEST_MIN * 60000:
        minutes = (beats[-1] - beats[0]) / 60000
        raise BadRecording(path, f"{minutes:.1f} min of beats is too short for a night")
    wide = np.flatnonzero(steps > GAP_S * 1000)
    gaps = [(int(beats[i]), int(beats[i + 1])) for i in wide]
    if sum(end - start for start, end in gaps) > (beats[-1] - beats[0]) / 2:
        raise BadRecording(path, "more than half of it is gaps without a beat")
    return Recording(path.name, beats, gaps, int((~keep).sum()), **more)


def _without_doubles(times: np.ndarray) -> np.ndarray:
    """Which beats to keep so that no two are within DOUBLE_MS."""
    keep = np.ones(times.size, bool)
    last = times[0]
    for i in range(1, times.size):
        if times[i] - last < DOUBLE_MS:
            keep[i] = False
        else:
            last = times[i]
    return keep


def trained_on(name: str) -> bool:
    """Whether the committed stager was fitted on the recording of this file name."""
    twins = [Path(__file__).with_name(f"{kit}twin.json") for kit in ("stage", "eeg")]
    records = [record for twin in twins for record in json.loads(twin.read_text())["records"]]
    return Path(name).stem in {record.split("/")[1] for record in records}
