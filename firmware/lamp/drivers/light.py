"""The wake light: L* to PWM counts, exact dark, no dithering, no flash.

machine.PWM starts at half duty unless told, so whoever makes it says `duty_u16=0`; the frequency
is set once, because a change restarts the timer (a glitch), and while the duty is 0. No dithering:
done in Python it would flicker below 80 Hz. Knows no reason for any light.
"""

from ..cie import luminance
from ..compat import const

# IEEE 1789: at full modulation no observable effect from 3 kHz on. At 4 kHz the ESP32's timer
# resolves floor(log2(80 MHz / 4 kHz)) = 14 bits; the S3's and C3's never more than 13.
HZ = const(4000)
_BITS = const(14)


class Light:
    """A PWM output `pwm` whose level is never above `ceiling` (L*, what the supply bears)."""

    def __init__(self, pwm, ceiling=100, bits=_BITS):
        self.count = 0  # of 2**bits
        self.ceiling = ceiling * 100
        self.bits = bits
        self.pwm = pwm
        pwm.duty_u16(0)
        if pwm.freq() != HZ:
            pwm.freq(HZ)
            pwm.duty_u16(0)

    def set(self, level):
        """Shine at `level` (L* x100); 0 is duty 0, and a duty that stays is not written again."""
        count = luminance(max(0, min(level, self.ceiling))) >> (28 - self.bits)
        if count != self.count:
            # whole counts: the port's own rounding takes and gives none; 65535 is always on
            self.pwm.duty_u16(min(count << (16 - self.bits), 65535))
            self.count = count
