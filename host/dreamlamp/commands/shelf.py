"""What comes into the library and goes out of it by hand."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from .. import index, library, terminal
from ..errors import DreamlampError
from ..terminal import err, out
from ..words import counted
from .common import answered, as_json, show_json, where


@click.command(short_help="Delete a night for good.")
@click.argument("night")
@where
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def delete(night: str, folder: Path | None, yes: bool, as_json: bool) -> None:
    """Delete NIGHT for good: its file, its note, its page and its row in the index.

    A dream in the journal that was started from it keeps its words and loses the heart's trace.
    The lamp is told to delete it, too, at the next sync. What you exported or copied elsewhere
    stays where you put it.

    \b
    dreamlamp delete 12
    dreamlamp delete anna@3F2A-00012 --yes
    """
    from ..journal import Journal

    path = library.Library(folder).find(night)
    held, name = library.Library(path.parent), path.stem
    files = ", ".join(file.name for file in library.belongings(path))
    book = Journal(held.folder)
    dreams = [dream for dream in book.all() if dream.night == name and dream.trace]
    traced = f" and its trace in {counted(len(dreams), 'dream')}" if dreams else ""
    what = f"{name} ({files}){traced}"
    if not yes:
        with answered("give --yes"):
            click.confirm(f"Delete {what} for good?", abort=True, err=True)
    for dream in dreams:
        book.keep(replace(dream, event=None, trace=None))
    gone = library.delete(path)
    with index.opened(held) as known:
        known.forget(name)
    if as_json:
        deleted = [str(file) for file in gone]
        show_json({"night": name, "deleted": deleted, "traces": [d.id for d in dreams]})
    else:
        out.print(f"deleted {what}", soft_wrap=True)
        if name in held.forgotten():
            out.print("The lamp may hold it still: the next sync deletes it there, too.")


@click.command(name="import", short_help="Bring in other people's nights.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...",
                type=click.Path(path_type=Path))  # fmt: skip
@click.option("--as", "person", required=True, metavar="NAME", help="Whose nights these are.")
@click.option(
    "--began", metavar="WHEN", help="Its first moment, if it does not say: 2026-03-01T23:10"
)
@where
@as_json
def import_(files, person: str, began: str | None, folder: Path | None, as_json: bool) -> None:
    """Bring other people's nights into the library, each person's apart.

    Takes another lamp's .night files, EDF and EDF+ (RR intervals, ECG or heart rate), CSV or text
    of RR intervals, npz and WFDB annotations. Beats are judged by the lamp's own files.

    \b
    dreamlamp import ~/annas-lamp/*.night --as anna
    dreamlamp import sleeplab.edf --as patient7
    dreamlamp import strap.csv --as me --began 2026-03-01T23:10
    dreamlamp nights --of anna
    """
    from .. import guests

    moment = _moment(began)
    held = library.Library(folder)
    found, failed = [], []
    with terminal.bars({"import": "importing"}) as told:
        for count, file in enumerate(files, 1):
            try:
                found.append(guests.bring(held, file.expanduser(), person, moment))
            except DreamlampError as error:
                failed.append(str(error))
            told("import", count / len(files))
    for fault in failed:
        err.print(f"dreamlamp: {fault}", style="red", soft_wrap=True)
    if as_json:
        show_json([each.as_dict() for each in found])
    else:
        for each in found:
            what = "was here already" if each.known else "imported"
            out.print(f"{each.name}  {what}", soft_wrap=True)
            for remark in each.remarks:
                out.print(f"  {remark}", style="dim", soft_wrap=True)
        if found:
            out.print(f"Now: {held.typed(f'nights --of {person}')}", soft_wrap=True)
    if failed:
        raise SystemExit(1)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is no time: write it as 2026-03-01T23:10") from None
    return moment if moment.tzinfo else moment.astimezone()
