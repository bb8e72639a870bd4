"""`dreamlamp share` and `unshare`: the dialogue before anything leaves."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from .. import bundle, library, redact, terminal
from .. import share as sharing
from ..journal import Journal
from ..share import AGREED, Answers, NotShared, Shared
from ..terminal import err, out
from .common import as_json, show_json, where

to = click.option("--to", type=click.Path(file_okay=False, path_type=Path), default=Path("."),
                  help="Folder for the file; default: here.")  # fmt: skip


@click.command(short_help="Give a dream away, in a file.")
@click.argument("dream", default="last")
@click.option("--answers", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Your answers in a file, instead of the questions.")  # fmt: skip
@click.option("--preview", is_flag=True, help="Only show what would leave; needs --answers.")
@click.option("--list", "only_list", is_flag=True, help="List what was shared.")
@to
@where
@as_json
def share(dream, answers, preview, only_list, to, folder, as_json) -> None:
    """Give DREAM of the journal away, in a file you may hand to anybody.

    You are asked what to cut, under which licence, and whether the night's curve goes with it;
    then exactly what will leave is shown. Without a terminal the answers come from a file:

    \b
    cut = ["Anna", "Lisbon"]     # taken out wherever they stand
    keep = ["Sunday"]            # suggested, and may stay
    licence = "CC-BY-4.0"        # or CC0-1.0, CC-BY-SA-4.0, CC-BY-NC-4.0
    tags = true
    feelings = true              # mood, vividness, lucidity
    curve = false
    consent = "I agree"          # to the words that --preview shows
    \b
    dreamlamp share 7f3a
    dreamlamp share 7f3a --answers answers.toml --preview
    """
    held = library.Library(folder)
    given = Shared(held.folder)
    if only_list:
        rows = [{k: v for k, v in s.items() if k != "secret"} for s in given.all()]
        if as_json:
            show_json(rows)
        for row in [] if as_json else rows:
            state = "withdrawn" if row["withdrawn"] else "given away"
            out.print(f"{row['bundle'][:16]}  dream {row['entry']}  {state}")
        return
    entry = Journal(held.folder).find(dream)
    night = None
    if entry.night:
        try:
            night = library.read(held.find(entry.night))
        except library.NoSuchNight:
            pass
    if answers:
        decided = sharing.answers_in(answers)
    elif sys.stdin.isatty():
        decided = asked(entry, night)
    else:
        raise NotShared("nobody is here to answer: put your answers into a file, see --help")
    content = sharing.compose(entry, decided, night)
    shown = json.dumps(content, indent=2, ensure_ascii=False)
    if preview:
        click.echo(shown)
        return
    if not answers:
        terminal.plain(f"\nExactly this will leave, with a new key and its signature:\n\n{shown}")
        typed = click.prompt(f'\nTo give it away, type "{AGREED}"', default="no", err=True)
        decided = Answers(**{**asdict(decided), "consent": typed})
    path = given.give(content, decided, entry, to)
    if as_json:
        show_json({"file": str(path), "content": content})
        return
    out.print(f"written: {path}", soft_wrap=True)
    err.print("Nothing was sent. Hand the file to whom you like.")
    err.print(f"To take it back: {held.typed(f'unshare {path.stem}')}", soft_wrap=True)


def asked(entry, night) -> Answers:
    """The dreamer's answers, question by question; the consent is asked for last, elsewhere."""
    text = bundle.clean(entry.text)
    terminal.plain(f"{text}\n")
    cut, keep = set_aside(text)
    err.print("\nUnder which licence?")
    names = list(bundle.LICENCES)
    for number, name in enumerate(names, 1):
        err.print(f"  {number}  {name}: {bundle.LICENCES[name]}")
    number = click.prompt("Number", type=click.IntRange(1, len(names)), err=True)
    tags = bool(entry.tags) and click.confirm(
        f"With its tags ({', '.join(entry.tags)})?", default=False, err=True
    )
    feelings = click.confirm("With mood, vividness and lucidity?", default=False, err=True)
    curve = night is not None and click.confirm(
        "With the night's curve, coarse and without clock times? A heart's night is your own, "
        "and might be recognised by who has it already.",
        default=False, err=True,
    )  # fmt: skip
    return Answers(tuple(cut), tuple(keep), names[number - 1], tags, feelings, curve, "")


def set_aside(text: str) -> tuple[list[str], list[str]]:
    """What to cut and what to keep, the dreamer deciding about each suggestion."""
    cut: list[str] = []
    keep: list[str] = []
    err.print("Found by rules, which miss things and know no language; you know better.")
    while True:
        left = redact.suggestions(redact.cut(text, cut))
        open_ = [s for s in left if s.text not in keep]
        if not open_:
            break
        for found in open_:
            if click.confirm(f"  cut {found.text!r} ({found.why})?", default=True, err=True):
                cut.append(found.text)
            else:
                keep.append(found.text)
    while more := click.prompt(
        "Cut anything else (a word, a name; empty: no)", default="", show_default=False, err=True
    ).strip():
        cut.append(more)
        terminal.plain(redact.cut(text, cut))
    return cut, keep


@click.command(short_help="Take back a dream you gave away.")
@click.argument("shared")
@to
@where
@as_json
def unshare(shared, to, folder, as_json) -> None:
    """Write the withdrawal of a dream you gave away: SHARED is its file, name or the dream's id.

    Whoever builds a commons leaves the dream out once this file lies beside it. Copies that
    others have made cannot be called back.

    \b
    dreamlamp unshare 3f9c2ab1 --to ~/commons
    """
    path = Shared(library.Library(folder).folder).withdraw(shared, to)
    if as_json:
        show_json({"file": str(path)})
        return
    out.print(f"written: {path}", soft_wrap=True)
    err.print("Hand it to everybody who has the dream: with it a commons leaves the dream out.")
    err.print("Copies that others have made cannot be called back.")
