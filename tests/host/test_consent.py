"""Nobody is asked by half, and nothing is promised."""

import re
import struct

import pytest
from dreamlamp import consent
from lamp import wire
from lamp.wake import Wake

FIT = {q.key: q.wanted for q in consent.QUESTIONS}


def test_a_fit_adult_is_refused_for_no_reason():
    assert consent.screen(FIT) == []


@pytest.mark.parametrize("question", consent.QUESTIONS, ids=lambda q: q.key)
def test_each_wrong_or_missing_answer_alone_refuses(question):
    wrong = FIT | {question.key: not question.wanted}
    assert consent.screen(wrong) == [question.reason]
    missing = {key: value for key, value in FIT.items() if key != question.key}
    assert consent.screen(missing) == [question.reason]
    assert consent.screen(FIT | {question.key: "yes"}) == [question.reason]


def test_the_screen_asks_for_each_exclusion():
    asked = " ".join(q.text + q.reason for q in consent.QUESTIONS).lower()
    for word in ("sleepwalk", "seizure", "rhythm", "beta-blocker", "apnea", "driving", "children"):
        assert word in asked, word
    assert "other person in the room" in asked


def test_the_record_is_what_the_firmware_wants():
    value = consent.record(1_760_000_000)
    policy, unix_s = struct.unpack("<BI", value)
    assert (policy, unix_s, len(value)) == (wire.POLICY, 1_760_000_000, 5)
    assert Wake(wire.ACT, policy, 40, nights=10)._left_out() == 0
    assert consent.record(1, third=True)[0] == wire.POLICY | wire.POLICY_THIRD
    assert not any(consent.withdrawn()) and len(consent.withdrawn()) == 5


@pytest.mark.parametrize("unix_s", (0, -1, 1 << 32))
def test_a_consent_needs_a_time(unix_s):
    with pytest.raises(ValueError):
        consent.record(unix_s)


def test_the_texts_promise_nothing():
    text = " ".join(consent.KNOWN + consent.UNKNOWN)
    assert "Often this light does nothing." in text
    for sentence in re.split(r"(?<=[.])\s", text):
        if re.search(r"\b(wakes?|cures?|treats?|prevents?|stops nightmares|ends? a)\b", sentence):
            assert re.search(r"\b(not|no|nobody|weak)\b", sentence, re.I), sentence


def test_the_texts_name_the_limits_of_the_firmware():
    from lamp import ramp, wake

    text = " ".join(consent.KNOWN + consent.UNKNOWN)
    assert f"{wake.CEILING_LUX_X10 // 10} lux" in text
    assert f"{wake.EARLY_EPOCHS // 2} minutes of sleep" in text
    assert wake.RESCUES_MAX == 3 and "three times at most" in text
    assert wake.BASELINE_NIGHTS + wake.OBSERVED_NIGHTS == 10 and "ten nights" in text
    assert wake.RAISE_EPOCHS == 8 and "four minutes" in text
    assert ramp.FADE_MS + ramp.LATE_MS <= 300_000 and "within five minutes" in text
