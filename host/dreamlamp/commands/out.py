"""What other programs get."""

from pathlib import Path

import click

from .. import index, library, terminal
from ..errors import DreamlampError
from ..terminal import err, out
from ..words import counted
from .common import as_json, choice, show_json, where

FORMATS = ("edf", "csv", "parquet", "omh", "hypnogram")


@click.command(short_help="Write nights in the forms others read.")
@click.argument("night", required=False)
@click.option("--format", "kinds", multiple=True, type=click.Choice(FORMATS),
              help="May be given several times; default: all of them.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Every night that the options choose.")
@click.option("--to", "target", type=click.Path(file_okay=False, path_type=Path), default=".",
              show_default=True, help="Folder for the files.")  # fmt: skip
@choice
@where
@as_json
def export(night, kinds, everything, target: Path, wanted, folder, as_json) -> None:
    """Write NIGHT (default: the last), or with --all every night, for other programs.

    EDF+ for sleep labs, CSV and Parquet for everybody, Open mHealth and IEEE 1752.1 for health
    records, hypnograms for YASA. Files of an earlier export are replaced.

    Of a heart each half minute has two stages: `stage_late`, read again when the next five minutes
    were known, which is the hypnogram of every page and file, and `stage_at_once`, which the lamp
    went by (`stage` in EDF's codes, `confidence` in percent, `p_*` with 255 for 1).

    \b
    dreamlamp export 12 --format edf
    dreamlamp export --all --to ~/nights
    dreamlamp export --all --real --since 2026-03-01 --format csv --format parquet
    """
    from .. import export as exporting

    if night and everything:
        raise click.UsageError("either one NIGHT or --all")
    held = library.Library(folder)
    if everything:
        with terminal.bars({"index": "reading"}) as told, index.opened(held, told) as known:
            paths = [held.folder / f"{row['name']}.night" for row in known.nights(wanted)]
            unread = known.unreadable(wanted.person)
    else:
        paths, unread = [held.find(night or "last")], []
    target.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    for name, why in unread:
        err.print(f"dreamlamp: {name} was left out: {why}", style="red", soft_wrap=True)
    failed = len(unread)
    with terminal.bars({"export": "writing"}) as told:
        for count, path in enumerate(paths, 1):
            held_night = library.read(path)
            for kind in kinds or FORMATS:
                try:
                    made += exporting.export(held_night, path.stem, target, kind)
                except DreamlampError as error:
                    said = f"dreamlamp: {path.stem}, {kind}: {error}"
                    err.print(said, style="red", soft_wrap=True)
                    failed += 1
            told("export", count / len(paths))
    if as_json:
        show_json([str(file) for file in made])
    else:
        said = f"{counted(len(made), 'file')} of {counted(len(paths), 'night')} in {target}"
        out.print(said, soft_wrap=True)
        for file in made if len(paths) == 1 else []:
            out.print(f"  {file.name}", soft_wrap=True)
    if failed:
        raise SystemExit(1)
