"""What the commands share: their options, and how they print for programs."""

import asyncio
import contextlib
import functools
import json
import sys
from pathlib import Path

import click

from ..errors import DreamlampError
from ..index import Wanted

as_json = click.option("--json", "as_json", is_flag=True, help="Print figures for programs.")
where = click.option(
    "--library",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="DREAMLAMP_LIBRARY",
    help="Folder of nights; default: the platform's own place for such data.",
)
which_lamp = click.option("--lamp", help="Only the lamp of this name, for example 3F2A.")
which = click.argument("night", default="last")


def show_json(value) -> None:
    click.echo(json.dumps(value, indent=1, sort_keys=True))


@contextlib.contextmanager
def answered(instead: str):
    """Around a question: where nobody can answer, say what to do `instead`."""
    try:
        yield
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise DreamlampError(f"nobody is here to answer: {instead}") from None


def on_the_lamp(name: str | None, do):
    """Connect to the lamp called `name` (or the first heard) and return what `do(link)` does."""
    from .. import link

    async def talk():
        async with link.connect(name) as line:
            return await do(line)

    return asyncio.run(talk())


def choice(command):
    """Options that choose nights; `command` gets them as `wanted`, an `index.Wanted`."""
    day = click.DateTime(["%Y-%m-%d"])

    @functools.wraps(command)
    def chosen(*args, since, until, longer, shorter, loops, source, synthetic, lamp, of, **more):
        wanted = Wanted(
            person=None if of == "all" else of or "",
            since=since and since.date(), until=until and until.date(),
            longer_min=None if longer is None else longer * 60,
            shorter_min=None if shorter is None else shorter * 60,
            loops=loops, source=source or "", synthetic=synthetic, lamp=lamp or "",
        )  # fmt: skip
        return command(*args, wanted=wanted, **more)

    for option in (
        click.option("--of", metavar="NAME", help="Another person's nights; `all`: everybody's."),
        click.option("--lamp", metavar="NAME", help="Only from this lamp, for example 3F2A."),
        click.option("--synthetic/--real", default=None, help="Only (not) from a made-up heart."),
        click.option("--source", type=click.Choice(["lamp", "virtual", "recording", "synthetic"]),
                     help="Where the beats came from."),
        click.option("--loops/--no-loops", default=None, help="Only with (without) a loop."),
        click.option("--shorter", type=float, metavar="HOURS", help="Recorded for at most."),
        click.option("--longer", type=float, metavar="HOURS", help="Recorded for at least."),
        click.option("--until", type=day, metavar="YYYY-MM-DD", help="Last evening."),
        click.option("--since", type=day, metavar="YYYY-MM-DD", help="First evening."),
    ):  # fmt: skip
        chosen = option(chosen)
    return chosen
