"""`dreamlamp`: each command is one call into one file of this package.

Answers go to stdout, everything else to stderr; `--json` prints figures for programs. An error
is one line that says what to do next. Exit status: 0 all is well, 1 something is not, 2 the
command was not understood.
"""

import asyncio
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from shlex import quote

import click

from . import __version__, library, recordings, replay, report, terminal
from .errors import DreamlampError
from .summary import reasons, summarise
from .terminal import err, out

as_json = click.option("--json", "as_json", is_flag=True, help="Print figures for programs.")
where = click.option(
    "--library",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="DREAMLAMP_LIBRARY",
    help="Folder of nights; default: the platform's own place for such data.",
)
which = click.argument("night", default="last")


class Commands(click.Group):
    """A group whose commands fail in one line."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except DreamlampError as error:
            err.print(f"dreamlamp: {error}", style="red")
            ctx.exit(1)


def show_json(value) -> None:
    click.echo(json.dumps(value, indent=1, sort_keys=True))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dreamlamp")
def main() -> None:
    """A bedside lamp that keeps watch over sleep: fetch its nights and look at them.

    \b
    dreamlamp sync             fetch what the lamp has recorded
    dreamlamp report           the page of the last night
    dreamlamp night --seed 1   a whole night on a virtual lamp, no hardware needed
    """


@main.command()
@click.option("--lamp", help="Only the lamp of this name, for example 3F2A.")
@click.option(
    "--pair",
    is_flag=True,
    help=("Pair first: hold the lamp's button three seconds first, then within two minutes."),
)
@where
@as_json
def sync(lamp: str | None, pair: bool, folder: Path | None, as_json: bool) -> None:
    """Fetch the nights that the library has not, verify them, and tell the lamp the time.

    \b
    dreamlamp sync
    dreamlamp sync --lamp 3F2A --library ~/nights
    """
    from . import link
    from . import sync as syncing

    held = library.Library(folder)

    async def fetch(told):
        async with link.connect(lamp, pair=pair) as line:
            return await syncing.sync(
                line,
                held.folder,
                lambda entry, have: told(str(entry.night), have / max(1, entry.length)),
            )

    with terminal.bars({}) as told:
        results = asyncio.run(fetch(told))
    if as_json:
        show_json([{"night": r.night, "state": r.state, "file": str(r.path)} for r in results])
        return
    for r in results:
        out.print(f"night {r.night}: {r.state}, {r.fetched} bytes new")
    now = f"Now: {held.typed('report')}"
    out.print(now if results else "The lamp has recorded no night yet.", soft_wrap=True)


@main.command()
@where
@as_json
def nights(folder: Path | None, as_json: bool) -> None:
    """List the nights of the library, oldest first."""
    held = library.Library(folder)
    rows = []
    for path in held.paths():
        try:
            rows.append({"name": path.stem, "facts": summarise(library.read(path))})
        except DreamlampError as error:
            err.print(f"{path.name}: {error}")
    if as_json:
        show_json(rows)
    elif rows:
        out.print(terminal.listing(rows))
    else:
        hint = f"No nights in {held.folder} yet: run `{held.typed('sync')}`."
        out.print(hint, soft_wrap=True)


@main.command(name="report")
@which
@where
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the page here; default: beside the night.")  # fmt: skip
@as_json
def report_command(night: str, folder: Path | None, output: Path | None, as_json: bool) -> None:
    """Write the page of NIGHT (its number, a part of its name, a file; default: the last).

    \b
    dreamlamp report
    dreamlamp report 12 -o monday.html
    """
    path = library.Library(folder).find(night)
    page = output or path.with_suffix(".html")
    if not page.parent.is_dir():
        raise DreamlampError(f"there is no folder {page.parent} for the page: make it first")
    held = library.read(path)
    facts = report.write(held, page)
    if as_json:
        show_json({**facts, "report": str(page)})
        return
    terminal.show(held, facts)
    out.print(f"\nreport: {page}", soft_wrap=True)


@main.command(name="replay")
@which
@where
@as_json
def replay_command(night: str, folder: Path | None, as_json: bool) -> None:
    """Reach every decision of NIGHT again with the lamp's own files, and compare.

    Exit status 1 if a single integer differs.
    """
    verdict = replay.replay(library.read(library.Library(folder).find(night)))
    if as_json:
        show_json(verdict.as_json())
    else:
        out.print(verdict.sentence())
        for name, where_first in verdict.first.items():
            out.print(f"  {name}: {where_first}")
    if not verdict.ok:
        raise SystemExit(1)


@main.command()
@which
@where
@as_json
def why(night: str, folder: Path | None, as_json: bool) -> None:
    """Say on what figures each loop and each light of NIGHT was decided."""
    held = library.read(library.Library(folder).find(night))
    found = reasons(held)
    if as_json:
        show_json(found)
    elif not found:
        out.print("The detector saw no loop, and the lamp stayed dark.")
    for reason in [] if as_json else found:
        out.print(terminal.reason(reason), soft_wrap=True)


def heart_options(command):
    """Options that choose whose heart a virtual night is made of."""
    for option in (
        click.option("--loop", is_flag=True, help="Inject a loop into the synthetic sleeper."),
        click.option("--recording", type=click.Path(path_type=Path),
                     help="Real beat times: .npz, CSV or text of RR intervals, WFDB."),
        click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True,
                     help="Of the synthetic sleeper."),
        click.option("--bits", type=click.Choice(["64", "32"]), default="64", show_default=True,
                     help="Which MicroPython; 32 has the ESP32's small ints."),
        click.option("--mode", type=click.Choice(["observe", "act"]), default="observe",
                     show_default=True, help="What the lamp may do."),
    ):  # fmt: skip
        command = option(command)
    return command


def heart_of(recording: Path | None, seed: int, loop: bool):
    from . import sleeper

    return recordings.load(recording) if recording else sleeper.sleeper(seed, loop=loop)


@main.command()
@heart_options
@click.option("--finger-off", multiple=True, metavar="HH:MM-HH:MM", help="Finger off meanwhile.")
@click.option("--power-cut", multiple=True, metavar="HH:MM[+MIN]", help="Power away; 5 min.")
@click.option("--drop-link", is_flag=True, help="Go out of reach in the midst of the sync.")
@click.option("--full-flash", is_flag=True, help="Begin on a flash full of unfetched nights.")
@click.option("--starts", type=click.Choice(["button", "wear"]), default="button")
@click.option("--ends", type=click.Choice(["button", "unworn"]), default="button")
@click.option("--out", "folder", type=click.Path(file_okay=False, path_type=Path),
              default=Path("build/night"), show_default=True, help="Where to work.")  # fmt: skip
@as_json
def night(recording, seed, loop, bits, mode, finger_off, power_cut, drop_link,
          full_flash, starts, ends, folder, as_json) -> None:  # fmt: skip
    """Let a whole night happen on a virtual lamp, fetch it, draw it, replay it.

    A recording begins at 23:00. Exit status 0 only if all is well.

    \b
    dreamlamp night --seed 4 --loop
    dreamlamp night --recording slp03.npz --power-cut 03:00 --finger-off 01:00-02:00
    """
    from . import sim, wholenight

    heart = heart_of(recording, seed, loop)
    scenario = sim.Scenario(
        seed=seed, bits=int(bits), settings=sim.settings_for(mode), starts=starts, ends=ends,
        finger_off=[span_of(text) for text in finger_off],
        power_cuts=[power_cut_of(text) for text in power_cut], visit=bool(power_cut),
        full_flash=full_flash,
    )  # fmt: skip
    if mode == "act":
        err.print("mode act: the consent and ten earlier nights are simulated")
    for remark in heart.remarks():
        err.print(f"{heart.name}: {remark}")
    with terminal.bars({"night": "the night", "sync": "sync"}) as told:
        done = wholenight.run(heart, scenario, folder, told, drop_link)
    if as_json:
        show_json(done.as_json())
    else:
        terminal.show(done.night, done.facts)
        out.print()
        if done.others:
            besides = f"this is {done.path.stem}, the longest, not {', '.join(done.others)}"
            out.print(f"{len(done.others) + 1} nights were recorded; {besides}.", soft_wrap=True)
        more = library.Library(done.path.parent).typed("why")
        out.print(f"{done.verdict.sentence()}\nreport: {done.page}", soft_wrap=True)
        out.print(f"more:   {more}", soft_wrap=True)
    if not done.ok:
        raise SystemExit(1)


def asleep_s(text: str) -> float:
    """HH:MM of the night -> seconds after the recording's start at bedtime."""
    from .wholenight import BEDTIME

    try:
        at = datetime.strptime(text.strip(), "%H:%M")
    except ValueError:
        raise click.UsageError(f"{text!r} is no time of the night: write it as 03:00") from None
    bed = timedelta(hours=BEDTIME[0], minutes=BEDTIME[1])
    return (timedelta(hours=at.hour, minutes=at.minute) - bed).seconds


def span_of(text: str) -> tuple[float, float]:
    """HH:MM-HH:MM -> seconds after the recording's start."""
    start, _, end = text.partition("-")
    if not end:
        raise click.UsageError(f"{text!r} has no end: write it as 01:00-02:00")
    return asleep_s(start), asleep_s(end)


def power_cut_of(text: str) -> tuple[float, float]:
    at, _, minutes = text.partition("+")
    if minutes and not minutes.isdigit():
        raise click.UsageError(f"{text!r} says no whole minutes: write it as 03:00+5")
    return asleep_s(at), int(minutes or 5) * 60


@main.command()
@heart_options
@click.option("--out", "folder", type=click.Path(file_okay=False, path_type=Path),
              default=Path("build/sim"), show_default=True, help="Where it lives.")  # fmt: skip
def sim(recording, seed, loop, bits, mode, folder) -> None:
    """Start a virtual lamp to play with, in real time; Ctrl-C pulls its plug.

    It prints what to type in another terminal.
    """
    from . import sim as virtual
    from . import wholenight
    from .air import Air

    scenario = virtual.Scenario(seed=seed, bits=int(bits), settings=virtual.settings_for(mode))
    heart = heart_of(recording, seed, loop)
    with virtual.claimed(folder, ".dreamlamp-sim"), Air() as air, asyncio.Runner() as runner:
        world = virtual.World(folder, heart, scenario)
        wholenight.unpack(world, air, runner)
        world.open_to(air.lamp, realtime=True)
        with virtual.Lamp(world) as lamp:
            keys = (world.folder / "host.json").resolve()
            said = f"DREAMLAMP_AIR={air.address} DREAMLAMP_AIR_KEYS={quote(str(keys))}"
            command = library.Library(folder / "nights").typed("sync")
            out.print(f"A paired lamp lives in {folder}. In another terminal:", soft_wrap=True)
            out.print(f"  {said} {command}", soft_wrap=True)
            try:
                lamp.ended.wait()
            except KeyboardInterrupt:
                return
    raise virtual.LampDied("the virtual lamp ended: " + lamp.last_words())


if __name__ == "__main__":
    sys.exit(main())
