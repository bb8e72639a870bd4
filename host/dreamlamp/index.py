"""The index: what the night files say, in one SQLite table, so that thousands answer at once.

A cache and never the truth: what is missing, unreadable, made by another version or older than
the files is made anew from them, and a library that cannot be written to gets one in memory.
What was deleted is overwritten in it (SQLite's secure_delete, then VACUUM; no write-ahead log).
Of a locked library the index lives in memory and rests sealed like a night: it asks for the
passphrase, for it tells as much.
Knows files and facts, no radio and no page.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
from lamp import wire

from . import __version__, library, sealed
from .errors import DreamlampError
from .nights import Night
from .regularity import ASLEEP, NO_SLEEP, UNKNOWN
from .sleepstats import SLEEP
from .summary import summarise

FILE = "index.sqlite"
SCHEMA = f"4/{__version__}"  # its first part grows with every change of what is kept
MANY = 64  # nights to read from which on more than one processor pays
WAIT_S = 30  # for another program that writes the index
NOON_S = 12 * 3600  # the day of a night is that of its evening: it changes at noon
COLUMNS = (
    "name TEXT PRIMARY KEY", "person TEXT", "stamp TEXT", "began REAL", "day TEXT", "week TEXT",
    "began_at TEXT", "length_min REAL", "recorded_min REAL", "worn_min REAL", "good_min REAL",
    "tst REAL", "sol REAL", "waso REAL", "se REAL", "rem REAL", "n3 REAL", "lat_rem REAL",
    "mean_bpm REAL", "rmssd_ms REAL", "cyclic REAL", "loops INTEGER", "rescues INTEGER",
    "light_min REAL", "ended_by TEXT", "mode TEXT", "source TEXT", "lamp TEXT", "origin TEXT",
    "error TEXT",
)  # fmt: skip
NAMES = tuple(column.split()[0] for column in COLUMNS)
SORTS = ("began", "name", "worn_min", "tst", "rem", "n3", "waso", "mean_bpm", "loops")

Told = Callable[[str, float], None]


@dataclass(frozen=True)
class Wanted:
    """Which nights, and in which order; None and "" ask for nothing."""

    person: str | None = ""  # "" oneself, None everybody
    since: date | None = None  # evenings from .. to, both included
    until: date | None = None
    longer_min: float | None = None  # recorded
    shorter_min: float | None = None
    loops: bool | None = None
    source: str = ""  # synthetic, recording, virtual, lamp
    synthetic: bool | None = None
    lamp: str = ""
    sort: str = "began"
    reverse: bool = False

    def clause(self) -> tuple[str, list]:
        """WHERE and ORDER BY, and what stands for the question marks."""
        asked = (
            ("person = ?", self.person, self.person is not None),
            ("day >= ?", self.since and self.since.isoformat(), self.since),
            ("day <= ?", self.until and self.until.isoformat(), self.until),
            ("recorded_min >= ?", self.longer_min, self.longer_min is not None),
            ("recorded_min <= ?", self.shorter_min, self.shorter_min is not None),
            ("(loops > 0) = ?", self.loops, self.loops is not None),
            ("source = ?", self.source, self.source),
            ("(source = 'synthetic') = ?", self.synthetic, self.synthetic is not None),
            ("lamp = ?", self.lamp, self.lamp),
        )
        held = [(text, value) for text, value, wanted in asked if wanted]
        where = " AND ".join(["error IS NULL", *(text for text, _ in held)])
        way = "DESC" if self.reverse else "ASC"
        order = f"{self.sort} IS NULL, {self.sort} {way}, name"
        return f"WHERE {where} ORDER BY {order}", [value for _, value in held]


class Index:
    """The index of a library, brought up to date as it is opened; `close` it."""

    def __init__(self, held: library.Library, told: Told = lambda what, share: None):
        self.held = held
        self.path = held.folder / FILE
        self.locked = sealed.locked(held.folder)
        self.base = self._connect()
        try:
            self._begin()
            self.refresh(told)
        except sqlite3.DatabaseError as error:
            self.base.close()
            if "locked" in str(error):
                raise DreamlampError(f"{self.path} is in use: try again in a minute") from None
            self.path.unlink(missing_ok=True)  # not what it should be: it is only a cache
            self.base = self._connect()
            self._begin()
            self.refresh(told)

    def _connect(self) -> sqlite3.Connection:
        """To the file; to memory where there can be none, or where it must rest sealed."""
        if self.path.exists() and sealed.is_sealed(self.path) != self.locked:
            self.path.unlink()  # from before the library was locked, or opened for good
        if self.locked:
            base = sqlite3.connect(":memory:")
            if self.path.exists():
                try:
                    base.deserialize(sealed.read(self.path))
                except sealed.Damaged:
                    self.path.unlink()  # it is only a cache
            return base
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            return sqlite3.connect(self.path, timeout=WAIT_S)
        except OSError:  # no such folder, or not ours to write to
            return sqlite3.connect(":memory:")

    def _begin(self) -> None:
        base = self.base
        base.row_factory = sqlite3.Row
        base.execute("PRAGMA secure_delete = ON")
        made = base.execute("SELECT name FROM sqlite_master WHERE name = 'made_by'").fetchone()
        if not made or base.execute("SELECT what FROM made_by").fetchone()[0] != SCHEMA:
            with base:
                for table in ("nights", "facts", "made_by"):
                    base.execute(f"DROP TABLE IF EXISTS {table}")
                base.execute(f"CREATE TABLE nights ({', '.join(COLUMNS)})")
                base.execute("CREATE TABLE facts (name TEXT PRIMARY KEY, facts TEXT, sleep BLOB)")
                base.execute("CREATE TABLE made_by (what TEXT)")
                base.execute("INSERT INTO made_by VALUES (?)", (SCHEMA,))

    def close(self) -> None:
        self.base.close()

    def _keep(self) -> None:
        """Make what was changed outlive this process."""
        self.base.commit()
        if self.locked:
            sealed.write(self.path, self.base.serialize())

    def refresh(self, told: Told = lambda what, share: None) -> int:
        """Bring every row up to date with its files; return how many were read."""
        there = dict(_stamps(self.held))
        known = dict(self.base.execute("SELECT name, stamp FROM nights").fetchall())
        gone = [name for name in known if name not in there]
        todo = [name for name, (stamp, _) in there.items() if known.get(name) != stamp]
        if gone:
            self._drop(gone)
        jobs = [(name, there[name][0], there[name][1]) for name in todo]
        for count, (row, kept) in enumerate(_rows(jobs, self.locked), 1):
            marks = ", ".join("?" * len(NAMES))
            self.base.execute(f"INSERT OR REPLACE INTO nights VALUES ({marks})", row)
            self.base.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", (row[0], *kept))
            told("index", count / len(jobs))
            if count % 500 == 0:
                self._keep()  # a long first reading is not lost to Ctrl-C
        if gone or jobs:
            self._keep()
        return len(jobs)

    def _drop(self, names: Iterable[str]) -> None:
        for name in names:
            self.base.execute("DELETE FROM nights WHERE name = ?", (name,))
            self.base.execute("DELETE FROM facts WHERE name = ?", (name,))

    def forget(self, name: str) -> None:
        """Take a night out so that no byte of it stays in the file."""
        self._drop([name])
        self.base.commit()
        self.base.execute("VACUUM")
        self._keep()

    def nights(self, wanted: Wanted = Wanted()) -> list[sqlite3.Row]:
        """The rows (COLUMNS) of the nights that are wanted."""
        clause, values = wanted.clause()
        return self.base.execute(f"SELECT * FROM nights {clause}", values).fetchall()

    def facts(self, wanted: Wanted = Wanted()) -> Iterator[tuple[sqlite3.Row, dict]]:
        """The same, each with every fact that `summary` knows."""
        clause, values = wanted.clause()
        query = f"SELECT * FROM nights JOIN facts USING (name) {clause}"
        for row in self.base.execute(query, values):
            yield row, json.loads(row["facts"])

    def sleep(self, wanted: Wanted = Wanted()) -> list[tuple[sqlite3.Row, np.ndarray]]:
        """The same, each with a code (NO_SLEEP, ASLEEP, UNKNOWN) per 30 s from its start."""
        clause, values = wanted.clause()
        query = f"SELECT * FROM nights JOIN facts USING (name) {clause}"
        found = self.base.execute(query, values).fetchall()
        return [(row, np.frombuffer(row["sleep"], np.uint8)) for row in found]

    def by_week(self, wanted: Wanted = Wanted()) -> list[sqlite3.Row]:
        """For each week (its Monday): how many nights, and the means of what is asked most."""
        clause, values = wanted.clause()
        where = clause.split(" ORDER BY ")[0]
        means = ", ".join(f"AVG({n}) AS {n}" for n in ("tst", "waso", "se", "rem", "mean_bpm"))
        return self.base.execute(
            f"SELECT week, COUNT(*) AS nights, {means}, SUM(loops) AS loops FROM nights "
            f"{where} AND week IS NOT NULL GROUP BY week ORDER BY week",
            values,
        ).fetchall()

    def unreadable(self, person: str | None = "") -> list[tuple[str, str]]:
        """Nights that could not be read: their names, and why."""
        query = "SELECT name, error FROM nights WHERE error IS NOT NULL"
        if person is not None:
            return self.base.execute(query + " AND person = ?", (person,)).fetchall()
        return self.base.execute(query).fetchall()


@contextmanager
def opened(held: library.Library, told: Told = lambda what, share: None) -> Iterator[Index]:
    """The index of `held` for a while."""
    index = Index(held, told)
    try:
        yield index
    finally:
        index.close()


def _stamps(held: library.Library) -> Iterator[tuple[str, tuple[str, Path]]]:
    """Name of each night: (what changes when its files do, its file)."""
    if not held.folder.is_dir():
        return
    with os.scandir(held.folder) as entries:
        seen = {e.name: e for e in entries if e.name.endswith((".night", ".json"))}
    for file, entry in seen.items():
        if not file.endswith(".night"):
            continue
        stat, beside = entry.stat(), seen.get(file[:-5] + "json")
        stamp = f"{stat.st_mtime_ns} {stat.st_size}"
        if beside:
            stamp += f" {beside.stat().st_mtime_ns} {beside.stat().st_size}"
        yield file[:-6], (stamp, Path(entry.path))


def _rows(jobs: list[tuple[str, str, Path]], locked: bool) -> Iterator[tuple[tuple, tuple]]:
    if len(jobs) < MANY or locked or (os.cpu_count() or 1) == 1:  # one passphrase, one process
        yield from map(_row, jobs)
        return
    from concurrent.futures import ProcessPoolExecutor  # slow to load, and seldom needed
    from multiprocessing import get_context

    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        yield from pool.map(_row, jobs, chunksize=8)


def _row(job: tuple[str, str, Path]) -> tuple[tuple, tuple]:
    """One night's row, and its (facts, sleep)."""
    name, stamp, path = job
    person = library.person_of(name)
    try:
        night = library.read(path)
        facts = summarise(night)
    except sealed.Locked:
        raise
    except (DreamlampError, OSError, ValueError, LookupError, TypeError) as error:
        bad = {"name": name, "person": person, "stamp": stamp, "error": str(error)}
        return tuple(bad.get(key) for key in NAMES), ("{}", b"")
    values: dict = {
        **facts, **facts["statistics"], **facts["heart"],
        "name": name, "person": person, "stamp": stamp, "error": None,
        "began_at": facts["began"], "ended_by": facts["end_reason"],
        **_when(facts["began"]),
        "cyclic": facts["breathing"]["cyclic_percent"],
        "loops": len(facts["loops"]),
        "rescues": sum(e["name"] == "rescue" for e in facts["events"]),
        "source": facts["source"].get("heart", "lamp"),
        "lamp": night.note.get("lamp"),
        "origin": night.note.get("imported", {}).get("sha256"),
    }  # fmt: skip
    kept = json.dumps(facts, separators=(",", ":")), asleep(night).tobytes()
    return tuple(values[key] for key in NAMES), kept


def _when(began: str | None) -> dict:
    if not began:
        return {"began": None, "day": None, "week": None}
    at = datetime.fromisoformat(began)
    day = (at - timedelta(seconds=NOON_S)).date()
    monday = day - timedelta(days=day.weekday())
    return {"began": at.timestamp(), "day": day.isoformat(), "week": monday.isoformat()}


def asleep(night: Night) -> np.ndarray:
    """A code per 30 s of the night, holes included."""
    codes = np.full(round(night.length_s / wire.EPOCH_S), UNKNOWN, np.uint8)
    at = (night.seconds / wire.EPOCH_S + 0.5).astype(int)
    kind = {"W": NO_SLEEP, **dict.fromkeys(SLEEP, ASLEEP)}
    for slot, stage in zip(at, night.stages):
        if slot < codes.size:
            codes[slot] = kind.get(stage, UNKNOWN)
    return codes
