"""Light on a finger made of integers, the same on every build: for the tests of heart and dsp."""

from array import array

from lamp import heart, wire

# One pulse of light absorbed, percent, foot to foot in sixteenths: rise, notch, slow decay.
SHAPE = (0, 35, 80, 100, 95, 85, 72, 62, 58, 55, 46, 37, 28, 19, 11, 5, 0)
BASE = 131072  # the driver keeps the light at half scale


def light(at_ms, beats, depth=2000, base=BASE, sign=-1):
    """Counts at `at_ms` for pulses that begin at the ascending times `beats`."""
    k = 0
    while k + 1 < len(beats) and beats[k + 1] <= at_ms:
        k += 1
    if k + 1 >= len(beats):
        return base
    phase = (at_ms - beats[k]) * 1600 // (beats[k + 1] - beats[k])
    if phase < 0:
        return base
    i = phase // 100
    y = SHAPE[i] * 100 + (SHAPE[i + 1] - SHAPE[i]) * (phase % 100)
    return base + sign * (y * depth // 10000)


def steady(ibi, n=80):
    return [1000 + ibi * k for k in range(n)]


def play(beats, seconds, rate=50, h=None, spoil=None, start=0, **shape):
    """Feed the light of `seconds` from `start` in bursts of 32; `spoil(ms, x)` may change it."""
    h = h or heart.Heart(rate)
    buf, n = array("i", [0] * 32), 0
    for i in range(start * rate, (start + seconds) * rate):
        ms = i * 1000 // rate
        x = light(ms, beats, **shape)
        buf[n] = min(0x3FFFF, max(0, spoil(ms, x))) if spoil else x
        n += 1
        if n == 32:
            h.feed(buf, n, 0, 0)
            n = 0
    h.feed(buf, n, 0, 0)
    return h


def good(h):
    """The accepted intervals of the open epoch."""
    b = h.beats
    return [b.ibi_ms[i] for i in range(b.n) if b.flag[i] == wire.NN]


def why(h):
    """The reasons for the other intervals."""
    b = h.beats
    return [b.why[i] for i in range(b.n) if b.flag[i] == wire.ARTEFACT]


def near(values, wanted, within):
    assert values and all(abs(v - wanted) <= within for v in values), (wanted, list(values))
