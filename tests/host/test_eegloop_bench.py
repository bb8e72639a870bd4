"""The EEG loop bench injects what it says, and its thresholds come from other people's nights."""

import math

import numpy as np
import pytest

from tests.bench import _eeglooppeers, _eeglooprun, eegloops
from tests.bench import _eegloopset as es
from tests.bench._looprun import Trace


def steady(epochs=240):
    """A night of one unchanging spectrum."""
    eeg = np.full((epochs, 6), 80, np.uint8)
    eeg[:, 3] = 0
    return es.Night("x", "X", es.MAIN, np.full(epochs, 2, np.int8), eeg)


def test_a_burst_that_fills_its_epoch_raises_it_by_what_it_says_and_a_short_one_by_less():
    for db in es.AMPLITUDES:
        loop = es.bursts("cycle", db, "block", np.array([3000.0, 3300.0]), 30.0, 300.0)
        eeg = loop.added(steady(), 95, 125).astype(int)
        assert eeg[5, 2] - 80 == eeg[5, 4] - 80 == round(8 * math.log2(10 ** (db / 10)))
        assert (np.delete(eeg[:, 2], [5, 15]) == 80).all() and (eeg[:, [0, 1, 5]] == 80).all()
    brief = es.bursts("brief", 9, "block", np.array([3000.0, 3300.0]), 6.0, 300.0)
    mean = 1 + (10**0.9 - 1) / 5
    assert brief.added(steady(), 100, 101)[0, 2] == 80 + round(8 * math.log2(mean))


def test_a_moving_burst_raises_delta_and_gamma_too_and_nothing_where_nothing_was():
    night = steady()
    night.eeg[110] = 0
    loop = es.bursts("cycle", 9, "moving", np.array([3000.0, 3300.0]), 60.0, 300.0)
    eeg = loop.added(night, 95, 125).astype(int)
    assert (eeg[6, [0, 2, 4, 5]] > 90).all() and eeg[6, 1] == 80 and eeg[6, 3] == 0
    assert not eeg[15].any()


def test_injected_trains_stay_inside_what_the_bench_promises():
    for seed in range(30):
        for loop in es.loops_at(np.random.default_rng(seed), 5000.0):
            t = np.arange(4000, 16000, 1.0)
            height = loop.height(t)
            assert loop.first_s == 5000 and loop.first_s <= loop.second_s < loop.end_s
            assert (height[(t < loop.first_s) | (t > loop.end_s)] == 0).all()
            assert 0.3 < height.max() <= 1
            if loop.arm == "cycle":
                assert 90 * 0.7 <= loop.second_s - 5000 <= 300 * 1.3
    night = es.Night("x", "X", es.MAIN, np.full(700, 4, np.int8), steady(700).eeg)
    found = list(es.sites([night]))
    assert len(found) == 3 and {site.stage for site in found} == {4}


def test_thresholds_are_those_under_which_no_kept_night_alarms():
    def trace(top):
        cycle = np.zeros(300)
        cycle[100] = top
        return Trace(0, cycle, np.zeros(300), np.zeros(300), np.ones(300), {})

    traces = [trace(80), trace(120), trace(240)]
    chosen = eegloops.choose(traces, {0, 1})
    assert chosen.cycle_n == chosen.cycle_r == pytest.approx(1.2 * eegloops.MARGIN, rel=0.02)
    assert chosen.hold == pytest.approx(
        eegloops.LIMITS[0] / eegloops.eegloops.EegLoops.limits[2] * eegloops.HOLD_MARGIN
    )
    assert eegloops.choose(traces, {0, 2}).cycle_n == pytest.approx(
        2.4 * eegloops.MARGIN, rel=0.02
    )


def test_peers_rise_with_what_they_look_for():
    flat = steady().eeg
    loop = es.bursts("cycle", 9, "block", 3000.0 + 150 * np.arange(6), 30.0, 150.0)
    beaten = flat.copy()
    beaten[90:160] = loop.added(steady(), 90, 160)
    for name, score in _eeglooppeers.PEERS.items():
        assert score(beaten)[110:130].max() > score(flat)[110:130].max() + 0.5, name


def test_the_lamp_sees_what_the_bench_injects_only_where_it_is():
    night = steady(700)
    rng = np.random.default_rng(1)
    night.eeg[:, [0, 1, 2, 4, 5]] += rng.integers(0, 5, (700, 5)).astype(np.uint8)
    from lamp import eegmodel

    watcher = _eeglooprun.Watcher(eegmodel)
    watcher.stager = _Asleep()
    trace, copies = watcher.run(night.eeg, 0, {}, {300})
    loop = es.bursts("cycle", 9, "block", 9000.0 + 150 * np.arange(8), 40.0, 150.0)
    with_it = _eeglooprun.injected(night, copies[300], 300, loop)
    assert with_it.begin == 300 and with_it.score().max() >= 100 > trace.score().max()


class _Asleep:
    """A stager that is sure."""

    def feed(self, epoch):
        epoch.stage, epoch.p_w, epoch.p_n3, epoch.p_r = 2, 5, 10, 20
