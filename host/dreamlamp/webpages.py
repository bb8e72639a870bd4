"""The morning's local pages: last night, its questions, and the dream journal.

Each view takes what was asked and returns a page; none knows a server.
"""

import asyncio
from pathlib import Path

from . import journal, morning, report, rescript
from .journal import Entry, Journal, JournalError
from .library import Library, NoSuchNight, read
from .page import STYLE
from .summary import summarise
from .templates import fill, safe
from .web import Asked, Page, Routes
from .weblamp import Connect, LampViews, number

NUMBERS = tuple(journal.SCALES)
FOUND_MAX = 200  # dreams on a page


def failed(status: int, why: str) -> Page:
    """The page of an error."""
    return Page(fill("failed.html", why=why), status=status)


class Views:
    """The pages over `library`; `connect` opens a link to the lamp."""

    def __init__(self, library: Library, connect: Connect) -> None:
        self.library = library
        self.lamp = LampViews(library.folder, connect)

    def routes(self) -> Routes:
        return {
            ("GET", "/"): self.morning,
            ("GET", "/night/*"): self.night,
            ("GET", "/journal"): self.journal,
            ("POST", "/journal"): self.add,
            ("GET", "/journal/*"): self.dream,
            ("POST", "/journal/*"): self.change,
            ("POST", "/answer/*"): self.answer,
            **self.lamp.routes(),
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
            return Page(fill("morning.html", night="", events=[], report="", report_style=""))
        night = await asyncio.to_thread(read, path)
        facts = await asyncio.to_thread(summarise, night)
        body = (await asyncio.to_thread(report.page, night, facts)).partition("<main>")[2]
        told = {entry.event["second"] for entry in self._entries(path.stem) if entry.event}
        events = [
            {"number": n, "asks": question, "told": seen["second"] in told}
            for n, (question, seen) in enumerate(
                zip(morning.questions(night, facts), facts["loops"]), 1
            )
        ]
        return Page(
            fill(
                "morning.html",
                night=path.stem,
                events=events,
                answers=morning.ANSWERS,
                report_style=safe(STYLE),
                report=safe(body.partition("</main>")[0]),
            )
        )

    async def answer(self, asked: Asked) -> Page:
        """Keep what was answered about one event of a night."""
        path = self._path(asked.rest)
        if path is None or path.parent != self.library.folder:
            return failed(404, "there is no such night in the library")
        morning.answer(
            path, number(asked.form.get("epoch", ""), 0, 65535), asked.form.get("said", "")
        )
        return Page(to="/")

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
            fill(
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
                night = read(path)
                events = summarise(night)["loops"]
                seen = events[number(form["event"], 1, len(events)) - 1]
                about["event"], about["trace"] = journal.trace_of(
                    night, seen["name"], seen["second"]
                )
        entry = kept.add(form.get("text", ""), **_said(form), **about)
        offered = bool(rescript.offer(kept, entry))
        return Page(to=f"/journal/{entry.id}" + ("?offer=1" if offered else ""))

    async def dream(self, asked: Asked) -> Page:
        kept = Journal(self.library.folder)
        entry = self._entry(asked.rest)
        return Page(
            fill(
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


def _said(form: dict[str, str]) -> dict:
    """Tags and scales of a form; a scale that was left empty is None."""
    said: dict = {"tags": form.get("tags", "").split(",")}
    for name in NUMBERS:
        said[name] = number(form[name], *journal.SCALES[name]) if form.get(name) else None
    return said


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
