"""The library of nights: a folder of immutable night files, each with a note beside it.

`LAMP-ID.night` holds the bytes as the lamp logged them, `LAMP-ID.json` what the bytes cannot
tell: their hash, how the lamp's clock stood when they were fetched (both from `sync`), and, for a
virtual lamp, whose heart it watched. Knows no radio.
"""

import hashlib
import json
import os
from pathlib import Path

import platformdirs

from .errors import DreamlampError
from .nights import Clock, Night, decode


class NoSuchNight(DreamlampError):
    """The library holds no night of that name."""


class Library:
    """The nights in `folder`; without one, in the platform's own place for such data."""

    def __init__(self, folder: str | Path | None = None):
        self.folder = Path(folder or platformdirs.user_data_path("dreamlamp") / "nights")

    def paths(self) -> list[Path]:
        """The night files, oldest first."""
        return sorted(self.folder.glob("*.night"), key=lambda p: (p.stat().st_mtime_ns, p.name))

    def find(self, wanted: str = "last") -> Path:
        """The file of `last`, of a night's number, or of a part of a file's name; or a path."""
        if Path(wanted).suffix == ".night" and Path(wanted).is_file():
            return Path(wanted)
        paths = self.paths()
        if not paths:
            raise NoSuchNight(f"no nights in {self.folder}: run `dreamlamp sync` first")
        if wanted == "last":
            return paths[-1]
        if wanted.isdigit():
            found = [p for p in paths if number(p) == int(wanted)]
        else:
            found = [p for p in paths if wanted in p.stem]
        if len(found) != 1:
            what = "no night" if not found else f"{len(found)} nights"
            raise NoSuchNight(
                f"{what} named {wanted!r} in {self.folder}: `dreamlamp nights` lists them"
            )
        return found[0]


def number(path: Path) -> int:
    """The night's number, from its file's name."""
    text = path.stem.rsplit("-", 1)[-1]
    if not text.isdigit():
        raise DreamlampError(f"{path}: not named LAMP-NUMBER.night, as `dreamlamp sync` does it")
    return int(text)


def read(path: Path) -> Night:
    """The night in `path`, with the note beside it if there is one."""
    beside = path.with_suffix(".json")
    note = json.loads(beside.read_text()) if beside.is_file() else {}
    raw = path.read_bytes()
    if note and hashlib.sha256(raw).hexdigest() != note["sha256"]:
        raise DreamlampError(f"{path}: the bytes are not those that were fetched; sync it again")
    night = decode(raw, number(path), note)
    if "clock" in note:
        seen = note["clock"]
        night.clocks.append(
            Clock(seen["boot"], seen["now_s"], round(seen["unix_s"]), seen["utc_offset_min"])
        )
    return night


def annotate(path: Path, **more) -> None:
    """Add to the note beside the night in `path`, whole or not at all."""
    beside = path.with_suffix(".json")
    note = {**json.loads(beside.read_text()), **more}
    half = beside.with_suffix(".new")
    with half.open("w") as file:
        json.dump(note, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    half.replace(beside)
