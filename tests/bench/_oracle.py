"""A second opinion about the light: what it may have done, derived from outside.

`World` plays sleeper, clock, host and power for one lamp; after each tick it judges the light that
came out of the PWM, and at each rescue whether it was allowed, by its own counts in world time
and by floating-point CIE 1976. It reads no constant of lamp/wake.py: the limits stand here a
second time, in the issue's own units.
"""

from lamp import wire
from lamp.drivers.light import Light
from lamp.wake import Wake

STEP_L = 0.05  # L* per 50 ms, or one PWM count
CEILING_LUX = 30.0
DOSE_LUX_MIN = 300.0
RESCUES = 3
BETWEEN_S = 3600
EARLY_S = 4200
NIGHTS = 10  # three of baseline, seven of observing
STOP_S = 1.0
DARK_S = 300.0
STARVED_MS = 240_000  # a fade that lasts so long lacked ticks
WRAP = 1 << 30  # of the lamp's millisecond clock


class Pwm:
    """machine.PWM, born as the board makes it; `duty` is what the eye gets."""

    def __init__(self):
        self.duty = 0

    def freq(self, hz=4000):
        return 4000

    def duty_u16(self, duty):
        self.duty = duty


def lightness(y):
    """CIE 1976 L* of a relative luminance, in floating point."""
    return 116 * y ** (1 / 3) - 16 if y > 216 / 24389 else y * 24389 / 27


def counts_and_lightness(bits):
    """The driver's PWM count for every level, and the L* an eye makes of each duty."""
    pwm = Pwm()
    light = Light(pwm, 100, bits)
    counts, seen = [], []
    for level in range(10001):
        light.set(level)
        counts.append(light.count)
        seen.append(lightness(pwm.duty / 65535))
    return counts, seen


class Fault(AssertionError):
    """A limit was exceeded."""


class World:
    """One night of one lamp, and everything that can be done to it."""

    tables = {bits: counts_and_lightness(bits) for bits in (13, 14)}

    def __init__(self, bits=14, **born):
        self.counts, self.seen = self.tables[bits]
        self.born = born  # settings, as the lamp's flash keeps them
        self.full_lux = born.get("full_lux", 254)
        self.epoch = wire.Epoch()
        self.ms = 1000  # world time
        self.skew_ms = 0  # what the lamp's own clock is off by
        self.level = self.before = 0  # of the last two ticks
        self.before_ms = 0
        self.dose = 0.0  # lux minutes at the pillow
        self.lit = 0  # rescues this night, by the lamp's own word
        self.dark_since_ms = -BETWEEN_S * 1000  # last light of a rescue
        self.refused = False  # the button was pressed this night
        self.rescuing = self.asked = False
        self.stop_ms = -1  # when a rescue had to stop
        self.falling_ms = 0  # since it last rose
        self.stop_s_max = 0.0
        self.ticks = self.feeds = self.steps_over = self.starved = 0
        self.events = {}
        self.boot()

    def boot(self):
        """Power returns: a new Wake, what flash kept, and darkness."""
        self.wake = Wake(**self.born)
        self.asleep_s = self.held = 0
        self.cut()

    def cut(self):
        """The light was told to be dark now: it must be, and that step is allowed."""
        self.level = self.before = self.falling_ms = 0
        self.rescuing = self.asked = False
        self.stop_ms = -1
        if self.wake.tick(self.ms + self.skew_ms & WRAP - 1):
            raise Fault("not dark after a cut")

    def save(self):
        """What night.py keeps over resets."""
        self.born["rescues"], self.born["spent"] = self.wake.rescues, self.wake.spent

    # --- what can happen ------------------------------------------------------------------------

    def off(self):
        self.wake.off(self.ms // 1000)
        self.refused = True
        self.cut()
        self.save()

    def reset(self):
        self.boot()

    def configure(self, **new):
        """A settings write: dark first, then judged anew (night.Night.set_mode)."""
        self.wake.cut()
        self.born.update(new)
        self.boot()

    def jump(self, ms):
        self.skew_ms += ms

    def ask(self, level, minutes=0):
        if self.wake.shine(level, minutes) == 0:
            self.asked = not self.refused and (self.asked or self.rescuing or level > 0)
            self.rescuing = False
            self.stop_ms = -1
        self.save()

    def feed(self, stage, p_w, score, worn=True, loop=0, hr_x10=700):
        """The next 30 s as told; judge what the lamp says about them."""
        e = self.epoch
        e.clear(0)
        e.flags, e.quality = wire.F_WORN if worn else 0, 90 if worn else 0
        e.stage, e.p_w, e.score, e.base_bpm, e.hr_bpm_x10 = stage, p_w, score, 60, hr_x10
        for i in range(wire.BINS):
            e.hr_x10[i] = hr_x10
        self.feeds += 1
        self.asleep_s += 30 * (stage in (1, 2, 3, 5))
        self.held = self.held + 1 if p_w >= 153 else 0
        code = self.wake.feed(e, loop, (self.ms + self.skew_ms) // 1000)
        self.save()
        if code:
            self.events[code] = self.events.get(code, 0) + 1
        if code == wire.RESCUE:
            self._judge_rescue(e)
        elif self.rescuing and self.stop_ms < 0 and (self.held >= 2 or not worn):
            self.stop_ms = self.ms

    def _judge_rescue(self, e):
        born = self.born
        self.lit += 1
        allowed = min(born.get("allowed", 1), RESCUES)
        for name, kept in (
            ("mode", born["mode"] == wire.ACT),
            ("consent", born["consent"] & 0x7F == wire.POLICY),
            ("nights", born.get("nights", 0) >= NIGHTS),
            ("button", not self.refused),
            ("rescues a night", self.lit <= allowed),
            ("minutes between", self.ms - self.dark_since_ms >= BETWEEN_S * 1000),
            ("first minutes", self.asleep_s >= EARLY_S),
            ("asleep", e.stage in (1, 2, 3, 5) and self.held == 0),
            ("signal", e.flags & wire.F_WORN),
        ):
            if not kept:
                raise Fault(f"rescue against the limit: {name}")
        self.rescuing, self.stop_ms = True, -1

    def tick(self, gap_ms):
        """Let `gap_ms` pass, then judge the light."""
        if self.level:
            self._spend(gap_ms)
        self.ms += gap_ms
        level = self.wake.tick(self.ms + self.skew_ms & WRAP - 1)
        self.ticks += 1
        if level or self.level:
            self._judge_light(level, gap_ms)

    def _spend(self, gap_ms):
        self.dose += (self.seen_y(self.level) * self.full_lux) * gap_ms / 60000

    def seen_y(self, level):
        return self.counts[level] / self.counts[-1]

    def _judge_light(self, level, gap_ms):
        if not (self.rescuing or self.asked):
            raise Fault("light without a licence")
        if self.seen_y(level) * self.full_lux > CEILING_LUX:
            raise Fault("above the ceiling in lux")
        if level > self.born["ceiling"] * 100:
            raise Fault("above the ceiling that was set")
        if self.dose > DOSE_LUX_MIN:
            raise Fault("more light than the night has")
        self.falling_ms = self.falling_ms + gap_ms if level <= self.level else 0
        self._judge_step(self.level, level)
        if gap_ms < 50 and self.ms - self.before_ms < 50:
            self._judge_step(self.before, level)
        if self.rescuing:
            self._judge_stop(level)
        self.before, self.before_ms, self.level = self.level, self.ms - gap_ms, level
        if not level:
            self.asked = self.asked and self.wake.active()
            self.rescuing = self.rescuing and self.wake.active()

    def _judge_step(self, old, new):
        """No step per 50 ms is larger than both 0.05 L* and one PWM count."""
        if abs(self.counts[new] - self.counts[old]) <= 1:
            return
        if abs(self.seen[new] - self.seen[old]) <= STEP_L:
            return
        if new == 0 and self.falling_ms >= STARVED_MS:
            self.starved += 1  # ticks came so seldom that darkness had to come first
        else:
            self.steps_over += 1

    def _judge_stop(self, level):
        self.dark_since_ms = self.ms
        if self.stop_ms < 0:
            return
        since_s = (self.ms - self.stop_ms) / 1000
        if level > self.level:
            self.stop_s_max = max(self.stop_s_max, since_s)
        if level and since_s > DARK_S:
            raise Fault("light 5 minutes after it had to stop")
