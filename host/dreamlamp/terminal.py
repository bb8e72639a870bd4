"""A night in the terminal: a short hypnogram and the plain facts. Knows rich and no page."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from lamp import wire
from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from .nights import Night
from .words import (
    duration,
    loop_sentence,
    moment,
    plain_sentences,
    source_sentence,
    sure_sentences,
)

ROWS = (("W", "Wake", "yellow"), ("R", "REM", "red"), ("N2", "Light", "blue"),
        ("N3", "Deep", "magenta"))  # fmt: skip
FIVE = (*ROWS[:2], ("N1", "N1", "cyan"), ("N2", "N2", "blue"), ROWS[3])  # of the EEG kit
out = Console(highlight=False, markup=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
BLOCKS = " ▁▂▃▄▅▆▇█"


def show(night: Night, facts: dict) -> None:
    """Print the night."""
    if source_sentence(facts):
        out.print(source_sentence(facts) + "\n", style="bold yellow", soft_wrap=True)
    for line in hypnogram(night, max(30, min(out.width, 100) - 8)):
        out.print(line)
    hours = facts["began"] and f"{moment(facts, 0)} to {moment(facts, night.length_s)}"
    out.print(f"        {hours or 'clock time unknown'}\n", style="dim")
    for sentence in plain_sentences(facts):
        out.print(sentence)
    out.print(_numbers(facts))
    for event in facts["events"]:
        said = loop_sentence(event)
        if said:
            out.print(f"{moment(facts, event['second'])}  {said}")
    if not facts["light_max"]:
        out.print("The lamp stayed dark all night.")
    out.print(sure_sentences(facts)[0], style="dim")


def hypnogram(night: Night, width: int) -> list[Text]:
    """A row of blocks for each stage: how much of each column's time went to it."""
    rows, ours = (FIVE, {}) if night.kit == "eeg" else (ROWS, {"N1": "N2"})
    columns: list[Counter] = [Counter() for _ in range(width)]
    scale = width / max(night.length_s, 1)
    for second, stage in zip(night.seconds, night.stages):
        first, last = int(second * scale), int((second + wire.EPOCH_S - 1) * scale)
        for column in range(first, min(width - 1, last) + 1):
            columns[column][ours.get(stage, stage)] += 1
    lines = []
    for code, name, colour in rows:
        shares = [c[code] / max(1, sum(c.values())) for c in columns]
        blocks = "".join(BLOCKS[round(share * 8)] for share in shares)
        lines.append(Text(f"{name:>6}  ", "dim").append(blocks, colour))
    return lines


def _numbers(facts: dict) -> Table:
    found, heart = facts["statistics"], facts["heart"]
    table = Table(box=None, show_header=False, padding=(0, 3, 0, 0))
    efficiency = "-" if found["se"] is None else f"{found['se']:.0f} %"
    rate = "-" if heart["mean_bpm"] is None else f"{heart['mean_bpm']:.0f} bpm"
    shares = (f"{duration(found[k])} {n}" for k, n in (("n3", "deep"), ("rem", "REM")))
    table.add_row("asleep", duration(found["tst"]), "of it", ", ".join(shares))
    table.add_row("in bed", duration(found["tib"]), "fell asleep after", duration(found["sol"]))
    table.add_row("efficiency", efficiency, "awake in between", duration(found["waso"]))
    if facts["kit"] == "eeg":
        rate = f"{duration(found['n1'])} N1"
    table.add_row(
        "heart" if facts["kit"] != "eeg" else "lightest",
        rate,
        "first REM after",
        duration(found["lat_rem"]),
    )
    return table


def listing(rows: Sequence) -> None:
    """Print rows of the index as a table; durations in hours and minutes."""
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0))
    for name in ("night", "began", "worn", "asleep", "REM", "loops", "ended by", "heart"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        began = row["began_at"][:16].replace("T", " ") if row["began_at"] else "unknown"
        times = (row["worn_min"], row["tst"], row["rem"])
        table.add_row(
            row["name"],
            began,
            *(f"{round(t) // 60}:{round(t) % 60:02d}" for t in times),
            str(row["loops"]),
            row["ended_by"],
            "" if row["source"] == "lamp" else row["source"],
        )
    out.print(table, width=None if out.is_terminal else 200)  # a pipe gets whole names


def plain(text: str) -> None:
    """Print what somebody wrote to stderr, as it is: nothing in it is a colour or a command."""
    err.print(Text(text), soft_wrap=False)


def dreams(found: list[tuple[dict, str]]) -> Table:
    """Entries of the journal, a line each, with the place that fits."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("dream", "mood", "tags", "text"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for entry, place in found:
        mood = str(entry["mood"] or "")
        table.add_row(
            entry["id"], mood, *map(Text, (", ".join(entry["tags"]), place.split("\n")[0]))
        )
    return table


def dream(entry: dict) -> list[Text]:
    """An entry of the journal, its trace as two rows of blocks."""
    said = [f"{k} {entry[k]}" for k in ("mood", "vividness", "lucidity") if entry[k] is not None]
    said += [f"#{tag}" for tag in entry["tags"]]
    lines = [Text(f"{entry['id']}  {'  '.join(said)}", "dim"), Text(""), Text(entry["text"])]
    trace = entry["trace"]
    if trace:
        rates = [rate and rate / 10 for rate in trace["hr_bpm_x10"]]
        low = min((r for r in rates if r), default=0) - 2
        high = max((r for r in rates if r), default=1)
        rows = (
            ("heart", rates, low, high),
            ("score", trace["score"], 0, max(100, *trace["score"])),
        )
        lines.append(Text(f"\n{entry['event']['name']}: five minutes before and after", "dim"))
        for name, values, bottom, top in rows:
            blocks = "".join(BLOCKS[_height(v, bottom, top)] for v in values)
            lines.append(
                Text(f"{name:>6}  ", "dim").append(blocks).append(f"  to {top:.0f}", "dim")
            )
    if entry["rescript"]:
        lines += [Text("\nwritten anew", "dim"), Text(entry["rescript"]["text"])]
    return lines


def _height(value: float | None, low: float, high: float) -> int:
    return round(8 * max(0.0, min(1.0, ((value or low) - low) / max(high - low, 1))))


def value(found: int | str | list[str]) -> str:
    """A setting's value; of a list, its first and how many there are."""
    if isinstance(found, list):
        return f"{found[0]} ({len(found)} planned)" if found else "none"
    return str(found)


def settings(found: dict, about: dict[str, str]) -> Table:
    """Name, value, meaning."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, held in found.items():
        table.add_row(name, Text(value(held), "bold"), Text(about[name], "dim"))
    return table


MARKS = {"fine": ("ok", "green"), "warning": ("!", "yellow"), "bad": ("XX", "bold red"),
         "skipped": ("-", "dim")}  # fmt: skip


def checkup(name: str, facts: dict[str, str], findings) -> Group:
    """A lamp's plain facts, and a line for each check; what to do stands below what is wrong."""
    told = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for what, value in {"lamp": name, **facts}.items():
        told.add_row(Text(what, "dim"), value)
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for f in findings:
        mark, colour = MARKS[f.state]
        said = Text(f.says)
        if f.do:
            said.append(f"\n-> {f.do}", "bold")
        rows.add_row(Text(mark, colour), f.name, said)
    return Group(told, "", rows)


@contextmanager
def live() -> Iterator[Callable]:
    """A line that changes: what comes is `show(companion.Now)`, or None for a lost link."""
    scores: list[int] = []
    with Live(console=out, auto_refresh=False) as line:

        def show(seen) -> None:
            if seen is None:
                line.update(Text("out of reach, looking for it ...", "yellow"), refresh=True)
                return
            if seen.bell:
                out.bell()
                out.print(
                    f"{datetime.now():%H:%M}  a loop: score {seen.score}", style="bold yellow"
                )
            scores.append(seen.score)
            if out.is_terminal:
                line.update(_now(seen, scores[-60:]), refresh=True)
            else:
                out.print(_now(seen, []))

        yield show


def _now(seen, scores: list[int]) -> Text:
    if not seen.recording:
        return Text(f"No night is being recorded; mode {seen.mode}.", "dim")
    stage = {"W": "awake", "R": "REM", "N1": "light", "N2": "light", "N3": "deep"}.get(seen.stage)
    rate = f"{seen.bpm:.0f} bpm" if seen.bpm else "no heart"
    sure = f" ({seen.confidence} % sure)" if stage else ""
    text = Text(f"{stage or 'unscored'}{sure}  {rate}  signal {seen.quality} %  ")
    text.append("".join(BLOCKS[_height(score, 0, 130)] for score in scores), "magenta")
    text.append(f" loop score {seen.score}", "bold yellow" if seen.score >= 100 else "")
    return text.append(f"  light L* {seen.light}" if seen.light else "  dark", "dim")


@contextmanager
def bars(names: dict[str, str]) -> Iterator[Callable[[str, float], None]]:
    """A progress bar on stderr for each key of `names`; what comes is `told(key, share)`."""
    columns = (TextColumn("{task.description:<8}"), BarColumn(), TaskProgressColumn())
    quiet = not err.is_terminal
    with Progress(
        *columns, TimeElapsedColumn(), console=err, transient=True, disable=quiet
    ) as shown:
        tasks: dict[str, TaskID] = {}

        def told(key: str, share: float) -> None:
            if key not in tasks:
                tasks[key] = shown.add_task(names.get(key, key), total=1)
            shown.update(tasks[key], completed=share)

        yield told
