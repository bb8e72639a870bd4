"""CIE 1976 lightness in integers: the one law between what an eye sees and what a lamp gives.

L* = 116 (Y/Yn)^(1/3) - 16 above 8, and (24389/27) Y/Yn below (CIE 15, Colorimetry). `Yn` is the
lamp's own full light, so L* 100 is duty 1. Levels are L* x100, 0..10000. Knows no lamp.
"""

from .compat import const

FULL = const(10000)  # L* 100
ONE = const(1 << 28)  # relative luminance 1


def luminance(level):
    """Return the relative luminance (Q28) of `level` (L* x100); 0 only for 0, always rising."""
    if level <= 800:
        return level * 297173 // 100  # 2**28 x 27 / 24389 for each L*
    if level >= FULL:
        return ONE
    f = ((level + 1600) << 14) // 11600  # Q14, below 2**28 before the division
    return (f * f >> 13) * f >> 1


def lux_x10(level, full_lux):
    """Return lux x10 at the pillow, rounded up; full light gives `full_lux` (6500 at most)."""
    return ((luminance(level) + 16383 >> 14) * full_lux * 10 + 16383) >> 14
