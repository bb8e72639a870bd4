"""Facts of a night turned into plain sentences, for the page and the terminal alike."""

from datetime import datetime, timedelta

from lamp import names, wire

from .breathing import SUSPECT_PERCENT

STAGES = {"W": "wake", "N1": "light", "N2": "light", "N3": "deep", "R": "REM"}
SOURCE = {  # of a night that no lamp on a bedside saw
    "synthetic": "SYNTHETIC: no human heart, no real finger",
    "recording": "Real beats, simulated optics",
    "eeg": "Real EEG, simulated electrodes",
    "spectra": "Real band powers, synthetic waveform, simulated electrodes",
    "virtual": "From a virtual lamp: no real finger",
}


def source_label(facts: dict) -> str:
    """The short of it."""
    if facts["source"].get("heart") == "recording" and facts["imported"]:
        return "Imported beats, no lamp was there"
    if facts["source"].get("heart") == "synthetic" and facts["kit"] == "eeg":
        return "SYNTHETIC: no human head, no real electrodes"
    return SOURCE.get(facts["source"].get("heart"), "")


def source_sentence(facts: dict) -> str:
    """What is not real about the night; empty if all of it is."""
    label, name = source_label(facts), facts["source"].get("name")
    return f"{label} ({name})" if label and name else label


def counted(number: int, thing: str) -> str:
    """`1 night`, `2 nights`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def duration(minutes: float | None) -> str:
    """`7 h 05 min`, `40 min`, or a dash where there is none."""
    if minutes is None:
        return "-"
    whole = round(minutes)
    return f"{whole // 60} h {whole % 60:02d} min" if whole >= 60 else f"{whole} min"


def clock(after_noon_h: float) -> str:
    """HH:MM of so many hours after noon."""
    minutes = round((12 + after_noon_h) * 60) % (24 * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def moment(facts: dict, second: float) -> str:
    """A time of the night as the clock shows it, or as time into the night."""
    if facts["began"]:
        at = datetime.fromisoformat(facts["began"]) + timedelta(seconds=second)
        change = facts["clock"]["change"]
        if change and second >= change[0]:
            at += timedelta(minutes=change[1])
        return f"{at:%H:%M}"
    return f"{duration(second / 60)} into the night"


def clock_sentences(facts: dict) -> list[str]:
    """What is to be known about the times of day; mostly nothing."""
    clock, said = facts["clock"], []
    if facts["began"] and not clock["certain"]:
        said.append("It began then or earlier: the lamp lost its clock within the night.")
    if clock["quarrel_s"]:
        apart = duration(clock["quarrel_s"] / 60)
        said.append(
            f"The computers that told the lamp the time were {apart} apart: one was wrong."
        )
    if clock["change"]:
        at, minutes = clock["change"]
        way = "forward" if minutes > 0 else "back"
        said.append(
            f"The clocks went {way} by {duration(abs(minutes))} at {moment(facts, at - 1)}."
        )
    return said


def plain_sentences(facts: dict) -> list[str]:
    """Worn how long, how good the signal was, where nothing was recorded and why."""
    recorded, worn, good = facts["recorded_min"], facts["worn_min"], facts["good_min"]
    if not recorded:
        return ["Nothing was recorded."]
    said = [
        f"The {'electrodes were' if facts['kit'] == 'eeg' else 'sensor was'} worn for "
        f"{duration(worn)} of the {duration(recorded)} that were recorded"
        + (f", and the signal was good for {100 * good / worn:.0f} % of that." if worn else ".")
    ]
    said += clock_sentences(facts)
    for hole in facts["holes"]:
        long = hole["to_s"] - hole["from_s"]
        if long < 1:
            said.append(f"From {moment(facts, hole['from_s'])} on nothing: {hole['why']}.")
        else:
            said.append(
                f"From {moment(facts, hole['from_s'])} to {moment(facts, hole['to_s'])} nothing "
                f"was recorded ({duration(long / 60)}): {hole['why']}."
            )
    if facts["lost"]["samples"]:
        said.append(
            f"{facts['lost']['samples']} samples came while the lamp was busy and were lost, in "
            f"{facts['lost']['epochs']} half minutes; what lies over such a gap is left out."
        )
    if facts["lost_bytes"]:
        said.append(f"{facts['lost_bytes']} bytes of the log are damaged and were left out.")
    if facts["end_reason"] == "open":
        said.append("The night had not ended when it was copied.")
    return said + right_sentences(facts)


def right_sentences(facts: dict) -> list[str]:
    """What the lamp might have done in mode act, and what of that right was simulated."""
    said = list(facts["source"].get("simulated", []))
    if facts["mode"] == "act" and facts["consent"] != "given":
        held = "no consent" if facts["consent"] == "none" else "a consent to another policy"
        said.append(f"The lamp was set to act and REFUSED: it holds {held}. It only watched.")
    elif facts["mode"] == "act":
        said.append("The lamp was set to act, with its sleeper's consent.")
    return said


def sure_sentences(facts: dict) -> list[str]:
    """How far to trust the stages and the loop score."""
    sure, said = facts["sureness"], []
    if sure["confidence_percent"] is not None:
        said.append(
            f"A stage is named in {sure['scored_percent']:.0f} % of the night, with a chance of "
            f"{sure['confidence_percent']:.0f} % on average to be right; in "
            f"{sure['unsure_percent']:.0f} % of it with less than an even one."
        )
        if facts["kit"] == "heart":
            said.append(
                "Each is read again when the next five minutes are known, which mends a few. The "
                "lamp could not wait: what it went by is in the list of what happened."
            )
    else:
        said.append("The lamp named no stage this night.")
    other = facts["reference"]
    if other and other["percent"] is not None:
        kappa = "" if other["kappa"] is None else f" (kappa {other['kappa']:.2f})"
        said.append(
            f"{_capital(other['by'])} scored the same night: "
            f"{'five' if facts['kit'] == 'eeg' else 'four'} stages agree in "
            f"{other['percent']:.0f} % of {other['epochs']} half minutes{kappa}."
            + (" The lamp's stager was fitted on this very night." if other["in_sample"] else "")
        )
    if facts["kit"] == "eeg":
        said.append(
            "A loop is agitation that keeps coming back or will not come down while you sleep: "
            "here bursts of alpha and beta waves. Its detector was tried on made-up bursts in "
            "twelve nights of six people, and on no other head. It is no proof of a bad dream."
        )
        return said
    said.append(
        "A loop is agitation of the heart that keeps coming back or will not come down while "
        "you sleep. It is no proof of a bad dream, and a quiet curve no proof of a good one."
    )
    return said


def why(code: int) -> str:
    """A reason of the lamp's, in its words."""
    return names.WHY[code] if 0 <= code < len(names.WHY) else f"reason {code}"


def reason_sentence(reason: dict) -> str:
    """The figures of the half minute in which something was decided (summary.reasons)."""
    if "arousal_db" in reason:
        said = [f"alpha and beta {reason['arousal_db']:+.1f} dB of the usual"]
    else:
        said = [
            f"heart {reason['hr_bpm_x10'] / 10:.0f} bpm over a baseline of {reason['base_bpm']}"
        ]
    if reason["lag_s"]:
        said.append(f"returns {reason['cycle']} (every {reason['lag_s']} s)")
    said.append(f"plateau {reason['hold']}")
    stage = STAGES.get(reason["stage"], "no stage")
    said.append(f"at the time {stage}, {reason['confidence']} % sure")
    said.append(f"signal {reason['quality']} %")
    return " · ".join(said)


def breathing_sentence(facts: dict) -> str:
    """A reason to ask a doctor, where the night gives one; empty where it does not."""
    found = facts["breathing"]["cyclic_percent"]
    if found is None or found < SUSPECT_PERCENT:
        return ""
    return (
        f"In {found:.0f} % of the night the heart slowed and raced every 25 to 75 seconds, as it "
        "does where breathing stops and starts again; other things cause it, too. One night says "
        "little: if other nights show the same, ask a doctor whether your breathing at night "
        "should be measured."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def dawn_sentence(level: int, seconds: int, why_not: int) -> str:
    """What became of a dawn (lamp.wire.DAWN)."""
    if why_not == wire.WHY_CLOCK:
        return (
            "The lamp has a plan for a dawn and does not know what time it is since its power was "
            "away: no dawn until a sync tells it."
        )
    if why_not == wire.WHY_BUTTON:
        return f"The button put the dawn off by {seconds // 60} min."
    if why_not == wire.WHY_DONE:
        return "The dawn was over."
    return f"The dawn began, to be at L* {level} in {max(0, round(seconds / 60))} min."


def loop_sentence(event: dict) -> str:
    """What an event was, with the figures it was decided on; empty for what the page omits."""
    name, a, b, c = event["name"], event["a"], event["b"], event["c"]
    if name == "loop":
        kind = {wire.CYCLE: "kept coming back", wire.HOLD: "would not come down"}.get(c, "")
        return f"Loop: the heart {kind} (score {a}, threshold {b})."
    if name == "rescue":
        return f"A loop (score {a}, threshold {b}): the lamp raised its light."
    if name == "rescue refused":
        return f"A loop (score {a}, threshold {b}): the lamp stayed dark, {why(c)}."
    if name == "light off":
        return (
            f"The light began to go after {b} s, at most L* {a}: {why(c)}." if b else "Light off."
        )
    if name == "dawn":
        return dawn_sentence(a, b, c)
    if name == "light asked":
        goes = f", going dark over {b} min" if b else ""
        return f"The lamp was lit already (L* {a})." if c else f"Light by hand (L* {a}{goes})."
    if name == "mode set":
        return f"The lamp was set to {names.MODE[a] if a < len(names.MODE) else a}."
    return {
        "settled": "You settled.",
        "woke": "You woke.",
        "no response": "No response to the light.",
        "usb in": "USB was plugged in, or the wire that tells of it came off: "
        "nothing is recorded meanwhile.",
        "log full": f"The lamp's memory was full: nights nobody had fetched made room ({a}).",
        "flash fault": "The lamp's memory failed in one place and was used elsewhere.",
    }.get(name, "")
