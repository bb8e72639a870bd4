"""What a sleeper is asked and told before the lamp may act, and the record of a yes.

The firmware raises its light only if the record's policy is its own (lamp.wire.POLICY): when these
words or the limits change, raise POLICY and everybody is asked again. Exclusions follow the trial
of the one device tested for this (NCT04040387) and what red light and sleep disorders ask for.
Knows no terminal and no link.
"""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

from lamp import wire

from .errors import DreamlampError


@dataclass(frozen=True)
class Question:
    """One question of the screen: only `wanted` lets the lamp act, anything else for `reason`."""

    key: str
    text: str
    wanted: bool
    reason: str


QUESTIONS = (
    Question(
        "adult",
        "Are you 18 or older, and are you answering for yourself?",
        True,
        "Acting is for adults who answer for themselves, never for children.",
    ),
    Question(
        "room",
        "Do you sleep alone, or has every other person in the room, all of them adults, "
        "agreed to a light that may rise at night?",
        True,
        "Everyone in the room has to agree, and no child may sleep there.",
    ),
    Question(
        "parasomnia",
        "Do you sleepwalk, have night terrors, or hit, kick or leave the bed in your sleep?",
        False,
        "A light in the middle of sleepwalking or night terrors can confuse and endanger.",
    ),
    Question(
        "seizures",
        "Have you ever had a seizure, or migraine or other illness set off by light?",
        False,
        "Light, red light above all, can set off seizures and migraine.",
    ),
    Question(
        "rhythm",
        "Do you have a heart rhythm disorder such as atrial fibrillation, or a pacemaker?",
        False,
        "An irregular or paced heart looks like a loop, or hides one.",
    ),
    Question(
        "medicines",
        "Do you take beta-blockers, verapamil, diltiazem, prazosin or varenicline, or another "
        "medicine that slows the heart or makes light hurt?",
        False,
        "Such medicines change the heart rate that the lamp reads, or how the eye bears light.",
    ),
    Question(
        "apnea",
        "Do you have sleep apnea that is not treated, or pauses in breathing that others noticed?",
        False,
        "Apnea makes the heart cycle as a loop does: see a doctor about it first.",
    ),
    Question(
        "drowsy",
        "In the last month, have you been close to falling asleep while driving or at work?",
        False,
        "A light at night can cost sleep, and you have none to spare.",
    ),
)

KNOWN = (
    "The lamp reads your pulse and looks for a heart rate that surges again and again, or climbs "
    "and stays up, while you sleep. The kit with electrodes looks for fast brain waves that do so "
    "instead. Neither knows what you dream.",
    "In mode act it answers with an amber-red light that rises from dark in four minutes to at "
    "most 30 lux at your pillow, and fades within five minutes when you stir, when you settle, or "
    "when its time is up.",
    "Once a night unless you say otherwise, three times at most; an hour apart; not in the first "
    "70 minutes of sleep; not before ten nights have been recorded. No setting exceeds this.",
    "The button makes it dark at once and for the rest of the night; held for three seconds, that "
    "press ends your consent, as `dreamlamp consent withdraw` does. After a reset it is dark.",
    "Light at night has a cost: a whole night of 100 lux raised heart rates and the next "
    "morning's insulin (Mason 2022). That is why there is a nightly budget.",
)
UNKNOWN = (
    "Nobody has shown that light at night ends a nightmare. No trial of it was found.",
    "Light is a weak alarm: many people sleep through strobes. Often this light does nothing.",
    "No night with labelled nightmares was available to test the detector. It was tested on "
    "surges added to real nights, that of the kit with electrodes on twelve nights of six people; "
    "on your own nights its errors are not known.",
    "It may rise when nothing is wrong, and cost you sleep. Loops also end by themselves, so a "
    "quiet hour after the light proves nothing.",
    "What weeks of such light do to sleep, mood or health is not known.",
    "This is no medical device and no treatment. If nightmares trouble you, a doctor can offer "
    "treatments that have been tested, such as imagery rehearsal.",
)
THIRD = (
    "May a random third of these events stay dark, so that you can compare? It changes nothing "
    "else, and you may say no."
)


AGREE = (
    "May the lamp raise its light when it sees a loop, within these limits, until you say "
    "otherwise?"
)


def answers(path: Path) -> dict[str, bool]:
    """Answers from a file, for tests: a JSON object of `true` and `false` to every question.

    Its keys are those of QUESTIONS, `third` and `agree`; `policy` names what was read.
    """
    try:
        given = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DreamlampError(f"{path}: {error}: give a JSON file of answers") from None
    wanted = {q.key for q in QUESTIONS} | {"third", "agree"}
    if not isinstance(given, dict) or given.pop("policy", None) != wire.POLICY:
        raise DreamlampError(
            f'{path}: answers to policy {wire.POLICY} are wanted; it has to say "policy": '
            f"{wire.POLICY}"
        )
    if set(given) != wanted or not all(isinstance(value, bool) for value in given.values()):
        raise DreamlampError(
            f"{path}: true or false is wanted for each of {', '.join(sorted(wanted))}"
        )
    return given


def screen(answers: dict[str, bool]) -> list[str]:
    """Return the reasons to refuse; empty if every question has the answer it needs."""
    return [q.reason for q in QUESTIONS if answers.get(q.key) is not q.wanted]


def parts() -> list[tuple[str, tuple[str, ...]]]:
    """Return what is to be read before the question whether it may act: titles, sentences."""
    return [("What is known", KNOWN), ("What is not known", UNKNOWN)]


def record(unix_s: int, third: bool = False) -> bytes:
    """Return the value of wire.KEY_CONSENT: the policy agreed to, and when.

    `third`: the sleeper agrees that a random third of the events stays dark.
    """
    if not 0 < unix_s < 1 << 32:
        raise ValueError(f"not a time a consent can be given at: {unix_s}")
    return struct.pack("<BI", wire.POLICY | (wire.POLICY_THIRD if third else 0), unix_s)


def withdrawn() -> bytes:
    """Return the value of wire.KEY_CONSENT that takes a consent back."""
    return bytes(5)
