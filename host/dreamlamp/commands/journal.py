"""`dreamlamp journal`: add, list, show, edit, search, delete, export, rescript."""

import json
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from .. import because, library, rescript, sealed, terminal
from .. import journal as keeping
from ..errors import DreamlampError
from ..terminal import err, out
from .common import answered, as_json, show_json, where

wanted = click.argument("dream", default="last")
SAID = (
    click.option("--tag", "tags", multiple=True, metavar="WORD", help="A tag; may be repeated."),
    click.option("--mood", type=int, help="1 very bad to 5 very good."),
    click.option("--vividness", type=int, help="0 vague to 4 as real."),
    click.option("--lucidity", type=int, help="0 unaware to 4 knew it was a dream."),
)


def said(command):
    for option in reversed(SAID):
        command = option(command)
    return command


def book(folder: Path | None) -> keeping.Journal:
    return keeping.Journal(library.Library(folder).folder)


@click.group(short_help="The dream journal, on this computer only.")
def journal() -> None:
    """The dream journal: private, searchable, on this computer only.

    \b
    dreamlamp journal add --tag flying --mood 4
    dreamlamp journal add --night last --event 1 --mood 1 "The stair again."
    dreamlamp journal search "old house" --tag nightmare
    """


@journal.command()
@click.argument("text", required=False)
@said
@click.option("--night", help="The night it belongs to: last, its number, a part of its name.")
@click.option("--event", type=int, metavar="N", help="Begin from event N, as `why` counts them.")
@click.option("--again", metavar="DREAM", help="The same dream as this earlier entry.")
@where
@as_json
def add(text, tags, mood, vividness, lucidity, night, event, again, folder, as_json) -> None:
    """Keep a dream. Without TEXT an editor opens; `-` reads standard input.

    \b
    dreamlamp journal add "I flew over the harbour." --tag flying --mood 5
    dreamlamp journal add --event 1            an entry with the trace of that event
    """
    held, kept = library.Library(folder), book(folder)
    about: dict = {"night": "", "event": None, "trace": None}
    if night or event:
        path = held.find(night or "last")
        about["night"] = path.stem
        if event is not None:
            read = library.read(path)
            cases = because.cases(read)
            if not 1 <= event <= len(cases):
                hint = f"`{held.typed(f'why {path.stem}')}` lists them"
                raise DreamlampError(f"{path.stem} has {len(cases)} events: {hint}")
            case = cases[event - 1]
            about["event"], about["trace"] = keeping.trace_of(read, case.kind, case.second)
    entry = kept.add(
        written_text(text), tags=list(tags), mood=mood, vividness=vividness, lucidity=lucidity,
        again=kept.find(again).id if again else "", **about,
    )  # fmt: skip
    before = rescript.offer(kept, entry)
    if as_json:
        show_json({**asdict(entry), "returned_from": [e.id for e in before]})
        return
    out.print(f"kept as {entry.id}")
    if before:
        days = ", ".join(e.day for e in before)
        command = held.typed(f"journal rescript {entry.id}")
        out.print(
            f"\nThis seems to be a bad dream that returned ({days}). If you like, and only then, "
            f"there is a page to write it anew: `{command}`. This is said once.",
            soft_wrap=True,
        )


def written_text(text: str | None, before: str = "") -> str:
    """The text given, or read, or written in an editor."""
    if text == "-":
        return sys.stdin.read()
    if text:
        return text
    if not sys.stdin.isatty():
        raise DreamlampError("there is no text: give it in quotes, or `-` to read it")
    made = click.edit(before) or ""
    if not made.strip():
        raise DreamlampError("nothing was written, so nothing was kept")
    return made


@journal.command(name="list")
@click.option("--tag", default="", help="Only with this tag.")
@where
@as_json
def list_(tag, folder, as_json) -> None:
    """List the dreams, newest last.

    \b
    dreamlamp journal list --tag stair
    """
    held = book(folder).all()
    if not held and not as_json:
        out.print("The journal is empty: `dreamlamp journal add` begins it.")
        return
    show_found([(entry, entry.text) for entry in held if not tag or tag.casefold() in entry.tags],
               as_json)  # fmt: skip


@journal.command(short_help="Find dreams by their words.")
@click.argument("words", nargs=-1)
@click.option("--tag", default="", help="Only with this tag.")
@click.option("--mood", type=(int, int), metavar="LOW HIGH", help="Only with a mood in between.")
@where
@as_json
def search(words, tag, mood, folder, as_json) -> None:
    """Find dreams by the beginnings of WORDS; words in quotes stand together.

    \b
    dreamlamp journal search stair
    dreamlamp journal search '"by the sea"' --mood 1 2
    """
    asked = " ".join(f'"{w}"' if " " in w and '"' not in w else w for w in words)
    show_found(book(folder).search(asked, tag, mood=mood), as_json)


def show_found(found, as_json: bool) -> None:
    if as_json:
        show_json([{**asdict(entry), "place": place} for entry, place in found])
    elif found:
        out.print(terminal.dreams([(asdict(entry), place) for entry, place in found]))
    else:
        out.print("No such dream.")


@journal.command(short_help="Show a dream with its trace.")
@wanted
@where
@as_json
def show(dream, folder, as_json) -> None:
    """Show DREAM (its id, a part of it; default: the last) with its trace.

    \b
    dreamlamp journal show
    dreamlamp journal show 7f3a --json
    """
    kept = book(folder)
    entry = kept.find(dream)
    course = rescript.course(kept, entry)
    if as_json:
        show_json({**asdict(entry), "course": course and asdict(course)})
        return
    for line in terminal.dream(asdict(entry)):
        out.print(line, soft_wrap=False)
    if course:
        out.print("\n" + course.sentence(), style="dim")


@journal.command()
@wanted
@said
@click.option("--text", help="The new text; without any option an editor opens.")
@where
@as_json
def edit(dream, tags, mood, vividness, lucidity, text, folder, as_json) -> None:
    """Change DREAM. Given tags take the place of its tags.

    \b
    dreamlamp journal edit 7f3a --mood 2 --tag stair
    """
    kept = book(folder)
    entry = kept.find(dream)
    changes = {"mood": mood, "vividness": vividness, "lucidity": lucidity}
    changes = {key: value for key, value in changes.items() if value is not None}
    if text or not (changes or tags):
        changes["text"] = written_text(text, entry.text)
    if tags:
        changes["tags"] = list(tags)
    for key, value in changes.items():
        setattr(entry, key, value)
    kept.keep(entry)
    if as_json:
        show_json(asdict(entry))
    else:
        out.print(f"kept as {entry.id}")


@journal.command()
@click.argument("dream")
@click.option("--yes", is_flag=True, help="Do not ask.")
@where
@as_json
def delete(dream, yes, folder, as_json) -> None:
    """Delete DREAM from the journal. Backups of this computer keep what they have.

    \b
    dreamlamp journal delete 7f3a
    """
    kept = book(folder)
    entry = kept.find(dream)
    first = entry.text.splitlines()[0][:60]
    if not yes:
        with answered("give --yes"):
            click.confirm(f"Delete {entry.id} ({first})?", abort=True, err=True)
    kept.delete(entry)
    if as_json:
        show_json({"deleted": entry.id})
    else:
        out.print(f"deleted {entry.id}")


@journal.command(short_help="Write every dream into a file.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@where
@as_json
def export(file, folder, as_json) -> None:
    """Write every dream into FILE, as JSON that others can read; only you can, until you move it.

    \b
    dreamlamp journal export ~/dreams.json
    """
    dreams = [asdict(entry) for entry in book(folder).all()]
    if not file.absolute().parent.is_dir():
        raise DreamlampError(f"there is no folder {file.parent}: make it first")
    sealed.put(file, json.dumps(dreams, ensure_ascii=False, indent=1).encode())
    if as_json:
        show_json({"file": str(file), "dreams": len(dreams)})
    else:
        out.print(f"{len(dreams)} dreams in {file}", soft_wrap=True)


@journal.command(name="rescript")
@wanted
@click.option("--text", help="The new dream; without it an editor opens.")
@click.option("--rehearsed", is_flag=True, help="Note that you rehearsed it today.")
@click.option("--course", "only", is_flag=True, help="Only say whether it returned.")
@where
@as_json
def rescript_(dream, text, rehearsed, only, folder, as_json) -> None:
    """Write a bad dream anew, rehearse it, see whether it returns. Nobody has to.

    \b
    dreamlamp journal rescript              the page, then an editor
    dreamlamp journal rescript --rehearsed  note today's rehearsal
    """
    kept = book(folder)
    entry = kept.find(dream)
    if rehearsed or only:
        if not entry.rescript:
            raise DreamlampError(f"{entry.id} has not been written anew: leave the option away")
        if rehearsed:
            rescript.rehearsed(kept, entry)
    else:
        for number, step in enumerate(rescript.STEPS, 1):
            err.print(f"{number}. {step}", soft_wrap=False)
        err.print(f"\n{rescript.EVIDENCE}\n\n{rescript.LIMITS}\n", style="dim", soft_wrap=False)
        old = (entry.rescript or {}).get("text", entry.text)
        rescript.write(kept, entry, written_text(text, old))
    course = rescript.course(kept, kept.find(entry.id), datetime.now().astimezone().date())
    assert course
    if as_json:
        show_json({"dream": entry.id, **asdict(course), "says": course.sentence()})
    else:
        out.print(course.sentence(), soft_wrap=False)
