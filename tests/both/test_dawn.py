"""The dawn comes by its deadline, says when it cannot, and can be put off."""

import struct

from lamp import wire
from lamp.dawn import HOLD_S, RISE_S, SNOOZE_S, Dawn
from lamp.wake import Wake

ZERO = 1_760_000_000  # Unix time of second 0 since boot


class Morning:
    """A dawn with its deadline `left_s` after now, a clock, and a sleeper in deep sleep."""

    def __init__(self, left_s=7200, window=0, known=True, days=1):
        times = [ZERO + left_s + 86400 * day for day in range(days)]
        self.dawn = Dawn(struct.pack("<BB%dI" % days, 60, window, *times))
        self.epoch = wire.Epoch()
        self.now_s = self.ms = 0
        self.at_s = left_s
        self.said = []
        if known:
            self.dawn.clock(0, ZERO)

    def sleep(self, seconds, stage=wire.N3):
        """Let `seconds` pass; return the level then."""
        until, level = self.now_s + seconds, 0
        while self.now_s < until:
            self.now_s += wire.EPOCH_S
            self.epoch.stage = stage
            code = self.dawn.feed(self.epoch, self.now_s)
            if code:
                self.said.append((code, self.dawn.b, self.dawn.c))
            for _ in range(600):
                self.ms += 50
                before, level = self.dawn.ramp.level, self.dawn.tick(self.ms)
                assert abs(level - before) <= 2
        return level


def test_it_takes_half_an_hour_and_is_there_by_the_deadline():
    bed = Morning()
    assert bed.sleep(bed.at_s - 1860) == 0
    assert bed.sleep(90) > 0
    assert 2500 < bed.sleep(870) < 3500
    assert bed.sleep(bed.at_s - bed.now_s) == 6000
    assert bed.sleep(HOLD_S - 60) == 6000
    assert bed.sleep(390) == 0
    assert [why for _, _, why in bed.said] == [0, wire.WHY_DONE]


def test_the_window_opens_in_light_sleep_and_not_in_deep():
    for stage, early in ((wire.N3, False), (wire.R, False), (wire.N2, True), (wire.W, True)):
        bed = Morning(window=20)
        bed.sleep(bed.at_s - RISE_S - 900)
        assert (bed.sleep(120, stage) > 0) == early, stage
        assert bed.sleep(bed.at_s - bed.now_s) == 6000
    bed = Morning(window=20)
    assert bed.sleep(bed.at_s - RISE_S - 1260, wire.N2) == 0


def test_without_the_time_it_says_so_once_and_stays_dark():
    bed = Morning(known=False)
    assert bed.sleep(8000) == 0
    assert bed.said == [(wire.DAWN, 0, wire.WHY_CLOCK)]


def test_a_clock_that_comes_late_still_brings_it():
    bed = Morning(left_s=3600, known=False)
    bed.sleep(3000)
    bed.dawn.clock(3000, ZERO + 3000)
    assert bed.sleep(600) == 6000
    bed = Morning(left_s=3600, known=False)
    bed.sleep(3600 + HOLD_S + 60)
    bed.dawn.clock(bed.now_s, ZERO + bed.now_s)
    assert bed.sleep(600) == 0


def test_the_button_puts_it_off_and_the_fourth_time_ends_it():
    bed = Morning()
    bed.sleep(bed.at_s)
    wake = Wake(wire.OBSERVE, 0, 40)
    wake.person = bed.dawn
    for _ in range(3):
        assert wake.active()
        wake.press(bed.now_s)
        assert not wake.active() and bed.dawn.tick(bed.ms + 1) == 0
        assert bed.sleep(SNOOZE_S - 30) == 0
        assert bed.sleep(330) > 5000
    wake.press(bed.now_s)
    assert bed.sleep(900) == 0
    assert wake.rescues == 0


def test_a_host_that_sets_the_time_again_does_not_bring_a_dawn_back():
    bed = Morning()
    bed.sleep(bed.at_s)
    bed.dawn.off()
    bed.dawn.clock(bed.now_s, ZERO + bed.now_s + 20)
    assert bed.sleep(600) == 0


def test_dark_for_the_night_leaves_the_morning_its_dawn():
    bed = Morning()
    bed.dawn.off()
    assert bed.sleep(bed.at_s) == 6000


def test_the_next_day_has_its_own():
    bed = Morning(left_s=3600, days=2)
    bed.sleep(3600 + HOLD_S + 600)
    assert bed.dawn.at_s == 3600 + 86400 and not bed.dawn.active()


def test_another_plan_with_the_same_morning_does_not_disturb_the_dawn():
    bed = Morning()
    bed.sleep(bed.at_s)
    bed.dawn.take(struct.pack("<BB2I", 60, 0, ZERO + bed.at_s, ZERO + bed.at_s + 86400), bed.now_s)
    assert bed.sleep(60) == 6000
    bed.dawn.take(b"", bed.now_s)
    assert bed.sleep(330) == 0
    assert bed.dawn.at_s == -1


def test_a_press_at_the_first_instant_of_another_light_is_for_both():
    morning = Morning(left_s=RISE_S)
    wake = Wake(wire.ACT, wire.POLICY, 60, full_lux=50)
    wake.person = morning.dawn
    morning.sleep(wire.EPOCH_S)
    assert morning.dawn.active() and wake.shine(30) == 0 and wake.ramp.level == 0
    assert wake.press(morning.now_s) == -1
    assert not wake.active()
