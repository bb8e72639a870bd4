"""The library of nights: a folder of immutable night files, each with a note beside it.

`LAMP-ID.night` holds the bytes as the lamp logged them, `LAMP-ID.json` what the bytes cannot
tell: their hash, how the lamp's clock stood when they were fetched (both from `sync`), and, for a
virtual lamp, whose heart it watched. Other people's nights, which `dreamlamp import` brought, are
called `NAME@LAMP-ID` and never taken for one's own. Knows no radio.
"""

import hashlib
import json
import re
from functools import partial
from pathlib import Path
from shlex import quote

import platformdirs

from . import sealed
from .errors import DreamlampError
from .nights import Clock, Night, decode
from .typed import typed

# what exists because of a night: bytes, note, page; under way; half written
ENDINGS = (".night", ".json", ".html", ".raw", ".part", ".raw.part", ".night.new", ".json.new",
           ".html.new", ".raw.new")  # fmt: skip
RAW = ".raw"  # of the file with raw EEG
PERSON = re.compile(r"[A-Za-z0-9_]{1,40}")  # in file names, so what every disk takes
WEEKS = "weeks.html"  # the page over many nights of one person
FORGOTTEN = "forgotten.json"  # nights deleted here that a lamp may still hold


class NoSuchNight(DreamlampError):
    """The library holds no night of that name."""


class SpoiltNote(DreamlampError):
    """The note beside a night is none."""


class Library:
    """The nights in `folder`; without one, in the platform's own place for such data."""

    def __init__(self, folder: str | Path | None = None):
        default = platformdirs.user_data_path("dreamlamp") / "nights"
        self.folder = Path(folder or default).absolute()
        self.option = "" if self.folder == default else f" --library {quote(str(self.folder))}"

    def typed(self, command: str) -> str:
        """What to type for `command` with this library."""
        return typed(command) + self.option

    def paths(self, person: str | None = "") -> list[Path]:
        """The night files of `person` ("" oneself, None everybody), oldest first."""
        found = self.folder.glob("*.night")
        mine = (p for p in found if person is None or person_of(p.stem) == person)
        return sorted(mine, key=lambda p: (p.stat().st_mtime_ns, p.name))

    def find(self, wanted: str = "last") -> Path:
        """The file of `last`, of a night's number, or of a part of a file's name; or a path.

        `NAME@...` asks for the same among another person's nights.
        """
        if Path(wanted).is_file():
            if Path(wanted).suffix != ".night":
                raise NoSuchNight(f"{wanted} is not a night: its name would end in .night")
            return Path(wanted)
        person = person_of(wanted)
        paths = self.paths(person)
        if not paths and person:
            raise NoSuchNight(
                f"no nights of {person} in {self.folder}: `{self.typed('import --help')}`"
            )
        if not paths:
            raise NoSuchNight(
                f"no nights in {self.folder}: run `{self.typed('sync')}` first, or without a lamp "
                "`dreamlamp night`"
            )
        if wanted.rpartition("@")[2] == "last":
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

    def forgotten(self) -> dict[str, str]:
        """Nights deleted here, by name, with the SHA-256 that lets the lamp delete them."""
        file = self.folder / FORGOTTEN
        return json.loads(file.read_text()) if file.is_file() else {}

    def forget(self, name: str, sha: str | None) -> None:
        """Have the next sync delete night `name` from its lamp; with None, it has been done."""
        kept = {key: value for key, value in self.forgotten().items() if key != name}
        kept |= {name: sha} if sha else {}
        if kept:
            sealed.put(self.folder / FORGOTTEN, json.dumps(kept, indent=1).encode())
        else:
            (self.folder / FORGOTTEN).unlink(missing_ok=True)


def _called(wanted: str, paths: list[Path]) -> list[Path]:
    """The nights of this name; else of this part of it; else this number; else these letters."""
    bare = wanted.rpartition("@")[2]
    for fits in (
        lambda path: path.stem == wanted,
        lambda path: bare in path.stem.rpartition("@")[2].split("-"),
        lambda path: bare.isdigit() and number(path) == int(bare),
        lambda path: bare in path.stem,
    ):
        if found := [path for path in paths if fits(path)]:
            return found
    return []


def person_of(name: str) -> str:
    """Whose night it is, from its name; "" one's own."""
    return name.rpartition("@")[0]


def number(path: Path) -> int:
    """The night's number, from its file's name."""
    text = path.stem.rsplit("-", 1)[-1]
    if not text.isdigit():
        raise DreamlampError(f"{path}: not named LAMP-NUMBER.night, as `dreamlamp sync` does it")
    return int(text)


def read(path: Path) -> Night:
    """The night in `path`, with the note beside it if there is one."""
    night = made_of(path, sealed.read(path), read_note(path))
    night.raw_eeg = partial(raw_eeg, path.with_suffix(RAW))
    return night


def raw_eeg(path: Path) -> bytes:
    """The raw sectors kept beside a night; none if nothing was."""
    return sealed.read(path) if path.is_file() else b""


def made_of(path: Path, raw: bytes, note: dict) -> Night:
    """The night whose file `path` holds the bytes `raw` beside `note`; touches no disk."""
    fetched = note.get("sha256")  # a note of ours alone has none
    if fetched and hashlib.sha256(raw).hexdigest() != fetched:
        raise DreamlampError(f"{path}: the bytes are not those that were fetched; sync it again")
    night = decode(raw, number(path), note)
    night.clocks[:0] = [  # before those in the log, which win
        Clock(seen["boot"], seen["now_s"], round(seen["unix_s"]), seen["utc_offset_min"])
        for seen in note.get("clocks", [note["clock"]] if "clock" in note else [])
    ]
    return night


def read_note(path: Path) -> dict:
    """The note beside the night in `path`; empty without one, SpoiltNote if it is none."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return {}
    try:
        note = json.loads(beside.read_text(encoding="utf-8"))
    except ValueError:
        note = None
    if not isinstance(note, dict):
        raise SpoiltNote(
            f"{beside} is damaged: move it away to read the night without it, and sync while the "
            "lamp holds the night, to have both anew"
        )
    return note


def annotate(path: Path, **more) -> None:
    """Add to the note beside the night in `path`, whole or not at all."""
    note = {**read_note(path), **more}
    sealed.put(path.with_suffix(".json"), json.dumps(note, indent=1).encode())


def belongings(path: Path) -> list[Path]:
    """The files that exist because of the night in `path`; the page over weeks draws it, too."""
    person = person_of(path.stem)
    weeks = path.with_name(f"{person}@{WEEKS}" if person else WEEKS)
    names = (path.with_name(path.stem + ending) for ending in ENDINGS)
    return [file for file in (*names, weeks) if file.is_file()]


def delete(path: Path) -> list[Path]:
    """Remove a night and what hangs on it from this disk; return the files that went.

    The lamp may hold the night still and would send it again: its hash is kept (`forgotten`),
    so that the next sync has the lamp delete it, too.
    """
    held = Library(path.parent)
    with sealed.alone(held.folder):
        try:
            sha = read_note(path).get("sha256")
        except SpoiltNote:  # no reason to keep it
            sha = None
        if sha and not person_of(path.stem):
            held.forget(path.stem, sha)
        gone = belongings(path)
        for file in gone:
            file.unlink()
    return gone
