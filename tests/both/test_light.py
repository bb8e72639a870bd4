"""From L* to PWM counts: the law, the steps, the dark."""

from lamp.cie import FULL, ONE, luminance, lux_x10
from lamp.drivers.light import HZ, Light
from lamp.ramp import Ramp


class Pwm:
    """machine.PWM as MicroPython's ESP32 port makes it: half duty unless told."""

    def __init__(self, hz=5000, duty=32768):
        self.hz, self.duty = hz, duty
        self.seen = []

    def freq(self, hz=None):
        if hz is None:
            return self.hz
        assert self.duty == 0, "the frequency moved while it shone"
        self.hz = hz
        self.seen.append(("freq", hz))

    def duty_u16(self, duty):
        self.duty = duty
        self.seen.append(duty)


def test_the_law_is_cie_1976():
    for level in range(1, FULL + 1):
        lightness = level / 100
        y = ((lightness + 16) / 116) ** 3 if lightness > 8 else lightness * 27 / 24389
        assert abs(luminance(level) / ONE / y - 1) < 0.002, level


def test_luminance_always_rises_and_is_zero_only_in_the_dark():
    before = luminance(0)
    assert before == 0
    for level in range(1, FULL + 1):
        assert luminance(level) > before, level
        before = luminance(level)
    assert before == ONE


def test_lux_is_rounded_up_and_zero_in_the_dark():
    assert lux_x10(0, 254) == 0
    assert lux_x10(1, 1) == 1
    assert lux_x10(FULL, 254) == 2540
    assert lux_x10(FULL, 6500) == 65000


def test_the_lamp_is_dark_before_its_frequency_is_set_and_it_is_set_once():
    pwm = Pwm()
    light = Light(pwm)
    assert pwm.seen[0] == 0 and pwm.duty == 0 and pwm.hz == HZ
    for level in (0, 500, 0):
        light.set(level)
    assert pwm.seen.count(("freq", HZ)) == 1 and pwm.duty == 0
    pwm = Pwm(HZ, 0)
    Light(pwm)
    assert pwm.seen == [0]


def test_the_first_step_is_one_count_and_no_step_of_a_ramp_is_visible():
    for bits in (13, 14):
        pwm = Pwm(HZ, 0)
        light, before, first = Light(pwm, 100, bits), 0, 0
        for level in range(0, FULL + 1, 2):
            light.set(level)
            step = light.count - before
            # 0.05 L* in counts of the law, or one
            wide = (luminance(level) - luminance(level - 5)) >> (28 - bits) if level > 4 else 0
            assert 0 <= step <= max(1, wide), (bits, level, step)
            first = first or light.count
            before = light.count
        assert first == 1 and before == 1 << bits and pwm.duty == 65535


def test_dark_is_duty_zero_and_nothing_else():
    pwm = Pwm(HZ, 0)
    light = Light(pwm)
    for level in (9000, 0, 3, -7):
        light.set(level)
        assert (pwm.duty == 0) == (level <= 5), level


def test_it_never_shines_above_its_ceiling():
    pwm = Pwm(HZ, 0)
    light = Light(pwm, 50)
    light.set(FULL)
    assert pwm.duty == luminance(5000) >> 14 << 2


def test_a_duty_that_stays_is_not_written_again():
    pwm = Pwm(HZ, 0)
    light = Light(pwm)
    light.set(5000)
    n = len(pwm.seen)
    light.set(5000)
    assert len(pwm.seen) == n


def test_late_ticks_and_jumping_clocks_take_no_larger_step():
    ramp, now, before = Ramp(), 5, 0
    ramp.aim(6000, 240_000)
    for gap in (50, 400, 3_600_000, -7_200_000, 25, 24, 1, 2**29, 50) * 300:
        now = (now + gap) & 0x3FFFFFFF
        ramp.heard()
        level = ramp.tick(now)
        assert 0 <= level - before <= 2, (gap, level, before)
        before = level


def test_it_goes_on_when_the_millisecond_clock_wraps():
    ramp, now = Ramp(), 2**30 - 30_000
    ramp.tick(now)
    ramp.aim(1000, 60_000)
    for _ in range(1300):
        now = (now + 50) & 0x3FFFFFFF
        ramp.tick(now)
    assert now < 2**30 // 2 and ramp.level == 1000


def test_early_ticks_do_not_hurry_it():
    ramp = Ramp()
    ramp.aim(6000, 160)
    for now in range(1, 1001):
        ramp.tick(now)
    assert ramp.level <= 40


def test_a_starved_fade_is_dark_after_five_minutes():
    ramp = Ramp()
    for now in range(50, 400_000, 50):
        if now == 50:
            ramp.aim(6000, 160)
        ramp.heard()
        ramp.tick(now)
    assert ramp.level == 6000
    ramp.fade()
    for _ in range(300):
        now += 1000
        ramp.tick(now)
    assert ramp.level == 0
