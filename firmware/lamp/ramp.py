"""How a level moves: never in a visible step, never on by itself, always back to exactly dark.

A step is at most 0.02 L*, so that the PWM count it is rounded to also stays within the limit of
0.05 L* or one count per 50 ms. Elapsed time is summed from the ticks' own gaps, none longer than
the watchdog allows, so that no jump of a clock moves the light. Knows no reason for any light.
"""

from .compat import const

_STEP = const(2)  # L* x100 in one tick
_STEP_MS = const(25)  # for each unit of it: 0.4 L* a second at most
_ODD_MS = const(1_000)  # after such a gap, which may be a jump, only half of it
_GAP_MS = const(15_000)  # a longer gap is a clock that jumped, or a lamp about to be reset
_SILENT_MS = const(75_000)  # nobody has asked for the light for so long: two epochs and a half
_LONG_MS = const(600_000)  # no light outlives such a silence
FADE_MS = const(180_000)
LATE_MS = const(
    115_000
)  # a fade is over after 295 s, even if ticks came so late that it is a step
_TICKS = const(0x3FFFFFFF)  # ticks_ms wraps at 2**30 on the ESP32


class Ramp:
    """A level (L* x100) on its way from `start` to `goal` in `over_ms`."""

    def __init__(self):
        self.level = self.start = self.goal = 0
        self.over_ms = self.elapsed_ms = FADE_MS
        self.silent_ms = self.last_ms = 0

    def aim(self, goal, over_ms):
        """Move to `goal` from here, evenly in L*, in `over_ms` (100 ms to one hour)."""
        self.start, self.goal = self.level, goal
        self.over_ms, self.elapsed_ms = over_ms, 0

    def fade(self):
        """Go dark softly; a fade that runs goes on, a slower fall becomes one."""
        if self.goal or self.over_ms > FADE_MS:
            self.aim(0, FADE_MS)

    def cut(self):
        """Dark now."""
        self.level = self.start = self.goal = 0

    def heard(self):
        """Say that whoever asked for this light is still there."""
        self.silent_ms = 0

    def tick(self, now_ms):
        """Return the level at `now_ms` (ms since boot, wraps); about every 50 ms."""
        gap_ms = (now_ms - self.last_ms) & _TICKS
        if not (self.level or self.goal):
            self.last_ms = now_ms
            return 0
        if gap_ms < _STEP_MS:
            return self.level
        self.last_ms = now_ms
        gap_ms = min(gap_ms, _GAP_MS)
        self.elapsed_ms = min(self.elapsed_ms + gap_ms, self.over_ms + LATE_MS)
        self.silent_ms = min(self.silent_ms + gap_ms, _LONG_MS)
        if self.silent_ms >= _SILENT_MS:
            self.fade()
        self._move(1 if gap_ms > _ODD_MS else min(_STEP, gap_ms // _STEP_MS))
        return self.level

    def _move(self, step):
        """Go up to `step` towards where the level should be by now."""
        done = min(self.elapsed_ms, self.over_ms) >> 6  # in 64 ms: the product stays below 2**30
        want = self.start + (self.goal - self.start) * done // (self.over_ms >> 6)
        self.level += max(-step, min(step, want - self.level))
        if not self.goal and self.elapsed_ms >= self.over_ms + LATE_MS:
            self.level = 0
