"""Beats and samples survive the codec; hostile bytes never hurt it."""

from array import array

from lamp import codec
from sim.flash import Chance

SIZE = 128


class Beats:
    def __init__(self):
        self.t_ms = array("h", [0] * SIZE)
        self.ibi_ms = array("H", [0] * SIZE)
        self.flag = bytearray(SIZE)


def heart(chance, n, t, ibi, wild):
    """`n` beats of a heart that is sometimes lost and sometimes misread."""
    beats = Beats()
    for i in range(n):
        flag = chance.below(3) if chance.below(100) < wild else 0
        ibi = max(250, ibi + chance.below(121) - 60)
        odd = 300 + chance.below(1500) if flag == 1 else ibi
        beats.flag[i] = flag
        beats.ibi_ms[i] = 0 if flag == 2 else odd
        if i == 0:
            beats.t_ms[0] = t
        else:
            t += chance.below(3000) if flag == 2 else odd
            if t > 32767:
                return beats, i
            beats.t_ms[i] = t
    return beats, n


def check(beats, n, out):
    end = codec.pack_beats(beats, n, out, 3)
    back = Beats()
    assert codec.unpack_beats(out, 3, end, back) == n
    for i in range(n):
        assert back.flag[i] == beats.flag[i]
        assert back.t_ms[i] == beats.t_ms[i]
        assert back.ibi_ms[i] == beats.ibi_ms[i]
    return end


def test_beats_survive():
    chance, out = Chance(1), bytearray(255)
    for n, ibi in ((0, 0), (1, 299), (1, 1400), (2, 929), (29, 930), (35, 850), (60, 500)):
        for wild in (0, 5, 60):
            for t in (-800, -400, 0, 600, 1100, -32768):
                beats, m = heart(chance, n, t, ibi, wild)
                assert check(beats, m, out) <= 3 + codec.BEATS_BYTES


def test_the_hardest_epoch_a_heart_can_make_fits():
    """120 beats of 250 ms: any mixture of intervals is longer, so there are fewer of them."""
    chance, out = Chance(2), bytearray(255)
    for trial in range(8):
        beats, t = Beats(), 0
        n = 0
        while n < SIZE:
            ibi = 240 + (chance.below(500) if trial & 1 else 3 * (n & 1))
            t += ibi
            if t > 30000:
                break
            beats.t_ms[n], beats.ibi_ms[n] = t, ibi
            beats.flag[n] = chance.below(2) if trial & 2 else 0
            n += 1
        check(beats, n, out)


def test_what_does_not_fit_is_left_off_the_end():
    beats, out = Beats(), bytearray(codec.BEATS_BYTES + 9)
    for i in range(SIZE):
        beats.t_ms[i] = i
        beats.flag[i] = 1
        beats.ibi_ms[i] = 65535 * (i & 1)
    end = codec.pack_beats(beats, SIZE, out, 0)
    assert end <= codec.BEATS_BYTES
    assert bytes(out[codec.BEATS_BYTES :]) == bytes(9)


def test_hostile_bytes_raise_value_error_or_nothing():
    chance, beats, out = Chance(3), Beats(), array("i", [0] * 120)
    data = bytearray(40)
    for trial in range(400):
        for i in range(40):
            data[i] = 255 if trial % 7 == 0 else chance.below(256)
        for f, where in ((codec.unpack_beats, beats), (codec.unpack_samples, out)):
            try:
                assert 0 <= f(data, 0, chance.below(41), where) <= SIZE
            except ValueError:
                pass


def test_samples_survive():
    chance, out = Chance(4), bytearray(255)
    buf, back = array("i", [0] * 100), array("i", [0] * 100)
    for spread in (1, 16, 700, 65536):
        for n in (0, 1, 2, 100):
            x = 130000
            for i in range(n):
                x = (x + chance.below(2 * spread) - spread) & 0x3FFFF
                buf[i] = x
            end = codec.pack_samples(buf, n, out, 6)
            assert end - 6 <= 1 + (18 * n + 6) // 8 <= 249
            assert codec.unpack_samples(out, 6, end, back) == n
            assert list(back[:n]) == list(buf[:n])


def test_a_smooth_pulse_is_packed_smaller_than_plain_bits():
    buf, out = array("i", [100000 + (i * i) % 5000 for i in range(100)]), bytearray(255)
    assert codec.pack_samples(buf, 100, out, 0) < 160
