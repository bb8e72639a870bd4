"""The scanner in machine code and the same lines as plain Python do the same."""

from array import array

from lamp import dsp
from pulse import light, steady


def plain():
    """dsp.scan without its decorator: on the lamp a twin of the machine code."""
    with open(dsp.__file__) as file:
        text = file.read()
    assert text.count("@micropython.viper\n") == 1
    text = text.replace("@micropython.viper\n", "").replace("from .compat", "from lamp.compat")
    names = {"__name__": "twin"}
    exec(text, names)
    return names["scan"]


def rough(n):
    """Samples over the whole range: runs, jumps, rails, and a pulse."""
    seed, x = 1, 131072
    for i in range(n):
        seed = (seed * 1103 + 12345) & 0xFFFFF
        if seed % 50 == 0:
            x = (0, dsp.RAIL, seed & dsp.RAIL)[seed % 3]
        yield x if i % 400 < 200 else light(i * 20, steady(800, 40))


def test_machine_code_and_plain_twin_agree_at_every_sample():
    twin = plain()
    for width in (4, 8, 16):
        a, b = dsp.state(width), dsp.state(width)
        buf = array("i", rough(1000))
        for i in range(1000):
            if i == 500:
                a[dsp.FALLING] = b[dsp.FALLING] = 1
            if i % 300 == 299:
                a[dsp.PRIME] = b[dsp.PRIME] = 1
            assert dsp.scan(buf, i, i + 1, a) == twin(buf, i, i + 1, b) == i + 1
            assert a == b, (width, i, [(k, a[k], b[k]) for k in range(len(a)) if a[k] != b[k]])
            if a[dsp.EVENT]:
                a[dsp.BEST] = b[dsp.BEST] = 0


def test_bursts_of_any_size_are_the_same():
    buf, one, all_at_once = array("i", rough(700)), dsp.state(8), dsp.state(8)
    for i in range(700):
        dsp.scan(buf, i, i + 1, one)
        one[dsp.BEST] = 0
    i = 0
    while i < 700:
        i = dsp.scan(buf, i, 700, all_at_once)
        if all_at_once[dsp.EVENT]:
            all_at_once[dsp.BEST] = 0
    keep = dsp.NOW, dsp.NEW, dsp.OLD, dsp.MEAN, dsp.V1, dsp.V2, dsp.RAILED
    assert [one[k] for k in keep] == [all_at_once[k] for k in keep]


def test_the_root_is_rounded_down():
    for n in (
        0,
        1,
        2,
        3,
        4,
        8,
        9,
        15,
        16,
        99,
        2**20 - 1,
        2**20,
        2**30 - 1,
        32767**2,
        32767**2 - 1,
    ):
        r = dsp.isqrt(n)
        assert r * r <= n < (r + 1) * (r + 1), n
