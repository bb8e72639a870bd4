"""Every intermediate of dsp and heart stays below 2**30, the ESP32's small integers.

The files are run on integers that check each result; the light does its worst.
"""

import random
from array import array

import pytest
from lamp import dsp, heart, wire

LIMIT = 1 << 30
seen = 0


class Small(int):
    """An int that refuses to leave MicroPython's 31-bit small integers."""


def checked(name):
    plain = getattr(int, name)

    def method(self, *other):
        global seen
        result = plain(self, *other)
        if result is NotImplemented:
            return result
        assert -LIMIT <= result < LIMIT, f"{int(self)} {name} {other} = {result}"
        seen = max(seen, abs(result))
        return Small(result)

    return method


for verb in ["add", "sub", "mul", "floordiv", "mod", "lshift", "rshift", "and", "or", "xor"]:
    for name in (f"__{verb}__", f"__r{verb}__"):
        setattr(Small, name, checked(name))
for name in ("__neg__", "__abs__"):
    setattr(Small, name, checked(name))


class Column(list):
    """Stands in for an array: what is read from it is checked from then on."""

    def __setitem__(self, i, value):
        super().__setitem__(i, Small(value))


def worst(kind, n, rng):
    """Light that does its worst: rails in all rhythms, ramps, noise, single needles."""
    period = rng.randrange(2, 40)
    for i in range(n):
        if kind == "rails":
            x = dsp.RAIL * (i // period & 1)
        elif kind == "ramp":
            x = i * 8192 & dsp.RAIL
        elif kind == "noise":
            x = rng.choice((0, dsp.RAIL, rng.randrange(dsp.RAIL + 1)))
        else:
            x = dsp.RAIL if i % (3 * period) == 0 else 0
        yield Small(x)


@pytest.mark.parametrize("rate", [25, 50, 100])
@pytest.mark.parametrize("kind", ["rails", "ramp", "noise", "needles"])
def test_no_light_makes_an_intermediate_leave_31_bits(kind, rate):
    global seen
    seen = 0
    rng = random.Random(f"{kind} {rate}")
    h, e = heart.Heart(rate), wire.Epoch()
    h._s = Column(map(Small, h._s))
    for burst in range(300):
        if burst % 20 == 0:
            h._s[dsp.FALLING] ^= 1
        buf = list(worst(kind, 32, rng))
        lost = rng.randrange(100000) if burst % 50 == 49 else 0
        h.feed(buf, 32, wire.M_LED if burst % 90 == 89 else 0, Small(lost))
        if h.now_ms() >= 30000:
            h.close(e, Small(30000))
            h.next_epoch(Small(30000))
    assert seen > 2**20, "the bound was not put to the test"


def test_no_list_of_beats_makes_summarise_leave_31_bits():
    rng = random.Random(1)
    for longest in (300, 301, 1000, 2000):
        b, e, t = heart.Beats(), wire.Epoch(), 0
        b.t_ms, b.ibi_ms = Column([0] * 128), Column([0] * 128)
        while b.n < heart.BEATS_MAX and t < 32000:
            ibi = rng.choice((300, longest))
            t += ibi
            b.add(t, ibi, wire.NN, 0)
        heart.summarise(b, e)
        assert 300 <= e.hr_bpm_x10 <= 2000


def test_the_check_itself_bites():
    with pytest.raises(AssertionError):
        Small(1 << 18) * (1 << 12)
    with pytest.raises(AssertionError):
        (1 << 14) * Small(1 << 16)
    column = Column([Small(1 << 29)])
    with pytest.raises(AssertionError):
        column[0] += column[0]
    assert array("i", [Small(3)])[0] == 3
