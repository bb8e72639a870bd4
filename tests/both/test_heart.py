"""Beats out of light: what the heart file promises, on pulses made of integers."""

import gc
from array import array

from lamp import heart, wire
from pulse import good, light, near, play, steady


def test_a_steady_pulse_gives_its_interval_at_every_rate():
    for rate, within in ((25, 20), (50, 12), (100, 8)):
        for ibi in (400, 813, 1000, 1500):
            h = play(steady(ibi), 20, rate)
            near(good(h)[3:], ibi, within)
            assert len(good(h)) >= 19000 // ibi - 5, (rate, ibi)


def test_a_beat_that_comes_early_or_late_is_timed_where_it_came():
    beats = steady(900, 8) + [900 * 8 + 1000 + d for d in (-150, 800, 1800, 2700, 3600)]
    ibis = good(play(beats, 11))
    for wanted in (750, 950, 1000):
        assert min(abs(v - wanted) for v in ibis) <= 25, (wanted, ibis)


def test_an_interval_is_the_difference_of_times_also_across_epochs():
    h = play(steady(870), 30)
    last = None
    for start in (30, 60):
        for i in range(h.beats.n):
            if h.beats.flag[i] == wire.FIRST:
                assert last is None and h.beats.ibi_ms[i] == 0
            else:
                assert h.beats.ibi_ms[i] == h.beats.t_ms[i] - last
            last = h.beats.t_ms[i]
        last -= 30000
        h.next_epoch(30000)
        assert h.beats.n == 0
        if start == 30:
            play(steady(870), 30, h=h, start=30)


def test_lost_samples_break_the_chain_and_the_clock_goes_on():
    h, e = play(steady(1000), 10), wire.Epoch()
    n = h.beats.n
    h.feed(array("i", [0] * 32), 0, wire.M_LOST, 250)
    play(steady(1000), 5, h=h, start=15)
    b = h.beats
    assert b.flag[n] == wire.FIRST and b.flag[n + 1] != wire.FIRST
    assert abs((b.t_ms[n] - b.t_ms[n - 1] + 500) % 1000 - 500) <= 30
    assert h.now_ms() == 20000
    h.close(e, 20000)
    assert e.flags & wire.F_LOST and not e.flags & wire.F_FAULT
    h.feed(array("i", [0] * 32), 0, wire.M_FAULT, 0)
    h.close(e, 20000)
    assert e.flags & wire.F_FAULT


def test_a_beat_is_told_within_800_ms():
    h, buf = heart.Heart(50), array("i", [0])
    for i in range(1500):
        buf[0] = light(i * 20, steady(1500))
        known = h.beats.n
        h.feed(buf, 1, 0, 0)
        if h.beats.n > known:
            assert 0 < h.now_ms() - h.beats.t_ms[known] <= 800
    assert h.beats.n > 15


def test_more_beats_than_there_is_room_for_are_dropped_not_fatal():
    h = play(steady(310, 160), 45)
    assert h.beats.n <= heart.BEATS_MAX
    h.next_epoch(45000)
    play(steady(310, 220), 5, h=h, start=45)
    assert h.beats.n > 10 and h.beats.flag[0] in (wire.FIRST, wire.NN, wire.ARTEFACT)


def test_sensor_time_that_runs_off_costs_one_interval_not_the_night():
    h = play(steady(1000), 30)
    h.next_epoch(27000)  # by the wall's clock
    play(steady(1000), 20, h=h, start=30)
    assert h.beats.flag[0] == wire.FIRST and h.now_ms() == 20000
    near(good(h), 1000, 12)


def test_an_epoch_of_a_steady_heart_has_its_rate():
    e = wire.Epoch()
    h = play(steady(1000), 30)
    h.close(e, 30000)
    assert abs(e.hr_bpm_x10 - 600) <= 5 and e.quality > 80 and e.flags & wire.F_WORN
    assert all(abs(x - 600) <= 8 for x in e.hr_x10), list(e.hr_x10)
    assert e.rmssd_ms <= 12 and e.beats == h.beats.n


def test_summarise_needs_only_beats():
    b, e = heart.Beats(), wire.Epoch()
    for t, ibi, flag in ((900, 0, 2), (1900, 1000, 0), (2940, 1040, 0), (3940, 1000, 1)):
        assert b.add(t, ibi, flag, 0)
    heart.summarise(b, e)
    assert (e.beats, e.hr_bpm_x10, e.rmssd_ms) == (4, 588, 40)
    assert e.hr_x10[0] == 588 and list(e.hr_x10)[1:] == [0] * 5


def test_a_bin_has_the_rate_of_the_intervals_that_overlap_it():
    b, e = heart.Beats(), wire.Epoch()
    for t, ibi in ((4000, 1000), (6000, 2000), (6600, 600)):
        b.add(t, ibi, wire.NN, 0)
    heart.summarise(b, e)
    # [3, 4) at 60 and [4, 5) at 30 bpm; then [5, 6) at 30 and [6, 6.6) at 100
    assert abs(e.hr_x10[0] - 450) <= 1 and abs(e.hr_x10[1] - 562) <= 1, list(e.hr_x10)


def test_nothing_is_allocated_per_sample_or_epoch():
    if not hasattr(gc, "mem_alloc"):
        return
    h, e = heart.Heart(50), wire.Epoch()
    bursts = []
    for b in range(25):
        bursts.append(array("i", [light((b * 32 + i) * 20, steady(1000)) for i in range(32)]))
    for _ in range(3):
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        for buf in bursts:
            h.feed(buf, 32, 0, 0)
        h.feed(bursts[0], 32, wire.M_LED, 0)
        h.feed(bursts[0], 32, wire.M_LOST, 7)
        h.worn()
        h.close(e, 17420)
        h.next_epoch(17420)
        after = gc.mem_alloc()
        gc.enable()
    assert after == before, after - before
