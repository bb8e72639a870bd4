"""The right to act: each limit holds, and each refusal says why."""

from lamp import wire
from lamp.wake import BETWEEN_EPOCHS, BLIND_EPOCHS, EARLY_EPOCHS, LIT_EPOCHS, NO_MORE, Wake, third

LEARNT = 10  # nights


class Bed:
    """A sleeper whose epochs are as told, and a clock that ticks for the light."""

    def __init__(self, **given):
        born = {"mode": wire.ACT, "consent": wire.POLICY, "ceiling": 40, "nights": LEARNT}
        born.update(given)
        self.wake = Wake(**born)
        self.epoch = wire.Epoch()
        self.now_s = 1000
        self.steps = 0

    def sleep(self, n=1, loop=0, **told):
        """Feed `n` epochs of calm light sleep, changed as told; return the last event."""
        event = 0
        for _ in range(n):
            e = self.epoch
            e.clear(0)
            e.flags, e.quality, e.stage = wire.F_WORN, 90, wire.N2
            e.hr_bpm_x10, e.base_bpm, e.score = 700, 60, 120  # 10 bpm up: a loop goes on
            for key in told:
                setattr(e, key, told[key])
            for i in range(wire.BINS):
                e.hr_x10[i] = e.hr_bpm_x10
            self.now_s += wire.EPOCH_S
            event = self.wake.feed(e, loop, self.now_s)
        return event

    def shine(self, ticks):
        """Let the light move for `ticks` of 50 ms; return its level."""
        level = 0
        for _ in range(ticks):
            self.steps += 1
            level = self.wake.tick(self.steps * 50)
        return level

    def loop(self, **told):
        """Return the answer to a loop: 0 if the light rose, else why it did not."""
        event = self.sleep(1, wire.CYCLE, **told)
        if event == wire.RESCUE:
            return 0
        assert event == wire.REFUSED_RESCUE, event
        return self.wake.c


def ready(**given):
    """A bed in which a loop would raise the light."""
    bed = Bed(**given)
    bed.sleep(EARLY_EPOCHS)
    return bed


def test_a_loop_raises_the_light_when_every_limit_is_kept():
    bed = ready()
    assert bed.sleep(1, wire.HOLD) == wire.RESCUE
    assert (bed.wake.a, bed.wake.b, bed.wake.c) == (120, 100, 1)
    for _ in range(8):
        bed.shine(600)
        bed.sleep()
    assert bed.shine(1) == 4000


def test_each_right_that_is_missing_keeps_it_dark_and_says_so():
    for why, given in (
        (wire.WHY_MODE, {"mode": wire.OFF}),
        (wire.WHY_OBSERVE, {"mode": wire.OBSERVE}),
        (wire.WHY_CONSENT, {"consent": 0}),
        (wire.WHY_CONSENT, {"consent": wire.POLICY + 1}),
        (wire.WHY_BASELINE, {"nights": 2}),
        (wire.WHY_OBSERVING, {"nights": LEARNT - 1}),
        (wire.WHY_BUTTON, {"rescues": NO_MORE, "allowed": 3}),
        (wire.WHY_CAP, {"allowed": 0}),
    ):
        bed = ready(**given)
        assert bed.loop() == why, (why, bed.wake.c)
        assert not bed.wake.active() and bed.shine(100) == 0, why


def test_a_sleeper_who_is_awake_or_not_heard_is_left_in_the_dark():
    for why, told in (
        (wire.WHY_SIGNAL, {"flags": 0}),
        (wire.WHY_SIGNAL, {"quality": 40}),
        (wire.WHY_SIGNAL, {"stage": wire.UNSCORED}),
    ):
        bed = ready()
        assert bed.loop(**told) == why
        assert bed.shine(100) == 0
    for told in ({"stage": wire.W}, {"p_w": 160}):
        bed = ready()
        assert bed.sleep(1, wire.CYCLE, **told) == bed.sleep(2, **told) == 0
        assert bed.sleep(1, **told) == wire.REFUSED_RESCUE and bed.wake.c == wire.WHY_AWAKE
        assert bed.sleep(3) == 0 and bed.shine(100) == 0


def test_who_looks_awake_on_a_surge_is_answered_between_two():
    bed = ready()
    assert bed.sleep(1, wire.CYCLE, stage=wire.W, p_w=200, score=130) == 0
    assert bed.shine(100) == 0
    assert bed.sleep(1, score=0) == wire.RESCUE
    assert bed.wake.a == 130


def test_the_limits_are_what_the_texts_say():
    assert EARLY_EPOCHS * wire.EPOCH_S == 70 * 60
    assert BETWEEN_EPOCHS * wire.EPOCH_S >= 60 * 60 + wire.EPOCH_S


def test_the_first_seventy_minutes_are_counted_in_sleep():
    bed = Bed()
    bed.sleep(500, stage=wire.W)
    bed.sleep(500, stage=wire.UNSCORED)
    bed.sleep(EARLY_EPOCHS - 2)
    assert bed.loop() == wire.WHY_EARLY
    assert bed.loop() == 0


def test_a_night_has_one_rescue_unless_set_and_three_at_most():
    for allowed, most in ((1, 1), (2, 2), (9, 3)):
        bed, lit = ready(ceiling=20, allowed=allowed), 0
        for _ in range(6):
            why = bed.loop()
            lit += not why
            bed.sleep(LIT_EPOCHS + BETWEEN_EPOCHS)
        assert (lit, why) == (most, wire.WHY_CAP)


def test_sixty_minutes_lie_between_two_rescues_by_epochs_and_by_the_clock():
    bed = ready(allowed=2)
    assert bed.loop() == 0
    bed.sleep(LIT_EPOCHS + BETWEEN_EPOCHS - 3)
    assert bed.loop() == wire.WHY_BETWEEN
    bed.sleep(1)
    assert bed.loop() == 0

    bed = ready(allowed=2)
    bed.loop()
    bed.sleep(LIT_EPOCHS + BETWEEN_EPOCHS)
    bed.now_s -= 600
    assert bed.loop() == wire.WHY_BETWEEN

    bed = ready(allowed=2)
    bed.loop()
    bed.sleep(BLIND_EPOCHS + 1)
    bed.now_s += 9999
    assert bed.loop() == wire.WHY_BETWEEN


def test_after_a_reset_it_is_dark_and_remembers_its_rescues():
    bed = Bed(rescues=1, allowed=2, ceiling=20)
    assert bed.shine(10) == 0 and not bed.wake.active()
    bed.sleep(EARLY_EPOCHS)
    assert bed.loop() == 0
    bed = ready(rescues=1)
    assert bed.loop() == wire.WHY_CAP


def test_the_light_of_a_night_is_a_budget():
    bed = ready(ceiling=40, allowed=3, rescues=2)
    assert bed.loop() == wire.WHY_DOSE


def test_the_ceiling_is_thirty_lux_whatever_the_setting():
    assert Wake(wire.ACT, wire.POLICY, 100, full_lux=254).ceiling == 4000
    assert Wake(wire.ACT, wire.POLICY, 100, full_lux=2000).ceiling == 1200
    assert Wake(wire.ACT, wire.POLICY, -5).ceiling == 0


def test_the_button_beats_everything_for_the_rest_of_the_night():
    bed = ready(allowed=3, ceiling=20)
    bed.loop()
    assert bed.shine(1000) > 0
    bed.wake.off(bed.now_s)
    assert bed.wake.tick(bed.steps * 50 + 1) == 0 and not bed.wake.active()
    assert bed.sleep() == wire.LIGHT_OFF and bed.wake.c == wire.WHY_BUTTON
    assert bed.shine(2000) == 0
    bed.sleep(LIT_EPOCHS + BETWEEN_EPOCHS)
    assert bed.loop() == wire.WHY_BUTTON
    assert bed.wake.rescues == NO_MORE


def test_a_third_stays_dark_only_if_the_sleeper_agreed():
    dark = sum(third(seed, 1) for seed in range(3000))
    assert 950 < dark < 1050
    seed = next(s for s in range(99) if third(s, 1))
    assert ready(seed=seed).loop() == 0
    bed = ready(seed=seed, consent=wire.POLICY | wire.POLICY_THIRD, allowed=2)
    assert bed.loop() == wire.WHY_THIRD and bed.shine(999) == 0
    assert bed.wake.rescues == 1  # it stands for the rescue it replaced
    assert bed.sleep(29) == 0
    assert bed.sleep(1) == wire.NO_RESPONSE and bed.wake.c == 0
