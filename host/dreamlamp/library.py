"""The library of nights: a folder of immutable night files, each with a note beside it.

`LAMP-ID.night` holds the bytes as the lamp logged them, `LAMP-ID.json` what the bytes cannot
tell: their hash, how the lamp's clock stood when they were fetched (both from `sync`), and, for a
virtual lamp, whose heart it watched. Nights of other people, which `dreamlamp import` brought,
lie in `people/NAME/` and never mix with one's own. Every byte of a night or a note goes through
`load` and `store`. Knows no radio.
"""

import hashlib
import json
import os
import re
from pathlib import Path
from shlex import quote

import platformdirs

from .errors import DreamlampError
from .nights import Clock, Night, decode
from .typed import typed

ENDINGS = (".night", ".json", ".html", ".part", ".new")
PERSON = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_. -]{0,38}[A-Za-z0-9_-]|[A-Za-z0-9_-]")
RESERVED = {"con", "prn", "aux", "nul"} | {f"{d}{n}" for d in ("com", "lpt") for n in range(10)}


class NoSuchNight(DreamlampError):
    """The library holds no night of that name."""


class Library:
    """The nights in `folder`; without one, in the platform's own place for such data."""

    OTHERS = "people"
    FORGOTTEN = "forgotten.json"  # nights deleted here that a lamp may still hold

    def __init__(self, folder: str | Path | None = None):
        default = platformdirs.user_data_path("dreamlamp") / "nights"
        self.folder = Path(folder or default).absolute()
        self.option = "" if self.folder == default else f" --library {quote(str(self.folder))}"

    def typed(self, command: str) -> str:
        """What to type for `command` with this library."""
        return typed(command) + self.option

    def paths(self, person: str | None = "") -> list[Path]:
        """The night files of `person` ("" oneself, None everybody), oldest first."""
        if person is None:
            return [path for each in ("", *self.people()) for path in self.paths(each)]
        found = (self.folder_of(person) if person else self.folder).glob("*.night")
        return sorted(found, key=lambda p: (p.stat().st_mtime_ns, p.name))

    def people(self) -> list[str]:
        """Whose nights were imported."""
        folder = self.folder / self.OTHERS
        return sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []

    def folder_of(self, person: str) -> Path:
        """Where the nights of another person lie; `DreamlampError` for a name no disk takes."""
        if not PERSON.fullmatch(person) or person.split(".")[0].lower() in RESERVED:
            raise DreamlampError(
                f"{person!r} cannot name a folder everywhere: use letters, digits, - and _"
            )
        return self.folder / self.OTHERS / person

    def name(self, path: Path) -> str:
        """What a night is called: its file's name, with the person's before it if not one's own."""
        person = self.person(path)
        return f"{person}/{path.stem}" if person else path.stem

    def person(self, path: Path) -> str:
        """Whose night it is; "" one's own."""
        inside = path.absolute().parent
        return inside.name if inside.parent == self.folder / self.OTHERS else ""

    def find(self, wanted: str = "last") -> Path:
        """The file of `last`, of a night's number, or of a part of a file's name; or a path.

        `NAME/...` asks for the same among another person's nights.
        """
        if Path(wanted).is_file():
            if Path(wanted).suffix != ".night":
                raise NoSuchNight(f"{wanted} is not a night: its name would end in .night")
            return Path(wanted)
        person, _, rest = wanted.rpartition("/")
        if person:
            self.folder_of(person)  # a name, not a way out of the library
        paths, wanted = self.paths(person), rest
        if not paths and person:
            raise NoSuchNight(
                f"no nights of {person} in {self.folder}: `{self.typed('import --help')}`"
            )
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

    @classmethod
    def around(cls, path: Path) -> "Library":
        """The library in which a night's file lies."""
        folder = path.absolute().parent
        return cls(folder.parents[1] if folder.parent.name == cls.OTHERS else folder)

    def belongings(self, path: Path) -> list[Path]:
        """The files that exist because of the night in `path`: bytes, note, page, half of one."""
        return [file for end in ENDINGS if (file := path.with_suffix(end)).is_file()]

    def delete(self, path: Path) -> list[Path]:
        """Remove a night and what hangs on it from this disk; return the files that went.

        The lamp may hold the night still and would send it again: its hash is kept, so that the
        next sync has the lamp delete it, too.
        """
        try:
            note = read_note(path)
        except ValueError:  # no reason to keep it
            note = {}
        if "sha256" in note and not self.person(path):
            kept = {**self.forgotten(), path.stem: note["sha256"]}
            _write(self.folder / self.FORGOTTEN, json.dumps(kept, indent=1).encode())
        gone = self.belongings(path)
        for file in gone:
            file.unlink()
        return gone

    def forgotten(self) -> dict[str, str]:
        """Nights deleted here, by name, with the SHA-256 that lets the lamp delete them."""
        file = self.folder / self.FORGOTTEN
        return json.loads(file.read_text()) if file.is_file() else {}

    def forgot(self, name: str) -> None:
        """The lamp has deleted it, too: nothing is left of it."""
        kept = {key: sha for key, sha in self.forgotten().items() if key != name}
        file = self.folder / self.FORGOTTEN
        if kept:
            _write(file, json.dumps(kept, indent=1).encode())
        else:
            file.unlink(missing_ok=True)


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
    note, raw = read_note(path), load(path)
    if note and hashlib.sha256(raw).hexdigest() != note["sha256"]:
        raise DreamlampError(f"{path}: the bytes are not those that were fetched; sync it again")
    night = decode(raw, number(path), note)
    night.clocks[:0] = [  # before those in the log, which win
        Clock(seen["boot"], seen["now_s"], round(seen["unix_s"]), seen["utc_offset_min"])
        for seen in note.get("clocks", [note["clock"]] if "clock" in note else [])
    ]
    return night


def read_note(path: Path) -> dict:
    """The note beside the night in `path`; empty without one."""
    beside = path.with_suffix(".json")
    return json.loads(load(beside)) if beside.is_file() else {}


def annotate(path: Path, **more) -> None:
    """Add to the note beside the night in `path`, whole or not at all."""
    note = {**read_note(path), **more}
    store(path.with_suffix(".json"), json.dumps(note, indent=1).encode())


def load(path: Path) -> bytes:
    """The bytes of a night or a note."""
    return path.read_bytes()


def store(path: Path, data: bytes) -> None:
    """Keep the bytes of a night or a note, durably: whole or not at all."""
    _write(path, data)


def _write(path: Path, data: bytes) -> None:
    half = path.with_suffix(".new")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
