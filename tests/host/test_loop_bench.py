"""The loop bench counts as it says it does."""

import math

import numpy as np
import pytest

from tests.bench import _looplike, _looppeers, _loopscore, _loopset


def steady(bpm=60, hours=2):
    """A night of one unchanging heart."""
    t = np.arange(0, hours * 3600, 60 / bpm)
    return _loopset.Night("apnea_ecg", "x", "apnea_ecg/x", t, None, hours * 120, None)


def test_exact_bounds_are_those_of_the_tables():
    for k, low, high in ((0, 0.0, 2.996), (1, 0.051, 4.744), (3, 0.818, 7.754)):
        assert _loopscore.poisson_bound(k, upper=True) == pytest.approx(high, abs=0.002)
        assert _loopscore.poisson_bound(k, upper=False) == pytest.approx(low, abs=0.002)


def test_alarms_of_one_loop_are_one_alarm():
    score = np.zeros(300)
    score[[10, 11, 40, 100, 161]] = 100
    assert _loopscore.alarms(score) == [10, 161]


def test_a_disturbance_raises_the_rate_of_beats_by_what_it_says():
    loop = _loopset.plateau(12, 3000, 600)
    bins = steady().bins(loop.add)
    assert np.median(bins.hr_x10[104:116]) == pytest.approx(720, abs=2)
    assert np.median(bins.hr_x10[:95]) == np.median(bins.hr_x10[130:]) == 600


def test_bins_of_a_part_are_the_bins_of_the_whole():
    loop = _loopset.plateau(12, 3000, 600)
    whole, part = steady().bins(loop.add), steady().bins(loop.add, 90, 140)
    assert np.abs(whole.hr_x10[90:139] - part.hr_x10[:49]).max() <= 20
    assert (whole.quality[90:139] == part.quality[:49]).all()


def test_injected_pulses_stay_inside_what_the_bench_promises():
    for seed in range(40):
        for loop in _loopset.loops_at(np.random.default_rng(seed), 5000.0):
            t = np.arange(4000, 14000, 1.0)
            extra = loop.add(t)
            assert loop.first_s == 5000 and loop.first_s <= loop.second_s < loop.end_s
            assert (extra[(t < loop.first_s) | (t > loop.end_s)] == 0).all()
            if loop.arm == "cycle":
                assert 0.6 * loop.bpm <= extra.max() <= loop.bpm * 1.001
                assert 90 * 0.7 <= loop.second_s - 5000 <= 300 * 1.3


def test_a_hit_lies_between_the_second_pulse_and_a_minute_after_the_last_and_not_in_the_twin():
    loop = _loopset.plateau(12, 3000, 600)

    def latency(at, twin_at=None):
        score, twin = np.zeros(60), np.zeros(240)
        score[at - 90] = 100
        if twin_at:
            twin[twin_at] = 100
        trace = type("Trace", (), {"begin": 90})
        return _loopscore.latency_s(_loopscore.Try(None, loop, trace), score, twin)

    assert latency(110) == 111 * 30 - 3000
    assert latency(101) == math.inf  # before a hit may begin
    assert latency(125) == math.inf  # too late
    assert latency(110, twin_at=112) == math.inf


def test_peers_rise_with_what_they_look_for():
    flat = steady().bins().hr_x10
    loop = _loopset.pulses("cycle", 18, "half-sine", 3000.0 + 150 * np.arange(6), 60)
    beaten = steady().bins(loop.add).hr_x10
    for name, score in _looppeers.PEERS.items():
        assert score(beaten)[100:140].max() > score(flat)[100:140].max() + 0.5, name


def test_look_alikes_change_the_bins_and_keep_their_shape():
    bins = steady().bins().hr_x10[:120]
    for kind in _looplike.KINDS:
        out = kind(bins, np.random.default_rng(1))
        assert out.shape == bins.shape and (out != bins).any(), kind.__name__
