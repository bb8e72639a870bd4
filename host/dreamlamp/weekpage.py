"""The page over weeks: one self-contained HTML file, filled from templates/weeks.html.

First the plain things: how many evenings, how well recorded, what is missing and why. No score,
nothing loaded from anywhere. Knows no library; every fact comes from `weeks`.
"""

from datetime import date
from pathlib import Path

from . import sealed, weekdrawing
from .page import STYLE, WEEKS
from .templates import fill, safe
from .words import SOURCE, clock, counted, duration

MISSING_MOST = 6  # reasons, and days each, that are named; the rest is counted
WEEKS_MOST = 8  # rows of the table, so that a page is a page


def write(found: dict, path: Path) -> None:
    """Write the page of `weeks.facts` to `path`, the owner's alone, whole or not at all."""
    sealed.put(path, page(found).encode())


def page(found: dict) -> str:
    """The HTML text."""
    pictures = _pictures(found) if found["nights"] else {}
    return fill(
        "weeks.html", look=safe(STYLE + WEEKS), found=found, plain=plain(found),
        title=_title(found), chips=[SOURCE[s] for s in found["sources"] if s in SOURCE],
        weeks=[_week(week) for week in found["weeks"][-WEEKS_MOST:]],
        **{"raster": None, "rows": [], "hours": [], "trends": [], **pictures},
    )  # fmt: skip


def plain(found: dict) -> list[str]:
    """How many evenings are recorded, how well, and why the others are not."""
    if not found["nights"]:
        said = ["No night with a known clock is here."]
    else:
        main = [n for n in found["nights"] if n["main"]]
        worn = sum(n["worn_min"] for n in found["nights"])
        good = sum(n["good_min"] for n in found["nights"])
        said = [
            f"{counted(len(main), 'night')} of {counted(found['evenings'], 'evening')} recorded, "
            f"{duration(sum(n['recorded_min'] for n in found['nights']))} in all."
        ]
        if worn:
            said[0] += (
                f" The sensor was worn for {duration(worn)}, and its signal was good for "
                f"{100 * good / worn:.0f} % of that."
            )
    missing = found["missing"]
    if missing:
        said += _missing(missing)
    if found["undated"]:
        said.append(
            f"{len(found['undated'])} nights are left out: no clock was told to the lamp in them."
        )
    if found["unreadable"]:
        said.append(f"{len(found['unreadable'])} nights could not be read.")
    return said


def _missing(missing: list[dict]) -> list[str]:
    """One sentence each reason, the most frequent first."""
    days: dict[str, list[str]] = {}
    for each in missing:
        days.setdefault(each["why"], []).append(_day(each["day"]))
    said = []
    for why, of in sorted(days.items(), key=lambda pair: -len(pair[1]))[:MISSING_MOST]:
        named = ", ".join(of[-MISSING_MOST:])
        more = f" and {len(of) - MISSING_MOST} earlier" if len(of) > MISSING_MOST else ""
        said.append(f"Missing: {named}{more}: {why}.")
    return said


def _title(found: dict) -> str:
    if not found["nights"]:
        return "No nights yet"
    first, last = (date.fromisoformat(found[key]) for key in ("from", "to"))
    return f"{first.day} {first:%B %Y} to {last.day} {last:%B %Y}"


def _day(iso: str) -> str:
    day = date.fromisoformat(iso)
    return f"{day.day} {day:%b}"


def _pictures(found: dict) -> dict:
    low, high = weekdrawing.hours(found)
    first = date.fromisoformat(found["from"])
    every = 2 if high - low > 10 else 1
    return {
        "raster": safe(weekdrawing.raster(found)),
        "rows": [
            (
                100 * k / found["evenings"],
                _day(date.fromordinal(first.toordinal() + k).isoformat()),
            )
            for k in range(found["evenings"])
            if date.fromordinal(first.toordinal() + k).weekday() == 0
        ],
        "hours": [
            (100 * (h - low) / (high - low), clock(h))
            for h in range(int(low) + 1, int(high), every)
        ],
        "trends": [
            {**trend, "svg": safe(weekdrawing.trend(found, trend)), **_said(trend, found)}
            for trend in found["trends"]
            if trend["nights"]
        ],
    }


def _said(trend: dict, found: dict) -> dict:
    """A trend in words: usual value, its middle half, its change and how sure that is."""
    value = _value(trend["unit"])
    low, high = (value(v) for v in weekdrawing.span(trend, found))
    usual = f"{value(trend['median'])}, mostly {value(trend['quarter'])} to " + value(
        trend["three_quarters"]
    )
    if "a_week" not in trend:
        return {"usual": usual, "change": "too few nights for a trend", "low": low, "high": high}
    step = _step(trend["unit"])
    doubt = f"95 %: {step(trend['low'])} to {step(trend['high'])}"
    change = f"{step(trend['a_week'])} a week" if trend["clear"] else "no clear change a week"
    return {"usual": usual, "change": f"{change} ({doubt})", "low": low, "high": high}


def _value(unit: str):
    if unit == "clock":
        return clock
    return duration if unit == "min" else lambda value: f"{value:.0f} {unit}"


def _step(unit: str):
    if unit == "clock":
        return lambda hours: f"{60 * hours:+.0f} min"
    return lambda value: f"{value:+.1f} {unit}"


def _week(week: dict) -> dict:
    return {
        "of": _day(week["week"]), "nights": week["nights"], "tst": duration(week["tst"]),
        "waso": duration(week["waso"]), "rem": duration(week["rem"]),
        "bpm": "-" if week["mean_bpm"] is None else f"{week['mean_bpm']:.0f}",
        "loops": week["loops"],
    }  # fmt: skip
