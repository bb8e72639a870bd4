"""The nights of the library: list them, draw them, ask why."""

from dataclasses import replace
from pathlib import Path

import click

from .. import because, index, library, sealed, terminal
from ..errors import DreamlampError
from ..index import SORTS
from ..summary import summarise
from ..terminal import err, out
from .common import as_json, choice, show_json, where, which


@click.command()
@choice
@click.option("--sort", type=click.Choice(SORTS), default="began", show_default=True)
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option("-n", "--last", type=click.IntRange(min=1), help="Only so many, the last of them.")
@where
@as_json
def nights(wanted, sort, reverse, last, folder: Path | None, as_json: bool) -> None:
    """List the nights of the library, oldest first.

    The evening of a night is its day, also for one that began after midnight.

    \b
    dreamlamp nights --since 2026-03-01 --loops
    dreamlamp nights --longer 6 --real --sort tst --last 10
    dreamlamp nights --of anna
    """
    wanted = replace(wanted, sort=sort, reverse=reverse)
    held = library.Library(folder)
    with terminal.bars({"index": "reading"}) as told, index.opened(held, told) as known:
        for name, error in known.unreadable(wanted.person):
            err.print(f"{name}: {error}")
        found = known.nights(wanted)[-(last or 0) :]
        if as_json:
            facts = {row["name"]: facts for row, facts in known.facts(wanted)}
    if as_json:
        show_json([{"name": row["name"], "facts": facts[row["name"]]} for row in found])
    elif found:
        terminal.listing(found)
    elif held.paths(wanted.person):
        out.print("No night is like that.")
    else:
        other = wanted.person not in ("", None)
        fetch = held.typed(f"import FILE --as {wanted.person}" if other else "sync")
        whose = f"of {wanted.person} " if other else ""
        hint = f"No nights {whose}in {held.folder} yet: run `{fetch}`."
        out.print(hint, soft_wrap=True)


@click.command(short_help="Write the page of a night.")
@which
@where
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the page here; default: beside the night.")  # fmt: skip
@as_json
def report(night: str, folder: Path | None, output: Path | None, as_json: bool) -> None:
    """Write the page of NIGHT (its number, a part of its name, a file; default: the last).

    \b
    dreamlamp report
    dreamlamp report 12 -o monday.html
    """
    from .. import report as reporting  # matplotlib

    path = library.Library(folder).find(night)
    page = output or path.with_suffix(".html")
    if not page.parent.is_dir():
        raise DreamlampError(f"there is no folder {page.parent} for the page: make it first")
    held = library.read(path)
    hidden = output is None and sealed.locked(path.parent)
    both = because.arms_beside(path, held)
    said = because.arms_sentence(both) if both else ""
    facts = summarise(held) if hidden else reporting.write(held, page, arms=said)
    if as_json:
        show_json({**facts, "report": None if hidden else str(page)})
        return
    terminal.show(held, facts)
    none = "none: the library is locked, and -o FILE would write it for all to read"
    out.print(f"\nreport: {none if hidden else page}", soft_wrap=True)


@click.command(short_help="Reach every decision of a night again.")
@which
@where
@as_json
def replay(night: str, folder: Path | None, as_json: bool) -> None:
    """Reach every decision of NIGHT again with the lamp's own files, and compare.

    Exit status 1 if a single integer differs.

    \b
    dreamlamp replay
    dreamlamp replay anna@12 --json
    """
    from .. import replay as replaying  # the whole firmware

    verdict = replaying.replay(library.read(library.Library(folder).find(night)))
    if as_json:
        show_json(verdict.as_json())
    else:
        out.print(verdict.sentence())
        for name, where_first in verdict.first.items():
            out.print(f"  {name}: {where_first}")
    if not verdict.ok:
        raise SystemExit(1)
