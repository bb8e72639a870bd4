"""`dreamlamp`: each command is one call into one file of this package.

Answers go to stdout, everything else to stderr; `--json` prints figures for programs. An error
is one line that says what to do next. Exit status: 0 all is well, 1 something is not, 2 the
command was not understood.
"""

import json
import sys
from pathlib import Path

import click

from . import __version__, library, report, terminal
from .errors import DreamlampError
from .summary import summarise
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
@where
@as_json
def nights(folder: Path | None, as_json: bool) -> None:
    """List the nights of the library, oldest first."""
    held = library.Library(folder)
    rows = [{"name": p.stem, "facts": summarise(library.read(p))} for p in held.paths()]
    if as_json:
        show_json(rows)
    elif rows:
        out.print(terminal.listing(rows))
    else:
        out.print(f"No nights in {held.folder} yet: run `dreamlamp sync`.")


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
    held = library.read(path)
    facts = report.write(held, page)
    if as_json:
        show_json({**facts, "report": str(page)})
        return
    terminal.show(held, facts)
    out.print(f"\nreport: {page}")


if __name__ == "__main__":
    sys.exit(main())
