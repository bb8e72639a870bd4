"""After a bad dream that returns: the offer to write it anew, once, and what came of it.

In the manner of imagery rehearsal: write the dream anew in any way one likes, rehearse the new
one awake, see whether the old one returns. Offered and never pushed: once for each dream, and
only where its dreamer called it bad. Treats nobody; the limits stand in `WORDS`. Knows no page.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from .journal import Entry, Journal

BAD = 2  # a mood up to this
BAD_TAGS = frozenset(("nightmare", "bad dream"))
RETURNS_DAYS = 60  # a dream that came again within these returns

STEPS = (
    "Choose a bad dream that is not the worst you have; the worst can wait until this is easy.",
    "Write it anew. Change anything, in any way you like: the end, the beginning, one small "
    "thing. There is no right way, and it need not make sense.",
    "Rehearse the new dream while you are awake: see it before you for ten to twenty minutes, "
    "once a day. Leave the old one alone. If it frightens you, stop.",
    "Note each time the old dream returns. After two or three weeks, look whether it comes less "
    "often.",
)
EVIDENCE = (
    "Imagery rehearsal is what the American Academy of Sleep Medicine recommends for nightmares "
    "(Morgenthaler and others 2018, J Clin Sleep Med 14:1041). In a trial with 168 women after "
    "sexual assault it made nightmares rarer (Krakow and others 2001, JAMA 286:537). The trials "
    "differ in quality (Lancee and others 2008, J Clin Sleep Med 4:475)."
)
LIMITS = (
    "In those trials people were guided by somebody trained; that a page alone does as much has "
    "not been shown, and for this page nobody has tried. If your nightmares come from something "
    "that happened to you, come every week, make you dread sleep, or if you think of harming "
    "yourself, please talk to a doctor or a psychotherapist: there are treatments that work, and "
    "a crisis line answers now. If you act out your dreams or wake up gasping, a sleep clinic "
    "should know."
)


@dataclass(frozen=True)
class Course:
    """How often a dream came in the `days` before it was written anew, and since."""

    days_before: int
    before: int
    days_after: int
    after: int
    rehearsed: int

    def sentence(self) -> str:
        times = "once" if self.after == 1 else f"{self.after} times"
        since = f"It returned {times}" if self.after else "It has not returned"
        more = "" if self.days_after >= 14 else " That is too short a time to tell."
        return (
            f"Noted {self.before} times in the {self.days_before} days before it was written "
            f"anew. {since} in the {self.days_after} days since, in which you noted "
            f"{self.rehearsed} rehearsals.{more} A journal counts what was written down, not what "
            "was dreamt."
        )


def bad(entry: Entry) -> bool:
    """Whether its dreamer called the dream bad."""
    return (entry.mood is not None and entry.mood <= BAD) or bool(BAD_TAGS & set(entry.tags))


def same_dream(entry: Entry, entries: list[Entry]) -> list[Entry]:
    """Other bad entries of what is likely the same dream: named as such, or of a common tag."""
    told = {entry.id, entry.again} - {""}
    while True:  # the whole family that `again` ties together
        more = {e.id for e in entries if e.again in told} | {
            e.again for e in entries if e.id in told and e.again
        }
        if more <= told:
            break
        told |= more
    tags = set(entry.tags) - BAD_TAGS
    return [
        e
        for e in entries
        if e.id != entry.id and bad(e) and (e.id in told or tags & (set(e.tags) - BAD_TAGS))
    ]


def offer(journal: Journal, entry: Entry) -> list[Entry]:
    """The earlier nights of a bad dream that returned, if the offer is due; it is due once."""
    if not bad(entry):
        return []
    family = same_dream(entry, journal.all())
    if any(e.offered or e.rescript for e in (*family, entry)):
        return []
    recent = [e for e in family if abs(_day(e) - _day(entry)) <= timedelta(RETURNS_DAYS)]
    if recent:
        entry.offered = True
        journal.keep(entry)
    return recent


def write(journal: Journal, entry: Entry, text: str, today: date | None = None) -> None:
    """Keep `text` as the dream written anew."""
    day = (today or datetime.now().astimezone().date()).isoformat()
    kept = entry.rescript or {"written": day, "rehearsed": []}
    entry.rescript = {**kept, "text": text.strip()}
    journal.keep(entry)


def rehearsed(journal: Journal, entry: Entry, today: date | None = None) -> None:
    """Note a rehearsal, one a day."""
    day = (today or datetime.now().astimezone().date()).isoformat()
    if entry.rescript and day not in entry.rescript["rehearsed"]:
        entry.rescript["rehearsed"].append(day)
        journal.keep(entry)


def course(journal: Journal, entry: Entry, today: date | None = None) -> Course | None:
    """Whether the dream returned; None as long as it is not written anew."""
    if not entry.rescript:
        return None
    turn = date.fromisoformat(entry.rescript["written"])
    today = today or datetime.now().astimezone().date()
    days = max(0, (today - turn).days)
    span = max(days, 28)  # the same time before it, four weeks at least
    came = [_day(e) for e in (entry, *same_dream(entry, journal.all()))]
    before = sum(turn - timedelta(span) <= day <= turn for day in came)
    after = sum(turn < day <= today for day in came)
    return Course(span, before, days, after, len(entry.rescript["rehearsed"]))


def _day(entry: Entry) -> date:
    return date.fromisoformat(entry.day)
