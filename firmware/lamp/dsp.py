"""Integer signal processing on buffers it is given: the steepest slope of a pulse.

A pulse of blood is the steepest thing in a finger's light. `scan` runs the raw samples through
one filter, the sum of the last W samples less the sum of the W before: a matched filter for a
rise of that length, blind to the level and nearly blind to a wandering baseline. It is looking
for maxima of that slope which nothing within HOLD samples on either side exceeds: the idea of
the slope-sum detectors (Zong, Heldt, Moody & Mark 2003, "qppg") made causal at a fixed cost. Soon
after a beat (EARLY) a maximum must also ride high: the middle of its rise above the mean of the
last second. There a premature beat is seen on the shoulder of the last pulse, and a dicrotic
wave, which is as steep but lies at the bottom, is not; that rule is the level test of Elgendi
2013 reduced to one comparison. Other maxima are remembered (BEFORE): how close the runner-up
came is a measure of how clean the pulse was.

Bounds for samples of 18 bits and W <= 16: everything below 2**26 (tests/host/test_bounds.py).
Knows no units and no product.

The state is an `array('i')` made by `state()`, because viper code wants one, and everything in
it is kept non-negative: on 64-bit builds viper's ptr32 reads without a sign.
"""

from array import array

from .compat import const, micropython, ptr32

RAIL = const(0x3FFFF)  # the converter's last code
BIAS = const(1 << 23)  # added to what may be negative while it lies in the state

# where the state keeps what
WIDTH = const(0)  # W, samples
_SHIFT = const(1)  # the running mean follows in 2**_SHIFT samples
HOLD = const(2)  # samples for which a maximum must stand
FLOOR = const(3)  # a maximum below it is no candidate
FALLING = const(4)  # 1: pulses point down, look at the falling slope
NOW = const(5)  # samples seen since the origin
RAILED = const(6)  # samples at the rail since it was last cleared
PRIME = const(7)  # 1: history is void, start again from the next sample
_QUIET = const(8)  # samples to go until history is full
EARLY = const(9)  # samples to go until a beat needs no proof
_HEAD = const(10)
MEAN = const(11)  # running mean << _SHIFT
NEW = const(12)  # sum of the last W
OLD = const(13)  # sum of the W before
V1 = const(14)  # slope one and two samples ago, biased
V2 = const(15)
BEST = const(16)  # the standing candidate: its slope, and that of its neighbours, biased
LEFT = const(17)
RIGHT = const(18)
AGE = const(19)  # samples since the candidate
BEFORE = const(20)  # largest other maximum before the candidate, back to the last beat
AFTER = const(21)  # ... and after it
COUNTER = const(22)  # largest slope the other way since the last beat
EVENT = const(23)  # 1: a candidate has stood for HOLD samples
_RING = const(24)


def state(width):
    """Return a fresh state for a slope over `width` samples on either side: 4, 8 or 16."""
    s = array("i", [0] * (_RING + 2 * width))
    s[WIDTH] = width
    s[_SHIFT] = 5 if width < 8 else 6 if width < 16 else 7  # 1.28 s where W is 160 ms
    s[HOLD] = 2 * width
    s[PRIME] = 1
    return s


@micropython.viper
def scan(buf: ptr32, i: int, n: int, s: ptr32) -> int:
    """Feed `buf[i:n]`; stop after the sample that confirms a candidate (EVENT is then 1).

    Returns the index of the next sample to feed. Samples are 0..RAIL.
    """
    width = s[WIDTH]
    shift = s[_SHIFT]
    span = width + width
    head = s[_HEAD]
    mean = s[MEAN]
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
            s[_QUIET] = span
            k = 0
            while k < span:
                s[_RING + k] = x
                k += 1
            mean = x << shift
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
        mid = s[_RING + half]
        new += x - mid
        old += mid - s[_RING + head]
        s[_RING + head] = x
        head += 1
        if head == span:
            head = 0
        mean += x - (mean >> shift)
        v = new - old
        high = new + old - span * (mean >> shift)
        if s[FALLING]:
            v = 0 - v
            high = 0 - high
        if s[EARLY]:
            s[EARLY] -= 1
        if s[_QUIET]:
            s[_QUIET] -= 1
        elif v1 >= v2 and v1 > v:
            if v1 > best and v1 > s[FLOOR] and (s[EARLY] == 0 or high > 0):
                if s[AFTER] > s[BEFORE]:
                    s[BEFORE] = s[AFTER]
                if best > s[BEFORE]:
                    s[BEFORE] = best
                s[AFTER] = 0
                best = v1
                s[LEFT] = v2 + BIAS
                s[RIGHT] = v + BIAS
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
    s[_HEAD] = head
    s[MEAN] = mean
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
