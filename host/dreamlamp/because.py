"""Why the lamp did what it did: each loop it saw and each near miss, in figures and a sentence.

The figures of an epoch are in the log; what the judges held in mind besides (their floors, their
counts) is reached again by running them over it (`replay.inside`). Knows no page and no terminal.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lamp import wire

from . import library, replay
from .nights import Event, Night
from .summary import SEEN, summarise
from .words import moment, why

NEAR = 70  # a score from which on it counts as a near miss; 100 is the threshold
APART = 60  # epochs that belong to one loop, or to its near miss
OUTCOMES = (wire.SETTLED, wire.WOKE, wire.NO_RESPONSE)
WAITED = 4  # epochs a loop may wait for its answer
JUDGED = 32  # epochs within which an outcome follows
FIGURES = (
    "score", "cycle", "hold", "lag_s", "base_bpm", "hr_bpm_x10", "quality", "confidence", "p_w",
    "p_r", "light",
)  # fmt: skip
KINDS = {wire.LOOP: "loop", wire.RESCUE: "rescue", wire.REFUSED_RESCUE: "refused"}
ASLEEP = {"W": "awake", "N2": "in light sleep", "N3": "in deep sleep", "R": "in REM-like sleep"}


@dataclass(frozen=True)
class Case:
    """One decision: `kind` is `rescue`, `refused`, `loop` or `near miss`."""

    number: int
    kind: str
    epoch: int
    second: float  # into the night
    figures: dict[str, Any]  # of that epoch, and what the judges held in mind
    sentence: str
    after: tuple[str, ...] = ()  # what became of it

    def as_json(self) -> dict:
        return {**vars(self), "after": list(self.after)}


def cases(night: Night) -> list[Case]:
    """Every decision about a loop, and what came near to one, in the order of the night."""
    row = {int(index): i for i, index in enumerate(night.epochs["index"])}
    seen = [e for e in night.events if e.code in SEEN and e.epoch in row]
    picked: list[tuple[int, Event | None]] = [(_crossed(night, row, e.epoch), e) for e in seen]
    picked += [(epoch, None) for epoch in _near(night, [e.epoch for e in seen])]
    picked.sort(key=lambda pair: pair[0])
    held = replay.inside(night, {epoch for epoch, _ in picked})
    facts = summarise(night)
    found = []
    for number, (epoch, event) in enumerate(picked, 1):
        i = row[epoch]
        figures: dict[str, Any] = {name: int(night.epochs[name][i]) for name in FIGURES}
        if night.kit == "eeg":
            figures["arousal_db"] = round(float(np.nan_to_num(night.arousal_db[i])), 1)
        figures |= {"stage": night.at_once[i], "margin": figures["score"] - 100}
        figures |= held.get(epoch, {})
        second = night.second_of(event) if event else float(night.seconds[i]) + wire.EPOCH_S
        kind = KINDS[event.code] if event else "near miss"
        saw = _seen(figures, night.at_once[i])
        said = f"{moment(facts, second)}: {saw}, {_did(event, figures)}"
        after = _after(night, event) if event else ()
        found.append(Case(number, kind, epoch, second, figures, said, after))
    return found


def _crossed(night: Night, row: dict[int, int], epoch: int) -> int:
    """The epoch in which the score crossed, up to four before the answer: `wake` may wait."""
    for index in range(epoch, epoch - WAITED, -1):
        if index in row and night.epochs["score"][row[index]] >= 100:
            return index
    return epoch


def _near(night: Night, loops: list[int]) -> list[int]:
    """The highest epoch of each stretch that came near the threshold, away from any loop."""
    epochs = night.epochs
    open_ = (epochs["flags"] & wire.F_GATE) > 0
    found: list[int] = []
    best: dict[int, int] = {}
    for index, score in zip(epochs["index"][open_].tolist(), epochs["score"][open_].tolist()):
        if not NEAR <= score < 100 or any(abs(index - loop) <= APART for loop in loops):
            continue
        if found and index - found[-1] <= APART:
            if score > best[found[-1]]:
                found[-1] = index
        else:
            found.append(index)
        best[found[-1]] = max(score, best.get(found[-1], 0))
    return found


def _seen(figures: dict, stage: str) -> str:
    """What the heart or the EEG did, in plain words."""
    where = ASLEEP.get(stage.replace("N1", "N2"), "not scored")
    rate, base = figures["hr_bpm_x10"] / 10, figures["base_bpm"]
    if "arousal_db" in figures:
        did = "bursts of fast waves came back every {lag_s} s or so"
        if figures["cycle"] < figures["hold"]:
            did = "fast waves were held at {arousal_db:+.0f} dB of your usual"
        did = did.format_map(figures)
    elif figures["cycle"] >= figures["hold"]:
        did = f"your heart came back to the same surge every {figures['lag_s']} s or so"
    else:
        did = f"your heart was held at {rate:.0f} bpm over a usual {base}"
    return (
        f"you seemed {where} ({figures['confidence']} % sure) and {did}: score {figures['score']}"
    )


def _did(event: Event | None, figures: dict) -> str:
    if event is None:
        return f"{-figures['margin']} short of the threshold. Nothing was done."
    over = f"{figures['margin']} over the threshold."
    if event.code == wire.RESCUE:
        return f"{over} The lamp raised its light."
    if event.code == wire.REFUSED_RESCUE:
        return f"{over} The lamp stayed dark: {why(event.c)}{_measure(event.c, figures)}."
    return over


def _measure(code: int, figures: dict) -> str:
    """The figure that a limit was held against."""
    if "asleep_min" not in figures:
        return ""
    return {
        wire.WHY_EARLY: f" ({figures['asleep_min']:.0f} of 70 min)",
        wire.WHY_BETWEEN: f" ({figures['since_rescue_min']:.0f} of 60 min)",
        wire.WHY_BLIND: f" (dark for {figures['dark_min']:.0f} of 15 min)",
        wire.WHY_DOSE: f" ({figures['spent_lux_min']:.0f} of 300 lux min)",
        wire.WHY_BASELINE: f" ({figures['nights']} of 3)",
        wire.WHY_OBSERVING: f" ({figures['nights']} of 10)",
        wire.WHY_CAP: f" ({figures['rescues']} of {figures['allowed']})",
    }.get(code, "")


def _after(night: Night, event: Event) -> tuple[str, ...]:
    """What became of a rescue, lit or dark."""
    said = []
    for later in night.events[night.events.index(event) + 1 :]:
        if later.code in SEEN or later.epoch > event.epoch + JUDGED:
            break
        if later.code == wire.LIGHT_OFF and event.code == wire.RESCUE:
            said.append(f"The light began to go after {later.b} s: {why(later.c)}.")
        elif later.code in OUTCOMES:
            lit = "with the light" if later.c else "in the dark"
            said.append(f"Outcome {lit}, after {later.b // 60} min: {later.name}.")
            break
    return tuple(said)


# --- both arms ---------------------------------------------------------------------------------


def arms(nights: list[Night]) -> dict[str, dict[str, int]]:
    """Outcomes of what was lit and of the random third that was left dark, over `nights`."""
    found: dict[str, Counter] = {"lit": Counter(), "dark": Counter()}
    for night in nights:
        for event in night.events:
            third = event.code == wire.REFUSED_RESCUE and event.c == wire.WHY_THIRD
            if event.code != wire.RESCUE and not third:
                continue
            arm = found["dark" if third else "lit"]
            arm["events"] += 1
            arm[_outcome(night, event)] += 1
    return {name: dict(arm) for name, arm in found.items()}


def arms_beside(path: Path, night: Night) -> dict[str, dict[str, int]] | None:
    """Both arms over the nights of the lamp of `path`, if this night's sleeper agreed to two."""
    if not any(boot.policy & wire.POLICY_THIRD for boot in night.boots):
        return None
    lamp = path.stem.rsplit("-", 1)[0]
    mine = [p for p in library.Library(path.parent).paths() if p.stem.rsplit("-", 1)[0] == lamp]
    return arms([library.read(p) for p in mine])


def _outcome(night: Night, event: Event) -> str:
    later = (e for e in night.events[night.events.index(event) + 1 :] if e.code in OUTCOMES)
    first = next((e for e in later if e.epoch <= event.epoch + JUDGED), None)
    return first.name if first else "unknown"


def arms_sentence(found: dict[str, dict[str, int]]) -> str:
    """Both arms side by side, and what they do not say."""
    said = []
    for name, title in (("lit", "With light"), ("dark", "Left dark by lot")):
        arm = dict(found[name])
        count = arm.pop("events", 0)
        parts = ", ".join(f"{n} {outcome}" for outcome, n in sorted(arm.items()))
        said.append(f"{title}: {count} event{'s' * (count != 1)}{f' ({parts})' if parts else ''}.")
    return " ".join(said) + " Loops also end by themselves: no effect is claimed."
