"""What the commands share: their options, and how they print for programs."""

import asyncio
import json
from pathlib import Path

import click

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


def on_the_lamp(name: str | None, do):
    """Connect to the lamp called `name` (or the first heard) and return what `do(link)` does."""
    from .. import link

    async def talk():
        async with link.connect(name) as line:
            return await do(line)

    return asyncio.run(talk())
