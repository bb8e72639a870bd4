"""The morning's page: one night as one self-contained HTML file.

First the plain things: how long the sensor was worn, how good the signal was, where nothing was
recorded and why. Then the night itself, its statistics and how sure all of it is. No score, no
nagging, nothing loaded from anywhere: it opens in thirty years. Knows no lamp; every fact comes
from `summary`, every picture from `drawing`.
"""

from datetime import datetime, timedelta
from html import escape
from pathlib import Path

from . import drawing, rawsignal, sealed
from .nights import Night
from .page import STYLE
from .summary import reasons, summarise
from .words import (
    breathing_sentence,
    duration,
    loop_sentence,
    moment,
    plain_sentences,
    reason_sentence,
    source_label,
    sure_sentences,
)

STATISTICS = (
    ("tst", "asleep"), ("tib", "in bed"), ("se", "sleep efficiency"), ("sol", "fell asleep after"),
    ("waso", "awake in between"), ("lat_rem", "first REM after"),
)  # fmt: skip
FIVE_SHARES = (("n3", "deep", "N3"), ("n2", "light", "N2"), ("n1", "light", "N1"),
               ("rem", "rem", "REM"))  # fmt: skip
SHARES = (("n3", "deep", "Deep"), ("n2", "light", "Light"), ("rem", "rem", "REM"))
PANEL_ROWS = ("Wake", "REM", "Light", "Deep")
FIVE_ROWS = ("Wake", "REM", "N1", "N2", "N3")  # of the EEG kit
BANDS = ("gamma", "beta", "sigma", "alpha", "theta", "delta")


def write(night: Night, path: Path, replayed: str = "", arms: str = "") -> dict:
    """Write the page to `path`, the owner's alone, whole or not at all; return the facts on it.

    `replayed` says what a replay found, `arms` how lit and dark events compare over the nights.
    """
    facts = summarise(night)
    path.parent.mkdir(parents=True, exist_ok=True)
    sealed.put(path, page(night, facts, replayed, arms).encode())
    return facts


def page(night: Night, facts: dict, replayed: str = "", arms: str = "") -> str:
    """The HTML text."""
    body = "".join(
        (
            _head(facts),
            _plain(facts, night),
            _panels(night, facts),
            _statistics(facts["statistics"], facts["heart"], facts["kit"] == "eeg"),
            _events(facts, night, arms),
            _sure(facts),
            _foot(night, facts, replayed),
        )
    )
    title = f"Night {facts['night']} · Dreamlamp"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="dark light">'
        f"<style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def _head(facts: dict) -> str:
    began = facts["began"] and datetime.fromisoformat(facts["began"])
    ended = facts["ended"] and datetime.fromisoformat(facts["ended"])
    when = f"{began:%A}, {began.day} {began:%B %Y}" if began else f"Night {facts['night']}"
    span = f"{began:%H:%M} &ndash; {ended:%H:%M}" if began else "clock time unknown"
    label = source_label(facts)
    chip = f'<p class="chip">{escape(label)}</p>' if label else ""
    name = facts["source"].get("name", "")
    of = f'<p class="of">{escape(name)}</p>' if name else ""
    return f"<header>{chip}<h1>{when}</h1><p class=span>{span}</p>{of}</header>"


def _plain(facts: dict, night: Night) -> str:
    said = "".join(f"<p>{escape(s)}</p>" for s in plain_sentences(facts))
    return f'<section class="plain">{said}</section>'


def _panels(night: Night, facts: dict) -> str:
    svg = drawing.panels(night)
    eeg = night.kit == "eeg"
    rows = _rows(FIVE_ROWS if eeg else PANEL_ROWS)
    key = "said at once" if eeg else "read again with the next five minutes known"
    key += " · stronger colour: surer"
    if facts["reference"]:
        key += f" · thin line: {escape(facts['reference']['by'])}"
    made = _panel("stages", "Sleep stages", key, svg["stages"] + rows)
    raw = rawsignal.of(night)
    if raw.samples:
        power, step_hz = rawsignal.spectrogram(night, raw)
        top = len(power) * step_hz
        picture = drawing.spectrogram(power) + _levels(0, top, 5)
        spectrogram_key = f"raw EEG, Hz · {_hours_of(raw)} of it"
        made += _panel("bands", "Spectrogram", spectrogram_key, picture)
    elif eeg:
        bands_key = "power of each band, pale to full between its own least and most of this night"
        made += _panel("bands", "Spectrum", bands_key, svg["bands"] + _rows(BANDS))
    else:
        made += _heart_panel(night, svg)
    top = drawing.score_range(night)[1]
    score = svg["score"] + _levels(0, top, 100, only=100) + _marks(night, facts)
    score_key = "dashed: the threshold · tinted: the detector may look"
    made += _panel("score", "Loop score", score_key, score)
    dark = "" if "lamp" in svg else '<p class="dark">The lamp stayed dark all night.</p>'
    if "lamp" in svg:
        lamp = svg["lamp"] + _levels(0, drawing.lamp_top(night), 20)
        made += _panel("lamp", "Light", "lightness L* of the lamp, 0 dark to 100", lamp)
    worn = _panel("worn", "Signal", "full: good · pale: poor · dark: not worn", svg["worn"])
    ticks = _hours(night, facts)
    lines = "".join(f'<i style="left:{at:.2f}%"></i>' for at, _ in ticks)
    made = made.replace('<div class="box">', f'<div class="box"><div class="lines">{lines}</div>')
    hours = "".join(f'<span style="left:{at:.2f}%">{text}</span>' for at, text in ticks)
    return f'<section class="night">{worn}{made}<div class="hours">{hours}</div>{dark}</section>'


def _hours_of(raw: rawsignal.Raw) -> str:
    return duration(raw.samples / rawsignal.RATE_HZ / 60)


def _heart_panel(night: Night, svg: dict[str, str]) -> str:
    low, high = drawing.heart_range(night)
    step = 20 if high - low > 50 else 10
    heart_key = "mean and spread of each half minute, bpm · dashed: the baseline"
    return _panel("heart", "Heart rate", heart_key, svg["heart"] + _levels(low, high, step))


def _rows(names: tuple[str, ...]) -> str:
    spans = "".join(f'<span class="row">{name}</span>' for name in names)
    return f'<div class="rows" style="grid-template-rows:repeat({len(names)},1fr)">{spans}</div>'


def _panel(kind: str, title: str, key: str, content: str) -> str:
    return (
        f'<figure class="{kind}"><figcaption><b>{title}</b> <span>{key}</span></figcaption>'
        f'<div class="box">{content}</div></figure>'
    )


def _levels(low: float, high: float, step: int, only: int | None = None) -> str:
    """Labels at round values of a panel's height."""
    first = -(-int(low) // step) * step
    values = [only] if only is not None else range(first, int(high) + 1, step)
    return "".join(
        f'<span class="level" style="bottom:{100 * (v - low) / (high - low):.1f}%">{v}</span>'
        for v in values
        if 0.06 < (v - low) / (high - low) < 0.9
    )


def _marks(night: Night, facts: dict) -> str:
    """A tick for each event that has to do with a loop."""
    found = [e for e in facts["events"] if e["name"] in ("loop", "rescue", "rescue refused")]
    return "".join(
        f'<span class="mark {e["name"].replace(" ", "-")}" title="{e["name"]}" '
        f'style="left:{100 * e["second"] / max(night.length_s, 1):.2f}%"></span>'
        for e in found
    )


def _hours(night: Night, facts: dict) -> list[tuple[float, str]]:
    """(percent of the width, label): full hours of the clock, or hours into the night."""
    length = max(night.length_s, 1)
    step = 3600 if length < 12 * 3600 else 7200
    if facts["began"]:
        began = datetime.fromisoformat(facts["began"])
        at = (began + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
        ticks = []
        while (second := (at - began).total_seconds()) < length:
            ticks.append((second, moment(facts, second)))
            at += timedelta(seconds=step)
    else:
        ticks = [(s, f"{s // 3600} h") for s in range(0, int(length), step)]
    return [(100 * s / length, text) for s, text in ticks if 0.02 < s / length < 0.98]


def _statistics(found: dict, heart: dict, five: bool) -> str:
    cells = []
    for key, name in STATISTICS:
        value = found[key]
        text = "&ndash;" if value is None else f"{value:.0f} %" if key == "se" else duration(value)
        cells.append((text, name))
    if heart["mean_bpm"] is not None:
        cells.append((f"{heart['mean_bpm']:.0f} bpm", "mean heart rate"))
        cells.append((f"{heart['rmssd_ms']:.0f} ms", "RMSSD, median"))
    grid = "".join(f"<div><dd>{v}</dd><dt>{n}</dt></div>" for v, n in cells)
    bars = "".join(
        f'<div class="share"><i style="width:{found[key + "_percent"] or 0:.1f}%;'
        f'background:var(--{colour})"></i><span>{name}</span>'
        f"<b>{duration(found[key])}</b><em>{found[key + '_percent'] or 0:.0f} %</em></div>"
        for key, colour, name in (FIVE_SHARES if five else SHARES)
    )
    light = "" if five else "; light is N1 and N2, which a heart alone cannot tell apart"
    return (
        f'<section class="numbers"><h2>Numbers</h2><dl>{grid}</dl><div class="shares">{bars}</div>'
        f"<p class=small>As YASA defines them. First REM counts from the start{light}.</p>"
        "</section>"
    )


def _events(facts: dict, night: Night, arms: str) -> str:
    """What happened, on which figures it was decided, and both arms of the dark third."""
    why = {(r["second"], r["name"]): reason_sentence(r) for r in reasons(night)}
    rows = "".join(
        f"<li><b>{e['clock'] or duration(e['second'] / 60)}</b> {escape(loop_sentence(e))}"
        f'<span class="why">{escape(why.get((e["second"], e["name"]), ""))}</span></li>'
        for e in facts["events"]
        if loop_sentence(e)
    )
    both = f"<p class=small>{escape(arms)}</p>" if arms else ""
    if not rows and not both:
        return ""
    return f'<section class="events"><h2>What happened</h2><ul>{rows}</ul>{both}</section>'


def _sure(facts: dict) -> str:
    said = "".join(f"<p>{escape(s)}</p>" for s in sure_sentences(facts))
    hint = breathing_sentence(facts)
    if hint:
        hint = f'<section class="sure"><h2>Breathing</h2><p>{escape(hint)}</p></section>'
    return f'{hint}<section class="sure"><h2>How sure is this?</h2>{said}</section>'


def _foot(night: Night, facts: dict, replayed: str) -> str:
    parts = [f"night {facts['night']}", f"firmware {facts['firmware']}", f"mode {facts['mode']}"]
    parts.append(f"{facts['bytes']} bytes")
    if facts["lost_bytes"]:
        parts.append(f"{facts['lost_bytes']} of them damaged")
    if replayed:
        parts.append(replayed)
    return (
        f"<footer><p>{escape(' · '.join(parts))}</p><p>Dreamlamp is not a medical device and "
        "diagnoses nothing. If your sleep or your breathing in it worries you, ask a doctor.</p>"
        "</footer>"
    )
