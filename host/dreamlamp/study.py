"""A whole library judged anew with other settings, in parallel: the road for a sleep lab.

Every night goes with its bytes to a worker of a Dask cluster (here by default, or one that is
reached by its address and has this package), is judged by the lamp's own files once for each
setting, and comes back as rows. Workers see no library and no passphrase; what is sealed is
opened here and travels in the clear, so a cluster must be trusted with it. The one file that
knows dask.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from itertools import product
from pathlib import Path

from . import library, parquet, sealed
from .errors import DreamlampError
from .extras import needs
from .judge import Settings, again
from .summary import summarise

BATCH = 8  # nights a task: enough work to be worth sending
AHEAD = 3  # tasks a worker in flight, so that no more nights than these are in memory
CHOICES: dict[str, type] = {field.name: type(field.default) for field in fields(Settings)}
EPOCHS = ("index", "stage", "confidence", "score", "cycle", "hold", "lag_s", "base_bpm", "flags")

Sent = tuple[str, bytes, dict, str | None]  # file's name, bytes, note, why there are none
Told = Callable[[str, float], None]


def settings_of(varied: Sequence[str]) -> list[Settings]:
    """Every combination of what is `varied`: texts like "shift=-20,0,20"."""
    grid: dict[str, list] = {}
    for text in varied:
        key, _, values = text.partition("=")
        if key not in CHOICES or not values:
            raise DreamlampError(
                f"{text!r} is no setting: write KEY=VALUE,VALUE with one of {', '.join(CHOICES)}"
            )
        grid[key] = [_value(key, value) for value in values.split(",")]
    return [replace(Settings(), **dict(zip(grid, each))) for each in product(*grid.values())]


def _value(key: str, text: str) -> int | bool:
    if CHOICES[key] is bool and text in ("yes", "no"):
        return text == "yes"
    try:
        return CHOICES[key](int(text))
    except ValueError:
        kind = "yes or no" if CHOICES[key] is bool else "a whole number"
        raise DreamlampError(f"{key}={text}: wanted {kind}") from None


def run(
    paths: Sequence[Path],
    settings: Sequence[Settings],
    target: Path,
    scheduler: str | None = None,
    workers: int | None = None,
    epochs: bool = False,
    told: Told = lambda what, share: None,
) -> dict:
    """Judge the nights in `paths` and write `nights.parquet` (and `epochs/`) to `target`.

    A row each night and setting; one that cannot be read has an `error` and no figures.
    """
    needs("pyarrow", "study")  # before the work, not after it
    target.mkdir(parents=True, exist_ok=True)
    rows: list[dict] = []
    done = parts = 0
    with _client(scheduler, workers) as client:
        for found, tables in _judged(client, paths, settings, epochs):
            rows += found
            done += len({row["night"] for row in found})
            if tables:
                parts += 1
                folder = target / "epochs"
                folder.mkdir(exist_ok=True)
                parquet.write(folder / f"part-{parts:05d}.parquet", _columns(tables), {})
            told("study", done / len(paths))
    rows.sort(key=lambda row: (row["night"], row["setting"]))
    parquet.write(target / "nights.parquet", _columns(rows), {"dreamlamp.nights": str(len(paths))})
    return {
        "nights": len(paths), "settings": len(settings), "rows": len(rows),
        "failed": len({row["night"] for row in rows if row["error"]}), "to": str(target),
    }  # fmt: skip


@contextmanager
def _client(scheduler: str | None, workers: int | None) -> Iterator:
    """A cluster's client; where no address is given, of a cluster here that ends with it."""
    distributed = needs("distributed", "study")
    if scheduler:
        try:
            client = distributed.Client(scheduler, timeout="10s", set_as_default=False)
        except (OSError, ValueError) as error:
            raise DreamlampError(
                f"no Dask scheduler answers at {scheduler}: start one with `dask scheduler` and "
                f"give its address, like tcp://10.0.0.5:8786 ({error})"
            ) from None
        with client:
            yield client
        return
    many = workers or os.cpu_count() or 1
    with distributed.LocalCluster(
        n_workers=many, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=40
    ) as cluster, distributed.Client(cluster, set_as_default=False) as client:  # fmt: skip
        yield client


def _judged(client, paths, settings, epochs: bool) -> Iterator[tuple[list[dict], list[dict]]]:
    """What each task found, as it ends; new ones are sent as room is made."""
    distributed = needs("distributed", "study")
    waiting = (paths[k : k + BATCH] for k in range(0, len(paths), BATCH))
    room = AHEAD * max(1, len(client.scheduler_info()["workers"]))
    running = distributed.as_completed(loop=client.loop)
    for count, batch in enumerate(waiting, 1):
        running.add(client.submit(_judge, _sent(batch), list(settings), epochs, pure=False))
        if count >= room:
            break
    for future in running:
        yield future.result()
        future.release()
        batch = next(waiting, None)
        if batch:
            running.add(client.submit(_judge, _sent(batch), list(settings), epochs, pure=False))


def _sent(batch: Sequence[Path]) -> list[Sent]:
    """What a worker needs of each night: its file's name, its bytes and its note."""
    found: list[Sent] = []
    for path in batch:
        try:
            found.append((path.name, sealed.read(path), library.read_note(path), None))
        except (sealed.Damaged, library.SpoiltNote, OSError, ValueError) as error:
            found.append((path.name, b"", {}, str(error)))
    return found


def _judge(
    sent: list[Sent], settings: list[Settings], epochs: bool
) -> tuple[list[dict], list[dict]]:
    """Runs on a worker: a row each night and setting, and if asked for one each epoch."""
    rows, tables = [], []
    for file, raw, note, error in sent:
        name = Path(file).stem
        try:
            night = None if error else library.made_of(Path(file), raw, note)
        except (DreamlampError, ValueError, LookupError) as found:
            night, error = None, str(found)
        for number, each in enumerate(settings):
            judged = again(night, each) if night else None
            facts = summarise(judged) if judged else None
            rows.append(_row(name, number, each, facts, error))
            if epochs and judged:
                held = zip(*(judged.epochs[column].tolist() for column in EPOCHS))
                tables += [
                    {"night": name, "setting": number, **dict(zip(EPOCHS, row))} for row in held
                ]
    return rows, tables


def _row(name: str, number: int, each: Settings, facts: dict | None, error: str | None) -> dict:
    row: dict = {"night": name, "person": library.person_of(name), "setting": number}
    row |= {f"set_{key}": value for key, value in each.as_dict().items()} | {"error": error}
    found = facts or {}
    row |= {key: found.get(key) for key in ("began", "recorded_min", "worn_min", "good_min")}
    row["source"] = found.get("source", {}).get("heart", "lamp") if facts else None
    statistics = found.get("statistics", {})
    row |= {key: statistics.get(key) for key in ("tst", "waso", "sol", "se", "rem", "n2", "n3")}
    row["loops"] = len(found["loops"]) if facts else None
    row["cyclic_percent"] = found["breathing"]["cyclic_percent"] if facts else None
    other = found.get("reference") or {}
    return row | {"kappa": other.get("kappa"), "kappa_epochs": other.get("epochs")}


def _columns(rows: list[dict]) -> dict[str, list]:
    return {key: [row[key] for row in rows] for key in rows[0]} if rows else {}
