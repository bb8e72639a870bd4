"""The library at rest: lock it with a passphrase, open it again, see who may read it."""

from pathlib import Path

import click

from .. import index, sealed, terminal
from ..library import Library
from ..terminal import out
from .common import as_json, show_json, where


@click.group()
def library() -> None:
    """Lock the library with a passphrase, or open it for good.

    A locked library is read as before, by whoever gives the passphrase: at a prompt, as
    $DREAMLAMP_PASSPHRASE, or on the file descriptor $DREAMLAMP_PASSPHRASE_FD. `dreamlamp sync`
    needs none. Forget it, and what the lamp holds no more is lost.

    \b
    dreamlamp library lock
    DREAMLAMP_PASSPHRASE_FD=3 dreamlamp report 3< ~/.words
    """


@library.command(short_help="Seal every night, and all that will come.")
@where
@as_json
def lock(folder: Path | None, as_json: bool) -> None:
    """Seal every night, and all that will be fetched; broken off, it goes on where it was.

    \b
    dreamlamp library lock
    """
    held = Library(folder)
    again = (held.folder / sealed.KEY).exists()
    said = sealed.passphrase(twice=not again)
    (held.folder / index.FILE).unlink(missing_ok=True)  # it tells as much as the nights
    with terminal.bars({"lock": "sealing"}) as told:
        done = sealed.lock(held.folder, said, lambda share: told("lock", share))
    show(held, as_json, f"{done} files sealed.")


@library.command()
@where
@as_json
def unlock(folder: Path | None, as_json: bool) -> None:
    """Open every night for good: the passphrase is asked for no more.

    \b
    dreamlamp library unlock
    """
    held = Library(folder)
    done = 0
    if (held.folder / sealed.KEY).exists():
        said = sealed.passphrase()
        with terminal.bars({"unlock": "opening"}) as told:
            done = sealed.unlock(held.folder, said, lambda share: told("unlock", share))
    show(held, as_json, f"{done} files opened.")


@library.command(short_help="Say whether it is locked, and what is not.")
@where
@as_json
def status(folder: Path | None, as_json: bool) -> None:
    """Say whether it is locked, what lies in the clear, and who else may look.

    \b
    dreamlamp library status --json
    """
    show(Library(folder), as_json)


def show(held: Library, as_json: bool, *done: str) -> None:
    found = sealed.status(held.folder)
    if as_json:
        show_json({**found, "folder": str(held.folder)})
        return
    state = "locked" if found["locked"] else "not locked"
    said = [*done, f"{held.folder} is {state}: {found['sealed']} sealed, {found['clear']} not."]
    if found["locked"] and found["clear"]:
        said.append(f"Some were written meanwhile: run `{held.typed('library lock')}` again.")
    if not found["locked"] and found["sealed"]:
        said.append(f"It was broken off: run `{held.typed('library unlock')}` again.")
    if found["locked"] and found["pages"]:
        said.append(
            f"Pages are never sealed, and {found['pages']} lie there: remove them (*.html)."
        )
    if not found["private"] and held.folder.is_dir():
        said.append("Others may list the folder: `chmod 700` it. The files are yours alone.")
    for line in said:
        out.print(line, soft_wrap=True)
