"""Loops of EEG, alone and beside a heart, on bands made of integers so every build must agree."""

import gc

from lamp import bothloops, eegloops, loops, mind, wire
from lamp.compat import CPYTHON

BANDS = (130, 95, 85, 70, 65, 50)
STEPS = 24  # eighths of an octave: 9 dB


def asleep(epoch, index, every=0, since=0, steps=STEPS, flags=0):
    """Fill `epoch` with sleep and a little noise; from epoch `since` on, every `every` epochs,
    alpha and beta are `steps` higher, or the epoch is marked with `flags`."""
    epoch.clear(index)
    epoch.flags = wire.F_WORN
    epoch.quality, epoch.stage, epoch.p_w, epoch.p_r = 100, wire.N2, 8, 40
    for k in range(wire.EEG_BANDS):
        epoch.eeg[k] = BANDS[k] + index * 7919 % 6007 % (5 + k) % 5
    if every and index >= since and (index - since) % every == 0:
        epoch.eeg[2] += steps
        epoch.eeg[4] += steps
        epoch.flags |= flags
    return epoch


def watch(detector, first, last, **how):
    """Feed epochs; return [(epoch, event, lag_s)] and the epoch object as it was left."""
    epoch, events = wire.Epoch(), []
    for index in range(first, last):
        event = detector.feed(asleep(epoch, index, **how))
        if event:
            events.append((index, event, epoch.lag_s))
    return events, epoch


def test_quiet_sleep_raises_nothing():
    events, epoch = watch(eegloops.EegLoops(), 0, 400)
    assert events == [] and epoch.flags & wire.F_GATE and 44 <= epoch.base_bpm <= 47, (
        epoch.base_bpm
    )


def test_bursts_that_return_are_seen_once_with_their_lag():
    events, _ = watch(eegloops.EegLoops(), 0, 250, every=5, since=200)
    assert len(events) == 1, events
    index, kind, lag_s = events[0]
    assert kind == wire.CYCLE and 205 < index < 230 and 130 <= lag_s <= 170, events


def test_bursts_in_every_second_epoch_or_nine_minutes_apart_are_no_cycle():
    for every in (1, 2, 18):
        events, _ = watch(eegloops.EegLoops(), 0, 300, every=every, since=200)
        assert all(kind != wire.CYCLE for _, kind, _ in events), (every, events)


def test_movement_that_returns_is_a_burst_of_its_own_kind():
    how = {"every": 5, "since": 200, "steps": 0}
    assert watch(eegloops.EegLoops(), 0, 260, **how)[0] == []
    events, _ = watch(eegloops.EegLoops(), 0, 260, flags=wire.F_SATURATED, **how)
    assert [kind for _, kind, _ in events] == [wire.CYCLE], events


def test_bands_that_stay_high_are_held():
    detector = eegloops.EegLoops()
    watch(detector, 0, 200)
    events, _ = watch(detector, 200, 230, every=1)
    assert [kind for _, kind, _ in events] == [wire.HOLD], events


def test_awake_unworn_or_without_a_spectrum_it_does_not_look():
    for key, value in (("p_w", 255), ("flags", 0), ("stage", wire.UNSCORED), ("eeg", None)):
        detector, epoch = eegloops.EegLoops(), wire.Epoch()
        for index in range(260):
            asleep(epoch, index, 5, 200)
            if index >= 185:
                if key == "eeg":
                    epoch.eeg[2] = 0
                else:
                    setattr(epoch, key, value)
            assert detector.feed(epoch) == 0, key
        assert not epoch.flags & wire.F_GATE and epoch.score == 0, key


def test_the_integers_are_these_on_every_build():
    detector, epoch, digest = eegloops.EegLoops(), wire.Epoch(), 0
    for index in range(300):
        event = detector.feed(asleep(epoch, index, 5 if index < 250 else 1, 200))
        for value in (event, epoch.score, epoch.cycle, epoch.hold, epoch.lag_s, epoch.base_bpm):
            digest = (digest * 31 + value) & 0xFFFFF
    assert digest == GOLDEN, digest


def test_an_epoch_allocates_nothing():
    if not hasattr(gc, "mem_alloc"):
        return
    for detector in (eegloops.EegLoops(), bothloops.BothLoops()):
        watch(detector, 0, 60)
        epoch = wire.Epoch()
        for index in range(60, 90):
            asleep(epoch, index, 5, 60)
            gc.collect()
            gc.disable()
            before = gc.mem_alloc()
            detector.feed(epoch)
            after = gc.mem_alloc()
            gc.enable()
            assert after == before, (index, after - before)


def test_a_baseline_is_for_the_kit_that_learned_it():
    detector = eegloops.EegLoops()
    watch(detector, 0, 300)
    known = detector.learn()
    assert eegloops.EegLoops(known).nights == 1 and loops.Loops(known).nights == 0
    assert eegloops.EegLoops(loops.Loops().learn()).nights == 0
    assert eegloops.EegLoops(known).learn()[1] == 2


def test_nights_of_another_kit_earn_no_right_to_act():
    watched = {"nights": 12, "baseline": loops.Loops().learn()}
    assert mind.Mind(dict(watched, kit=wire.KIT_HEART)).born["nights"] == 12
    assert mind.Mind(dict(watched, kit=wire.KIT_EEG)).wake.nights == 0
    assert mind.Mind({"nights": 12, "kit": wire.KIT_EEG}).wake.nights == 12


# --- heart and EEG together ---------------------------------------------------------------------


def both(epoch, index, heart=0, eeg=0, since=200):
    """Sleep with surges of `heart` bpm x10 and bursts of `eeg` steps, every 150 s."""
    asleep(epoch, index, 5, since, eeg)
    total = 0
    for k in range(wire.BINS):
        rate = 600 + (index * 6 + k) * 7919 % 6007 % 41 - 20
        if index >= since:
            u = (index * 30 + k * 5 - since * 30) % 150
            rate += max(0, heart - abs(2 * u - 50) * heart // 50)
        epoch.hr_x10[k] = rate
        total += rate
    epoch.hr_bpm_x10 = total // wire.BINS
    return epoch


def first_seen(detector, **how):
    """When a loop is seen first (999 never), and the highest score."""
    epoch, top = wire.Epoch(), 0
    for index in range(260):
        event = detector.feed(both(epoch, index, **how))
        top = max(top, epoch.score)
        if event:
            return index, top
    return 999, top


def test_what_both_say_is_believed_sooner_than_what_one_says():
    together, _ = first_seen(bothloops.BothLoops(), heart=150, eeg=STEPS)
    heart, _ = first_seen(bothloops.BothLoops(), heart=150)
    eeg, _ = first_seen(bothloops.BothLoops(), eeg=STEPS)
    alone, _ = first_seen(loops.Loops(), heart=150)
    assert 205 < together < min(heart, eeg) and alone < heart, (together, heart, eeg, alone)


def test_one_that_is_barely_sure_is_not_enough_alone():
    for heart in range(30, 150, 2):
        _, top = first_seen(loops.Loops(), heart=heart)
        if 100 <= top < 110:
            assert first_seen(bothloops.BothLoops(), heart=heart)[0] == 999
            return
    raise AssertionError("no surge is barely enough")


def test_neither_says_nothing_and_a_mind_has_them_both():
    if not CPYTHON:  # no board has both kits: the lamp's mind knows one at a time
        assert mind.Mind({"kit": wire.KIT_BOTH}).loops.nights == 0
        return
    judge, epoch = mind.Mind({"kit": wire.KIT_BOTH}), wire.Epoch()
    for index in range(150):
        assert judge.feed(both(epoch, index), index * 30) == 0
    assert epoch.stage != wire.UNSCORED and epoch.base_bpm in (59, 60, 61)
    known = judge.learn()
    assert len(known) == 36 and bothloops.BothLoops(known).nights == 1
    assert bothloops.BothLoops(known)._eeg.nights == 1


GOLDEN = 325283
