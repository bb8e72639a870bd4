"""The morning's question: was it so? And how the answers move the sleeper's own threshold.

Answers lie in the note beside the night; the threshold follows from all of them anew, so taking
one back takes its effect back. It stays within what the lamp accepts and goes there with the next
sync. The steps are a choice: a false alarm harms, a miss does not, so a no weighs more than a
yes. Knows no terminal and no link.
"""

from dataclasses import dataclass
from pathlib import Path

from lamp import wire

from . import library
from .errors import DreamlampError
from .nights import Night
from .summary import SEEN
from .words import moment, why

LEAST, MOST = -20, 50  # percent of the committed threshold; the lamp refuses more
NO_STEP, YES_STEP = 5, -2
SAW = "the lamp saw your {} surge again and again, or held high"
ANSWERS = ("yes", "no", "unknown")  # the last moves nothing


@dataclass(frozen=True)
class Question:
    """What to ask about one event; `answer` what was said, or empty."""

    epoch: int
    text: str
    answer: str = ""


def questions(night: Night, facts: dict) -> list[Question]:
    """One for each time the lamp saw a loop; `facts` of summary.summarise."""
    given = night.note.get("morning", {})
    found = []
    saw = SAW.format("fast waves" if night.kit == "eeg" else "heart")
    for event in night.events:
        if event.code not in SEEN:
            continue
        at = moment(facts, night.second_of(event))
        text = (
            f"{at}: {saw} (score {event.a}). {_did(event)} Was it so: a bad dream, restless sleep?"
        )
        found.append(Question(event.epoch, text, given.get(str(event.epoch), "")))
    return found


def _did(event) -> str:
    if event.code == wire.RESCUE:
        return "It raised its light."
    return f"It stayed dark, {why(event.c)}." if event.code == wire.REFUSED_RESCUE else ""


def answer(path: Path, epoch: int, said: str) -> None:
    """Keep the answer to the event of `epoch` beside the night in `path`."""
    night = library.read(path)
    if said not in ANSWERS:
        raise DreamlampError(f"{said!r} is no answer: say {', '.join(ANSWERS)}")
    if epoch not in {event.epoch for event in night.events if event.code in SEEN}:
        raise DreamlampError(f"{path.stem} holds no loop in epoch {epoch}")
    library.annotate(path, morning={**night.note.get("morning", {}), str(epoch): said})


def undo(path: Path) -> int:
    """Take back what was answered about the night in `path`; return how many answers."""
    given = library.read_note(path).get("morning", {})
    if given:
        library.annotate(path, morning={})
    return len(given)


def shift(held: library.Library, lamp: str) -> int | None:
    """Percent that all answers about this lamp's nights move its threshold; None: none was given.

    Night after night, so that an old bound reached does not outlast newer answers.
    """
    total, asked = 0, False
    mine = [path for path in held.paths() if path.stem.rsplit("-", 1)[0] == lamp]
    for path in sorted(mine, key=library.number):
        given = library.read_note(path).get("morning")
        if given is None:
            continue
        asked = True
        for epoch in sorted(given, key=int):
            step = {"no": NO_STEP, "yes": YES_STEP}.get(given[epoch], 0)
            total = max(LEAST, min(total + step, MOST))
    return total if asked else None
