"""What there is to say about weeks of nights, as plain facts that turn into JSON.

How many evenings were recorded and why the others were not, how regular they were, what changed
and how sure that is. Trends are Theil-Sen slopes with their 95 % interval (Sen 1968): one odd
night does not bend them. Sentences cite what they rest on. Knows no page.
"""

from datetime import date, datetime, timedelta

import numpy as np

from .breathing import SUSPECT_PERCENT
from .index import NOON_S, Index, Wanted
from .regularity import ASLEEP, NO_SLEEP, UNKNOWN, sri_with_doubt
from .words import clock, duration

DAY_S, EPOCH_S = 86400, 30
SLOTS = DAY_S // EPOCH_S
MAIN_MIN = 180  # recorded for so long, it counts as a night and not as a nap or a trial
FEWEST_NIGHTS, FEWEST_DAYS = 8, 14  # for a trend
FREE_EVENINGS = (4, 5)  # Friday and Saturday: most people may sleep longer after them
LATER_MIN = 45  # on them, from which on it is worth saying
QUANTITIES = (  # key, name, unit
    ("onset", "fell asleep", "clock"), ("wake", "woke up", "clock"), ("tst", "asleep", "min"),
    ("waso", "awake in between", "min"), ("mean_bpm", "heart rate", "bpm"),
    ("rmssd_ms", "RMSSD", "ms"),
)  # fmt: skip


def facts(known: Index, wanted: Wanted) -> dict:
    """Everything of the page over weeks, of the nights that are wanted."""
    rows = [(dict(row), codes) for row, codes in known.sleep(wanted)]
    dated = [(row, codes) for row, codes in rows if row["day"]]
    nights = [_night(row, codes) for row, codes in dated]
    main = [night for night in nights if night["main"]]
    found: dict = {
        "nights": nights,
        "undated": [row["name"] for row, _ in rows if not row["day"]],
        "unreadable": [list(each) for each in known.unreadable(wanted.person)],
        "sources": sorted({night["source"] for night in nights} - {"lamp"}),
        "from": nights[0]["day"] if nights else None,
        "to": nights[-1]["day"] if nights else None,
        "evenings": 0,
        "missing": [],
        "weeks": [dict(row) for row in known.by_week(wanted)],
        "regularity": None,
        "trends": [],
        "breathing": _breathing(main),
    }
    if nights:
        days = _calendar(nights[0]["day"], nights[-1]["day"])
        found["evenings"] = len(days)
        found["missing"] = _missing(days, nights)
        found["regularity"] = sri_with_doubt(states(days, dated))
        found["trends"] = [_trend(main, *what) for what in QUANTITIES]
    found["timing"] = _timing(main)
    found["sentences"] = sentences(found)
    return found


def _night(row: dict, codes: np.ndarray) -> dict:
    """One night's figures; `onset` and `wake` in hours after noon of its evening."""
    keys = (
        "name", "day", "began_at", "recorded_min", "worn_min", "good_min", "tst", "waso", "rem",
        "mean_bpm", "rmssd_ms", "loops", "rescues", "light_min", "cyclic", "source",
    )  # fmt: skip
    night = {key: row[key] for key in keys}
    night["main"] = row["recorded_min"] >= MAIN_MIN
    asleep = np.flatnonzero(codes == ASLEEP)
    start = _after_noon_s(row)
    night["start"] = start / 3600
    night["end"] = (start + codes.size * EPOCH_S) / 3600
    night["onset"] = (start + asleep[0] * EPOCH_S) / 3600 if asleep.size else None
    night["wake"] = (start + (asleep[-1] + 1) * EPOCH_S) / 3600 if asleep.size else None
    edges = np.flatnonzero(np.diff(codes, prepend=99)).tolist()
    night["runs"] = [
        [round((start + a * EPOCH_S) / 3600, 4), round((start + b * EPOCH_S) / 3600, 4),
         int(codes[a])]
        for a, b in zip(edges, [*edges[1:], codes.size])
    ]  # fmt: skip
    return night


def _after_noon_s(row: dict) -> float:
    """Local seconds from noon of the night's evening to its start."""
    began = datetime.fromisoformat(row["began_at"]).replace(tzinfo=None)
    noon = datetime.fromisoformat(row["day"]) + timedelta(seconds=NOON_S)
    return (began - noon).total_seconds()


def _calendar(first: str, last: str) -> list[str]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=k)).isoformat() for k in range((end - start).days + 1)]


def states(days: list[str], dated: list[tuple[dict, np.ndarray]]) -> np.ndarray:
    """Asleep or not at each half minute of each day, from noon to noon by the clock on the wall.

    Outside of a recording one counts as awake, if a whole night was recorded: a nap that the lamp
    did not see is missed. Other days are unknown.
    """
    grid = np.full((len(days) + 1) * SLOTS, UNKNOWN, np.uint8)
    at = {day: k for k, day in enumerate(days)}
    whole = {row["day"] for row, _ in dated if row["recorded_min"] >= MAIN_MIN}
    for day in whole:
        grid[at[day] * SLOTS : (at[day] + 1) * SLOTS] = NO_SLEEP
    for row, codes in dated:
        if row["day"] not in whole:
            continue
        first = at[row["day"]] * SLOTS + round(_after_noon_s(row) / EPOCH_S)
        part = grid[first : first + codes.size]
        part[:] = codes[: part.size]
    return grid[: len(days) * SLOTS].reshape(len(days), SLOTS)


def _missing(days: list[str], nights: list[dict]) -> list[dict]:
    """Evenings of which less than a night is known, and why."""
    by_day: dict[str, list[dict]] = {}
    for night in nights:
        by_day.setdefault(night["day"], []).append(night)
    found = []
    for day in days:
        held = by_day.get(day, [])
        recorded = sum(night["recorded_min"] for night in held)
        worn, good = (sum(night[key] for night in held) for key in ("worn_min", "good_min"))
        if not held:
            why = "nothing was recorded"
        elif recorded < MAIN_MIN:
            why = f"only {duration(recorded)} were recorded"
        elif worn < recorded / 2:
            why = f"the sensor was worn for {duration(worn)} of {duration(recorded)}"
        elif good < worn / 2:
            why = f"the signal was good for {duration(good)} of {duration(worn)}"
        else:
            continue
        found.append({"day": day, "why": why})
    return found


def _trend(main: list[dict], key: str, name: str, unit: str) -> dict:
    """The usual value, its middle half, and the change a week with its 95 % interval."""
    held = [(date.fromisoformat(n["day"]).toordinal(), n[key]) for n in main if n[key] is not None]
    trend: dict = {"key": key, "name": name, "unit": unit, "nights": len(held)}
    if not held:
        return trend
    at, value = np.array(held, float).T
    low, middle, high = np.percentile(value, [25, 50, 75])
    trend |= {"median": float(middle), "quarter": float(low), "three_quarters": float(high)}
    if len(held) >= FEWEST_NIGHTS and at[-1] - at[0] >= FEWEST_DAYS:
        from scipy.stats import theilslopes  # slow to load

        slope, intercept, least, most = theilslopes(value, at - at[0], 0.95)
        trend |= {
            "a_week": 7 * float(slope), "low": 7 * float(least), "high": 7 * float(most),
            "at_first": float(intercept), "clear": bool(least > 0 or most < 0),
        }  # fmt: skip
    return trend


def _timing(main: list[dict]) -> dict:
    """When one usually sleeps, and how much later on free evenings, minutes."""
    held = [n for n in main if n["onset"] is not None]
    if not held:
        return {"onset": None, "wake": None, "later_min": None}
    middle = {
        free: [(n["onset"] + n["wake"]) / 2 for n in held
               if (date.fromisoformat(n["day"]).weekday() in FREE_EVENINGS) is free]
        for free in (True, False)
    }  # fmt: skip
    enough = all(len(values) >= 2 for values in middle.values())
    later = 60 * float(np.median(middle[True]) - np.median(middle[False])) if enough else None
    return {
        "onset": float(np.median([n["onset"] for n in held])),
        "wake": float(np.median([n["wake"] for n in held])),
        "later_min": later,
    }


def _breathing(main: list[dict]) -> dict:
    """Nights in which the heart cycled as it does in sleep apnea, of those that can tell."""
    told = [night["cyclic"] for night in main if night["cyclic"] is not None]
    marked = sum(value >= SUSPECT_PERCENT for value in told)
    return {
        "nights": len(told),
        "marked": marked,
        "median_percent": float(np.median(told)) if told else None,
        "hint": len(told) >= 3 and marked * 2 >= len(told),
    }


def sentences(found: dict) -> list[dict]:
    """{about, says, because}: a plain sentence, and the evidence it rests on."""
    said: list[dict] = []

    def say(about: str, says: str, because: str = "") -> None:
        said.append({"about": about, "says": says, "because": because})

    regular, timing = found["regularity"], found["timing"]
    if regular:
        share = (regular["sri"] + 100) / 2
        say(
            "Regularity",
            f"At {share:.0f} % of all moments you were asleep or awake just as 24 hours before: a "
            f"Sleep Regularity Index of {regular['sri']:.0f} (95 %: {regular['low']:.0f} to "
            f"{regular['high']:.0f}, {regular['pairs']} pairs of days). Where the lamp recorded "
            "nothing you count as awake.",
            "Among 60,977 people, regular sleep went with a longer life, more so than long sleep; "
            "that it is the cause was not shown (Windred et al. 2024, Sleep 47, zsad253).",
        )
    elif found["nights"]:
        say("Regularity", "Too few days in a row are recorded to say how regular they are.")
    if timing["onset"] is not None:
        onset, wake = clock(timing["onset"]), clock(timing["wake"])
        says = f"You usually fell asleep at {onset} and woke up at {wake}."
        because = ""
        later = timing["later_min"]
        if later is not None and later >= LATER_MIN:
            says += f" On Fridays and Saturdays your sleep lay {duration(later)} later."
            because = (
                "Such a shift is called social jetlag. It goes along with more smoking and less "
                "well-being, which does not say why (Wittmann et al. 2006, Chronobiology "
                "International 23, 497)."
            )
        say("Timing", says, because)
        say(
            "Light",
            f"For somebody who falls asleep at {onset}, the advice is bright days, dim light from "
            f"{clock(timing['onset'] - 3)} on, and darkness in bed.",
            "At least 250 lux by day, at most 10 in the three hours before bed and 1 asleep, "
            "melanopic and at the eye: a consensus of experts, for healthy adults (Brown et al. "
            "2022, PLoS Biology 20, e3001571).",
        )
        say(
            "Caffeine",
            f"A cup of coffee after {clock(timing['onset'] - 8.8)} may cost sleep before {onset}.",
            "Over 24 studies caffeine cost 45 min of sleep; a cup (107 mg) no more than could be "
            "noticed if drunk 8.8 hours before bed. People differ (Gardiner et al. 2023, Sleep "
            "Medicine Reviews 69, 101764).",
        )
    breathing = found["breathing"]
    if breathing["hint"]:
        say(
            "Breathing",
            f"In {breathing['marked']} of {breathing['nights']} nights your heart slowed and "
            "raced every 25 to 75 seconds for long stretches, as it does where breathing stops "
            "and starts again. This is no diagnosis. Show it to a doctor and ask whether your "
            "breathing at night should be measured.",
            "Cyclic variation of heart rate accompanies sleep apnea (Guilleminault et al. 1984, "
            "Lancet 1, 126). Other things cause it, too.",
        )
    return said
