"""The loop detector, on heart rates made of integers so that every build must agree."""

import watched
from lamp import loops, wire


def sleeper(epoch, index, surge=0, every=0, wide=0, since=0, level=600):
    """Fill `epoch` with sleep at `level` bpm x10 and a little noise; from epoch `since` on a
    triangular surge of `surge` bpm x10, `wide` s wide, every `every` s."""
    epoch.clear(index)
    epoch.flags = wire.F_WORN
    epoch.quality, epoch.stage, epoch.p_w, epoch.p_r = 100, wire.N2, 8, 40
    total = 0
    for k in range(wire.BINS):
        t = index * 30 + k * 5
        rate = level + (index * 6 + k) * 7919 % 6007 % 41 - 20
        if every and index >= since:
            u = (t - since * 30) % every
            rate += max(0, surge - abs(2 * u - wide) * surge // wide)
        epoch.hr_x10[k] = rate
        total += rate
    epoch.hr_bpm_x10 = total // wire.BINS
    return epoch


def watch(detector, first, last, **how):
    return watched.watch(sleeper, detector, first, last, **how)


def test_quiet_sleep_raises_nothing():
    events, epoch = watch(loops.Loops(), 0, 400)
    assert events == [] and epoch.flags & wire.F_GATE and epoch.base_bpm in (59, 60, 61)


def test_a_cycle_is_seen_once_with_its_lag():
    events, _ = watch(loops.Loops(), 0, 250, surge=150, every=150, wide=50, since=200)
    assert len(events) == 1, events
    index, kind, lag_s = events[0]
    assert kind == wire.CYCLE and 205 < index < 225 and 125 <= lag_s <= 175, events


def test_surges_too_close_or_too_far_apart_are_not_a_cycle():
    for every in (40, 500):
        events, _ = watch(loops.Loops(), 0, 300, surge=150, every=every, wide=30, since=200)
        assert events == [], (every, events)


def test_the_integers_are_these_on_every_build():
    detector, epoch, digest = loops.Loops(), wire.Epoch(), 0
    for index in range(300):
        how = (150, 150, 50, 200) if index < 240 else (0, 0, 0, 0, 780)
        event = detector.feed(sleeper(epoch, index, *how))
        for value in (event, epoch.score, epoch.cycle, epoch.hold, epoch.lag_s, epoch.base_bpm):
            digest = (digest * 31 + value) & 0xFFFFF
    assert digest == GOLDEN, digest


def test_an_epoch_allocates_nothing():
    detector, epoch = loops.Loops(), wire.Epoch()
    watch(detector, 0, 60)
    for index in range(60, 90):
        sleeper(epoch, index, 150, 150, 50, 60)
        assert watched.allocated(detector.feed, epoch) == 0, index


def test_the_gate_is_shut_awake_unworn_unscored_and_blurred():
    for key, value in (("p_w", 255), ("flags", 0), ("stage", wire.UNSCORED), ("quality", 40)):
        detector, epoch = loops.Loops(), wire.Epoch()
        for index in range(260):
            sleeper(epoch, index, 150, 150, 50, 200)
            if index >= (190 if key == "p_w" else 200):  # waking takes six minutes to show
                setattr(epoch, key, value)
            assert detector.feed(epoch) == 0, key
        assert not epoch.flags & wire.F_GATE and epoch.score == 0, key


def test_a_loop_whose_surges_look_like_waking_is_seen_by_what_lies_between():
    detector, epoch, seen = loops.Loops(), wire.Epoch(), 0
    for index in range(260):
        sleeper(epoch, index, 150, 150, 50, 200)
        if index >= 200 and epoch.hr_bpm_x10 > 610:
            epoch.p_w, epoch.stage = 220, wire.W
        seen = detector.feed(epoch) or seen
    assert seen == wire.CYCLE


def test_a_minute_without_signal_is_bridged_and_no_more():
    detector, epoch = loops.Loops(), wire.Epoch()
    watch(detector, 0, 100)
    rates = []
    for index in range(100, 104):
        sleeper(epoch, index)
        for k in range(wire.BINS):
            epoch.hr_x10[k] = 0
        detector.feed(epoch)
        assert not epoch.flags & wire.F_GATE
        rates.append(detector._y[detector._slot] > 0)
    assert rates == [True, True, False, False], rates


def test_signal_lost_for_minutes_breaks_the_chain():
    best = []
    for gap in (2, 8):
        detector, epoch, after = loops.Loops(), wire.Epoch(), 0
        for index in range(236):
            sleeper(epoch, index, 150, 150, 50, 200)
            if 222 <= index < 222 + gap:
                for k in range(wire.BINS):
                    epoch.hr_x10[k] = 0
            detector.feed(epoch)
            after = max(after, epoch.cycle) if index >= 230 else 0
        best.append(after)
    assert best[0] > 2 * best[1], best


def test_a_plateau_is_held_and_does_not_become_normal_in_ten_readings():
    detector = loops.Loops()
    _, before = watch(detector, 0, 200)
    _, ten = watch(detector, 200, 210, level=780)
    assert ten.base_bpm - before.base_bpm <= 1, (before.base_bpm, ten.base_bpm)
    events, after = watch(detector, 210, 250, level=780)
    assert [kind for _, kind, _ in events] == [wire.HOLD], events
    assert after.base_bpm - before.base_bpm <= 5, (before.base_bpm, after.base_bpm)


def test_one_loop_is_one_event_until_half_an_hour_after_it():
    detector, loop = loops.Loops(), {"surge": 150, "every": 150, "wide": 50}
    watch(detector, 0, 200)
    first, _ = watch(detector, 200, 232, since=200, **loop)
    again, _ = watch(detector, 260, 290, since=260, **loop)
    watch(detector, 290, 380)
    later, _ = watch(detector, 380, 430, since=380, **loop)
    assert (len(first), len(again), len(later)) == (1, 0, 1), (first, again, later)


def test_a_plateau_that_recovers_is_forgotten():
    detector = loops.Loops()
    watch(detector, 0, 200)
    _, up = watch(detector, 200, 206, level=780)
    events, down = watch(detector, 206, 226)
    assert up.hold > 0 and down.hold == 0 and events == [], (up.hold, down.hold)


def test_steps_no_heart_makes_in_sleep_shut_the_gate():
    detector, epoch = loops.Loops(), wire.Epoch()
    watch(detector, 0, 200)
    sleeper(epoch, 200)
    epoch.hr_x10[4] = epoch.hr_x10[5] = 900
    detector.feed(epoch)
    assert not epoch.flags & wire.F_GATE
    _, epoch = watch(detector, 201, 220)
    assert not epoch.flags & wire.F_GATE
    _, epoch = watch(detector, 220, 230)
    assert epoch.flags & wire.F_GATE


def test_an_irregular_rhythm_shuts_the_gate():
    detector, epoch = loops.Loops(), wire.Epoch()
    watch(detector, 0, 200)
    for index in range(200, 240):
        sleeper(epoch, index)
        for k in range(wire.BINS):
            epoch.hr_x10[k] += (index * 6 + k) * 7919 % 6007 % 181 - 90
        detector.feed(epoch)
    assert not epoch.flags & wire.F_GATE


def test_the_shift_moves_the_threshold_inside_its_bounds():
    scores = []
    for shift in (-100, -20, 0, 50, 100):
        detector = loops.Loops(None, shift)
        watch(detector, 0, 218, surge=100, every=150, wide=50, since=200)
        scores.append(detector.feed(sleeper(wire.Epoch(), 218)) or detector.threshold)
    assert scores[0] == scores[1] and scores[3] == scores[4], scores
    assert detector.threshold == 150


def test_a_baseline_is_learned_over_nights_and_told_at_once():
    baseline = None
    for _ in range(4):
        detector = loops.Loops(baseline)
        watch(detector, 0, 300, level=520)
        baseline = detector.learn()
        assert len(baseline) <= 64
    detector = loops.Loops(baseline)
    assert detector.nights == 4
    _, epoch = watch(detector, 0, 1, level=520)
    assert abs(epoch.base_bpm - 52) <= 1, epoch.base_bpm


def test_kinds_of_sleep_have_baselines_of_their_own():
    baseline, epoch = None, wire.Epoch()
    for _ in range(6):
        detector = loops.Loops(baseline)
        for index in range(400):
            deep = index // 50 & 1
            sleeper(epoch, index, level=580 if deep else 620)
            epoch.p_n3 = 200 if deep else 20
            detector.feed(epoch)
        baseline = detector.learn()
    light, deep = baseline[loops.HEAD], baseline[loops.HEAD + loops.HOURS]
    assert 13 <= light - deep <= 18, (light, deep)  # 4 bpm are 16 quarters


def test_a_strange_baseline_is_no_baseline():
    for baseline in (b"", b"\x01", b"\xff" * 18):
        assert loops.Loops(baseline).nights == 0


GOLDEN = 296971
