"""Beats out of light: what the heart file promises, on pulses made of integers."""

import gc
from array import array

from lamp import heart, wire

# One pulse of light absorbed, 0..100, foot to foot in sixteenths: fast rise, notch, slow decay.
SHAPE = (0, 35, 80, 100, 95, 85, 72, 62, 58, 55, 46, 37, 28, 19, 11, 5, 0)


def light(at_ms, beats, depth=20, base=131072, sign=-1):
    """Counts at `at_ms` for beats beginning at the ascending times `beats`."""
    if not beats:
        return base
    k = 0
    while k + 1 < len(beats) and beats[k + 1] <= at_ms:
        k += 1
    into = at_ms - beats[k]
    length = beats[k + 1] - beats[k] if k + 1 < len(beats) else 1000
    phase = into * 1600 // length
    if not 0 <= phase < 1600:
        return base
    i = phase // 100
    y = SHAPE[i] * 100 + (SHAPE[i + 1] - SHAPE[i]) * (phase % 100)
    return base + sign * y * depth // 100


def steady(ibi, n):
    return [1000 + ibi * k for k in range(n)]


def play(beats, seconds, rate=50, h=None, warp=None, start=0, **shape):
    """Feed `seconds` of light in bursts of 32; `warp(i, x)` may spoil a sample."""
    h = h or heart.Heart(rate)
    buf = array("i", [0] * 32)
    n = 0
    for i in range(start * rate, (start + seconds) * rate):
        x = light(i * 1000 // rate, beats, **shape)
        buf[n] = warp(i, x) if warp else x
        n += 1
        if n == 32:
            h.feed(buf, n, 0, 0)
            n = 0
    h.feed(buf, n, 0, 0)
    return h


def good(h):
    return [h.beats.ibi_ms[i] for i in range(h.beats.n) if h.beats.flag[i] == wire.NN]


def near(values, wanted, within):
    assert values and all(abs(v - wanted) <= within for v in values), (wanted, list(values))


def test_a_steady_pulse_gives_its_interval_at_both_rates():
    for rate in (50, 25):
        for ibi in (400, 813, 1000, 1500):
            h = play(steady(ibi, 60), 20, rate)
            near(good(h)[3:], ibi, 12 if rate == 50 else 20)
            assert len(good(h)) >= 19000 // ibi - 5


def test_a_pulse_that_points_up_is_found_as_well():
    h = play(steady(900, 40), 30, sign=1)
    near(good(h)[-15:], 900, 12)


def test_an_interval_is_the_difference_of_times_also_across_epochs():
    h = play(steady(870, 80), 30)
    last = None
    for start in (30, 60):
        for i in range(h.beats.n):
            if h.beats.flag[i] != wire.FIRST:
                assert last is not None and h.beats.ibi_ms[i] == h.beats.t_ms[i] - last
            last = h.beats.t_ms[i]
        last -= 30000
        h.next_epoch(30000)
        assert h.beats.n == 0
        if start == 30:
            play(steady(870, 80), 30, h=h, start=30)


def test_lost_samples_break_the_chain_and_the_clock_goes_on():
    h = play(steady(1000, 80), 10)
    n = h.beats.n
    play_from = 15
    h.feed(array("i", [0] * 32), 0, wire.M_LOST, 250)
    play(steady(1000, 80), 5, h=h, start=play_from)
    assert h.beats.flag[n] == wire.FIRST
    assert abs((h.beats.t_ms[n] - h.beats.t_ms[n - 1] + 500) % 1000 - 500) <= 30
    assert h.now_ms() == 20000


def test_silence_air_and_a_table_are_not_worn():
    for base in (800, 131072):
        h = play((), 40, base=base, warp=lambda i, x: x + (i * 7919 % 31) - 15)
        assert not h.worn() and not good(h), base
    assert play(steady(1000, 60), 40).worn()


def test_the_rail_is_told():
    e = wire.Epoch()
    h = play(steady(1000, 60), 20, base=262143, sign=-1)
    h.close(e, 20000)
    assert e.flags & wire.F_SATURATED and e.quality < 20


def test_an_epoch_of_a_steady_heart_has_its_rate():
    e = wire.Epoch()
    h = play(steady(1000, 60), 30)
    h.close(e, 30000)
    assert abs(e.hr_bpm_x10 - 600) <= 5 and e.quality > 70 and e.flags & wire.F_WORN
    assert all(abs(x - 600) <= 8 for x in e.hr_x10), list(e.hr_x10)
    assert e.rmssd_ms <= 12 and e.beats == h.beats.n


def test_summarise_needs_only_beats():
    b, e = heart.Beats(), wire.Epoch()
    for t, ibi, flag in ((900, 0, 2), (1900, 1000, 0), (2940, 1040, 0), (3940, 1000, 1)):
        b.t_ms[b.n], b.ibi_ms[b.n], b.flag[b.n] = t, ibi, flag
        b.n += 1
    heart.summarise(b, e)
    assert (e.beats, e.hr_bpm_x10, e.rmssd_ms) == (4, 588, 40)
    assert abs(e.hr_x10[0] - 588) <= 1 and list(e.hr_x10)[1:] == [0] * 5


def test_nothing_is_allocated_per_sample_or_epoch():
    if not hasattr(gc, "mem_alloc"):
        return
    h, e = heart.Heart(50), wire.Epoch()
    bursts = [
        array("i", [light((b * 32 + i) * 20, steady(1000, 40)) for i in range(32)])
        for b in range(25)
    ]
    for _ in range(3):
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        for buf in bursts:
            h.feed(buf, 32, 0, 0)
        h.close(e, 16000)
        h.next_epoch(16000)
        after = gc.mem_alloc()
        gc.enable()
    assert after == before, after - before
