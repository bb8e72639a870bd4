"""Fetch what the lamp has recorded, once or for as long as the program runs."""

import asyncio
import json
import signal
from datetime import datetime
from pathlib import Path

import click
from lamp import wire

from .. import errands, library, terminal
from .. import sync as syncing
from ..terminal import err, out
from .common import as_json, show_json, where


@click.command(short_help="Fetch the nights that the library has not.")
@click.option("--lamp", help="Only the lamp of this name, for example 3F2A.")
@click.option(
    "--pair",
    is_flag=True,
    help="Pair first: hold the lamp's button three seconds first, then within two minutes.",
)
@click.option("--port", metavar="PORT", help="By its cable: a serial device, or pyserial's URL.")
@click.option("--watch", is_flag=True, help="Stay, and sync whenever the lamp is near.")
@click.option("--raw/--no-raw", default=True, show_default=True,
              help="Also fetch raw EEG, a minute or so a night.")  # fmt: skip
@click.option("--every", type=click.FloatRange(0, min_open=True), metavar="MIN", default=15,
              show_default=True, help="With --watch: minutes between syncs.")  # fmt: skip
@where
@as_json
def sync(lamp: str | None, pair: bool, port: str | None, watch: bool, raw: bool, every: float,
         folder: Path | None, as_json: bool) -> None:  # fmt: skip
    """Fetch the nights that the library has not, verify them, and tell the lamp the time.

    \b
    dreamlamp sync
    dreamlamp sync --lamp 3F2A --library ~/nights
    dreamlamp sync --port /dev/ttyUSB0     without Bluetooth
    dreamlamp sync --watch                 unattended; Ctrl-C ends it
    """
    if port and (lamp or pair):
        raise click.UsageError("a cable leads to one lamp and needs no pairing: leave that away")
    if watch and pair:
        raise click.UsageError("pair first, then watch")
    held = library.Library(folder)
    if watch:
        asyncio.run(stay(lambda: connect(lamp, False, port), held, every, as_json, raw))
        return
    with terminal.bars({}) as told:

        def progress(entry: syncing.Entry, have: int) -> None:
            name = f"{entry.night & ~wire.RAW} raw" if entry.night & wire.RAW else entry.night
            told(str(name), have / max(1, entry.length))

        async def once() -> tuple[list[syncing.Result], list[str]]:
            async with connect(lamp, pair, port) as line:
                results = await syncing.sync(line, held.folder, progress, raw=raw)
                return results, await errands.run(line, held)

        results, done = asyncio.run(once())
    if as_json:
        show_json([figures(r) for r in results])
        return
    for r in results:
        raw_eeg = f", {r.raw_bytes} bytes of raw EEG" if r.raw_bytes else ""
        out.print(f"night {r.night}: {r.state}, {r.fetched} bytes new{raw_eeg}")
    for sentence in done:
        out.print(sentence)
    now = f"Now: {held.typed('report')}"
    out.print(now if results else "The lamp has recorded no night yet.", soft_wrap=True)


def connect(lamp: str | None, pair: bool, port: str | None):
    """The line there is to be had."""
    if port:
        from .. import cable

        return cable.connect(port)
    from .. import link

    return link.connect(lamp, pair=pair)


def figures(r: syncing.Result) -> dict:
    return {"night": r.night, "state": r.state, "file": str(r.path)}


async def stay(
    connect, held: library.Library, every_min: float, as_json: bool, raw: bool = True
) -> None:
    """Watch until Ctrl-C or SIGTERM; a line for all that changes."""
    from ..watch import Watch

    fetched: set[Path] = set()
    quiet = False  # that there is nothing new is said once

    def results(name: str, found: list[syncing.Result]) -> None:
        nonlocal quiet
        new = [r for r in found if r.state != "kept"]
        fetched.update(r.path for r in new if r.state == "complete")
        for r in new:
            if as_json:
                click.echo(json.dumps(figures(r)))
            else:
                whole = "still being recorded" if r.state == "partial" else r.state
                line(f"lamp {name}, night {r.night}: {whole}, {r.fetched} bytes new")
        if not new and not quiet and not as_json:
            line(f"lamp {name}: nothing new")
        quiet = not new

    def line(text: str) -> None:
        out.print(f"{datetime.now():%H:%M}  {text}", soft_wrap=True)

    def said(text: str) -> None:
        err.print(f"{datetime.now():%H:%M}  {text}", soft_wrap=True)

    task = asyncio.current_task()
    assert task
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    said(f"watching; nights go to {held.folder}. Ctrl-C ends it.")
    try:
        await Watch(connect, held.folder, results, said, every_s=every_min * 60, raw=raw).run()
    except asyncio.CancelledError:
        said(f"ended; {len(fetched)} nights fetched whole. What was under way goes on next time.")
