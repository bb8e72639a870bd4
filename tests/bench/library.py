"""The index against the naive way: ten thousand nights listed, filtered, summed up by week.

The nights are synthetic: forty sleepers, each night of one of them on another date with some
half minutes cut off its end, so that no two files are alike. The naive way is what somebody does
who was handed the same nights as files: pandas, one CSV of epochs each (`dreamlamp export --format
csv`), read anew for each question. A stronger one, `summaries`, is told the nights' figures
beforehand, one JSON file each, and has only to gather them. All three must give the same answer.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from dreamlamp import export, index, judge, library, nights, sleeper
from dreamlamp.summary import summarise
from lamp import wire

NEEDS_DATA = False
NIGHTS = int(os.environ.get("NIGHTS", "10000"))
SLEEPERS = 40
LOOPS = ("loop", "rescue", "rescue refused")  # events that say that a loop was seen
CUT_MOST = 60  # half minutes off a night's end
ZONE = timezone(timedelta(hours=1))
FIRST = datetime(1999, 1, 1, 22, tzinfo=UTC)
ASKED = index.Wanted(since=date(2010, 1, 1), until=date(2012, 12, 31), longer_min=420, loops=True)
AGAIN = 5  # times the index is asked; the fastest counts, for both ways
REPORTS = 5


def made() -> list[nights.Night]:
    """The nights that are cut and dated anew."""
    found = []
    for seed in range(SLEEPERS):
        heart = sleeper.sleeper(seed, hours=7 + seed % 3 / 2, loop=seed % 4 == 0)
        found.append(nights.decode(judge.transcribe(heart, 1), 1))
    return found


def ends(night: nights.Night) -> list[int]:
    """Byte at which the log ends after so many epochs and what happened in them."""
    found = [0]
    for frame in night.frames:
        end = frame.offset + len(frame.payload) + wire.FRAME_OVERHEAD
        if frame.kind == wire.EPOCH:
            found.append(end)
        elif frame.kind == wire.EVENT:
            found[-1] = end
    return found


class Handed:
    """The files of the naive ways, without going through every night once more.

    A night's CSV is its sleeper's with other times and its last lines cut off; `check` exports
    one as `dreamlamp export` does and compares.
    """

    def __init__(self, sleepers: list[nights.Night], csvs: Path, summaries: Path):
        self.csvs, self.summaries, self.epochs, self.events = csvs, summaries, [], []
        for night in sleepers:
            facts = summarise(night)
            table = export.epochs(night, facts)
            rest = [key for key in table if key not in ("second", "time")]
            lines = [",".join(map(str, row)) for row in zip(*(table[key] for key in rest))]
            self.head = ",".join(table)
            self.epochs.append((table["second"], lines, table["stage_name"]))
            self.events.append([(e["second"], e["name"]) for e in facts["events"]])

    def write(self, stem: str, sleeper: int, size: int, began: datetime) -> None:
        seconds, lines, stages = self.epochs[sleeper]
        local = np.datetime64(began.astimezone(ZONE).replace(tzinfo=None), "s")
        times = np.datetime_as_string(local + np.arange(size) * wire.EPOCH_S)
        rows = [f"{s},{t}+01:00,{x}" for s, t, x in zip(seconds[:size], times, lines)]
        (self.csvs / f"{stem}-epochs.csv").write_text("\n".join([self.head, *rows, ""]))
        found = [name for s, name in self.events[sleeper] if s <= size * wire.EPOCH_S]
        (self.csvs / f"{stem}-events.csv").write_text("\n".join(["name", *found, ""]))
        asleep = sum(stage in ("N1", "N2", "N3", "R") for stage in stages[:size])
        flat = {"night": stem, "began": f"{times[0]}+01:00", "recorded_min": size / 2,
                "tst": asleep / 2, "loops": sum(name in LOOPS for name in found)}  # fmt: skip
        (self.summaries / f"{stem}.json").write_text(json.dumps(flat))

    def check(self, path: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            files = export.export(library.read(path), path.stem, Path(folder), "csv")
            theirs = files[0].read_text()
        mine = (self.csvs / f"{path.stem}-epochs.csv").read_text()
        assert mine == theirs, f"{path.stem}: not what an export gives"


def fill(folder: Path, csvs: Path, summaries: Path) -> None:
    """Write the library, one night an evening, and the same nights for the naive ways."""
    sleepers = made()
    handed = Handed(sleepers, csvs, summaries)
    ending = [ends(night) for night in sleepers]
    rng = np.random.default_rng(1)
    for k in range(NIGHTS):
        which = k % SLEEPERS
        size = len(sleepers[which]) - int(rng.integers(0, CUT_MOST))
        raw = sleepers[which].raw[: ending[which][size]]
        at = FIRST + timedelta(days=k, minutes=round(rng.normal(0, 40)))
        note = {
            "lamp": "3F2A", "sha256": sha256(raw).hexdigest(), "source": {"heart": "synthetic"},
            "clock": {"boot": 0, "now_s": 0, "unix_s": at.timestamp(), "utc_offset_min": 60},
        }  # fmt: skip
        path = folder / f"3F2A{k:05d}-00001.night"
        path.write_bytes(raw)
        path.with_suffix(".json").write_text(json.dumps(note))
        handed.write(path.stem, which, size, at)
        if k < SLEEPERS:
            handed.check(path)


def from_csvs(folder: Path) -> pd.DataFrame:
    """The figures of each night from its epochs and events."""
    rows = []
    for file in sorted(folder.glob("*-epochs.csv")):
        epochs = pd.read_csv(file, usecols=["time", "stage_name"])
        stem = file.name[: -len("-epochs.csv")]
        events = pd.read_csv(file.with_name(f"{stem}-events.csv"), usecols=["name"])
        asleep = epochs["stage_name"].isin(["N1", "N2", "N3", "R"]).sum()
        rows.append(
            {"night": stem, "began": epochs["time"].iloc[0], "recorded_min": len(epochs) / 2,
             "tst": asleep / 2, "loops": int(events["name"].isin(LOOPS).sum())}
        )  # fmt: skip
    return pd.DataFrame(rows)


def from_summaries(folder: Path) -> pd.DataFrame:
    return pd.DataFrame([json.loads(f.read_text()) for f in sorted(folder.glob("*.json"))])


def questions(table: Callable[[], pd.DataFrame]) -> dict[str, Callable[[], list]]:
    """The three questions over a table that is read anew each time."""

    def evening(found: pd.DataFrame) -> pd.Series:
        local = pd.to_datetime(found["began"].str[:19])
        return (local - pd.Timedelta(hours=12)).dt.normalize()

    def listed() -> list:
        return table().sort_values("began")["night"].tolist()

    def filtered() -> list:
        found = table()
        day = evening(found)
        chosen = (day >= str(ASKED.since)) & (day <= str(ASKED.until)) & (found["loops"] > 0)
        chosen &= found["recorded_min"] >= ASKED.longer_min
        return found[chosen].sort_values("began")["night"].tolist()

    def trend() -> list:
        found = table()
        day = evening(found)
        week = day - pd.to_timedelta(day.dt.weekday, unit="D")
        means = found.groupby(week)["tst"].mean()
        return [(k.date().isoformat(), round(v, 6)) for k, v in means.items()]

    return {"list": listed, "filter": filtered, "trend": trend}


def of_the_index(held: library.Library) -> dict[str, Callable[[], list]]:
    """The same of the index, opened anew each time, and checked against every file."""

    def ask(what: Callable[[index.Index], list]) -> Callable[[], list]:
        def asked() -> list:
            with index.opened(held) as known:
                return what(known)

        return asked

    return {
        "list": ask(lambda known: [row["name"] for row in known.nights()]),
        "filter": ask(lambda known: [row["name"] for row in known.nights(ASKED)]),
        "trend": ask(
            lambda known: [(r["week"], round(r["tst"], 6)) for r in known.by_week() if r["week"]]
        ),
    }


def timed(question: Callable[[], list], times: int) -> tuple[float, list]:
    """Least CPU seconds of `times`, and the answer."""
    best, answer = float("inf"), []
    for _ in range(times):
        began = time.process_time()
        answer = question()
        best = min(best, time.process_time() - began)
    return best, answer


def report_cpu_s(held: library.Library) -> float:
    """Median CPU of `dreamlamp report` as it is typed, Python's own start included."""
    name = held.paths()[0].stem
    command = [
        sys.executable,
        "-m",
        "dreamlamp.cli",
        "report",
        name,
        "--library",
        str(held.folder),
    ]
    spent = []
    for _ in range(REPORTS):
        before = os.times()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        spent.append(sum(after[2:4]) - sum(before[2:4]))
    return float(np.median(spent))


def run(data: Path | None, train: bool) -> dict:
    folder = Path(tempfile.mkdtemp(prefix="dreamlamp-bench-"))
    try:
        return measured(folder)
    finally:
        shutil.rmtree(folder)


def measured(folder: Path) -> dict:
    parts = {name: folder / name for name in ("nights", "csv", "summaries")}
    for part in parts.values():
        part.mkdir()
    print(f"writing {NIGHTS} synthetic nights", file=sys.stderr)
    fill(parts["nights"], parts["csv"], parts["summaries"])
    held = library.Library(parts["nights"])
    print("indexing", file=sys.stderr)
    began = time.monotonic()
    with index.opened(held) as known:
        assert len(known.nights()) == NIGHTS
    indexing_s = time.monotonic() - began
    ours = of_the_index(held)
    naive = questions(lambda: from_csvs(parts["csv"]))
    gathered = questions(lambda: from_summaries(parts["summaries"]))
    result: dict = {"nights": NIGHTS, "indexing_s_per_night": indexing_s / NIGHTS}
    for name, question in ours.items():
        print(f"{name}", file=sys.stderr)
        spent, answer = timed(question, AGAIN)
        slow, theirs = timed(naive[name], 1)
        summed, also = timed(gathered[name], AGAIN)
        assert answer == theirs == also, f"{name}: the answers differ"
        result |= {
            f"{name}_ratio": slow / spent, f"{name}_ratio_summaries": summed / spent,
            f"{name}_s": spent, f"{name}_naive_s": slow, f"{name}_rows": len(answer),
        }  # fmt: skip
    result["report_cpu_s"] = report_cpu_s(held)
    show(result)
    return result


def show(result: dict) -> None:
    print(f"{result['nights']} synthetic nights; CPU seconds, each question asked from nothing\n")
    print(f"{'':8}{'answers':>9}{'index':>9}{'pandas':>9}{'ratio':>8}{'over summaries':>16}")
    for name in ("list", "filter", "trend"):
        print(
            f"{name:8}{result[f'{name}_rows']:>9}{result[f'{name}_s']:>9.3f}"
            f"{result[f'{name}_naive_s']:>9.1f}{result[f'{name}_ratio']:>8.0f}"
            f"{result[f'{name}_ratio_summaries']:>16.1f}"
        )
    print(f"\nfirst indexing, s a night (wall, all cores)  {result['indexing_s_per_night']:.3f}")
    print(f"report of one night, CPU s, as typed         {result['report_cpu_s']:.2f}")


assert wire.EPOCH_S == 30  # `recorded_min` above counts two rows a minute
