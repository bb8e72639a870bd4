"""The library of nights: a folder of immutable night files, each with a note beside it.

`NIGHT.night` holds the bytes as the lamp logged them, `NIGHT.json` what the lamp cannot know:
which lamp, when it was synced, what a clock said then, and, for a virtual lamp, whose heart it
watched. A night is written under another name, flushed and renamed, so that a crash leaves no
half of one. Knows no radio.
"""

import hashlib
import json
import os
from pathlib import Path

import platformdirs

from .errors import DreamlampError
from .nights import Night, decode


class NoSuchNight(DreamlampError):
    """The library holds no night of that name."""


class Library:
    """The nights in `folder`; without one, in the platform's own place for such data."""

    def __init__(self, folder: str | Path | None = None):
        self.folder = Path(folder or platformdirs.user_data_path("dreamlamp") / "nights")

    def add(self, raw: bytes, night: int, note: dict) -> Path:
        """Keep a night's bytes and its note, durably; a night that is there already stays."""
        digest = hashlib.sha256(raw).hexdigest()
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{night:05d}-{digest[:8]}.night"
        note = {**note, "night": night, "bytes": len(raw), "sha256": digest}
        if not path.exists():
            _write(path.with_suffix(".json"), json.dumps(note, indent=1).encode())
            _write(path, raw)
        return path

    def paths(self) -> list[Path]:
        """The night files, oldest first."""
        return sorted(self.folder.glob("*.night"))

    def find(self, wanted: str = "last") -> Path:
        """The file of `last`, of a night's number, or of the start of a file's name; or a path."""
        if Path(wanted).suffix == ".night" and Path(wanted).is_file():
            return Path(wanted)
        paths = self.paths()
        if not paths:
            raise NoSuchNight(f"no nights in {self.folder}: run `dreamlamp sync` first")
        if wanted == "last":
            return max(paths, key=lambda p: p.stat().st_mtime_ns)
        found = [p for p in paths if p.stem == wanted or p.stem.startswith(wanted)]
        if wanted.isdigit():
            found = [p for p in paths if int(p.stem.split("-")[0]) == int(wanted)]
        if len(found) != 1:
            what = "no night" if not found else f"{len(found)} nights"
            raise NoSuchNight(
                f"{what} named {wanted!r} in {self.folder}: `dreamlamp nights` lists them"
            )
        return found[0]


def read(path: Path) -> Night:
    """The night in `path`, with the note beside it if there is one."""
    beside = path.with_suffix(".json")
    note = json.loads(beside.read_text()) if beside.is_file() else {}
    raw = path.read_bytes()
    if note and hashlib.sha256(raw).hexdigest() != note["sha256"]:
        raise DreamlampError(f"{path}: the bytes are not those that were synced; sync it again")
    return decode(raw, note.get("night") or int(path.stem.split("-")[0]), note)


def _write(path: Path, content: bytes) -> None:
    half = path.with_suffix(path.suffix + ".part")
    with half.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
