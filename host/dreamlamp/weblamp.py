"""The lamp's local pages: what it is set to, changes that are read back, the consent.

What is said of the lamp was read from it a moment ago. What could not be written is said and
forgotten: nothing waits for the lamp to come near. Knows no server.
"""

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from datetime import time as wall
from pathlib import Path

from lamp import names, wire

from . import consent, dawnplan, dials
from .errors import DreamlampError
from .link import Link
from .templates import fill
from .web import Asked, Page, Routes

Connect = Callable[[], AbstractAsyncContextManager[Link]]
WIND_LEVEL = 30  # L*, as the form offers it
LATER = "Nothing is kept for later: what you wanted was not done."


@dataclass(frozen=True)
class Standing:
    """What the lamp says: mode by name, consent, plan of dawns (bytes), light now (L*)."""

    mode: str
    consent: dials.Consent
    plan: bytes
    light: int

    @property
    def coming(self) -> list[datetime]:
        """The mornings still to come."""
        now = time.time()
        return [at for at in dawnplan.deadlines(self.plan) if at.timestamp() > now]

    @property
    def agreed(self) -> datetime | None:
        held = self.consent
        return datetime.fromtimestamp(held.unix_s).astimezone() if held.policy else None


async def standing(link: Link) -> Standing:
    """Ask the lamp."""
    status = struct.unpack(wire.STATUS_LAYOUT, await link.request(wire.STATUS))
    return Standing(
        await dials.mode(link), await dials.consent(link), await dials.plan(link), status[6]
    )


def number(text: str, low: int, high: int) -> int:
    """A whole number of a form, or DreamlampError."""
    if not (text.strip().isdecimal() and low <= int(text) <= high):
        raise DreamlampError(f"{text[:20]!r} is no whole number from {low} to {high}")
    return int(text)


class LampViews:
    """The pages; `connect` opens a link to the lamp, `folder` keeps what every sync tells it."""

    def __init__(self, folder: Path, connect: Connect) -> None:
        self.folder, self.connect = folder, connect
        self.turn = asyncio.Lock()  # one connection at a time

    def routes(self) -> Routes:
        return {
            ("GET", "/lamp"): self.lamp,
            ("POST", "/lamp/*"): self.set,
            ("GET", "/consent"): self.consent,
            ("POST", "/consent"): self.agree,
        }

    async def lamp(self, _: Asked) -> Page:
        return self._lamp(None)

    def _lamp(self, now: Standing | None, said: str = "", bad: bool = False) -> Page:
        wish = now and now.plan
        return Page(
            fill("lamp.html", now=now, said=said, bad=bad, modes=names.MODE, wind=WIND_LEVEL,
                 level=wish[0] if wish else 60, smart=wish[1] if wish else 0)
        )  # fmt: skip

    async def set(self, asked: Asked) -> Page:
        """Read the lamp, or change one setting and read all of it; where that fails, say so."""
        if asked.rest == "read":
            return await self._do(standing, "")
        try:
            do, done = self._wanted(asked.rest, asked.form)
        except DreamlampError as error:
            return self._lamp(None, f"{error}. {LATER}", bad=True)
        return await self._do(do, f"{done} The lamp was asked and says the same.")

    async def _do(self, do: Callable[[Link], Awaitable], done: str) -> Page:
        try:
            async with self.turn, self.connect() as link:
                await do(link)
                now = await standing(link)
        except DreamlampError as error:
            return self._lamp(None, f"{error}. {LATER}", bad=True)
        return self._lamp(now, done)

    def _wanted(self, what: str, form: dict[str, str]):
        """(what to do with a link, what it means when done) of a form of the lamp's page."""
        if what == "mode" and form.get("mode") in names.MODE:
            mode = names.MODE.index(form["mode"])
            return lambda link: dials.write(link, wire.KEY_MODE, mode), f"Mode {form['mode']}."
        if what == "dawn":
            wish = None if form.get("do") == "none" else _wish(form)
            said = f"A dawn until {wish.at}, renewed by every sync." if wish else "No dawn."
            return lambda link: self._dawn(link, wish), said
        if what == "wind-down":
            level, minutes = (
                number(form.get("level", ""), 1, 100),
                number(form.get("min", ""), 3, 60),
            )
            done = f"It shines, and is dark in {minutes} min."
            return lambda link: dials.light(link, level, minutes), done
        if what == "dark":
            return lambda link: dials.light(link, 0), "It goes dark."
        if what == "withdraw":
            done = "Your consent is withdrawn: it only watches."
            return lambda link: dials.keep_consent(link, consent.withdrawn()), done
        raise DreamlampError("the lamp has no such setting")

    async def _dawn(self, link: Link, wish: dawnplan.Wish | None) -> None:
        now = datetime.now().astimezone()
        await dials.set_clock(link, now)  # a plan is worth as much as the lamp's clock
        await dials.keep_plan(link, wish.plan(now) if wish else b"")
        dawnplan.keep(self.folder, link.name, wish)

    # --- consent

    async def consent(self, _: Asked) -> Page:
        return self._consent()

    def _consent(self, *reasons: str) -> Page:
        return Page(fill("consent.html", consent=consent, reasons=reasons))

    async def agree(self, asked: Asked) -> Page:
        """Screen the answers; only with all of them as they have to be, write the consent."""
        said = {"yes": True, "no": False}
        answers = {q.key: said.get(asked.form.get(q.key, "")) for q in consent.QUESTIONS}
        given = {key: value for key, value in answers.items() if value is not None}
        if len(given) < len(answers):
            return self._consent("Every question needs an answer.")
        if reasons := consent.screen(given):
            return self._consent(*reasons, await self._ended())
        if asked.form.get("agree") != "yes":
            return self._consent("You have not ticked that the lamp may act.")
        record = consent.record(int(time.time()), asked.form.get("third") == "yes")
        done = "Your consent is on the lamp. It acts only in mode act."
        return await self._do(lambda link: dials.keep_consent(link, record), done)

    async def _ended(self) -> str:
        """Take back what the lamp holds, for the answers speak against it; say what came of it."""
        try:
            async with self.turn, self.connect() as link:
                if not (await dials.consent(link)).policy:
                    return "The lamp holds none, and only watches."
                await dials.keep_consent(link, consent.withdrawn())
                return "The one that the lamp held is withdrawn: it only watches."
        except DreamlampError as error:
            return f"{error}. If the lamp holds a consent, withdraw it as soon as it is near."


def _wish(form: dict[str, str]) -> dawnplan.Wish:
    try:
        at = wall.fromisoformat(form.get("at", ""))
    except ValueError:
        raise DreamlampError("the time of the dawn is written as 06:45") from None
    days = form.get("days", "")
    dawnplan.weekdays(days)  # or it says what is wrong with them
    level, smart = number(form.get("level", ""), 1, 100), number(form.get("smart", ""), 0, 60)
    return dawnplan.Wish(f"{at:%H:%M}", days, smart, level)
