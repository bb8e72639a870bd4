"""May the lamp act? The sleeper's consent, and the mode."""

import sys
import time
from pathlib import Path

import click

from .. import consent as asking
from ..errors import DreamlampError
from ..terminal import err, out
from .common import as_json, on_the_lamp, show_json, which_lamp

YES_NO = click.Choice(["yes", "no"])


class Refused(DreamlampError):
    """The answers forbid it, or the sleeper said no."""


@click.group(invoke_without_command=True, short_help="Let the lamp act, or not.")
@which_lamp
@click.option("--answers", type=click.Path(dir_okay=False, path_type=Path), hidden=True)
@as_json
@click.pass_context
def consent(ctx, lamp: str | None, answers: Path | None, as_json: bool) -> None:
    """Read what is known and unknown, answer what is asked, and let the lamp act or not.

    The lamp raises its light at night only with this consent on it, and in mode act. Each sleeper
    answers for themselves; it takes five minutes and is not done by an option.

    \b
    dreamlamp consent
    dreamlamp consent show
    dreamlamp consent withdraw
    """
    ctx.obj = lamp
    if ctx.invoked_subcommand:
        return
    from .. import dials

    before = on_the_lamp(lamp, dials.consent)  # before any question: is it there at all?
    given = asking.answers(answers) if answers else _ask()
    reasons = asking.screen(given)
    if reasons or not given["agree"]:
        if before.policy:
            on_the_lamp(lamp, lambda link: dials.keep_consent(link, asking.withdrawn()))
        for reason in reasons:
            err.print(f"- {reason}")
        gone = " The consent that it held is withdrawn." if before.policy else ""
        said = "your answers speak against it" if reasons else "you did not agree"
        raise Refused(f"the lamp may not act, {said}: it watches only.{gone}")
    record = asking.record(int(time.time()), given["third"])
    held = on_the_lamp(lamp, lambda link: dials.keep_consent(link, record))
    if as_json:
        show_json(held.as_json())
        return
    out.print(
        "Your consent is on the lamp. It still only watches: `dreamlamp mode act` lets it act."
    )


@consent.command()
@as_json
@click.pass_obj
def show(lamp: str | None, as_json: bool) -> None:
    """Say what consent the lamp holds.

    \b
    dreamlamp consent show --json
    """
    from .. import dials

    held = on_the_lamp(lamp, dials.consent)
    if as_json:
        show_json(held.as_json())
    elif not held.policy:
        out.print("The lamp holds no consent: it will not act.")
    else:
        given = held.as_json()["given"]
        third = "; a random third of events stays dark" if held.third else ""
        out.print(f"Consent to policy {held.policy}, given {given[:16].replace('T', ' ')}{third}.")
        if not held.valid:
            out.print("The policy has changed since: `dreamlamp consent` asks again.")


@consent.command()
@as_json
@click.pass_obj
def withdraw(lamp: str | None, as_json: bool) -> None:
    """Take the consent back: the lamp goes dark and only watches.

    \b
    dreamlamp consent withdraw
    """
    from .. import dials

    held = on_the_lamp(lamp, lambda link: dials.keep_consent(link, asking.withdrawn()))
    if as_json:
        show_json(held.as_json())
    else:
        out.print("Withdrawn. The lamp holds no consent and will not act.")


def _ask() -> dict[str, bool]:
    """Put every question, in a terminal; one wrong answer ends it."""
    if not sys.stdin.isatty():
        raise DreamlampError("a consent is given in a terminal, by who sleeps there: run it there")
    given = {q.key: q.wanted for q in asking.QUESTIONS}
    for q in asking.QUESTIONS:
        given[q.key] = _yes(q.text)
        if given[q.key] is not q.wanted:
            return {**given, "third": False, "agree": False}
    out.print()
    for title, sentences in asking.parts():
        out.print(title, style="bold")
        for sentence in sentences:
            out.print(f"- {sentence}")
        out.print()
    given["third"] = _yes(asking.THIRD)
    given["agree"] = _yes(asking.AGREE)
    return given


def _yes(question: str) -> bool:
    return click.prompt(question, type=YES_NO) == "yes"


@click.command(short_help="Show or set what the lamp may do.")
@click.argument("wanted", required=False, type=click.Choice(["off", "observe", "act"]))
@which_lamp
@as_json
def mode(wanted: str | None, lamp: str | None, as_json: bool) -> None:
    """Show or set what the lamp may do: nothing, watch, or act on what it sees.

    Mode act needs a consent on the lamp; three nights of baseline and seven of watching come
    before the first light in any case.

    \b
    dreamlamp mode
    dreamlamp mode observe
    """
    from lamp import names, wire

    from .. import dials

    async def turn(link) -> str:
        if wanted:
            await dials.write(link, wire.KEY_MODE, names.MODE.index(wanted))
        return await dials.mode(link)

    stands = on_the_lamp(lamp, turn)
    show_json({"mode": stands}) if as_json else out.print(f"mode {stands}")
