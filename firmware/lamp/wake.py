"""The right to act: when the lamp may raise its light in the night, and what came of it.

Every limit stands here and no setting exceeds one. `feed` alone decides, from epochs, so that a
replay of the log decides the same; `tick` only moves the level (ramp.py). Where the light must
stay dark (mode observe, no consent, the dark third) the same rescue runs with the light left out:
what it would have done is logged and its outcome judged, which is the arm to compare with. Knows
no pin, no log, no clock.
"""

from array import array

from . import wire
from .cie import lux_x10
from .compat import const
from .ramp import FADE_MS, Ramp

RESCUES_MAX = const(3)  # a night, whatever the setting; 1 by default
NO_MORE = const(255)  # `rescues` once the button was pressed: none this night, resets included
BASELINE_NIGHTS = const(3)  # before anything is judged by the sleeper's own baseline,
OBSERVED_NIGHTS = const(7)  # and then so many watched, before the light acts
EARLY_EPOCHS = const(140)  # 70 min of epochs *scored as sleep* by this Wake: the first deep sleep
BETWEEN_EPOCHS = const(121)  # 60 min from the last light (it may outlive its last epoch by one),
_BETWEEN_S = const(3630)  # by epochs and by the clock, so that neither alone can jump it
CEILING_LUX_X10 = const(300)  # 30 lux at the pillow, the lower end of what nudges gently
DOSE_X10 = const(180_000)  # 300 lux minutes a night at the pillow, in lux seconds x10
_FULL_LUX = const(254)  # at 0.5 m from 3 W; the calibration replaces it

RAISE_EPOCHS = const(8)  # 4 min from dark to the ceiling, even in L*
_HOLD_EPOCHS = const(2)
LIT_EPOCHS = const(16)  # with the fade of 3 min,
_FADE_EPOCHS = const(10)  # of 5 at worst
JUDGE_EPOCHS = const(30)  # 15 min after it began the outcome is judged
BLIND_EPOCHS = const(30)  # 15 min after any light no loop is believed: light raises the heart rate
_EPOCH_MS = const(30_000)
_ASKED_MS = const(60_000)
_ASKED_EPOCHS = const(120)  # light that was asked for goes after an hour
_RISEN_EPOCHS = const(5)  # by then it has come: 110 s from dark to the highest ceiling

_AWAKE = const(153)  # posterior of wake, 255 = 1: 0.6 ...
_WAIT_EPOCHS = const(4)  # a loop is answered within two minutes, or not
_HELD_EPOCHS = const(2)  # ... held for a minute; a surge of a loop lasts 20-120 s and falls back
_ROOF_EPOCHS = const(24)  # 12 min: the loop's own surges, none of which an awakening's rate is
_CLIMB_X10 = const(30)  # bpm x10 that an epoch's mean is above their highest bin
_QUALITY = const(50)  # percent of an epoch with trustworthy beats
_THRESHOLD = const(100)
_QUIET = const(50)  # a score that counts as settled
_SURGE_X10 = const(50)  # bpm x10 over the baseline that count as a surge


def third(seed, number):
    """Say whether rescue `number` of a night falls into the dark third, as `seed` (u16) deals.

    Multiply and fold three times in 15 bits (products stay below 2**30): a bijection of the seed
    for each number, so that over all seeds a third is dark, to one in 32768.
    """
    x = (seed ^ seed >> 15) + number * 10007 & 0x7FFF
    for _ in range(3):
        x = x * 20077 & 0x7FFF
        x ^= x >> 7
    return x * 3 < 0x8000


class Wake:
    """What the light may do in one night; born dark.

    `consent`: the policy consented to (wire.POLICY, with wire.POLICY_THIRD), 0 none; `ceiling` L*;
    `rescues` so far this night; `nights` recorded before it; `allowed` rescues a night; `seed`
    (u16) deals the dark third; `full_lux` at the pillow when the lamp shines at L* 100. `spent`
    (lux s x10) is the night's light so far; like `rescues` it is kept over resets.
    `person` may hold a dawn.Dawn.
    """

    def __init__(
        self, mode, consent, ceiling, rescues=0, nights=0, allowed=1, seed=0,
        full_lux=_FULL_LUX, spent=0,
    ):  # fmt: skip
        self.mode, self.consent, self.nights, self.seed = mode, consent, nights, seed
        self.rescues = rescues
        self.allowed = min(allowed, RESCUES_MAX)
        self.full_lux = full_lux
        self.ceiling = max(0, min(ceiling, 100)) * 100
        while lux_x10(self.ceiling, full_lux) > CEILING_LUX_X10:
            self.ceiling -= 100
        self.cost_x10 = self._cost()
        self.spent = max(spent, min(rescues, RESCUES_MAX) * self.cost_x10)
        self.ramp = Ramp()
        self.person = None
        self.a = self.b = self.c = 0  # the values of the event that `feed` returned
        self.top = 0  # highest level in this epoch
        self.slept = self.held = self.calm = self.quiet = 0  # epochs; all but `slept` in a row
        self.peaks = array("h", [0] * _ROOF_EPOCHS)  # highest 5 s rate of each epoch, bpm x10
        self.roof_x10 = 0  # the highest of them before the rescue that runs
        self.high = False
        self.dark = BLIND_EPOCHS  # epochs since any light
        # Born after a rescue and a reset, it needs 70 min of sleep, which is more than these:
        self.since, self.free_s = (
            BETWEEN_EPOCHS,
            0,
        )  # epochs since a rescue; none before this second
        self.run = 0  # epoch of the rescue that runs, lit or not; 0 none
        self.due_s = 0  # so long without a score or a surge, it has settled
        self.waits = self.seen = 0  # epochs a loop may still be answered, and its score
        self.lit = self.shining = False  # in this rescue; and its light has no reason to stop yet
        self.peak = self.ended = self.outcome = 0
        self.used = 0  # light of the rescue so far
        self.asked = 0  # epochs that light asked for may still shine
        self.down_ms = 0  # how long it takes to go once it has come; 0: it stays for an hour

    def _epoch_cost(self, level):
        return min(lux_x10(level, self.full_lux) * wire.EPOCH_S, DOSE_X10)

    def _cost(self):
        """Return the most a whole rescue can cost, even if its fade is late and then cut."""
        up = sum(self._epoch_cost(self.ceiling * i // RAISE_EPOCHS) for i in range(RAISE_EPOCHS))
        return up + (_HOLD_EPOCHS + 2 + _FADE_EPOCHS) * self._epoch_cost(self.ceiling)

    # --- the light ------------------------------------------------------------------------------

    def tick(self, now_ms):
        """Return the level (L* x100, 0 exactly dark) at `now_ms`; every 50 ms while `active`."""
        level = self.ramp.tick(now_ms)
        if self.person:
            level = max(level, self.person.tick(now_ms))
        self.top = max(self.top, level)
        return level

    def active(self):
        """Say whether the lamp shines or is about to."""
        ramp = self.ramp
        return bool(ramp.level or ramp.goal or (self.person and self.person.active()))

    def level(self):
        """Return the level now, L* x100."""
        return max(self.ramp.level, self.person.ramp.level if self.person else 0)

    def shine(self, level, minutes=0):
        """Light asked for now, `level` in L*, within the night's limits; return 0 or why not.

        It goes after an hour or, once it has come, evenly within `minutes` (3 to 60).
        """
        goal = max(0, min(level * 100, self.ceiling))
        if goal and self.rescues == NO_MORE:
            return wire.WHY_BUTTON
        if goal and not self._affords(max(goal, self.ramp.level), self._unused()):
            return wire.WHY_DOSE
        self.ask(level, minutes)
        return 0

    def ask(self, level, minutes):
        """What `shine` does when it may: all that a replay needs to repeat."""
        goal = max(0, min(level * 100, self.ceiling))
        self._stop(wire.WHY_AWAKE)  # a rescue whose sleeper asks for light is over,
        self._settle()  # and nobody judges it
        self.asked = _ASKED_EPOCHS if goal else 0
        self.down_ms = max(3, min(minutes, 60)) * 60_000 if minutes else 0
        self._charge(self._epoch_cost(goal))  # the one that a reset would forget
        self.ramp.aim(goal, _ASKED_MS if goal else FADE_MS)

    def _affords(self, level, more_x10=0):
        """Say whether the night has light for a minute more at `level`, and for a fade."""
        most_x10 = (_FADE_EPOCHS + 2) * self._epoch_cost(level)
        return self.spent + most_x10 <= DOSE_X10 + more_x10

    def _end_asked(self, epoch):
        """Let light that was asked for go when its time or the night's light is used up."""
        self.asked -= 1
        if self.down_ms and self.asked == _ASKED_EPOCHS - _RISEN_EPOCHS:
            self.ramp.aim(0, self.down_ms)
            self.asked = self.down_ms // _EPOCH_MS + 2
            self.down_ms = 0
        if not self.asked or not self._affords(max(self.ramp.goal, epoch.light * 100)):
            self.ended = wire.WHY_DOSE if self.asked else wire.WHY_DONE
            self.asked = 0
            self.ramp.fade()

    def press(self, now_s):
        """The button: a dawn that shines is put off, any other light ends for the night.

        Returns in how many seconds the dawn comes again, -1 if nothing does.
        """
        if self.person and self.person.active() and not (self.ramp.level or self.ramp.goal):
            return self.person.snooze(now_s)
        self.off(now_s)
        return -1

    def off(self, now_s):
        """The button: dark at once and for the rest of the night; `rescues` says so."""
        self.cut()
        if self.person:
            self.person.off()
        self.rescues = NO_MORE

    def cut(self):
        """Dark at once; a dawn goes on."""
        self._stop(wire.WHY_BUTTON)
        self.ramp.cut()
        self.asked = 0

    def mark(self, epoch):
        """Write into `epoch` how bright the lamp was in it; before any judge reads it."""
        epoch.light = max(epoch.light, (self.top + 99) // 100)
        if epoch.light:
            epoch.flags |= wire.F_LIGHT

    # --- each epoch -----------------------------------------------------------------------------

    def feed(self, epoch, loop, now_s):
        """Decide about the light; `loop` is what loops.feed returned for this `epoch`.

        Returns 0 or an event code, its values in `a`, `b`, `c`. A second event of the same epoch
        is returned with a later one; the light itself never waits.
        """
        self.mark(epoch)
        self._count(epoch)
        if self.asked:
            self._end_asked(epoch)
        if self.run:
            self._watch(epoch, now_s)
        if loop:
            self.waits, self.seen = _WAIT_EPOCHS, epoch.score
            if not self.run:
                self.due_s = max(120, epoch.lag_s * 5 // 4 + 30)  # longer than the loop's gap
        code = self._decide(epoch, now_s) if self.waits else 0
        self.top = self.ramp.level
        return code or self._report(epoch)

    def _count(self, epoch):
        """Keep count of sleep, light and calm."""
        epochs = max(1, (self.ramp.silent_ms + 15_000) // _EPOCH_MS)  # more if none was fed
        cost_x10 = epochs * self._epoch_cost(epoch.light * 100)
        self.ramp.heard()
        self.used += cost_x10
        if not (self.run and self.lit):
            self._charge(cost_x10)
        self.slept += epoch.stage != wire.W and epoch.stage != wire.UNSCORED
        self.held = self.held + 1 if epoch.p_w >= _AWAKE else 0
        self.dark = 0 if epoch.flags & wire.F_LIGHT else self.dark + 1
        self.since += 1
        if not self.run:
            self.roof_x10 = max(self.peaks)
        self.peaks[epoch.index % _ROOF_EPOCHS] = peak = max(epoch.hr_x10)
        surge = peak - epoch.base_bpm * 10
        self.high = epoch.hr_bpm_x10 > self.roof_x10 + _CLIMB_X10
        self.calm = self.calm + 1 if epoch.hr_bpm_x10 and surge < _SURGE_X10 else 0
        self.quiet = self.quiet + 1 if epoch.score < _QUIET else 0

    def _charge(self, cost_x10):
        """Take `cost_x10` (lux s x10) off the night's light."""
        self.spent = min(self.spent + cost_x10, 2 * DOSE_X10)

    def _watch(self, epoch, now_s):
        """Follow the rescue that runs: stop its light as soon as there is a reason to."""
        self.run += 1
        if self.run <= LIT_EPOCHS or epoch.light:
            self.since, self.free_s = 0, now_s + _BETWEEN_S
        if self.awake():
            self.outcome = wire.WOKE
            self._stop(wire.WHY_AWAKE)
        elif self._deaf(epoch):
            self._stop(wire.WHY_SIGNAL)
        elif max(self.quiet, self.calm) * wire.EPOCH_S >= self.due_s:
            if self.outcome == wire.NO_RESPONSE:
                self.outcome = wire.SETTLED
            self._stop(wire.WHY_SETTLED)
        elif self.run > RAISE_EPOCHS + _HOLD_EPOCHS:
            self._stop(wire.WHY_DONE)

    def awake(self):
        """The arousal flag: wake held for a minute, or a heart above the loop's own surges."""
        return self.held >= _HELD_EPOCHS or self.high

    def _deaf(self, epoch):
        worn = epoch.flags & wire.F_WORN
        return not worn or epoch.quality < _QUALITY or epoch.stage == wire.UNSCORED

    def _stop(self, why):
        if self.shining:
            self.ramp.fade()
            self.shining, self.ended = False, why

    def _decide(self, epoch, now_s):
        """A loop was seen: raise the light, or say why not.

        On a surge the sleeper may look awake; then it waits for what lies between two.
        """
        self.waits -= 1
        why = self._refusal(epoch, now_s)
        if why == wire.WHY_AWAKE and self.waits:
            return 0
        self.waits = 0
        self.a, self.b, self.c = self.seen, _THRESHOLD, why
        if why:
            return wire.REFUSED_RESCUE
        self.rescues += 1
        self.run, self.outcome, self.peak = 1, wire.NO_RESPONSE, 0
        self.since, self.free_s = 0, now_s + _BETWEEN_S
        self.c = self._left_out()
        self.lit = self.shining = not self.c
        if self.c:
            return wire.REFUSED_RESCUE
        self._charge(self.cost_x10)  # the most it can cost, before any light
        self.used = 0
        self.ramp.aim(self.ceiling, RAISE_EPOCHS * _EPOCH_MS)
        self.c = self.rescues
        return wire.RESCUE

    def _refusal(self, epoch, now_s):
        """Return why no rescue may begin now, by the limits of every mode; 0 none."""
        if self.mode == wire.OFF:
            return wire.WHY_MODE
        if self.rescues == NO_MORE:
            return wire.WHY_BUTTON
        if self.run or self.dark < BLIND_EPOCHS or self.ramp.goal:
            return wire.WHY_BLIND
        if self._deaf(epoch):
            return wire.WHY_SIGNAL
        if epoch.stage == wire.W or self.held:
            return wire.WHY_AWAKE
        if self.slept < EARLY_EPOCHS:
            return wire.WHY_EARLY
        if self.rescues >= self.allowed:
            return wire.WHY_CAP
        if self.since < BETWEEN_EPOCHS or now_s < self.free_s:
            return wire.WHY_BETWEEN
        return wire.WHY_DOSE if self.spent + self.cost_x10 > DOSE_X10 else 0

    def _left_out(self):
        """Return why the light stays out of the rescue that begins; 0: it shines."""
        if self.mode != wire.ACT:
            return wire.WHY_OBSERVE
        if self.consent & ~wire.POLICY_THIRD != wire.POLICY:
            return wire.WHY_CONSENT
        if self.nights < BASELINE_NIGHTS:
            return wire.WHY_BASELINE
        if self.nights < BASELINE_NIGHTS + OBSERVED_NIGHTS:
            return wire.WHY_OBSERVING
        dealt = self.consent & wire.POLICY_THIRD and third(self.seed, self.rescues)
        return wire.WHY_THIRD if dealt else 0

    def _report(self, epoch):
        """Return the event that is due: a light that went off, an outcome."""
        self.peak = max(self.peak, epoch.light)
        if self.ended:
            self.a, self.b, self.c = self.peak, self.run * wire.EPOCH_S, self.ended
            self.ended = 0
            return wire.LIGHT_OFF
        if self.run <= JUDGE_EPOCHS:
            return 0
        self.a, self.b, self.c = epoch.score, self.run * wire.EPOCH_S, int(self.lit)
        self._settle()
        return self.outcome

    def _settle(self):
        """End the rescue that runs."""
        self._charge(-self._unused())
        self.run = 0

    def _unused(self):
        """Return what the rescue that runs will not cost any more, lux s x10."""
        if not (self.run and self.lit):
            return 0
        running_x10 = self._epoch_cost(self.ceiling) if self.run <= LIT_EPOCHS else 0
        return max(0, self.cost_x10 - self.used - running_x10)
