"""What the commands share: their options, and how they print for programs."""

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
which = click.argument("night", default="last")


def show_json(value) -> None:
    click.echo(json.dumps(value, indent=1, sort_keys=True))
