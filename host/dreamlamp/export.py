"""A night in other programs' formats; every one can be read without this program.

| format | files | what is in them |
|---|---|---|
| edf | `.edf` | EDF+: signals, intervals, hypnogram, events (edf.py) |
| csv | `-epochs.csv`, `-beats.csv`, `-events.csv` | all that the log holds, one row each |
| parquet | the same three as `.parquet` | typed |
| omh | `.omh.json` | IEEE 1752.1 and Open mHealth (openmhealth.py) |
| hypnogram | `.hypnogram.json`, `.hypnogram.txt` | for YASA, with probabilities; a number a line |

Knows files, and no library.
"""

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
from lamp import wire

from . import edf, openmhealth, parquet
from .nights import COLUMNS, Night
from .summary import SYNTHETIC, summarise
from .words import loop_sentence

FLAG = {wire.NN: "NN", wire.ARTEFACT: "ARTEFACT", wire.FIRST: "FIRST"}
YASA = {"W": "WAKE", "N1": "LIGHT", "N2": "LIGHT", "N3": "DEEP", "R": "REM"}  # of four stages
NUMBER = {"W": 0, "N1": 1, "N2": 2, "N3": 3, "R": 4}  # as YASA's older files have them
UNSCORED = "UNS", -2

Table = dict[str, list]


def export(night: Night, name: str, folder: Path, kind: str) -> list[Path]:
    """Write `night` as files called `name` into `folder`, each whole or not at all."""
    facts = summarise(night)
    name += "-SYNTHETIC" if facts["source"].get("heart") == SYNTHETIC else ""
    made: list[Path] = []
    for ending, write in FORMATS[kind].items():
        path = folder / f"{name}{ending}"
        half = path.with_name(path.name + ".new")
        try:
            write(night, facts, half)
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)
        made.append(path)
    return made


def epochs(night: Night, facts: dict) -> Table:
    """A row each half minute: when, the stage in hindsight and at once, the log (COLUMNS)."""
    began = night.began()
    when = [began + timedelta(seconds=float(s)) for s in night.seconds] if began else None
    return {
        "second": night.seconds.tolist(),
        "time": [t.isoformat() for t in when] if when else [None] * len(night),
        "stage_late": night.stages,
        "late_percent": night.hindsight.confidence.tolist(),
        "stage_at_once": night.at_once,
        **{name: night.epochs[name].tolist() for name in COLUMNS},
        **{f"eeg_{name}": values.tolist() for name, values in zip(edf.BANDS, night.bands.T)},
    }


def beats(night: Night, facts: dict) -> Table:
    """A row each beat: when it came, how long after the last, and whether that is believed."""
    rows = [
        (float(start) + t / 1000, ibi, FLAG[flag])
        for start, held in zip(night.seconds, night.beats)
        for t, ibi, flag in zip(held.t_ms, held.ibi_ms, held.flag[: held.n])
    ]
    return {name: [row[i] for row in rows] for i, name in enumerate(("second", "ibi_ms", "flag"))}


def events(night: Night, facts: dict) -> Table:
    """A row each event, with its figures and in words."""
    held = facts["events"]
    table: Table = {
        key: [e[key] for e in held] for key in ("second", "clock", "name", "a", "b", "c")
    }
    return {**table, "text": [loop_sentence(e) for e in held]}


def _csv(table_of: Callable) -> Callable:
    def write(night: Night, facts: dict, path: Path) -> None:
        table = table_of(night, facts)
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(table)
            rows.writerows(zip(*table.values()))

    return write


def _parquet(table_of: Callable) -> Callable:
    def write(night: Night, facts: dict, path: Path) -> None:
        about = {key: str(facts[key]) for key in ("night", "began", "firmware", "source")}
        parquet.write(
            path, table_of(night, facts), {f"dreamlamp.{k}": v for k, v in about.items()}
        )

    return write


def _omh(night: Night, facts: dict, path: Path) -> None:
    path.write_text(json.dumps(openmhealth.points(night, facts), indent=1), encoding="utf-8")


def stages_on_grid(night: Night) -> tuple[list[str], np.ndarray]:
    """(stage or "unscored", index of the epoch or -1) of each half minute, holes included."""
    size = round(night.length_s / wire.EPOCH_S)
    at = np.full(size, -1)
    at[edf.slots(night)] = np.arange(len(night))
    known = [*night.stages, "unscored"]
    return [known[i] for i in at], at


def _yasa(night: Night, facts: dict, path: Path) -> None:
    """What `yasa.Hypnogram.from_json` reads; unscored half minutes have even probabilities."""
    stages, at = stages_on_grid(night)
    whole = night.hindsight.posterior
    whole = np.vstack([whole / whole.sum(1, keepdims=True), np.full(4, 0.25)])
    unscored = np.array([stage == "unscored" for stage in stages], bool)
    proba = whole[np.where(unscored, -1, at)]
    made = {
        "values": [YASA.get(stage, UNSCORED[0]) for stage in stages],
        "n_stages": 4,
        "freq": f"{wire.EPOCH_S}s",
        "start": facts["began"],
        "scorer": f"Dreamlamp {facts['firmware']}",
        "proba": dict(zip(("WAKE", "LIGHT", "DEEP", "REM"), proba.T.tolist())),
    }
    path.write_text(json.dumps(made), encoding="utf-8")


def _numbers(night: Night, facts: dict, path: Path) -> None:
    stages, _ = stages_on_grid(night)
    lines = "".join(f"{NUMBER.get(stage, UNSCORED[1])}\n" for stage in stages)
    path.write_text(lines, encoding="utf-8", newline="\n")


FORMATS: dict[str, dict[str, Callable]] = {
    "edf": {".edf": edf.write},
    "csv": {f"-{t.__name__}.csv": _csv(t) for t in (epochs, beats, events)},
    "parquet": {f"-{t.__name__}.parquet": _parquet(t) for t in (epochs, beats, events)},
    "omh": {".omh.json": _omh},
    "hypnogram": {".hypnogram.json": _yasa, ".hypnogram.txt": _numbers},
}
