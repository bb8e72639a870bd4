"""The dawn before a deadline: light that was asked for, by a plan that a host wrote.

A dawn takes 30 minutes from dark to its level and is there by the deadline; 50 and 250 lux both
made waking less drowsy (Gimenez 2010). It may begin up to `window` earlier, in light sleep or wake
only; the evidence for that is thin. The plan holds absolute times, so daylight saving is the
host's sum and cannot go wrong here, and until a host has said what time it is nothing is guessed.
Knows no pin, no log, no time zone.
"""

import struct

from . import wire
from .compat import const
from .ramp import Ramp

RISE_S = const(1800)
HOLD_S = const(1800)  # after the deadline: the lamp's heat allows half an hour at full
SNOOZE_S = const(540)
_SNOOZES = const(3)
_AGAIN_S = const(300)  # a dawn that comes late or again; a shift of the clock that is none
_LIGHT_EPOCHS = const(2)  # of light sleep or wake in a row

_WAIT = const(0)
_RISE = const(1)
_SNOOZED = const(2)
_OVER = const(3)


class Dawn:
    """One plan (wire.KEY_DAWN) and the light it asks for; born dark and without a clock.

    `feed` each epoch, whether or not a night is recorded; `tick` as wake.Wake's.
    """

    def __init__(self, plan=b""):
        self.ramp = Ramp()
        self.tick = self.ramp.tick
        self.zero = 0  # Unix time of second 0 since boot; 0: not known
        self.at_s = -1  # the deadline in seconds since boot; -1: none is left
        self.done = 0  # Unix time of the last one that was called off
        self.state = _OVER
        self.snoozes = self.again_s = self.shallow = self.rose_s = 0
        self.a = self.b = self.c = 0
        self.take(plan, 0)

    def take(self, plan, now_s):
        """Another plan; a dawn that has begun goes on if its deadline stays."""
        self.plan = plan
        self.level, window = (plan[0], plan[1]) if len(plan) >= 6 else (0, 0)
        self.window_s = window * 60
        self.told = False  # that the time is not known
        if self.zero:
            self.clock(now_s, self.zero + now_s)

    def clock(self, now_s, unix_s):
        """A host says it is `unix_s` at second `now_s` since boot: find the next deadline."""
        first, self.zero, at_s = not self.zero, unix_s - now_s, -1
        for offset in range(2, len(self.plan) - 3, 4):
            deadline = struct.unpack_from("<I", self.plan, offset)[0]
            left_s = deadline - unix_s
            if left_s > -HOLD_S and deadline > self.done:
                at_s = now_s + left_s
                break
        if first or abs(at_s - self.at_s) > _AGAIN_S:  # another deadline than the one in hand
            self.ramp.fade()
            self.state, self.snoozes = (_OVER if at_s < 0 else _WAIT), 0
        self.at_s = at_s

    def active(self):
        """Say whether it shines or is about to."""
        return bool(self.ramp.level or self.ramp.goal)

    def off(self):
        """Dark now; a dawn that had begun is over for good, one that is still to come comes."""
        self.ramp.cut()
        if self.state in (_RISE, _SNOOZED):
            self.state = _OVER
            self.done = self.zero + self.at_s

    def snooze(self, now_s):
        """The button in a dawn: dark now, again in nine minutes; three times, then no more.

        Returns in how many seconds it comes again, -1 if it does not.
        """
        if self.state != _RISE or self.snoozes >= _SNOOZES:
            self.off()
            return -1
        self.ramp.cut()
        self.state, self.snoozes, self.again_s = _SNOOZED, self.snoozes + 1, now_s + SNOOZE_S
        return SNOOZE_S

    def feed(self, epoch, now_s):
        """Begin and end what is due; return 0 or an event code, its values in `a`, `b`, `c`."""
        self.ramp.heard()
        light = epoch.stage in (wire.W, wire.N1, wire.N2)
        self.shallow = self.shallow + 1 if light else 0
        if self.level and not self.zero and not self.told:
            self.told = True
            return self._say(0, wire.WHY_CLOCK)
        if self.state == _WAIT and self._due(now_s):
            return self._begin(now_s, max(_AGAIN_S, min(self.at_s - now_s, RISE_S)))
        if self.state == _SNOOZED and now_s >= self.again_s:
            return self._begin(now_s, _AGAIN_S)
        if self.state == _RISE and now_s >= max(self.at_s, self.rose_s + _AGAIN_S) + HOLD_S:
            self.ramp.fade()
            self.state = _OVER
            return self._say(now_s - self.rose_s, wire.WHY_DONE)
        if self.state == _OVER and 0 <= self.at_s < now_s - HOLD_S:
            self.clock(now_s, self.zero + now_s)  # the next day's
        return 0

    def _due(self, now_s):
        begin_s = self.at_s - RISE_S
        early = self.shallow >= _LIGHT_EPOCHS and now_s >= begin_s - self.window_s
        return early or now_s + wire.EPOCH_S > begin_s  # the last epoch that is in time

    def _begin(self, now_s, over_s):
        self.state, self.rose_s = _RISE, now_s
        self.ramp.aim(self.level * 100, over_s * 1000)
        return self._say(self.at_s - now_s, 0)

    def _say(self, seconds, why):
        self.a, self.b, self.c = self.level, seconds, why
        return wire.DAWN
