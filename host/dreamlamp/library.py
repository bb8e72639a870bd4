"""The library of nights: a folder of immutable night files, each with a note beside it.

`LAMP-ID.night` holds the bytes as the lamp logged them, `LAMP-ID.json` what the bytes cannot
tell: their hash, how the lamp's clock stood when they were fetched (both from `sync`), and, for a
virtual lamp, whose heart it watched. Knows no radio.
"""

import hashlib
import json
from pathlib import Path
from shlex import quote

import platformdirs

from . import sealed
from .errors import DreamlampError
from .nights import Clock, Night, decode
from .typed import typed


class NoSuchNight(DreamlampError):
    """The library holds no night of that name."""


class Library:
    """The nights in `folder`; without one, in the platform's own place for such data."""

    def __init__(self, folder: str | Path | None = None):
        default = platformdirs.user_data_path("dreamlamp") / "nights"
        self.folder = Path(folder or default).absolute()
        self.option = "" if self.folder == default else f" --library {quote(str(self.folder))}"

    def typed(self, command: str) -> str:
        """What to type for `command` with this library."""
        return typed(command) + self.option

    def paths(self) -> list[Path]:
        """The night files, oldest first."""
        return sorted(self.folder.glob("*.night"), key=lambda p: (p.stat().st_mtime_ns, p.name))

    def find(self, wanted: str = "last") -> Path:
        """The file of `last`, of a night's number, or of a part of a file's name; or a path."""
        if Path(wanted).is_file():
            if Path(wanted).suffix != ".night":
                raise NoSuchNight(f"{wanted} is not a night: its name would end in .night")
            return Path(wanted)
        paths = self.paths()
        if not paths:
            raise NoSuchNight(f"no nights in {self.folder}: run `{self.typed('sync')}` first")
        if wanted == "last":
            return paths[-1]
        found = _called(wanted, paths)
        if not found:
            raise NoSuchNight(
                f"no night named {wanted!r} in {self.folder}: `{self.typed('nights')}` lists them"
            )
        if len(found) > 1:
            names = ", ".join(path.stem for path in found)
            raise NoSuchNight(f"{wanted!r} could be {names}: say which")
        return found[0]


def _called(wanted: str, paths: list[Path]) -> list[Path]:
    """The nights of this name; else of this part of it; else this number; else these letters."""
    for fits in (
        lambda path: path.stem == wanted,
        lambda path: wanted in path.stem.split("-"),
        lambda path: wanted.isdigit() and number(path) == int(wanted),
        lambda path: wanted in path.stem,
    ):
        if found := [path for path in paths if fits(path)]:
            return found
    return []


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
    raw = sealed.read(path)
    if note and hashlib.sha256(raw).hexdigest() != note["sha256"]:
        raise DreamlampError(f"{path}: the bytes are not those that were fetched; sync it again")
    night = decode(raw, number(path), note)
    night.clocks[:0] = [  # before those in the log, which win
        Clock(seen["boot"], seen["now_s"], round(seen["unix_s"]), seen["utc_offset_min"])
        for seen in note.get("clocks", [note["clock"]] if "clock" in note else [])
    ]
    return night


def annotate(path: Path, **more) -> None:
    """Add to the note beside the night in `path`, whole or not at all."""
    beside = path.with_suffix(".json")
    note = {**json.loads(beside.read_text()), **more}
    sealed.put(beside, json.dumps(note, indent=1).encode())
