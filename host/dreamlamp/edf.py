"""EDF+ files: a night written as one, and a recording of beats read from one.

Written: a value per half minute as the lamp logged it (integers, so that any reader gives them
back bit for bit), the interval between beats four times a second, raw EEG where there is some, the
hypnogram and the events as annotations. Read: beats from a signal of intervals, an ECG or a
heart rate, in this order. Names of people are neither written nor read. The one file that knows
edfio.
"""

import warnings
from datetime import datetime
from itertools import groupby
from pathlib import Path

import numpy as np
from lamp import VERSION, wire

from . import headset, rawsignal
from .errors import DreamlampError
from .extras import needs
from .nights import Night
from .recordings import GAP_S, SHORTEST_MIN, BadRecording, Recording, beats_of_ecg, checked
from .words import loop_sentence

MISSING = -1  # no such half minute, no such beat; not the temperature's, see below
NO_TEMPERATURE = -128
# column of nights.COLUMNS: label, unit, physical value of one count
SIGNALS = {
    "stage": ("Stage at once", "", 1), "confidence": ("Sure at once", "%", 1),
    "quality": ("Quality", "%", 1),
    "hr_bpm_x10": ("Heart rate", "bpm", 0.1), "rmssd_ms": ("RMSSD", "ms", 1),
    "base_bpm": ("Baseline", "bpm", 1), "score": ("Loop score", "%", 1),
    "cycle": ("Loop cycle", "%", 1), "hold": ("Loop hold", "%", 1), "lag_s": ("Loop lag", "s", 1),
    "p_w": ("P wake", "1/255", 1), "p_n3": ("P N3", "1/255", 1), "p_r": ("P REM", "1/255", 1),
    "light": ("Light", "L*", 1), "flags": ("Flags", "", 1), "temp_c": ("Temperature", "degC", 1),
}  # fmt: skip
BANDS = ("delta", "theta", "alpha", "sigma", "beta", "gamma")  # wire.Epoch.eeg
EEG, OFFSET = "EEG", "EEG offset"  # a sample's microvolts are the sum of both
OFFSET_STEPS = 64  # of the signal's, a count of the offset
NO_EEG, CLIPPED = "No raw EEG", "Raw EEG clipped"
INTERVALS, INTERVALS_HZ = "RR interval", 4
RECORD_S = wire.EPOCH_S
TEXTS = {"W": "Sleep stage W", "N1": "Sleep stage N1", "N2": "Sleep stage N2",
         "N3": "Sleep stage N3", "R": "Sleep stage R", "unscored": "Sleep stage ?"}  # fmt: skip
STAGE_OF = {text.upper(): stage for stage, text in TEXTS.items()} | {
    "SLEEP STAGE 1": "N1", "SLEEP STAGE 2": "N2", "SLEEP STAGE 3": "N3", "SLEEP STAGE 4": "N3",
}  # fmt: skip
RR_LABELS = ("rr", "r-r", "ibi", "nn", "interval")
RATE_LABELS = ("heart rate", "heartrate", "hr", "pulse rate", "pulserate", "pr", "pulse")


def write(night: Night, facts: dict, path: Path) -> None:
    """Write `night` to `path`; `facts` are `summary.summarise` of it."""
    edfio = needs("edfio", "export")
    size = max(1, round(night.length_s / wire.EPOCH_S))
    eeg = night.kit == "eeg"  # whose baseline is of bands (WIRE.md)
    signals = [
        edfio.EdfSignal.from_digital(
            values.astype(np.int16), 1 / RECORD_S, label=label,
            physical_dimension="" if eeg and label == "Baseline" else unit,
            physical_range=(-32768 * step, 32767 * step), transducer_type="Dreamlamp",
        )
        for (label, unit, step), values in zip(SIGNALS.values(), _columns(night, size))
    ]  # fmt: skip
    signals.append(
        edfio.EdfSignal.from_digital(
            intervals(night, size).astype(np.int16), INTERVALS_HZ, label=INTERVALS,
            physical_dimension="ms", physical_range=(-32768, 32767), transducer_type="Dreamlamp",
        )
    )  # fmt: skip
    signals += [
        edfio.EdfSignal.from_digital(
            values.astype(np.int16), 1 / RECORD_S, label=f"EEG {name}", physical_dimension="",
            physical_range=(-32768, 32767), transducer_type="8 log2(uV2/Hz) + 80; 0 none",
        )
        for name, values in zip(BANDS, bands(night, size).T)
    ]  # fmt: skip
    notes = annotations(night, facts)
    raw = rawsignal.of(night)
    if raw.samples:
        found, more = _eeg(edfio, raw, night, size)
        signals += found
        notes = sorted([*notes, *more], key=lambda note: note[0])
    began = night.began()
    made = edfio.Edf(
        signals,
        recording=edfio.Recording(
            startdate=began.date() if began else None,
            equipment_code="Dreamlamp_" + ".".join(map(str, VERSION)),
            additional=[facts["source"].get("heart", "lamp")],
        ),
        starttime=began.time().replace(tzinfo=None) if began else None,
        data_record_duration=RECORD_S,
        annotations=[edfio.EdfAnnotation(*note) for note in notes],
    )
    made.write(path)


def _eeg(edfio, raw: rawsignal.Raw, night: Night, size: int) -> tuple[list, list]:
    """The raw EEG as two signals, and notes of where there is none.

    Electrodes drift by more than 16 bits hold, so a second signal has what each record is about;
    it moves only when it must. Missing samples lie on it. A record is as long as half a minute
    of the lamp's clock; how many samples that is, the converter's own clock decides.
    """
    values, there, rate = rawsignal.placed(raw, night)
    each, cut = round(rate * RECORD_S), min(run.cut for run in raw.runs)
    step = rawsignal.COUNT_UV * (1 << cut)
    x, held = np.zeros(size * each, np.int64), np.zeros(size * each, bool)
    n = min(len(values), len(x))
    x[:n], held[:n] = values[:n] >> cut, there[:n]
    offsets, clipped = [], []
    about = None
    for record in range(size):
        part = slice(record * each, (record + 1) * each)
        kept = x[part][held[part]]
        if kept.size and (about is None or np.abs(kept - about).max() > 32000):
            about = int((kept.min() + kept.max()) // 2 // OFFSET_STEPS * OFFSET_STEPS)
        offsets.append(about or 0)
        x[part] = np.where(held[part], x[part] - offsets[-1], 0)
        if np.abs(x[part]).max() > 32767:
            clipped.append((float(record * RECORD_S), float(RECORD_S), CLIPPED))
    counts = np.array(offsets) // OFFSET_STEPS
    signals = [
        edfio.EdfSignal.from_digital(
            digital.astype(np.int16), rate_hz, label=label, physical_dimension="uV",
            physical_range=(_eight(-32768 * scale), _eight(32767 * scale)),
            transducer_type="Dreamlamp",
        )
        for digital, rate_hz, label, scale in (
            (np.clip(x, -32768, 32767), each / RECORD_S, EEG, step),
            (counts, 1 / RECORD_S, OFFSET, step * OFFSET_STEPS),
        )
    ]  # fmt: skip
    edges = np.flatnonzero(np.diff(np.pad(~held, 1).astype(int))).reshape(-1, 2) / each * RECORD_S
    return signals, clipped + [(float(a), float(b - a), NO_EEG) for a, b in edges]


def _eight(value: float) -> float:
    """As exact as eight letters of a header can say it."""
    return float(f"{value:.8f}"[:8])


def _columns(night: Night, size: int) -> list[np.ndarray]:
    """Each signal on an unbroken grid of half minutes."""
    at = slots(night)
    found = []
    for name in SIGNALS:
        missing = NO_TEMPERATURE if name == "temp_c" else MISSING
        values = np.full(size, missing, np.int64)
        values[at] = night.epochs[name]
        found.append(values)
    return found


def bands(night: Night, size: int) -> np.ndarray:
    """The EEG's bands on the same grid, (size, 6), 0 where there are none; no rows but of EEG."""
    if night.kit != "eeg":
        return np.zeros((0, 0), np.int64)
    values = np.zeros((size, wire.EEG_BANDS), np.int64)
    values[slots(night)] = night.bands
    return values


def slots(night: Night) -> np.ndarray:
    """The half minute of the night in which each epoch lies, counted from its start."""
    return np.rint(night.seconds / wire.EPOCH_S).astype(int)


def intervals(night: Night, size: int) -> np.ndarray:
    """The interval, ms, to which each quarter second belongs; MISSING where none was accepted."""
    values = np.full(size * RECORD_S * INTERVALS_HZ, MISSING, np.int64)
    for start, beats in zip(night.seconds, night.beats):
        for t, ibi, flag in zip(beats.t_ms, beats.ibi_ms, beats.flag[: beats.n]):
            if flag == wire.NN:
                end = (start + t / 1000) * INTERVALS_HZ
                first = int(np.ceil(end - ibi / 1000 * INTERVALS_HZ))
                values[max(first, 0) : max(int(np.ceil(end)), 0)] = ibi
    return values


def annotations(night: Night, facts: dict) -> list[tuple[float, float | None, str]]:
    """(onset s, duration s, text) of the stages, the holes and the events."""
    found: list[tuple[float, float | None, str]] = []
    for _, run in groupby(
        range(len(night)), lambda i: (night.stages[i], night.seconds[i] - i * 30)
    ):
        members = list(run)
        first, text = members[0], TEXTS[night.stages[members[0]]]
        found.append((float(night.seconds[first]), float(len(members) * wire.EPOCH_S), text))
    for hole in facts["holes"]:
        found.append((hole["from_s"], hole["to_s"] - hole["from_s"], f"Nothing: {hole['why']}"))
    for event in facts["events"]:
        found.append((float(event["second"]), None, loop_sentence(event) or event["name"]))
    return sorted(found, key=lambda note: note[0])


def recording(path: Path) -> Recording:
    """The beats in the EDF, EDF+ or BDF file at `path`; `BadRecording` says why there are none."""
    edfio = needs("edfio", "export")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            held = (edfio.read_bdf if path.suffix.lower() == ".bdf" else edfio.read_edf)(path)
            signals = {s.label.strip().lower(): s for s in held.signals}
            notes = list(held.annotations)
            head, remark = _head(signals)
            seconds = np.zeros(0)
            if head is None or set(signals) & {*RR_LABELS, *RATE_LABELS, "ecg", "ekg"}:
                seconds, remark = _beats(path, signals)
            began = _began(held)
    except (DreamlampError, OSError):
        raise
    except Exception as error:  # the library raises whatever its parser stumbles over
        raise BadRecording(path, f"not readable as EDF ({error})") from None
    stages, at_s = _stages(notes)
    more: dict = {
        "stages": stages, "stages_at_ms": round(at_s * 1000), "began": began, "how": remark,
        "scored_by": f"the annotations of {path.name}" if stages else "", "eeg": head,
    }  # fmt: skip
    if head is None or seconds.size:
        return checked(path, seconds, **more)
    if len(head) < SHORTEST_MIN * 60 * headset.RATE_HZ:
        raise BadRecording(path, f"less than {SHORTEST_MIN} min of EEG is too short for a night")
    return Recording(path.name, seconds.astype(np.int64), **more)


def _head(signals: dict) -> tuple[np.ndarray | None, str]:
    """Its first EEG as the virtual head gives it, and which it is; None where there is none."""
    for label, signal in signals.items():
        if "eeg" in label:
            unit = signal.physical_dimension.strip().lower()
            uv = signal.data * {"v": 1e6, "mv": 1e3}.get(unit, 1.0)
            return headset.resampled(uv, signal.sampling_frequency), (
                f"the EEG is real ({signal.label.strip()}), resampled to {headset.RATE_HZ} Hz"
            )
    return None, ""


def _beats(path: Path, signals: dict) -> tuple[np.ndarray, str]:
    """Beat times in seconds, and how they were come by."""
    for label, signal in signals.items():
        if any(word in label for word in RR_LABELS):
            scale = 1 if signal.physical_dimension.strip().lower() == "s" else 1000
            return _walk(signal.data / scale, signal.sampling_frequency), ""
    for label, signal in signals.items():
        if "ecg" in label or "ekg" in label:
            found = beats_of_ecg(signal.data, signal.sampling_frequency)
            return found, f"beats found in its ECG ({signal.label.strip()})"
    for label, signal in signals.items():
        if label in RATE_LABELS:
            remark = "beats laid evenly at its heart rate: nothing finer than that rate is real"
            return _even(signal.data, signal.sampling_frequency), remark
    held = ", ".join(sorted(s.label.strip() for s in signals.values())) or "nothing"
    raise BadRecording(path, f"no RR intervals, ECG or heart rate in it, but {held}")


def _walk(interval_s: np.ndarray, rate_hz: float) -> np.ndarray:
    """Beats of a signal that says at each moment how long the interval around it is."""
    beats: list[float] = []
    at = 0.0
    while at * rate_hz < interval_s.size:
        now = interval_s[int(at * rate_hz)]
        if now <= 0:
            at = (int(at * rate_hz) + 1) / rate_hz
            continue
        if not beats or at - beats[-1] > GAP_S:
            beats.append(at)
        at += now
        beats.append(at)
    return np.array(beats)


def _even(rate_bpm: np.ndarray, rate_hz: float) -> np.ndarray:
    """Beats laid into a signal of heart rates; none where there is no rate a heart keeps."""
    rate = np.where((rate_bpm > 20) & (rate_bpm < 250), rate_bpm, 0)
    turns = np.concatenate([[0], np.cumsum(rate / 60 / rate_hz)])
    if turns[-1] < 2:
        return np.array([])
    return np.interp(np.arange(1, int(turns[-1])), turns, np.arange(turns.size) / rate_hz)


def _began(held) -> datetime | None:
    """Local time of the computer that reads it: EDF has no zone; None where it is made up."""
    try:
        date = held.startdate
    except Exception:  # anonymised; the library's own error for it
        return None
    return datetime.combine(date, held.starttime).astimezone() if date.year > 1985 else None


def _stages(notes) -> tuple[list[str] | None, float]:
    """The scored half minutes, from the first annotation of a stage on."""
    scored = [n for n in notes if n.text.strip().upper() in STAGE_OF and n.duration]
    if not scored:
        return None, 0.0
    first = scored[0].onset
    size = round((max(n.onset + n.duration for n in scored) - first) / wire.EPOCH_S)
    stages = ["unscored"] * size
    for note in scored:
        low, high = ((t - first) / wire.EPOCH_S for t in (note.onset, note.onset + note.duration))
        for i in range(round(low), round(high)):
            stages[i] = STAGE_OF[note.text.strip().upper()]
    return stages, first
