"""Integer signal processing on buffers it is given: the steepest slope of a pulse.

A pulse of blood is the steepest thing in a finger's light. `scan` runs the raw samples through
one filter, the mean of the last W samples less the mean of the W before (a matched filter for a
rise of that length; it is blind to the level and nearly blind to a wandering baseline), and
looks for maxima of its output that nothing within `HOLD` samples on either side exceeds. That is
the merge-free core of slope-sum detectors (Zong 2003, "qppg") at two additions and four
subtractions a sample. Maxima that a longer look overrules are remembered: how close the runner-up
came is the best single measure of how clean the pulse was.

Bounds for 18-bit samples and W <= 16: sums below 2**22, everything else below 2**23.
Knows no units and no product.

The state is an `array('i')` made by `state()`, because viper code wants one. Everything in it
is kept non-negative: on 64-bit builds viper's ptr32 reads without a sign.
"""

from array import array

from .compat import const, micropython, ptr32

RAIL = const(0x3FFFF)  # the converter's last code
BIAS = const(1 << 23)  # added to what may be negative while it lies in the state

# where the state keeps what
WIDTH = const(0)  # W, samples
HOLD = const(1)  # samples for which a maximum must stand
FLOOR = const(2)  # a maximum below it is no candidate
FALLING = const(3)  # 1: pulses point down, look at the falling slope
NOW = const(4)  # samples seen since the origin
RAILED = const(5)  # samples at the rail since it was last cleared
PRIME = const(6)  # 1: history is void, start again from the next sample
QUIET = const(7)  # samples to go until history is full
HEAD = const(8)
NEW = const(9)  # sum of the last W
OLD = const(10)  # sum of the W before
V1 = const(11)  # slope one and two samples ago, biased
V2 = const(12)
BEST = const(13)  # the standing candidate: its slope, and that of its neighbours, biased
LEFT = const(14)
RIGHT = const(15)
AGE = const(16)  # samples since the candidate
LEVEL = const(17)  # NEW + OLD at the candidate
BEFORE = const(18)  # largest other maximum before the candidate, back to the last beat
AFTER = const(19)  # ... and after it
COUNTER = const(20)  # largest slope the other way since the last beat
EVENT = const(21)  # 1: a candidate has stood for HOLD samples
RING = const(22)


def state(width):
    """Return a fresh state for a slope over `width` samples on either side (at most 16)."""
    s = array("i", [0] * (RING + 2 * width))
    s[WIDTH] = width
    s[HOLD] = 2 * width
    s[PRIME] = 1
    return s


@micropython.viper
def scan(buf: ptr32, i: int, n: int, s: ptr32) -> int:
    """Feed `buf[i:n]`; stop after the sample that confirms a candidate (EVENT is then 1).

    Returns the index of the next sample to feed. Samples are 0..RAIL.
    """
    width = s[WIDTH]
    span = width + width
    head = s[HEAD]
    new = s[NEW]
    old = s[OLD]
    v1 = s[V1] - BIAS
    v2 = s[V2] - BIAS
    best = s[BEST]
    age = s[AGE]
    s[EVENT] = 0
    while i < n:
        x = buf[i]
        i += 1
        s[NOW] += 1
        if x >= RAIL:
            s[RAILED] += 1
        if s[PRIME]:
            s[PRIME] = 0
            s[QUIET] = span
            k = 0
            while k < span:
                s[RING + k] = x
                k += 1
            new = x * width
            old = new
            v1 = 0
            v2 = 0
            best = 0
            s[BEFORE] = 0
            s[AFTER] = 0
            s[COUNTER] = 0
        half = head + width
        if half >= span:
            half -= span
        mid = s[RING + half]
        new += x - mid
        old += mid - s[RING + head]
        s[RING + head] = x
        head += 1
        if head == span:
            head = 0
        v = new - old
        if s[FALLING]:
            v = 0 - v
        if s[QUIET]:
            s[QUIET] -= 1
        elif v1 >= v2 and v1 > v:
            if v1 > best and v1 > s[FLOOR]:
                if s[AFTER] > s[BEFORE]:
                    s[BEFORE] = s[AFTER]
                if best > s[BEFORE]:
                    s[BEFORE] = best
                s[AFTER] = 0
                best = v1
                s[LEFT] = v2 + BIAS
                s[RIGHT] = v + BIAS
                s[LEVEL] = new + old
                age = 0
            elif v1 > s[AFTER]:
                s[AFTER] = v1
        elif 0 - v1 > s[COUNTER]:
            s[COUNTER] = 0 - v1
        v2 = v1
        v1 = v
        age += 1
        if best and age >= s[HOLD]:
            s[EVENT] = 1
            break
    s[HEAD] = head
    s[NEW] = new
    s[OLD] = old
    s[V1] = v1 + BIAS
    s[V2] = v2 + BIAS
    s[BEST] = best
    s[AGE] = age
    return i


def isqrt(n):
    """Return the integer square root of `n`, 0 <= n < 2**30 (Newton from above)."""
    if n < 2:
        return n
    x = 1
    while x * x < n and x < 32768:
        x <<= 1
    while True:
        y = (x + n // x) >> 1
        if y >= x:
            return x
        x = y
