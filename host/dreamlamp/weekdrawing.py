"""The pictures of the page over weeks: nights by the clock, and a trend of each quantity.

Shapes only; the page lays the words over them, in its own colours (see drawing.py).
"""

from datetime import date

import numpy as np
from matplotlib.collections import LineCollection

from .drawing import COLOURS, blocks, picture
from .regularity import ASLEEP, NO_SLEEP, UNKNOWN

RUN = {NO_SLEEP: "wake", ASLEEP: "light", UNKNOWN: "weak"}
GAP = 0.14  # of a row, between nights
DOT = 4.5  # points


def hours(found: dict) -> tuple[float, float]:
    """The first and last full hour after noon that the nights reach."""
    nights = found["nights"]
    low, high = min(n["start"] for n in nights), max(n["end"] for n in nights)
    return float(np.floor(low)), float(np.ceil(high))


def raster(found: dict) -> str:
    """A row each evening, the oldest on top: asleep, awake, not known."""
    rows = _rows(found)

    def paint(axes) -> None:
        for kind, colour in RUN.items():
            boxes = [
                (low, high, -rows[n["day"]] - 1 + GAP, -rows[n["day"]] - GAP)
                for n in found["nights"]
                for low, high, code in n["runs"]
                if code == kind
            ]
            blocks(axes, boxes, colour)

    return picture("raster", paint, hours(found), (-found["evenings"], 0))


def _rows(found: dict) -> dict[str, int]:
    first = date.fromisoformat(found["from"])
    return {n["day"]: (date.fromisoformat(n["day"]) - first).days for n in found["nights"]}


def span(trend: dict, found: dict) -> tuple[float, float]:
    """The foot and the top of a trend's picture, in its own unit."""
    values = [n[trend["key"]] for n in _main(found, trend["key"])]
    low, high = min(values), max(values)
    room = max((high - low) * 0.15, 0.01 * max(abs(high), 1))
    foot = low - room if trend["unit"] == "clock" else max(0, low - room)
    return foot, high + room


def trend(found: dict, which: dict) -> str:
    """A dot each night; where there is a trend, its line and the slopes that may be meant."""
    rows = _rows(found)
    held = [(rows[n["day"]], n[which["key"]]) for n in _main(found, which["key"])]

    def paint(axes) -> None:
        dots = [[(at, value), (at + 1e-4, value)] for at, value in held]
        axes.add_collection(
            LineCollection(dots, colors=COLOURS["heart"], linewidths=DOT, capstyle="round")
        )
        if "a_week" in which:
            at = np.array([held[0][0], np.median([x for x, _ in held]), held[-1][0]])
            middle = which["at_first"] + which["a_week"] / 7 * (at[1] - at[0])
            low, line, high = (
                middle + which[key] / 7 * (at - at[1]) for key in ("low", "a_week", "high")
            )
            edges = np.minimum(low, high), np.maximum(low, high)
            axes.fill_between(at, *edges, color=COLOURS["line"], alpha=0.13, lw=0)
            axes.plot(
                at, line, color=COLOURS["line"], lw=1.2, alpha=0.8 if which["clear"] else 0.4
            )

    width = (-0.7, max(found["evenings"] - 0.3, 0.7))
    return picture(f"trend-{which['key']}", paint, width, span(which, found))


def _main(found: dict, key: str) -> list[dict]:
    return [n for n in found["nights"] if n["main"] and n[key] is not None]
