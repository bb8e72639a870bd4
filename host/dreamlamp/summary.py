"""What there is to say about a night, as plain facts that turn into JSON.

First the plain things: how long the sensor was worn, how good the signal was, where nothing was
recorded and why. Then the statistics, the events and how sure all of it is. Report, terminal
and `--json` say nothing that is not in here. Knows no page and no terminal.
"""

from itertools import groupby

import numpy as np
from lamp import names, wire

from . import clocks
from .breathing import cyclic_percent
from .nights import Boot, Night
from .sleepstats import statistics

GOOD = 50  # percent of an epoch with trustworthy beats, from which on it counts as recorded
SHORTEST_HOLE_S = 60
LONG_HOLE_S = 6 * 3600
CAUSES = {1: "power came back", 2: "reset button", 3: "watchdog", 4: "deep sleep", 5: "restart"}
SYNTHETIC = "synthetic"
SEEN = (wire.LOOP, wire.RESCUE, wire.REFUSED_RESCUE)  # each says that a loop was seen
JUDGEMENTS = (*SEEN, wire.SETTLED, wire.WOKE, wire.NO_RESPONSE, wire.LIGHT_OFF)
FIGURES = ("cycle", "hold", "lag_s", "base_bpm", "hr_bpm_x10", "quality", "confidence")


def summarise(night: Night) -> dict:
    """Every fact of the report."""
    epochs = night.epochs
    worn = (epochs["flags"] & wire.F_WORN) > 0
    good = worn & (epochs["quality"] >= GOOD)
    began, ended = night.began(), night.moment(night.length_s)
    minutes = wire.EPOCH_S / 60
    of = origin(night)
    return {
        "night": night.id,
        "began": began.isoformat() if began else None,
        "ended": ended.isoformat() if ended else None,
        "clock": _clock(night),
        "end_reason": "file's end"
        if night.note.get("imported") and of["source"]
        else names.END[night.end],
        "mode": names.MODE[night.boots[0].mode],
        "consent": consent(night),
        "firmware": night.boots[0].firmware,
        **of,
        "recorded_min": len(night) * minutes,
        "length_min": night.length_s / 60,
        "worn_min": float(worn.sum() * minutes),
        "good_min": float(good.sum() * minutes),
        "quality_percent": _mean(epochs["quality"][worn]),
        "holes": holes(night),
        "lost": _lost(night),
        "statistics": statistics(night.stages),
        "heart": _heart(epochs, good),
        "breathing": {"cyclic_percent": cyclic_percent(night)},
        "loops": [_event(night, e) for e in night.events if e.code in SEEN],
        "events": [_event(night, e) for e in night.events],
        "light_max": int(epochs["light"].max(initial=0)),
        "light_min": float((epochs["light"] > 0).sum() * minutes),
        "sureness": _sureness(night),
        "reference": _agreement(night),
        "bytes": len(night.raw),
        "lost_bytes": night.lost_bytes,
        "unknown_frames": night.unknown,
    }


def origin(night: Night) -> dict:
    """Where a night is from: what measured it, whose heart it was, the file that brought it."""
    return {
        "kit": night.kit,
        "source": night.note.get("source", {}),
        "imported": night.note.get("imported", {}).get("file"),
    }


def consent(night: Night) -> str:
    """Whether the lamp held its sleeper's consent: `none`, `another policy`, `given`."""
    policy = night.boots[-1].policy & ~wire.POLICY_THIRD
    return "given" if policy == wire.POLICY else "another policy" if policy else "none"


def _clock(night: Night) -> dict:
    """How far the times of day can be relied on; `change`: to or from summer time meanwhile."""
    return {
        "certain": bool(night.dated and night.dated[1]),
        "quarrel_s": clocks.quarrel_s(night.clocks),
        "change": night.clock_change,
    }


def _lost(night: Night) -> dict:
    """Samples that nobody fetched in time, and in how many epochs."""
    said = [e.a for e in night.events if e.code == wire.SAMPLES_LOST]
    marked = (night.epochs["flags"] & wire.F_LOST) > 0
    return {"samples": sum(said), "epochs": int(marked.sum())}


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None


def _heart(epochs: dict, good: np.ndarray) -> dict:
    good = good & (epochs["hr_bpm_x10"] > 0)  # electrodes tell of none
    rate = epochs["hr_bpm_x10"][good] / 10
    rmssd = epochs["rmssd_ms"][good]
    if not rate.size:
        return {"mean_bpm": None, "low_bpm": None, "high_bpm": None, "rmssd_ms": None}
    low, high = np.percentile(rate, [2, 98])
    return {
        "mean_bpm": float(rate.mean()),
        "low_bpm": float(low),
        "high_bpm": float(high),
        "rmssd_ms": float(np.median(rmssd)),
    }


def _event(night: Night, event) -> dict:
    at = night.second_of(event)
    when = night.moment(at)
    return {
        "name": event.name,
        "second": at,
        "clock": when.strftime("%H:%M") if when else None,
        "a": event.a,
        "b": event.b,
        "c": event.c,
    }


def holes(night: Night) -> list[dict]:
    """Where nothing was recorded: from and to (seconds into the night), and why."""
    found = []
    for kind, group in groupby(range(len(night)), lambda i: _why(night, i)):
        members = list(group)
        start, end = night.seconds[members[0]], night.seconds[members[-1]] + wire.EPOCH_S
        if kind and end - start >= SHORTEST_HOLE_S:
            found.append({"from_s": float(start), "to_s": float(end), "why": kind})
    return sorted(found + _restarts(night) + _early_end(night), key=lambda h: h["from_s"])


def _why(night: Night, i: int) -> str:
    """Why epoch `i` holds no heart; empty if it holds one."""
    flags, quality = int(night.epochs["flags"][i]), night.epochs["quality"][i]
    if flags & wire.F_WORN and quality >= GOOD:
        return ""
    if flags & wire.F_FAULT:
        return "the sensor did not answer"
    if not flags & wire.F_WORN and night.kit == "eeg":
        return "the electrodes told of no head"
    if not flags & wire.F_WORN:
        return "no finger on the sensor"
    if flags & wire.F_LOST:
        return "samples were lost"
    return "the sensor was worn, but its signal was too poor"


def _restarts(night: Night) -> list[dict]:
    found = []
    for k in range(1, len(night.boots)):
        boot = night.boots[k]
        if boot.boot == night.boots[k - 1].boot:
            continue  # settings were changed: nothing is missing but the epoch begun
        after = night.boots[k + 1 : k + 2]
        if after and after[0].epoch == boot.epoch and after[0].boot != boot.boot:
            continue  # it went away again before an epoch was over: one outage
        before = next(j for j in reversed(range(k)) if j == 0 or night.boots[j].epoch < boot.epoch)
        last = night.boots[before]
        start = night.starts_s[before][0] + (boot.epoch - last.epoch) * wire.EPOCH_S
        at, certain = night.starts_s[k]
        cause = CAUSES.get(boot.cause, f"cause {boot.cause}")
        why = f"the lamp was without power or restarting ({cause})"
        if not certain:
            why += f"; for how long is unknown: {_unknown(night, last, boot)}"
        elif at - start > LONG_HOLE_S:
            why += "; for so long that another night may begin here"
        found.append({"from_s": float(start), "to_s": float(at), "why": why})
    return found


def _unknown(night: Night, last: Boot, boot: Boot) -> str:
    """Why nobody can say how long the lamp was away between two stretches."""
    before, after = night.clock_of(last.boot), night.clock_of(boot.boot)
    if not before or not after:
        return "no clock was read before and after it"
    end_s = last.second + (boot.epoch - last.epoch) * wire.EPOCH_S
    hours = (after.born_s + boot.second - before.born_s - end_s) / 3600
    if hours > 0:
        return f"the clocks say {hours:.0f} hours: what follows is another night, or one was wrong"
    return "the clocks read before and after it contradict each other"


def _early_end(night: Night) -> list[dict]:
    if night.end not in (wire.END_FULL, wire.END_LOST, wire.END_USB):
        return []
    why = {
        wire.END_FULL: "the lamp's memory was full: nothing after this was kept",
        wire.END_USB: "USB was plugged in, or the wire that tells of it came off: "
        "with electrodes on a head nothing is recorded then",
        wire.END_LOST: "the night was broken off here and closed when the lamp started again",
    }[night.end]
    return [{"from_s": night.length_s, "to_s": night.length_s, "why": why}]


def reasons(night: Night) -> list[dict]:
    """For each judgement of loop or light: the figures of its epoch."""
    at = {int(index): i for i, index in enumerate(night.epochs["index"])}
    found = []
    for event in night.events:
        if event.code in JUDGEMENTS and event.epoch in at:
            i = at[event.epoch]
            figures: dict = {name: int(night.epochs[name][i]) for name in FIGURES}
            if night.kit == "eeg":
                figures["arousal_db"] = float(np.nan_to_num(night.arousal_db[i]))
            found.append({**_event(night, event), "stage": night.at_once[i], **figures})
    return found


def _sureness(night: Night) -> dict:
    scored = night.hindsight.stage != wire.UNSCORED
    sure = night.hindsight.confidence[scored]
    return {
        "scored_percent": 100 * float(scored.mean()) if len(night) else None,
        "confidence_percent": _mean(sure),
        "unsure_percent": 100 * float((sure < 50).mean()) if sure.size else None,
    }


def reference(night: Night) -> list[str] | None:
    """Stages that others scored, brought to this night's epochs; None without such."""
    beside = night.note.get("reference")
    if not beside:
        return None
    at = (night.seconds - beside["at_s"] + wire.EPOCH_S / 2) // wire.EPOCH_S
    given = beside["stages"]
    return [given[int(i)] if 0 <= i < len(given) else "unscored" for i in at]


def _agreement(night: Night) -> dict | None:
    """How far our stages agree with the others'; for a heart N1 counts as light."""
    other = reference(night)
    if other is None:
        return None
    source = {key: night.note["reference"].get(key) for key in ("by", "in_sample")}
    light = {} if night.kit == "eeg" else {"N1": "N2"}
    pairs = [
        (light.get(a, a), light.get(b, b))
        for a, b in zip(night.stages, other)
        if "unscored" not in (a, b)
    ]
    if not pairs:
        return {**source, "epochs": 0, "percent": None, "kappa": None}
    same = sum(a == b for a, b in pairs) / len(pairs)
    names = {a for pair in pairs for a in pair}
    chance = (
        sum(sum(a == n for a, _ in pairs) * sum(b == n for _, b in pairs) for n in names)
        / len(pairs) ** 2
    )
    return {
        **source,
        "epochs": len(pairs),
        "percent": 100 * same,
        "kappa": (same - chance) / (1 - chance) if chance < 1 else None,
    }
