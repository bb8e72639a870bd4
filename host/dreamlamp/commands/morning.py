"""The morning's question in the terminal."""

from pathlib import Path

import click

from .. import library
from .. import morning as asking
from ..errors import DreamlampError
from ..summary import summarise
from ..terminal import out
from .common import answered, as_json, show_json, where, which

LETTERS = {"y": "yes", "n": "no", "d": "unknown"}


@click.command()
@which
@click.option(
    "--answer",
    "answers",
    multiple=True,
    metavar="N=yes|no|unknown",
    help="Answer question N without being asked; may be given again.",
)
@click.option("--undo", is_flag=True, help="Take back every answer about this night.")
@where
@as_json
def morning(night: str, answers: tuple[str, ...], undo: bool, folder: Path | None,
            as_json: bool) -> None:  # fmt: skip
    """For each loop the lamp saw in NIGHT: was it so?

    A no moves your threshold up by 5 %, a yes down by 2 %, within -20 % and +50 %; don't know
    moves nothing. The lamp hears of it with the next sync.

    \b
    dreamlamp morning
    dreamlamp morning 12 --answer 1=no
    dreamlamp morning --undo
    """
    held = library.Library(folder)
    path = held.find(night)
    lamp = path.stem.rsplit("-", 1)[0]
    before = asking.shift(held, lamp) or 0
    found = _questions(path)
    if undo:
        taken = asking.undo(path)
        if not as_json:
            out.print(f"{taken} answers taken back.")
    for text in answers:
        number, said = _parsed(text, len(found))
        asking.answer(path, found[number - 1].epoch, said)
    if not (undo or answers or as_json):
        _ask(path, found)
    after = asking.shift(held, lamp) or 0
    if as_json:
        show_json({"questions": [vars(q) for q in _questions(path)],
                   "shift_percent": after, "before_percent": before,
                   "bounds_percent": [asking.LEAST, asking.MOST]})  # fmt: skip
    elif found:
        moved = f"moves from {before:+d} % to" if before != after else "stays at"
        out.print(f"Your loop threshold {moved} {after:+d} % (bounds {asking.LEAST} to "
                  f"+{asking.MOST} %).")  # fmt: skip
        if before != after:
            out.print("The lamp hears of it with the next sync; --undo takes it back.")


def _questions(path: Path) -> list[asking.Question]:
    read = library.read(path)
    return asking.questions(read, summarise(read))


def _parsed(text: str, count: int) -> tuple[int, str]:
    number, _, said = text.partition("=")
    if not number.isdigit() or not 1 <= int(number) <= count:
        raise DreamlampError(f"{text!r}: this night has {count} questions; write it as 1=no")
    return int(number), said


def _ask(path: Path, found: list[asking.Question]) -> None:
    """Put each question; an answer that was given is the default."""
    if not found:
        out.print("The lamp saw no loop that night: there is nothing to ask.")
    for q in found:
        out.print(q.text)
        default = next((k for k, v in LETTERS.items() if v == q.answer), "d")
        with answered("give --answer 1=no, or yes, or unknown, for each question"):
            said = click.prompt(
                "yes, no, don't know", type=click.Choice(list(LETTERS)), default=default
            )
        asking.answer(path, q.epoch, LETTERS[said])
