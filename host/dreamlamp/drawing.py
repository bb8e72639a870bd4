"""The panels of the report as SVG: shapes only, drawn by matplotlib, stretched by the page.

Each panel is a picture of the night from edge to edge; the page lays the words over it in HTML,
so they stay readable on a phone. Colours are the page's own: each stands here as a number that
exists once and is put in as `var(--name)`, so that the paper has other colours than the screen.
"""

import io
import re
from functools import partial
from itertools import groupby

import matplotlib as mpl
import numpy as np
from lamp import wire
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from .nights import Night
from .summary import GOOD, reference

COLOURS = {name: f"#0{i:x}0a0{i:x}" for i, name in enumerate(
    ("wake", "rem", "light", "deep", "line", "heart", "base", "score", "lamp", "gone", "weak"), 1
)}  # fmt: skip
ROWS = {"W": 3, "R": 2, "N1": 1, "N2": 1, "N3": 0}
FIVE = {"W": 4, "R": 3, "N1": 2, "N2": 1, "N3": 0}  # of the EEG kit
SHADES = 8  # of a band's power
STAGE_COLOURS = {"W": "wake", "R": "rem", "N1": "light", "N2": "light", "N3": "deep"}
LEVELS = (0.35, 0.6, 0.8, 1.0)  # of ink, for the confidences from these percentages on
FROM_PERCENT = (0, 50, 65, 80)
WIDE = 30.0  # epochs further apart than this, in s, are not joined by a line


def panels(night: Night) -> dict[str, str]:
    """SVG text of each panel: worn, stages, heart or, of EEG, bands; score; lamp if it shone."""
    ranges = {_worn: (0, 1), _stages: stage_range(night)}
    if night.kit == "eeg":
        ranges[_bands] = (0, wire.EEG_BANDS)
    else:
        ranges[_heart] = heart_range(night)
    ranges[_score] = score_range(night)
    if night.epochs["light"].any():
        ranges[_lamp] = (0, lamp_top(night))
    width = (0, max(night.length_s, 1))
    return {
        paint.__name__[1:]: picture(paint.__name__, partial(paint, night=night), width, height)
        for paint, height in ranges.items()
    }


def stage_rows(night: Night) -> dict[str, int]:
    """Stage -> its row in the hypnogram: a heart alone cannot tell N1 from N2."""
    return FIVE if night.kit == "eeg" else ROWS


def stage_range(night: Night) -> tuple[float, float]:
    """Foot and top of the hypnogram: as many rows as the page has names for."""
    return -0.12, max(stage_rows(night).values()) + 0.92


def heart_range(night: Night) -> tuple[float, float]:
    """bpm at the foot and the top of the heart's panel."""
    rate = night.epochs["hr_bpm_x10"][_good(night)] / 10
    if not rate.size:
        return 40, 100
    low, high = np.percentile(rate, [0.5, 99.5])
    return float(np.floor(low / 5) * 5 - 5), float(np.ceil(high / 5) * 5 + 10)


def score_range(night: Night) -> tuple[float, float]:
    return 0, max(130, float(night.epochs["score"].max(initial=0)) * 1.1)


def lamp_top(night: Night) -> float:
    return max(10, float(night.epochs["light"].max(initial=0)) * 1.25)


def _good(night: Night) -> np.ndarray:
    return (night.epochs["quality"] >= GOOD) & (night.epochs["hr_bpm_x10"] > 0)


def picture(name: str, paint, x_range, y_range) -> str:
    """SVG of what `paint(axes)` draws; `name` keeps its ids apart from other pictures'."""
    figure = Figure(figsize=(10, 2))
    FigureCanvasSVG(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(*x_range)
    axes.set_ylim(*y_range)
    paint(axes)
    out = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": "dreamlamp", "path.simplify_threshold": 0.2}):
        figure.savefig(out, format="svg", transparent=True, metadata=nothing)
    return _for_the_page(out.getvalue(), name)


def _for_the_page(svg: str, name: str) -> str:
    """Only the picture, free to stretch, in the page's colours, its ids its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.S)
    head = r'<svg viewBox="\1" preserveAspectRatio="none" aria-hidden="true">'
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', head, svg)
    for colour, value in COLOURS.items():
        svg = svg.replace(value, f"var(--{colour})")
    svg = re.sub(r'(id="|#)([a-zA-Z])', rf"\g<1>{name}-\2", svg)
    return re.sub(r"\n\s*", "\n", svg)


def blocks(axes, boxes, colour: str, alpha: float = 1.0) -> None:
    """Filled rectangles (x0, x1, y0, y1) of one colour."""
    shapes = [[(x0, y0), (x0, y1), (x1, y1), (x1, y0)] for x0, x1, y0, y1 in boxes]
    axes.add_collection(
        PolyCollection(shapes, facecolors=COLOURS[colour], edgecolors="none", alpha=alpha)
    )


def _worn(axes, night: Night) -> None:
    flags, quality = night.epochs["flags"], night.epochs["quality"]
    worn = (flags & wire.F_WORN) > 0
    kind = np.where(~worn, "gone", np.where(quality >= GOOD, "line", "weak"))
    for colour in ("gone", "weak", "line"):
        blocks(axes, [(*run, 0, 1) for run in _runs(night, kind == colour)], colour)


def _runs(night: Night, wanted: np.ndarray) -> list[tuple[float, float]]:
    """From and to of each unbroken run of the `wanted` epochs, seconds."""
    runs: list[tuple[float, float]] = []
    for start in night.seconds[wanted]:
        if runs and start - runs[-1][1] < 0.5:
            runs[-1] = (runs[-1][0], start + wire.EPOCH_S)
        else:
            runs.append((start, start + wire.EPOCH_S))
    return runs


def _stages(axes, night: Night) -> None:
    stages = np.array(night.stages)
    level = np.searchsorted(FROM_PERCENT, night.hindsight.confidence, side="right") - 1
    rows = stage_rows(night)
    steps = [(s, c) for s in ("N3", "N2", "N1", "R", "W") for c in range(len(LEVELS))]
    for stage, depth in steps:
        row = rows[stage]
        runs = _runs(night, (stages == stage) & (level == depth))
        boxes = [(start, end, row, row + 0.8) for start, end in runs]
        blocks(axes, boxes, STAGE_COLOURS[stage], LEVELS[depth])
    other = reference(night)
    if other is not None:
        _others_line(axes, night, other)


def _others_line(axes, night: Night, other: list[str]) -> None:
    """The hypnogram that others scored, as one thin line over ours."""
    path: list[list[tuple[float, float]]] = []
    for known, group in groupby(zip(night.seconds, other), lambda pair: pair[1] in ROWS):
        if not known:
            continue
        line: list[tuple[float, float]] = []
        for start, stage in group:
            height = stage_rows(night)[stage] + 0.4
            line += [(start, height), (start + wire.EPOCH_S, height)]
        path.append(line)
    axes.add_collection(LineCollection(path, colors=COLOURS["line"], linewidths=1.2))


def _bands(axes, night: Night) -> None:
    """A strip for each band, the slowest at the foot, shaded between its own 2 and 98 percent."""
    seen = night.bands[:, 0] > 0
    for k, power in enumerate(night.bands.T.astype(float)):
        if not seen.any():
            return
        low, high = np.percentile(power[seen], [2, 98])
        shade = np.clip((power - low) / max(high - low, 8) * SHADES, 0, SHADES - 1).astype(int)
        for depth in range(1, SHADES):
            runs = _runs(night, seen & (shade == depth))
            boxes = [(start, end, k + 0.04, k + 0.96) for start, end in runs]
            blocks(axes, boxes, "score", depth / (SHADES - 1))


def spectrogram(power: np.ndarray) -> str:
    """SVG of power densities (frequencies, minutes), the lowest at the foot; nan stays empty.

    Times its frequency, so that the fall of all EEG with frequency does not hide the rest;
    shaded between the 5 and 99.5 percent of that.
    """
    rows, columns = power.shape
    level = np.log2(np.maximum(power, 1e-6) * np.maximum(np.arange(rows), 0.5)[:, None])
    seen = np.isfinite(level)
    low, high = np.percentile(level[seen], [5, 99.5]) if seen.any() else (0, 1)
    shade = np.where(seen, (level - low) / max(high - low, 1) * SHADES, 0)
    shade = np.clip(np.nan_to_num(shade), 0, SHADES - 1).astype(int)
    paths = []
    for depth in range(1, SHADES):
        cells = []
        for row in range(rows):
            edges = np.flatnonzero(np.diff(np.pad(shade[row] == depth, 1).astype(int)))
            for start, end in edges.reshape(-1, 2):
                width = end - start
                cells.append(f"M{start} {rows - 1 - row}h{width}v1h-{width}z")
        ink = f'fill="var(--score)" fill-opacity="{depth / (SHADES - 1):.2f}"'
        paths.append(f'<path {ink} d="{"".join(cells)}"/>')
    head = f'<svg viewBox="0 0 {columns} {rows}" preserveAspectRatio="none" aria-hidden="true">'
    return f"{head}{''.join(paths)}</svg>"


def _heart(axes, night: Night) -> None:
    good = _good(night)
    rate = np.where(good, night.epochs["hr_bpm_x10"] / 10, np.nan)
    low, high = _spread(night)
    at = night.seconds + wire.EPOCH_S / 2
    parts = _unbroken(at)
    base = np.where(night.epochs["base_bpm"] > 0, night.epochs["base_bpm"], np.nan)
    for part in parts:
        axes.fill_between(
            at[part], low[part], high[part], color=COLOURS["heart"], alpha=0.22, lw=0
        )
        axes.plot(at[part], base[part], color=COLOURS["base"], lw=1, alpha=0.8, dashes=(4, 3))
        axes.plot(at[part], rate[part], color=COLOURS["heart"], lw=1.4)


def _spread(night: Night) -> tuple[np.ndarray, np.ndarray]:
    """bpm below and above which a tenth of each epoch's beats lie."""
    edges = np.full((2, len(night)), np.nan)
    for i, held in enumerate(night.beats):
        ibi = np.array(held.ibi_ms[: held.n])[np.array(held.flag[: held.n]) == wire.NN]
        if ibi.size > 5:
            edges[:, i] = 60000 / np.percentile(ibi, [90, 10])
    return edges[0], edges[1]


def _unbroken(at: np.ndarray) -> list[slice]:
    """Slices within which epochs follow each other."""
    cuts = (np.flatnonzero(np.diff(at) > 1.5 * WIDE) + 1).tolist()
    return [slice(a, b) for a, b in zip([0, *cuts], [*cuts, at.size])]


def _score(axes, night: Night) -> None:
    score = night.epochs["score"].astype(float)
    at = night.seconds + wire.EPOCH_S / 2
    gate = (night.epochs["flags"] & wire.F_GATE) > 0
    blocks(axes, [(*run, 0, axes.get_ylim()[1]) for run in _runs(night, gate)], "score", 0.09)
    axes.plot([0, night.length_s], [100, 100], color=COLOURS["score"], lw=1, dashes=(4, 3))
    for part in _unbroken(at):
        over = np.maximum(score[part], 100)
        axes.fill_between(at[part], 100, over, color=COLOURS["score"], alpha=0.55, lw=0)
        axes.plot(at[part], score[part], color=COLOURS["score"], lw=1.4)


def _lamp(axes, night: Night) -> None:
    boxes = [(s, s + wire.EPOCH_S, 0, level)
             for s, level in zip(night.seconds, night.epochs["light"]) if level]  # fmt: skip
    blocks(axes, boxes, "lamp")
