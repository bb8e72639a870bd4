"""What a host and the button may ask of a night: mode, consent, light, a dawn."""

import asyncio
import struct

import pytest
from dreamlamp import nights, replay
from lamp import night as story
from lamp import wire
from lamp.nightlog import Cursor
from lamp.wake import NO_MORE
from test_night_story import Lamp

CONSENT = struct.pack("<BI", wire.POLICY, 1_760_000_000)
NONE = bytes(5)
NOW = 1_760_000_000  # Unix time of the lamp's second 0


def events(lamp, number=1):
    frames = [f for f in lamp.frames(number) if f[0] == wire.EVENT]
    found = [struct.unpack_from(wire.EVENT_LAYOUT, f, 2) for f in frames]
    return [(code, a, b, c) for code, _, _, a, b, c in found if code != wire.WORN]


def play(lamp, minutes, ms=50):
    """Let worn minutes pass with every tick of the light; return the levels at their ends."""
    levels = []
    for _ in range(minutes):
        for _ in range(2):
            for _ in range(30_000 // ms):
                lamp.ms = getattr(lamp, "ms", 0) + ms
                level = lamp.night.mind.wake.tick(lamp.ms)
            lamp.wear(1 / 2)
        levels.append(level)
    return levels


def test_act_is_refused_without_a_consent_and_granted_with_one():
    lamp = Lamp()
    lamp.night.begin()
    lamp.wear(1)
    assert lamp.night.set_mode(wire.ACT) == wire.WHY_CONSENT and lamp.night.mode == wire.OBSERVE
    assert events(lamp) == []
    assert lamp.night.agree(CONSENT) == 0
    assert lamp.night.set_mode(wire.ACT) == 0 and lamp.night.mode == wire.ACT
    assert events(lamp) == [(wire.MODE_SET, wire.ACT, wire.POLICY, 0)]
    assert lamp.again().night.mode == wire.ACT


@pytest.mark.parametrize("policy", [wire.POLICY + 1, wire.POLICY_THIRD, 0xFF])
def test_a_consent_to_another_policy_is_none(policy):
    lamp = Lamp()
    assert lamp.night.agree(bytes((policy, 1, 2, 3, 4))) == wire.WHY_CONSENT
    assert lamp.night.set_mode(wire.ACT) == wire.WHY_CONSENT
    assert lamp.settings.get("consent", 0) == 0


def test_a_withdrawal_ends_mode_act_at_once():
    lamp = Lamp()
    lamp.night.agree(CONSENT)
    lamp.night.set_mode(wire.ACT)
    lamp.night.begin()
    lamp.wear(1)
    lamp.night.mind.wake.ramp.aim(2000, 60000)
    assert lamp.night.agree(NONE) == 0
    assert lamp.night.mode == wire.OBSERVE and not lamp.night.mind.wake.active()
    assert lamp.settings.get("consented") == NONE
    assert events(lamp) == [(wire.MODE_SET, wire.OBSERVE, 0, 0)]


def test_a_withdrawal_that_cannot_be_kept_is_said_and_the_night_stays_dark():
    lamp = Lamp()
    lamp.night.agree(CONSENT)
    lamp.settings.broken = True
    assert lamp.night.agree(NONE) == -1
    assert lamp.night.mind.wake.rescues == NO_MORE


def test_a_mode_that_cannot_be_kept_is_said_and_the_night_stays_dark():
    lamp = Lamp()
    lamp.night.agree(CONSENT)
    lamp.night.set_mode(wire.ACT)
    lamp.settings.broken = True
    assert lamp.night.set_mode(wire.OFF) == -1
    assert lamp.night.mind.wake.rescues == NO_MORE


def test_the_press_that_ended_a_light_withdraws_when_it_is_held():
    lamp = Lamp()
    lamp.night.agree(CONSENT)
    lamp.night.set_mode(wire.ACT)
    lamp.night.begin()
    lamp.night.withdraw()
    assert lamp.night.mode == wire.ACT  # no light was refused
    lamp.night.mind.wake.ramp.aim(2000, 60000)
    lamp.night.press()
    lamp.night.withdraw()
    assert lamp.night.mode == wire.OBSERVE and lamp.settings.get("consent") == 0


def test_a_number_is_kept_for_the_next_night_and_this_one_goes_on():
    lamp = Lamp()
    lamp.night.begin()
    mind = lamp.night.mind
    assert lamp.night.set("shift", 12) and lamp.night.setting("shift") == 12
    assert lamp.night.mind is mind and mind.born["shift"] == 0
    lamp.night.end(wire.END_BUTTON)
    lamp.night.begin()
    assert lamp.night.mind.born["shift"] == 12


def test_light_that_was_asked_for_stays_while_no_night_is_recorded_and_is_accounted_for():
    lamp = Lamp()
    assert lamp.night.shine(20) == 0
    levels = play(lamp, 4)
    assert levels[1:] == [2000] * 3
    assert lamp.settings["spent"] > 0
    assert lamp.night.level == 2000
    lamp.night.button()
    assert lamp.night.level == 0 and lamp.night.state == wire.IDLE
    assert lamp.night.shine(20) == 0  # another evening: what the button ended does not last


def test_the_evenings_light_has_one_dose_however_often_it_is_asked_for():
    lamp = Lamp()
    granted = 0
    lamp.night.rested = False  # no night begins by wear
    for _ in range(40):
        granted += lamp.night.shine(100, 60) == 0
        play(lamp, 8, ms=250)
        lamp.night.lamp_off()
    assert lamp.night.state == wire.IDLE
    assert 0 < granted < 40 and lamp.night.shine(100) == wire.WHY_DOSE


def test_light_in_a_night_is_in_its_log_and_the_buttons_no_lasts():
    lamp = Lamp()
    lamp.night.begin()
    assert lamp.night.shine(20, 30) == 0
    play(lamp, 1)
    lamp.night.press()
    assert lamp.night.shine(20) == wire.WHY_BUTTON
    lamp.wear(1)
    said = [e for e in events(lamp) if e[0] != wire.LIGHT_OFF]
    assert said == [(wire.LIGHT_ASKED, 20, 30, 0)]
    assert (wire.LIGHT_OFF, 0, 0, wire.WHY_BUTTON) in events(lamp)


def test_a_night_that_begins_by_wear_lets_the_evenings_light_go_softly():
    lamp = Lamp()
    lamp.wear(8)
    lamp.night.shine(20)
    levels = play(lamp, 8)
    assert lamp.night.state == wire.RECORDING
    assert max(levels) == 2000 and levels[-1] == 0
    assert any(0 < level < 2000 for level in levels[2:])  # and not in one step
    assert (wire.LIGHT_ASKED, 20, 0, 1) in events(lamp)


def plan(*at_s, level=60, window=0):
    return struct.pack("<BB%dI" % len(at_s), level, window, *(NOW + s for s in at_s))


def test_a_dawn_comes_whether_or_not_a_night_is_recorded():
    for recorded in (False, True):
        lamp = Lamp()
        lamp.night.clock_set(NOW, 60)
        lamp.night.set_dawn(plan(1920))
        if recorded:
            lamp.night.begin()
        lamp.night.rested = False
        levels = play(lamp, 33, ms=250)
        assert levels[0] == 0 and levels[31] == 6000 and sorted(levels) == levels
        said = [e for e in events(lamp) if e[0] == wire.DAWN] if recorded else []
        assert not recorded or [(e[1], e[3]) for e in said] == [(60, 0)]


def test_a_plan_outlives_a_power_cut_and_without_a_clock_the_lamp_says_so_and_stays_dark():
    lamp = Lamp()
    lamp.night.clock_set(NOW, 60)
    lamp.night.set_dawn(plan(2400))
    lamp.night.begin()
    lamp.wear(1)
    lamp = lamp.again()
    lamp.night.rested = False
    assert max(play(lamp, 45, ms=500)) == 0
    assert [e for e in events(lamp) if e[0] == wire.DAWN] == [(wire.DAWN, 60, 0, wire.WHY_CLOCK)]
    lamp.night.clock_set(NOW + 2400 - 600, 60)
    assert play(lamp, 11, ms=50)[-1] == 6000


def test_the_button_puts_a_dawn_off_and_the_night_goes_on():
    lamp = Lamp()
    lamp.night.clock_set(NOW, 0)
    lamp.night.set_dawn(plan(300))
    lamp.night.begin()
    assert play(lamp, 3)[-1] > 0
    lamp.night.button()
    assert lamp.night.level == 0 and lamp.night.state == wire.RECORDING
    assert lamp.night.mind.wake.rescues == 0
    assert play(lamp, 8)[-1] == 0
    assert play(lamp, 4)[-1] > 0
    assert (wire.DAWN, 0, 540, wire.WHY_BUTTON) in events(lamp)
    lamp.night.press()
    lamp.night.end(wire.END_BUTTON)  # who ends the night is up: it does not come again
    assert max(play(lamp, 12)) == 0


@pytest.mark.parametrize("renewed", [False, True])
def test_a_dawn_that_was_called_off_does_not_come_back_after_a_reset(renewed):
    lamp = Lamp()
    lamp.night.clock_set(NOW, 0)
    lamp.night.set_dawn(plan(300, 300 + 86400))
    assert play(lamp, 3)[-1] > 0
    lamp.night.lamp_off()
    if renewed:  # as each sync does
        lamp.night.set_dawn(plan(300, 300 + 86400))
    again = lamp.again()
    again.night.clock_set(NOW + 180, 0)
    assert max(play(again, 12)) == 0
    assert again.night.dawn.at_s > 80000  # tomorrow's comes


def test_a_lamp_without_a_plan_does_not_load_the_dawn():
    lamp = Lamp()
    assert lamp.night.dawn is None and lamp.night.mind.wake.person is None
    lamp.night.set_dawn(plan(300))
    assert lamp.again().night.dawn and lamp.again().night.mind.wake.person
    lamp.night.set_dawn(b"")
    assert lamp.again().night.dawn is None


def replayed(lamp, number=1):
    raw = bytearray(200_000)
    n = lamp.log.read(number, 0, memoryview(raw), Cursor())
    return replay.replay(nights.decode(bytes(raw[:n]), number))


def test_a_replay_follows_the_light_that_was_asked_for_and_the_dawn():
    lamp = Lamp()
    lamp.wear(1)
    lamp.night.clock_set(NOW, 0)
    lamp.night.set_dawn(plan(4200))
    lamp.night.shine(20)
    play(lamp, 12)
    assert lamp.night.state == wire.RECORDING  # by wear: the light goes softly
    play(lamp, 4, ms=250)
    lamp.night.shine(30, 5)
    play(lamp, 10, ms=250)
    assert lamp.night.level == 0
    lamp.night.shine(10)
    assert play(lamp, 8, ms=250)[-1] > 0
    lamp.night.press()
    assert play(lamp, 10, ms=250)[-1] > 0  # the dawn
    lamp.night.press()
    play(lamp, 11, ms=250)
    lamp.night.end(wire.END_BUTTON)
    verdict = replayed(lamp)
    assert verdict.ok and verdict.epochs > 60, verdict.as_json()


def test_a_replay_notices_light_that_nobody_asked_for():
    lamp = Lamp()
    lamp.night.begin()
    play(lamp, 2)
    lamp.night.mind.wake.ramp.aim(2000, 60000)
    play(lamp, 2)
    lamp.night.end(wire.END_BUTTON)
    assert "light" in replayed(lamp).wrong


def test_status_has_the_last_whole_epoch_while_the_next_is_measured():
    lamp = Lamp()
    lamp.night.begin()
    lamp.wear(3.25)
    _, _, rate_x10, _, quality, index = lamp.night.last
    assert 400 < rate_x10 < 1000 and quality > 50 and index == lamp.night.epoch.index - 1


class Bedside:
    """A board that shows its light, whose button is struck when told; stops after `ticks`."""

    def __init__(self, ticks, struck_at=-1, fails_at=-1):
        self.ticks, self.struck_at, self.fails_at = ticks, struck_at, fails_at
        self.shown = []
        self.light = self.button = self.clock = self

    def set(self, level):
        if len(self.shown) == self.fails_at:
            self.fails_at = -1
            raise OSError("PWM")
        self.shown.append(level)

    def strike(self):
        return len(self.shown) == self.struck_at

    def now_ms(self):
        return len(self.shown) * 50

    async def sleep_ms(self, _):
        if len(self.shown) >= self.ticks:
            raise StopAsyncIteration


def shine(monkeypatch, lamp, board):
    monkeypatch.setattr(story, "asyncio", board)
    with pytest.raises((StopAsyncIteration, OSError)):
        asyncio.run(story.shine(board, lamp.night))


def test_the_button_ends_a_light_in_the_same_breath(monkeypatch):
    lamp = Lamp()
    lamp.night.begin()
    board = Bedside(300, struck_at=200)
    monkeypatch.setattr(lamp.night, "darken", lambda: None)
    lamp.night.mind.wake.ramp.aim(2000, 60_000)
    shine(monkeypatch, lamp, board)
    assert board.shown[199] > 0 and set(board.shown[200:]) == {0}
    assert lamp.night.mind.wake.rescues == NO_MORE


def test_begun_again_after_a_fault_the_light_does_not_leap_back(monkeypatch):
    lamp = Lamp()
    lamp.night.begin()
    lamp.night.mind.wake.ramp.aim(2000, 60_000)
    monkeypatch.setattr(lamp.night, "darken", lambda: None)
    shine(monkeypatch, lamp, Bedside(300, fails_at=200))
    monkeypatch.undo()
    board = Bedside(50)
    shine(monkeypatch, lamp, board)
    assert set(board.shown) == {0}
