"""What is packed comes back, on every build the same bytes."""

import binascii
import gc
from array import array

from lamp import rice


def samples(n, rough):
    """A wandering signal with noise; `rough` adds jumps over the whole range."""
    seed, x, v, out = 3, 1 << 20, 0, array("i", [0] * n)
    for i in range(n):
        seed = (seed * 1103 + 12345) & 0xFFFFF
        v += (seed >> 8 & 31) - 16 - (v >> 3) - (x - (1 << 20) >> 6)
        x += v
        out[i] = x + (seed >> 4 & 7)
        if rough and seed % 37 == 0:
            out[i] = (0, (1 << 21) - 1, seed)[seed % 3]
    return out


def packed(buf):
    """The frames of a stretch: (samples, bytes)."""
    s, i, frames = rice.state(), 1, []
    rice.begin(s, buf[0])
    while i < len(buf):
        out = bytearray(120)
        s[rice.BITS] = 24
        j = rice.pack(s, buf, i, len(buf), out, 120)
        assert j > i
        frames.append((j - i, out))
        i = j
    return frames


def unpacked(first, frames):
    s, out = rice.state(), array("i", [first])
    rice.begin(s, first)
    for n, data in frames:
        part = array("i", [0] * n)
        s[rice.BITS] = 24
        rice.decode(s, data, n, part)
        out.extend(part)
    return out


def test_what_is_packed_comes_back():
    for rough in (False, True):
        buf = samples(1500, rough)
        assert unpacked(buf[0], packed(buf)) == buf


def test_the_bytes_are_the_same_on_every_build():
    frames = packed(samples(1000, True))
    crc = 0
    for _n, data in frames:
        crc = binascii.crc32(data, crc)
    assert (len(frames), crc & 0xFFFFFF) == GOLDEN, (len(frames), crc & 0xFFFFFF)


def test_a_burst_goes_on_where_the_last_one_ended_and_low_bits_are_cut():
    buf, s, out = samples(300, False), rice.state(), bytearray(400)
    rice.begin(s, buf[0] >> 2)
    for i in range(1, 300, 23):
        assert rice.pack(s, buf, i, min(i + 23, 300), out, 400, 2) == min(i + 23, 300)
    back = array("i", [0] * 299)
    rice.begin(s, buf[0] >> 2)
    s[rice.BITS] = 0
    rice.decode(s, out, 299, back)
    assert list(back) == [x >> 2 for x in buf[1:]]


def test_torn_bytes_are_an_error_and_no_loop():
    buf = samples(300, False)
    (n, data), *_ = packed(buf)
    s, out = rice.state(), array("i", [0] * 300)
    for cut in (4, 10, 60):
        rice.begin(s, buf[0])
        s[rice.BITS] = 24
        try:
            rice.decode(s, data[:cut], n, out)
        except ValueError:
            continue
        raise AssertionError(cut)
    rice.begin(s, buf[0])
    s[rice.BITS] = 0
    try:
        rice.decode(s, b"\xff" * 30, 300, out)
    except ValueError:
        pass


def test_packing_allocates_nothing():
    if not hasattr(gc, "mem_alloc"):
        return
    buf, s, out = samples(200, False), rice.state(), bytearray(200)
    rice.begin(s, buf[0])
    rice.pack(s, buf, 1, 50, out, 200)
    gc.collect()
    before = gc.mem_alloc()
    rice.pack(s, buf, 50, 100, out, 200)
    assert gc.mem_alloc() == before


GOLDEN = (19, 3946175)
