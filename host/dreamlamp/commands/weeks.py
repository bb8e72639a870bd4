"""Many nights at once: the page over weeks."""

from datetime import date, timedelta
from pathlib import Path

import click

from .. import index, library, sealed, terminal
from ..errors import DreamlampError
from ..terminal import out
from .common import as_json, choice, show_json, where


@click.command(short_help="Write the page over many nights.")
@click.option("--weeks", "count", type=click.IntRange(1, 520), help="Only the last so many.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help=f"Write the page here; default: {library.WEEKS} in the library.")  # fmt: skip
@choice
@where
@as_json
def weeks(wanted, count, output: Path | None, folder: Path | None, as_json: bool) -> None:
    """Write the page over weeks: regularity, trends and how sure they are, what is missing.

    \b
    dreamlamp weeks
    dreamlamp weeks --weeks 6 -o march.html
    dreamlamp weeks --of anna --json
    """
    from dataclasses import replace

    from .. import weekpage
    from .. import weeks as facts_of

    held = library.Library(folder)
    with terminal.bars({"index": "reading"}) as told, index.opened(held, told) as known:
        if count:
            last = [row["day"] for row in known.nights(wanted) if row["day"]][-1:]
            if last:
                since = date.fromisoformat(last[0]) - timedelta(days=7 * count - 1)
                wanted = replace(wanted, since=since)
        found = facts_of.facts(known, wanted)
    if not found["nights"]:
        raise DreamlampError(
            f"no night with a known clock is chosen in {held.folder}: `{held.typed('nights')}` "
            "lists what there is"
        )
    page = output or held.folder / (f"{wanted.person}@" * bool(wanted.person) + library.WEEKS)
    hidden = output is None and sealed.locked(held.folder)
    if not hidden:
        weekpage.write(found, page)
    if as_json:
        show_json({**found, "report": None if hidden else str(page)})
        return
    for line in [*weekpage.plain(found), ""]:
        out.print(line)
    for each in found["sentences"]:
        out.print(f"{each['about']}: {each['says']}")
        if each["because"]:
            out.print(f"  {each['because']}", style="dim")
    none = "none: the library is locked, and -o FILE would write it for all to read"
    out.print(f"\nreport: {none if hidden else page}", soft_wrap=True)
