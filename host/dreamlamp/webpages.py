"""The morning's local pages: last night, the dream journal, the lamp.

Each view takes what was asked and returns a page; none knows a server. What is said of the lamp
was read from it a moment ago, and what could not be written is said and forgotten.
"""

import asyncio
from datetime import datetime
from datetime import time as wall
from pathlib import Path

from lamp import names, wire

from . import consent, journal, lampsettings, report, rescript
from .errors import DreamlampError
from .journal import Entry, Journal, JournalError
from .library import Library, NoSuchNight, read
from .page import STYLE
from .summary import summarise
from .templates import asset, fill, safe
from .web import Asked, Page, Routes
from .words import loop_sentence

NUMBERS = tuple(journal.SCALES)
FOUND_MAX = 200  # dreams on a page
WAKE_LEVEL, WIND_LEVEL = 60, 30  # L*, as the form offers them


def failed(status: int, why: str) -> Page:
    """The page of an error."""
    return Page(_page("failed.html", why=why), status=status)


def _page(template: str, **values) -> str:
    return fill(template, style=safe(asset("site.css")), **values)


def _number(text: str, low: int, high: int) -> int:
    """A whole number of a form, or DreamlampError."""
    if not (text.strip().lstrip("-").isdecimal() and low <= int(text) <= high):
        raise DreamlampError(f"{text[:20]!r} is no whole number from {low} to {high}")
    return int(text)


class Views:
    """The pages over `library`; `connect` opens a link to the lamp."""

    def __init__(self, library: Library, connect: lampsettings.Connect) -> None:
        self.library, self.connect = library, connect
        self.turn = asyncio.Lock()  # one connection at a time

    def routes(self) -> Routes:
        return {
            ("GET", "/"): self.morning,
            ("GET", "/night/*"): self.night,
            ("GET", "/journal"): self.journal,
            ("POST", "/journal"): self.add,
            ("GET", "/journal/*"): self.dream,
            ("POST", "/journal/*"): self.change,
            ("GET", "/lamp"): self.lamp,
            ("POST", "/lamp/*"): self.set,
            ("GET", "/consent"): self.consent,
            ("POST", "/consent"): self.agree,
        }

    # --- last night

    def _path(self, name: str = "last") -> Path | None:
        try:
            return self.library.find(name)
        except NoSuchNight:
            return None

    async def morning(self, _: Asked) -> Page:
        """Last night as the report draws it, and each event with its door to the journal."""
        path = self._path()
        if path is None:
            return Page(_page("morning.html", night="", events=[], report="", report_style=""))
        night = await asyncio.to_thread(read, path)
        facts = await asyncio.to_thread(summarise, night)
        body = (await asyncio.to_thread(report.page, night, facts)).partition("<main>")[2]
        told = {entry.event["second"] for entry in self._entries(path.stem) if entry.event}
        began = facts["began"]
        events = [
            {"number": n, "clock": e["clock"] or "", "said": loop_sentence(e),
             "told": e["second"] in told}
            for n, e in enumerate(facts["loops"], 1)
        ]  # fmt: skip
        return Page(
            _page(
                "morning.html",
                night=path.stem,
                events=events,
                report_style=safe(STYLE),
                report=safe(body.partition("</main>")[0]),
                began=began,
            )
        )

    def _entries(self, night: str) -> list[Entry]:
        return [entry for entry, _ in Journal(self.library.folder).search(night=night)]

    async def night(self, asked: Asked) -> Page:
        """The report of one night, as `dreamlamp report` writes it."""
        path = self._path(asked.rest)
        if path is None or path.parent != self.library.folder:
            return failed(404, "there is no such night in the library")
        night = await asyncio.to_thread(read, path)
        return Page(await asyncio.to_thread(lambda: report.page(night, summarise(night))))

    # --- the journal

    async def journal(self, asked: Asked) -> Page:
        """The form for a dream, the search, and what it finds."""
        words, tag = asked.query.get("words", ""), asked.query.get("tag", "")
        found = Journal(self.library.folder).search(words, tag)
        event = asked.query.get("event", "")
        night = asked.query.get("night", "")
        return Page(
            _page(
                "journal.html",
                found=found[:FOUND_MAX],
                more=len(found) - FOUND_MAX,
                words=words,
                tag=tag,
                night=night if self._path(night or "none") else "",
                event=event if event.isdecimal() else "",
                entry=None,
                scales=journal.SCALES,
            )
        )

    async def add(self, asked: Asked) -> Page:
        """Keep a dream; then its page, with the offer if one is due."""
        form, kept = asked.form, Journal(self.library.folder)
        about: dict = {"night": "", "event": None, "trace": None}
        path = self._path(form["night"]) if form.get("night") else None
        if path:
            about["night"] = path.stem
            if form.get("event", "").isdecimal():
                number = int(form["event"])
                about["event"], about["trace"] = journal.trace_of(read(path), number)
        entry = kept.add(form.get("text", ""), **_said(form), **about)
        offered = bool(rescript.offer(kept, entry))
        return Page(to=f"/journal/{entry.id}" + ("?offer=1" if offered else ""))

    async def dream(self, asked: Asked) -> Page:
        kept = Journal(self.library.folder)
        entry = self._entry(asked.rest)
        return Page(
            _page(
                "dream.html",
                entry=entry,
                scales=journal.SCALES,
                trace=_trace(entry.trace),
                offer=asked.query.get("offer") == "1" and entry.offered,
                rescripting=asked.query.get("rescript") == "1",
                rescript=rescript,
                course=rescript.course(kept, entry),
                kept=asked.query.get("kept") == "1",
            )
        )

    def _entry(self, name: str) -> Entry:
        found = Journal(self.library.folder).find(name)
        if found.id != name:
            raise JournalError(f"the journal has no entry {name!r}")
        return found

    async def change(self, asked: Asked) -> Page:
        """Change, delete, write anew or note a rehearsal of the entry: the button's `do`."""
        kept, form = Journal(self.library.folder), asked.form
        entry = self._entry(asked.rest)
        do = form.get("do")
        if do == "delete":
            if form.get("sure") != "yes":
                raise JournalError(
                    "to delete it, tick the box beside the button; nothing was done"
                )
            kept.delete(entry)
            return Page(to="/journal")
        if do == "rescript":
            rescript.write(kept, entry, form.get("rescript", ""))
        elif do == "rehearsed":
            rescript.rehearsed(kept, entry)
        else:
            entry.text = form.get("text", "")
            for name, value in _said(form).items():
                setattr(entry, name, value)
            kept.keep(entry)
        return Page(to=f"/journal/{entry.id}?kept=1")

    # --- the lamp

    async def lamp(self, _: Asked) -> Page:
        return self._lamp(None)

    def _lamp(self, now: lampsettings.Settings | None, said: str = "", bad: bool = False) -> Page:
        level = now.dawn.level if now and now.dawn else WAKE_LEVEL
        return Page(
            _page(
                "lamp.html",
                now=now,
                said=said,
                bad=bad,
                modes=names.MODE,
                level=level,
                wind=WIND_LEVEL,
                next=now.dawn.next() if now and now.dawn else None,
                agreed=datetime.fromtimestamp(now.agreed_s) if now and now.policy else None,
            )
        )

    async def set(self, asked: Asked) -> Page:
        """Read the lamp, or write one setting and read it back; where it fails, say so."""
        try:
            async with self.turn:
                if asked.rest == "read":
                    return self._lamp(await lampsettings.read(self.connect))
                key, value, done = _wanted(asked.rest, asked.form)
                now = await lampsettings.write(self.connect, key, value)
        except DreamlampError as error:
            why = f"{error}. Nothing is kept for later: what you wanted was not done."
            return self._lamp(None, why, bad=True)
        return self._lamp(now, f"{done} The lamp was asked and says the same.")

    # --- consent

    async def consent(self, _: Asked) -> Page:
        return self._consent()

    def _consent(self, reasons: tuple[str, ...] = ()) -> Page:
        return Page(_page("consent.html", consent=consent, reasons=reasons))

    async def agree(self, asked: Asked) -> Page:
        """Screen the answers; only with all of them as they have to be, write the consent."""
        said = {"yes": True, "no": False}
        answers = {q.key: said.get(asked.form.get(q.key, "")) for q in consent.QUESTIONS}
        given = {key: value for key, value in answers.items() if value is not None}
        reasons = consent.screen(given)
        if len(given) < len(answers):
            reasons = ["Every question needs an answer."]
        elif not reasons and asked.form.get("agree") != "yes":
            reasons = ["You have not ticked that the lamp may act."]
        if reasons:
            return self._consent(tuple(reasons))
        try:
            async with self.turn:
                key, value = lampsettings.agreed(asked.form.get("third") == "yes")
                now = await lampsettings.write(self.connect, key, value)
        except DreamlampError as error:
            return self._lamp(None, f"{error}. No consent was recorded.", bad=True)
        return self._lamp(now, "Your consent is recorded in the lamp. Mode act is a choice apart.")


def _said(form: dict[str, str]) -> dict:
    """Tags and scales of a form; a scale that was left empty is None."""
    said: dict = {"tags": form.get("tags", "").split(",")}
    for name in NUMBERS:
        said[name] = _number(form[name], *journal.SCALES[name]) if form.get(name) else None
    return said


def _wanted(what: str, form: dict[str, str]) -> tuple[int, bytes, str]:
    """(key, value, what it means when done) of a form of the lamp's page."""
    if what == "mode" and form.get("mode") in names.MODE:
        return *lampsettings.mode(form["mode"]), f"Mode {form['mode']}."
    if what == "dawn" and form.get("do") == "none":
        return *lampsettings.dawn(None), "No dawn."
    if what == "dawn":
        try:
            at = wall.fromisoformat(form.get("at", ""))
        except ValueError:
            raise DreamlampError("the time of the dawn is written as 06:45") from None
        level, window = (
            _number(form.get("level", ""), 1, 100),
            _number(form.get("window", ""), 0, 60),
        )
        return *lampsettings.dawn(
            at, level, window
        ), f"A dawn until {at:%H:%M}, for seven mornings."
    if what == "wind-down":
        level, minutes = (
            _number(form.get("level", ""), 1, 100),
            _number(form.get("min", ""), 1, 60),
        )
        return *lampsettings.wind_down(level, minutes), f"It shines, and is dark in {minutes} min."
    if what == "dark":
        return wire.KEY_LIGHT, b"\0", "It goes dark."
    if what == "withdraw":
        return *lampsettings.withdrawn(), "Your consent is withdrawn: the lamp stays dark."
    raise DreamlampError("the lamp has no such setting")


def _trace(trace: dict | None) -> dict | None:
    """The drawing of an entry's trace, 100 high: the heart's line, the score's bars."""
    if not trace or not trace["score"]:
        return None
    rates = [r for r in trace["hr_bpm_x10"] if r]
    low, high = (min(rates), max(rates)) if rates else (0, 1)
    points = [
        f"{10 * i + 5},{95 - round(90 * (r - low) / max(high - low, 1))}"
        for i, r in enumerate(trace["hr_bpm_x10"])
        if r
    ]
    top = max(100, *trace["score"])
    bars = [{"x": 10 * i, "h": round(100 * s / top)} for i, s in enumerate(trace["score"])]
    return {
        "width": 10 * len(bars), "line": " ".join(points), "bars": bars, "top": top,
        "low": round(low / 10), "high": round(high / 10),
    }  # fmt: skip
