"""Why the lamp did what it did, in the terminal or as a picture."""

from pathlib import Path

import click

from .. import because, library, picture
from ..errors import DreamlampError
from ..summary import origin
from ..terminal import out
from ..words import counted, source_label
from .common import as_json, show_json, where, which


@click.command(short_help="Say why the lamp did what it did.")
@which
@click.argument("event", required=False, type=click.IntRange(min=1))
@where
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the picture of EVENT here: .svg, .png or .html.")  # fmt: skip
@as_json
def why(night: str, event: int | None, folder: Path | None, output: Path | None,
        as_json: bool) -> None:  # fmt: skip
    """Say why the lamp did what it did in NIGHT: each loop it saw, and each near miss.

    With EVENT, its number, the heart, the score and the light around it are drawn.

    \b
    dreamlamp why
    dreamlamp why 12 1
    dreamlamp why last 1 -o why.html
    """
    path = library.Library(folder).find(night)
    read = library.read(path)
    found = because.cases(read)
    both = because.arms_beside(path, read)
    if event is not None and event > len(found):
        raise DreamlampError(
            f"`dreamlamp why` lists {counted(len(found), 'event')} of this night, no {event}."
        )
    if output and event is None:
        raise DreamlampError("say which event is to be drawn, for example: why last 1 -o why.svg")
    if output:
        picture.write(read, found[event - 1], output)  # type: ignore[operator]
    if as_json:
        shown = found if event is None else [found[event - 1]]
        show_json({"events": [case.as_json() for case in shown], "arms": both})
        return
    label = source_label(origin(read))
    if label:
        out.print(label, style="yellow")
    if not found:
        out.print("The detector saw no loop and came near none, and the lamp stayed dark.")
    for case in found if event is None else [found[event - 1]]:
        _say(case)
    if event is not None:
        _draw(read, found[event - 1])
    if output:
        out.print(f"picture: {output}", soft_wrap=True)
    if both:
        out.print(because.arms_sentence(both))


def _say(case: because.Case) -> None:
    out.print(f"{case.number:>2}  {case.kind}", style="bold")
    for sentence in (case.sentence, *case.after):
        out.print(f"    {sentence}", soft_wrap=True)


def _draw(read, case: because.Case) -> None:
    """The picture in blocks, and the figures behind it."""
    out.print()
    for label, blocks in picture.rows(read, case, max(40, min(out.width, 110) - 9)):
        out.print(f"{label:>8} {blocks}", soft_wrap=True)
    out.print()
    f = case.figures
    if "times_usual" in f:
        unit = "bpm" if "chain_bpm" in f else "dB"
        chain, usual = f[f"chain_{unit.lower()}"], f[f"usual_{unit.lower()}"]
        out.print(
            f"returned: a chain of {chain:.1f} {unit} is {f['times_usual']:.1f} times your "
            f"usual {usual:.1f}; {f['times_wanted']:.1f} times were wanted"
        )
        out.print(
            f"held: {f['held']:.0f} {unit} x epochs too high; {f['held_wanted']:.0f} were wanted"
        )
        out.print(
            f"asleep {f['asleep_min']:.0f} min, REM-like {100 * f['rem_like']:.0f} %, signal "
            f"{f['quality']} %, threshold at {f['threshold_percent']} %, light spent or set aside "
            f"{f['spent_lux_min']:.0f} of 300 lux min"
        )
