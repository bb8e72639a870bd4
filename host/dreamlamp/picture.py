"""One decision of the lamp as a picture: the heart or the EEG, the score and the light around it.

As a file (SVG, PNG, or a page of its own) by matplotlib, or as rows of blocks for a terminal.
"""

import io
from html import escape
from pathlib import Path
from textwrap import fill

import numpy as np
from lamp import wire

from .because import Case
from .errors import DreamlampError
from .nights import Night
from .page import STYLE

BEFORE_S, AFTER_S = 1800, 1200
BLOCKS = " ▁▂▃▄▅▆▇█"
GROUND, TEXT, SOFT = "#0b0e14", "#dfe5ee", "#8d99ab"
HEART, SCORE, HOLD, LAMP = "#e58a92", "#f2b36b", "#5f8fd6", "#ff9d3c"
SMOOTH_BEATS = 5


def write(night: Night, case: Case, file: Path) -> None:
    """Draw `case` into `file`, by its ending: .svg, .png or .html."""
    kind = file.suffix.lower()
    if kind not in (".svg", ".png", ".html"):
        raise DreamlampError(f"{file}: a picture ends in .svg, .png or .html")
    if not file.parent.is_dir():
        raise DreamlampError(f"there is no folder {file.parent} for the picture: make it first")
    drawn = _draw(night, case, "png" if kind == ".png" else "svg")
    if kind == ".html":
        svg = drawn.decode()
        drawn = _page(case, svg[svg.index("<svg") :]).encode()
    half = file.with_name(f".{file.name}.part")
    half.write_bytes(drawn)
    half.replace(file)


def _page(case: Case, svg: str) -> str:
    said = "".join(f"<p>{escape(s)}</p>" for s in (case.sentence, *case.after))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Why · Dreamlamp</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}svg{{width:100%;height:auto}}</style></head><body><main>"
        f'<section class="plain">{said}</section><section>{svg}</section></main></body></html>\n'
    )


def _draw(night: Night, case: Case, form: str) -> bytes:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "dreamlamp", "font.size": 9, "text.color": TEXT}):
        figure = Figure(figsize=(9, 6), facecolor=GROUND)
        FigureCanvasAgg(figure)
        axes = figure.subplots(3, 1, sharex=True, height_ratios=(5, 3, 1))
        figure.subplots_adjust(0.09, 0.09, 0.97, 0.84, hspace=0.12)
        figure.text(0.09, 0.97, fill(case.sentence, 110), va="top")
        for paint, axis in zip((_heart, _score, _light), axes):
            _dress(axis)
            paint(axis, night, case)
            axis.axvline(0, color=TEXT, lw=0.8, dashes=(1, 2))
        axes[-1].set_xlim(-BEFORE_S / 60, AFTER_S / 60)
        axes[-1].set_xlabel("minutes", color=SOFT)
        out = io.BytesIO()
        nothing = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        figure.savefig(out, format=form, dpi=150, facecolor=GROUND, metadata=nothing)
    return out.getvalue()


def _dress(axis) -> None:
    axis.set_facecolor("#121722")
    axis.tick_params(colors=SOFT, length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _heart(axis, night: Night, case: Case) -> None:
    epochs, minutes = _epochs(night, case)
    if night.kit == "eeg":
        label = "alpha and beta over your usual, dB"
        axis.plot(minutes, _arousal(night, case)[1], color=HEART, lw=1, label=label)
        _legend(axis)
        return
    at, rate = beats_near(night, case)
    axis.plot(at / 60, rate, color=HEART, lw=1, label="heart, bpm")
    base = np.where(epochs["base_bpm"] > 0, epochs["base_bpm"], np.nan)
    axis.plot(minutes, base, color=SOFT, lw=1, dashes=(4, 3), label="usual")
    _legend(axis)


def _score(axis, night: Night, case: Case) -> None:
    epochs, minutes = _epochs(night, case)
    gate = (epochs["flags"] & wire.F_GATE) > 0
    axis.plot(minutes, epochs["cycle"], color=SCORE, lw=1.4, label="returns to a surge")
    axis.plot(minutes, epochs["hold"], color=HOLD, lw=1.4, label="held high")
    axis.axhline(100, color=TEXT, lw=1, dashes=(4, 3))
    axis.fill_between(minutes, 0, 1, where=~gate, transform=axis.get_xaxis_transform(),
                      color=SOFT, alpha=0.18, lw=0, label="may not look")  # fmt: skip
    axis.set_ylim(0, max(130, epochs["score"].max(initial=0) * 1.1))
    _legend(axis)


def _light(axis, night: Night, case: Case) -> None:
    epochs, minutes = _epochs(night, case)
    axis.fill_between(minutes, 0, epochs["light"], color=LAMP, step="mid", lw=0)
    axis.set_ylim(0, max(20, epochs["light"].max(initial=0) * 1.2))
    axis.set_ylabel("light, L*", color=SOFT)


def _legend(axis) -> None:
    axis.legend(loc="upper left", frameon=False, labelcolor=SOFT, fontsize=8, ncols=3)


def _epochs(night: Night, case: Case) -> tuple[dict, np.ndarray]:
    """The epochs around the case, and the minutes of their middles from it."""
    away = night.seconds + wire.EPOCH_S / 2 - case.second
    near = (away >= -BEFORE_S) & (away <= AFTER_S)
    return {name: values[near] for name, values in night.epochs.items()}, away[near] / 60


def _arousal(night: Night, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Seconds from the case, and dB of alpha and beta over the usual, of the epochs near."""
    away = night.seconds + wire.EPOCH_S / 2 - case.second
    near = (away >= -BEFORE_S) & (away <= AFTER_S)
    return away[near], night.arousal_db[near]


def beats_near(night: Night, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Seconds from the case and rates (bpm, a median over five beats) of the good beats near."""
    at: list[float] = []
    ibi: list[int] = []
    for second, held in zip(night.seconds - case.second, night.beats):
        if -BEFORE_S - wire.EPOCH_S <= second <= AFTER_S:
            good = [i for i in range(held.n) if held.flag[i] == wire.NN and held.ibi_ms[i]]
            at += [second + held.t_ms[i] / 1000 for i in good]
            ibi += [held.ibi_ms[i] for i in good]
    if len(ibi) < SMOOTH_BEATS:
        return np.zeros(0), np.zeros(0)
    around = np.lib.stride_tricks.sliding_window_view(np.array(ibi, float), SMOOTH_BEATS)
    edge = SMOOTH_BEATS // 2
    return np.array(at)[edge:-edge], 60000 / np.median(around, axis=1)


def rows(night: Night, case: Case, width: int, high: int = 6) -> list[tuple[str, str]]:
    """(label, blocks) for a terminal: `high` rows of heart or EEG, one of score, one of light."""
    edges = np.linspace(-BEFORE_S, AFTER_S, width + 1)
    eeg = night.kit == "eeg"
    at, rate = _arousal(night, case) if eeg else beats_near(night, case)
    heart = _binned(edges, at, rate)
    unit = "dB" if eeg else "bpm"
    low, top = np.nanpercentile(heart, [2, 100]) if np.isfinite(heart).any() else (0, 1)
    level = np.nan_to_num((heart - low) / max(top - low, 1) * high * 8, nan=-1)
    lines = []
    for row in reversed(range(high)):
        label = f"{top:.0f} {unit}" if row == high - 1 else f"{low:.0f} {unit}" if row == 0 else ""
        part = np.clip(np.round(level - row * 8), 0, 8).astype(int)
        if row == 0:
            part = np.where(level >= 0, np.maximum(part, 1), 0)
        lines.append((label, "".join(BLOCKS[k] for k in part)))
    epochs, minutes = _epochs(night, case)
    for label, name, most in (("score", "score", 130), ("light", "light", 60)):
        seen = np.nan_to_num(_binned(edges, minutes * 60, epochs[name].astype(float)))
        part = np.clip(np.ceil(seen / most * 8), 0, 8).astype(int)
        lines.append((label, "".join(BLOCKS[k] for k in part)))
    mark = int(width * BEFORE_S / (BEFORE_S + AFTER_S))
    lines.append(("", f"{'-30 min':<{mark}}▲{f'+{AFTER_S // 60} min':>{width - mark - 1}}"))
    return lines


def _binned(edges: np.ndarray, at: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean of `values` in each span of `edges`; where there is none, of the span before."""
    where = np.digitize(at, edges) - 1
    out = np.full(edges.size - 1, np.nan)
    for k in range(out.size):
        inside = values[where == k]
        if inside.size:
            out[k] = inside.mean()
        elif k:
            out[k] = out[k - 1]
    return out
