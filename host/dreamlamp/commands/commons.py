"""`dreamlamp commons`: a site out of many people's shared dreams."""

from pathlib import Path

import click

from .. import commons as making
from .. import terminal
from ..terminal import err, out
from ..words import counted
from .common import as_json, show_json


@click.group(short_help="A searchable site of shared dreams.")
def commons() -> None:
    """A static, searchable site of dreams that were given away; it needs no server.

    \b
    dreamlamp commons build ~/given -o ~/site
    """


@commons.command(short_help="Build the site of the .dream files in DIR.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path),
              help="Where the site goes; default: DIR/site.")  # fmt: skip
@click.option("--title", default="Dreams", show_default=True)
@click.option("--strict", is_flag=True, help="Exit status 1 if any file was refused.")
@as_json
def build(folder, output, title, strict, as_json) -> None:
    """Build the site of the .dream files in DIR, leaving out what a .withdrawal takes back.

    Signatures, consent and licences are checked; what is refused is named, with why.

    \b
    dreamlamp commons build ~/commons
    dreamlamp commons build ~/commons -o public --title "Dreams of our town" --strict
    """
    with terminal.bars({"read": "reading"}) as told:
        found = making.gather(folder, lambda share: told("read", share))
    site = output or folder / "site"
    making.build(found, site, title)
    if as_json:
        show_json(
            {"dreams": [d.name for d in found.dreams], "withdrawn": found.withdrawn,
             "refused": [{"file": f, "why": w} for f, w in found.refused],
             "aside": found.aside, "site": str(site)}
        )  # fmt: skip
    else:
        for file, why in found.refused:
            terminal.plain(f"refused: {file}: {why}")
        counts = f"{counted(len(found.dreams), 'dream')}, {len(found.withdrawn)} withdrawn, "
        out.print(counts + f"{len(found.refused)} refused", soft_wrap=True)
        err.print(f"open {site / 'index.html'}")
    if strict and found.refused:
        raise SystemExit(1)
