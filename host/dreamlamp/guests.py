"""Other people's nights, brought into the library: another lamp's file, or a recording of beats.

Each lies under its person's name and stays apart from one's own. A lamp's night keeps its bytes
and its note; a recording is judged here by the lamp's own files (judge.transcribe), so that
report, replay and study treat it alike. Knows no radio.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from . import library, recordings, sealed
from .errors import DreamlampError
from .judge import transcribe


@dataclass(frozen=True)
class Brought:
    """What became of one file."""

    file: Path
    name: str  # of the night in the library
    remarks: tuple[str, ...] = ()
    known: bool = False  # it was there already

    def as_dict(self) -> dict:
        return {
            "file": str(self.file), "night": self.name, "known": self.known,
            "remarks": list(self.remarks),
        }  # fmt: skip


def bring(
    held: library.Library, file: Path, person: str, began: datetime | None = None
) -> Brought:
    """Copy the night in `file` into `held` as one of `person`'s.

    `began`: the clock at its start, where the file does not tell it.
    """
    if not library.PERSON.fullmatch(person):
        raise DreamlampError(f"{person!r} cannot be part of a file's name: use letters and digits")
    if file.suffix == ".night":
        name, raw, note = file.stem.rpartition("@")[2], *_of_a_lamp(file)
        sha, remarks = note["sha256"], []
    else:
        found = recordings.load(file)
        sha, remarks = hashlib.sha256(file.read_bytes()).hexdigest(), found.remarks()
    known = _known(held, person, sha)
    if known:
        return Brought(file, known.stem, known=True)
    if file.suffix != ".night":
        number = 1 + max((library.number(p) for p in held.paths(person)), default=0)
        name = f"{_plain(file.stem)}-{number:05d}"
        raw, note = _of_a_recording(found, number, began or found.began)
    path = held.folder / f"{person}@{name}.night"
    if path.exists():
        raise DreamlampError(f"{path} is another night of that name: delete one of the two")
    note["imported"] = {"file": file.name, "sha256": sha}
    with sealed.alone(held.folder):
        sealed.put(path.with_suffix(".json"), json.dumps(note, indent=1).encode())
        sealed.write(path, raw)
    return Brought(file, path.stem, tuple(remarks))


def _of_a_recording(
    found: recordings.Recording, number: int, began: datetime | None
) -> tuple[bytes, dict]:
    """The bytes of a night made of beats, and its note."""
    raw = transcribe(found, number, began)
    note = {"sha256": hashlib.sha256(raw).hexdigest(), "source": found.source()}
    if found.stages:
        note["reference"] = {
            "stages": found.stages, "at_s": found.stages_at_ms / 1000,
            "by": found.scored_by, "in_sample": recordings.trained_on(found.name),
        }  # fmt: skip
    return raw, note


def _of_a_lamp(file: Path) -> tuple[bytes, dict]:
    """The bytes of a night, checked, and the note beside it; a small one if there is none."""
    if not file.is_file():
        raise DreamlampError(f"{file}: there is no such file")
    library.read(file)  # it is one, and whole
    raw, note = sealed.read(file), library.read_note(file)
    return raw, {"sha256": hashlib.sha256(raw).hexdigest(), **note}


def _known(held: library.Library, person: str, sha: str) -> Path | None:
    for path in held.paths(person):
        if library.read_note(path).get("imported", {}).get("sha256") == sha:
            return path
    return None


def _plain(text: str) -> str:
    """A file's name that every disk takes."""
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:24] or "recording"
