"""A finger on the sensor: beat times and one pulse shape -> light that comes back, per LED step.

Integers only, and a function of world time and seed alone, so both builds see the same finger.
`beats.bin` and `pulse.bin` come from the host; the pulse is stretched from each beat to the
next, and lies at its foot where that is more than two seconds away. What is made up: how much
light comes back, breathing and perfusion drift. Knows no chip: LED current, conversion and noise
are the sensor's.

Light is in 1/64 count at 18 bits, 4096 nA, per step of LED current: 3000 counts, so that a
finger reaches half scale near 9 mA (typical of MAX3010x boards, where 6-12 mA is advised).
"""

import os
import struct

import world
from micropython import const

_FINGER = const(3000 << 6)
# stray light back from no finger
_ABSENT = const(15 << 6)
_STRETCH_MAX_MS = const(2000)

_file = None
_pulse = bytearray(257)
_four = bytearray(4)
_foot_ms = _next_ms = 0


def load():
    """Open the beats and read the pulse; a world without beats has a finger without a pulse."""
    global _file, _next_ms
    _next_ms = world.NEVER
    try:
        with open(world.folder + "/pulse.bin", "rb") as file:
            file.readinto(_pulse)
        _pulse[256] = _pulse[255]
        _file = open(world.folder + "/beats.bin", "rb")
    except OSError:
        return
    _seek(world.now_ms)


def _seek(t_ms):
    """Stand between the beats around `t_ms`: a bisection, for a boot in the middle of a night."""
    low, high = 0, os.stat(world.folder + "/beats.bin")[6] // 4
    while low < high:
        middle = (low + high) // 2
        _file.seek(middle * 4)
        if _beat() <= t_ms:
            low = middle + 1
        else:
            high = middle
    _file.seek(max(0, low - 1) * 4)
    if low:
        _advance()
    _advance()


def _beat():
    if _file is None or _file.readinto(_four) != 4:
        return world.NEVER
    return struct.unpack("<I", _four)[0]


def _advance():
    global _foot_ms, _next_ms
    _foot_ms = _next_ms if _next_ms < world.NEVER else -_STRETCH_MAX_MS
    _next_ms = _beat()


def shine(light, at, n, clock, period_us):
    """Fill n places of the ring `light` (array 'i', 32 long) from `at`.

    `clock` is array 'i' [ms of the next sample, us beyond it] and moves on, `period_us` (below
    2**20) apart.
    """
    kind = world.finger + (2 if clock[0] < world.motion_until_ms else 0)
    while n > 0:
        while clock[0] >= _next_ms:
            _advance()
        done = _shine(light, at, n, clock, period_us, _foot_ms, _next_ms, kind)
        at = (at + done) & 31
        n -= done


@micropython.viper
def _scatter(k: int) -> int:
    # two rounds of a linear congruence (Marsaglia's 69069) and a shift; 16 bits
    x: int = (k * 69069 + 12345) & 0x3FFFFFFF
    x = ((x ^ (x >> 11)) * 69069) & 0x3FFFFFFF
    return (x >> 12) & 0xFFFF


# Bounds, for 32-bit words: t - foot <= 2000 -> << 14 below 2**25; pulse slope 255 << 14 below
# 2**22; 2880 * 65280 below 2**28; breath 10**6 * 576 below 2**30; drift 16384 * 15360 below 2**28.
@micropython.viper
def _shine(ring, at: int, n: int, times, period_us: int, foot: int, nxt: int, kind: int) -> int:
    light = ptr32(ring)
    clock = ptr32(times)
    pulse = ptr8(_pulse)
    seed = int(world.seed) & 0x3FFF  # so that seed * 65537 stays below 2**30
    t: int = clock[0]
    us: int = clock[1]
    span: int = nxt - foot
    if span > 2000:
        span = 2000
    done: int = 0
    while done < n and t < nxt:
        value: int = 960
        if kind & 1:
            place: int = 0
            if t - foot < span:
                place = ((t - foot) << 14) // span
            i: int = place >> 6
            shape: int = (pulse[i] << 8) + (pulse[i + 1] - pulse[i]) * ((place & 63) << 2)
            x: int = (t + seed * 997) % 4200  # one breath in 4.2 s
            sign: int = 1
            if x >= 2100:
                x -= 2100
                sign = -1
            breath: int = sign * (x * (2100 - x) * 522 // 1102500)  # +-0.27 %
            slow: int = (t + seed * 65537) & 0x1FFFFF  # 35 min up and down
            if slow >= 0x100000:
                slow = 0x200000 - slow
            drift: int = ((slow >> 5) - 16384) * 15360 // 16384  # +-8 %
            value = 192000 + drift + breath - (2880 * shape >> 16)  # pulse 1.5 %
        if kind & 2:
            # a hand that moves: a level drawn anew each 256 ms, straight lines between
            k: int = t >> 8
            a: int = int(_scatter(k + seed))
            b: int = int(_scatter(k + seed + 1))
            value += (a + (b - a) * (t & 255) // 256) - 32768
            if value < 0:
                value = 0
        light[at] = value
        at = (at + 1) & 31
        done += 1
        us += period_us
        t += us // 1000
        us = us % 1000
    clock[0] = t
    clock[1] = us
    return done
