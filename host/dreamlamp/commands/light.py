"""Light that is asked for: a dawn by a plan, an evening that dims, a light by hand."""

from datetime import datetime, time
from pathlib import Path

import click

from .. import dawnplan, library
from ..errors import DreamlampError
from ..terminal import out
from .common import as_json, on_the_lamp, show_json, where, which_lamp

LEVEL = click.IntRange(1, 100)


@click.command(short_help="Plan a dawn; without a time, show the plan.")
@click.argument("at", required=False, metavar="[HH:MM|off]")
@click.option(
    "--days", default="mon-sun", show_default=True, help="For example mon-fri or sat,sun."
)
@click.option(
    "--smart",
    type=click.IntRange(0, 60),
    default=0,
    metavar="MIN",
    help="It may begin so much earlier, in light sleep or wake; the evidence is thin.",
)
@click.option("--level", type=LEVEL, default=60, show_default=True, help="Of the light, CIE L*.")
@which_lamp
@where
@as_json
def dawn(at, days: str, smart: int, level: int, lamp: str | None, folder: Path | None,
         as_json: bool) -> None:  # fmt: skip
    """Let the lamp rise over 30 minutes to be bright at a time; without one, show the plan.

    The lamp gets the next 14 mornings, each with its own daylight saving, and every sync renews
    them. The button puts a dawn off by nine minutes, three times. After a power cut the lamp does
    not know the time, and stays dark until a sync tells it.

    \b
    dreamlamp dawn 07:00
    dreamlamp dawn 06:30 --days mon-fri --smart 20
    dreamlamp dawn off
    """
    from .. import dials

    wish = None
    if at not in (None, "off"):
        dawnplan.weekdays(days)
        wish = dawnplan.Wish(_wall(at), days, smart, level)
    held = library.Library(folder).folder

    async def turn(link) -> tuple[str, bytes]:
        if at:
            now = datetime.now().astimezone()
            await dials.set_clock(link, now)
            value = wish.plan(now) if wish else b""
            await dials.keep_plan(link, value)
        return link.name, await dials.plan(link)

    name, value = on_the_lamp(lamp, turn)
    if at:
        dawnplan.keep(held, name, wish)
    mornings = dawnplan.deadlines(value)
    coming = [m for m in mornings if m.timestamp() > datetime.now().timestamp()]
    if as_json:
        show_json({"level": value[0] if value else 0, "smart_min": value[1] if value else 0,
                   "mornings": [m.isoformat() for m in coming]})  # fmt: skip
    elif not coming:
        gone = " The plan it holds has run out: sync to renew it." if mornings else ""
        out.print(f"The lamp plans no dawn.{gone}")
    else:
        first, last = coming[0], coming[-1]
        early = f", up to {value[1]} min earlier in light sleep" if value[1] else ""
        out.print(f"The next dawn: {first:%A, %d %B, %H:%M}, L* {value[0]}{early}.")
        out.print(f"{len(coming)} mornings are planned, the last on {last:%d %B}.")


def _wall(text: str) -> str:
    """A time of day, checked."""
    try:
        return time.fromisoformat(text if len(text) > 4 else f"0{text}").strftime("%H:%M")
    except ValueError:
        raise DreamlampError(f"{text!r} is no time: write it as 07:00") from None


@click.command()
@click.argument("minutes", type=click.IntRange(3, 60), default=30)
@click.option("--level", type=LEVEL, default=40, show_default=True, help="To begin at, CIE L*.")
@which_lamp
@as_json
def winddown(minutes: int, level: int, lamp: str | None, as_json: bool) -> None:
    """Light now, that goes evenly dark over MINUTES (default 30).

    \b
    dreamlamp winddown
    dreamlamp winddown 45 --level 30
    """
    from .. import dials

    on_the_lamp(lamp, lambda link: dials.light(link, level, minutes))
    if as_json:
        show_json({"level": level, "minutes": minutes})
        return
    out.print(f"Light comes up and goes dark over {minutes} minutes; the button ends it at once.")


@click.command(short_help="Light by hand.")
@click.argument("level", metavar="LEVEL|off")
@which_lamp
@as_json
def light(level: str, lamp: str | None, as_json: bool) -> None:
    """Light by hand: LEVEL is lightness, CIE L* 1 to 100; it goes after an hour.

    It keeps the night's own limits: at most 30 lux at the pillow, and the light of one night. What
    the button ended stays dark until the next night.

    \b
    dreamlamp light 20
    dreamlamp light off
    """
    from .. import dials

    wanted = "0" if level == "off" else level
    if not wanted.isdigit() or int(wanted) > 100:
        raise DreamlampError(f"{level!r} is no lightness: give 1 to 100, or off")
    on_the_lamp(lamp, lambda link: dials.light(link, int(wanted)))
    if as_json:
        show_json({"level": int(wanted)})
    else:
        out.print("Light comes up." if int(wanted) else "The light fades.")
