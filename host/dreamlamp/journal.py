"""The dream journal: one small file an entry, for its owner alone, in the library's folder.

An entry is text with what its dreamer says of it; one that was started from an event of a night
carries that event's trace. `dreamlamp library lock` seals entries as it does nights. The index
for searching is made in memory each time (FTS5) and never lies on disk, so a sealed journal has
no open copy of its words, and deleting deletes. Knows no page and no terminal.
"""

import json
import re
import secrets
import sqlite3
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path

import numpy as np
from lamp import wire

from . import sealed
from .errors import DreamlampError
from .nights import Night

KIND = ".journal"
SCALES = {"mood": (1, 5), "vividness": (0, 4), "lucidity": (0, 4)}
AROUND_S = 300  # of heart and score before and after an event: a loop's gap is 80 to 380 s
TEXT_MAX = 100_000  # characters; a novel is no dream, and everything is read at each search
WORD = re.compile(r'"[^"]+"|\S+')


class JournalError(DreamlampError):
    """The journal has no such entry, or will not take this one."""


@dataclass
class Entry:
    """`mood` 1 very bad to 5 very good, `vividness` and `lucidity` 0 to 4; None: not said.

    `night` names the night's file, `event` and `trace` are what `trace_of` returns; `again` is
    the id of an earlier entry of the same dream, `rescript` what rescript.py keeps here.
    """

    id: str
    written: str  # ISO 8601 with the offset, to the minute
    text: str
    tags: list[str] = field(default_factory=list)
    mood: int | None = None
    vividness: int | None = None
    lucidity: int | None = None
    night: str = ""
    event: dict | None = None
    trace: dict | None = None
    again: str = ""
    rescript: dict | None = None
    offered: bool = False

    @property
    def day(self) -> str:
        return self.written[:10]


class Journal:
    """The entries in a library's folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def all(self) -> list[Entry]:
        """Every entry, oldest first."""
        return sorted(map(self._read, self._paths()), key=lambda entry: (entry.written, entry.id))

    def find(self, wanted: str = "last") -> Entry:
        """The entry of this id, of a part of it, or the `last`."""
        ids = sorted(path.stem for path in self._paths())
        if wanted == "last" and ids:
            return self.all()[-1]
        found = [known for known in ids if known == wanted] or [i for i in ids if wanted in i]
        if len(found) == 1:
            return self._read(self._path(found[0]))
        if found:
            raise JournalError(f"{wanted!r} could be {', '.join(found[:5])}: say which")
        raise JournalError(
            f"the journal has no entry {wanted!r}: `dreamlamp journal list` shows them"
            if ids
            else "the journal is empty: `dreamlamp journal add` begins it"
        )

    def add(self, text: str, written: datetime | None = None, **said) -> Entry:
        """Keep a new entry; `said` are fields of Entry."""
        at = written or datetime.now().astimezone()
        name = f"{at:%Y-%m-%d}-{secrets.token_hex(2)}"
        while self._path(name).exists():
            name = f"{at:%Y-%m-%d}-{secrets.token_hex(2)}"
        return self.keep(Entry(name, at.isoformat(timespec="minutes"), text, **said))

    def keep(self, entry: Entry) -> Entry:
        """Write `entry`, whole or not at all, in place of what has its id."""
        _check(entry)
        data = json.dumps(asdict(entry), ensure_ascii=False, indent=1).encode()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sealed.write(self._path(entry.id), data)
        return entry

    def delete(self, entry: Entry) -> None:
        """Remove the entry; there is no other copy of it, and no index that remembers."""
        self._path(entry.id).unlink()

    def search(
        self, words: str = "", tag: str = "", night: str = "", mood: tuple[int, int] | None = None
    ) -> list[tuple[Entry, str]]:
        """(entry, the place that fits) of each entry that has all of these, the best first.

        `words` are beginnings of words, "words in quotes" stand together.
        """
        kept = [
            entry
            for entry in self.all()
            if (not tag or tag.casefold() in entry.tags)
            and (not night or entry.night == night)
            and (not mood or (entry.mood is not None and mood[0] <= entry.mood <= mood[1]))
        ]
        if not words.strip():
            return [(entry, entry.text[:80]) for entry in reversed(kept)]
        return _matches(kept, words)

    def _paths(self) -> list[Path]:
        return list(self.folder.glob(f"*{KIND}"))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{KIND}"

    def _read(self, path: Path) -> Entry:
        data = sealed.read(path)
        try:
            said = json.loads(data)
            known = {f.name for f in fields(Entry)}
            return Entry(**{key: value for key, value in said.items() if key in known})
        except (ValueError, TypeError, AttributeError) as error:
            raise JournalError(
                f"{path} is no entry of a journal ({error}): mend it or move it away"
            ) from None


def _check(entry: Entry) -> None:
    """Refuse what no scale has; put text and tags into the form that is kept."""
    entry.text = entry.text.replace("\r\n", "\n").strip()
    if not entry.text or len(entry.text) > TEXT_MAX:
        raise JournalError(f"an entry has 1 to {TEXT_MAX} characters of text")
    for name, (low, high) in SCALES.items():
        value = getattr(entry, name)
        if value is not None and not low <= value <= high:
            raise JournalError(f"{name} is a number from {low} to {high}")
    tags = (" ".join(tag.casefold().split()) for tag in entry.tags)
    entry.tags = list(dict.fromkeys(tag for tag in tags if tag))


def _matches(entries: list[Entry], words: str) -> list[tuple[Entry, str]]:
    words = words.replace("\0", " ")  # where SQLite takes a text to end
    quoted = [w.strip('"').replace('"', "") for w in WORD.findall(words)]
    exact = [w.startswith('"') for w in WORD.findall(words)]
    asked = " ".join(f'"{w}"' + ("" if e else "*") for w, e in zip(quoted, exact) if w)
    if not asked:
        return []
    index = sqlite3.connect(":memory:")
    index.execute("PRAGMA temp_store=MEMORY")
    index.execute(
        "CREATE VIRTUAL TABLE dreams USING "
        "fts5(text, tags, tokenize='unicode61 remove_diacritics 2')"
    )
    rows = ((i, e.text, " ".join(e.tags)) for i, e in enumerate(entries))
    index.executemany("INSERT INTO dreams(rowid, text, tags) VALUES (?, ?, ?)", rows)
    found = index.execute(
        "SELECT rowid, snippet(dreams, -1, '', '', ' ... ', 16) FROM dreams WHERE dreams MATCH ? "
        "ORDER BY rank, rowid DESC",
        (asked,),
    )
    return [(entries[row], place) for row, place in found]


def trace_of(night: Night, name: str, second: float) -> tuple[dict, dict]:
    """The event called `name`, `second` into the night, and the minutes round it, for an entry.

    The trace: `from_s` (start of the first epoch, seconds from the event), `step_s`, and lists
    over the epochs: `hr_bpm_x10` and `score` (None: no signal), `stage`, `light` (L*).
    """
    near = np.flatnonzero(abs(night.seconds + wire.EPOCH_S / 2 - second) <= AROUND_S)
    columns = night.epochs
    trace = {
        "from_s": int(night.seconds[near[0]] - second) if near.size else 0,
        "step_s": wire.EPOCH_S,
        "hr_bpm_x10": [int(columns["hr_bpm_x10"][i]) or None for i in near],
        "score": [int(columns["score"][i]) for i in near],
        "stage": [night.stages[i] for i in near],
        "light": [int(columns["light"][i]) for i in near],
    }
    return {"name": name, "second": second}, trace
