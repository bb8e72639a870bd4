"""What may be asked of a night: by a host, or by the button while the lamp shines.

The settings, light and dawns, the right to act, and what time it is. Half of `night.Night`, whose
story is in night.py; what was granted or spent outlives a reset.
"""

import struct

from . import wire
from .compat import Any, const
from .mind import DEFAULTS, Mind
from .wake import NO_MORE

FRESH_S = const(6 * 3600)  # begun sooner after another it is the same evening, with its limits
_HOUR_S = const(3600)


class Asked:
    """The methods; what they work on is born in `night.Night`."""

    settings: Any
    log: Any
    diary: Any
    mind: Mind
    dawn: Any
    state: int
    boot: int
    now_s: int
    ended_s: int
    lit_s: int
    resumed: int
    heart: Any
    told: Any
    hour: int
    past_s: int
    seen: int
    begin: Any
    end: Any
    _event: Any
    _freshen: Any
    _stretch: Any
    _new_mind: Any

    @property
    def mode(self):
        return self.mind.born["mode"]

    @property
    def level(self):
        """The light now, CIE L* x100."""
        return self.mind.wake.level()

    def setting(self, key):
        """A setting that a host may read: as it will be in the next night."""
        return self.settings.get(key, DEFAULTS.get(key, 0))

    def set(self, key, value):
        """Change a setting, from the next night on; False if it cannot be kept."""
        return self.settings.set(key, value)

    def set_mode(self, mode):
        """Off, observe or act, at once; return 0, why not (wire.WHY_*), or -1: it could not be
        kept, and the night stays dark."""
        policy = self.settings.get("consent", 0)
        if mode == wire.ACT and policy & ~wire.POLICY_THIRD != wire.POLICY:
            return wire.WHY_CONSENT
        if mode != self.mode:
            if not self.settings.set("mode", mode):
                self.mind.wake.off(self.now_s)
                return -1
            self._judge_anew()
        return 0

    def agree(self, record):
        """Keep a consent (wire.KEY_CONSENT), or end it with zeros.

        Returns 0, why not (wire.WHY_*), or -1: it could not be kept, and the night stays dark.
        """
        policy = record[0]
        if policy and policy & ~wire.POLICY_THIRD != wire.POLICY:
            return wire.WHY_CONSENT
        kept = self.settings.set("consent", policy)  # first: a withdrawal counts whatever follows
        if not policy and self.mode == wire.ACT:
            self.settings.set("mode", wire.OBSERVE)
        self.settings.set("consented", bytes(record))
        self._judge_anew()
        if kept:
            return 0
        self.mind.wake.off(self.now_s)
        return -1

    def _judge_anew(self):
        """Dark first; then a new stretch of the night, and the log says so."""
        before = self.mode
        self.mind.wake.cut()
        if self.state == wire.RECORDING:
            self._stretch(wire.BOOT)
        else:
            self._new_mind()
        if self.mode != before:
            self._event(wire.MODE_SET, self.mode, self.mind.born["consent"])

    def shine(self, level, minutes=0):
        """Light that somebody asks for; return 0 or why not (wire.WHY_*)."""
        idle = self.state != wire.RECORDING
        if idle and not self.mind.wake.active():
            self._freshen(self.now_s - self.lit_s >= FRESH_S)
            self._new_mind()
        why = self.mind.wake.shine(level, minutes)
        self._keep_account()
        if not why:
            self.lit_s = self.now_s if idle else self.lit_s
            self._event(wire.LIGHT_ASKED, level, minutes)
        return why

    def set_dawn(self, plan):
        """Keep another plan of dawns (wire.KEY_DAWN)."""
        self.settings.set("dawn", self.settings.get("dawn", bytes(4))[:4] + plan)
        self._plan_dawn()

    def _plan_dawn(self):
        """Heed the plan that is kept. Most lamps have none, and spare the memory."""
        held = self.settings.get("dawn", b"")  # when the last was called off, and the plan
        plan = held[4:]
        if plan and not self.dawn:
            from .dawn import Dawn

            self.dawn = Dawn()
            self.dawn.done = struct.unpack_from("<I", held)[0]
        if self.dawn:
            self.dawn.take(plan, self.now_s)
            if self.told and not self.dawn.zero:
                self.dawn.clock(self.told[0], self.told[1])
        self.mind.wake.person = self.dawn

    def darken(self):
        """Something died: whatever light there was does not come back tonight."""
        if self.mind.wake.active():
            self.lamp_off()

    def lamp_off(self):
        """Dark now, and for the rest of the night."""
        self.mind.wake.off(self.now_s)
        self._keep_dawn()
        self._keep_account()
        self._event(wire.LIGHT_OFF, c=wire.WHY_BUTTON)

    def press(self):
        """The button while the lamp shines: a dawn is put off, any other light is over."""
        again_s = self.mind.wake.press(self.now_s)
        if again_s < 0:
            self.lamp_off()
        else:
            self._event(wire.DAWN, 0, again_s, wire.WHY_BUTTON)

    def withdraw(self, forget=False):
        """The press that ended a light for tonight lasts: never again, until asked again.

        `forget`: the lamp forgets its hosts; who comes next has consented to nothing.
        """
        if (forget or self.mind.wake.rescues == NO_MORE) and self.settings.get("consent", 0):
            self.agree(bytes(5))

    def _keep_dawn(self):
        """A dawn that was called off does not come back after a reset."""
        if self.dawn and self.dawn.done:
            self.settings.set("dawn", struct.pack("<I", self.dawn.done) + self.dawn.plan)

    def _keep_account(self):
        """Rescues and light spent tonight outlive a reset; what cannot be kept is not spent."""
        self._keep("rescues", self.mind.wake.rescues)
        self._keep("spent", self.mind.wake.spent)

    def _keep(self, key, value):
        born = self.mind.born
        if value != born[key]:
            born[key] = value
            if not self.settings.set(key, value):
                self.mind.wake.off(self.now_s)

    def sync_began(self):
        """A host fetches: the open night says so, for whoever asks later who was there."""
        self._event(wire.SYNC_BEGAN)

    def clock_set(self, unix_s, offset_min):
        """A host said what time it is: date the open night, or the newest one.

        An open night that was gone on with although it was cut hours ago is another's: it is
        closed, and a new one begins. Once it was found to be tonight's, no later clock parts it.
        """
        self.told = self.now_s, unix_s, offset_min
        zero_s = unix_s - self.now_s
        self.hour, self.past_s = zero_s // _HOUR_S, zero_s % _HOUR_S  # divmod's are heap objects
        if self.settings.get("utc_min") != offset_min:
            self.settings.set("utc_min", offset_min)
        if self.dawn:
            self.dawn.clock(self.now_s, unix_s)
        night, hour = struct.unpack("<HI", self.settings.get("seen", bytes(6)))
        away = self.hour - hour
        if not self.ended_s and night == self.log.newest and away * _HOUR_S > FRESH_S:
            self.ended_s = -FRESH_S
        if self.resumed and self.resumed == self.log.open_id:
            if night == self.resumed and away * _HOUR_S > FRESH_S:
                self.end(wire.END_LOST)
                self.ended_s = self.now_s - FRESH_S
                if self.heart.worn():
                    self.begin()
                return
            if night == self.resumed and away >= 0:
                self.resumed = 0
        self.diary.clock(self.boot, *self.told)

    def _note_hour(self):
        """Keep the hour in which the night was last known to go on, if a host told the time."""
        if self.told and self.state == wire.RECORDING:
            hour = self.hour + (self.past_s + self.now_s) // _HOUR_S
            if hour != self.seen:
                self.seen = hour
                self.settings.set("seen", struct.pack("<HI", self.log.open_id, hour))
