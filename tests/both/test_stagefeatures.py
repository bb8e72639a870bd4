"""The stager's features: causal, within a byte, and right on nights worked out by hand."""

from lamp import counts, stagefeatures, wire


def steady(epoch, index, rate, step):
    """An epoch at `rate` bpm x10 whose bins go up and down by `step`."""
    epoch.clear(index)
    epoch.flags = wire.F_WORN
    for i in range(wire.BINS):
        epoch.hr_x10[i] = rate + step * (i & 1)


def test_the_logarithm_stays_near_the_real_one():
    log16 = stagefeatures.log16
    want = (0, 16, 32, 48, 256, 464)
    assert tuple(log16(x) for x in (0, 1, 3, 7, 65535, (1 << 29) - 1)) == want
    assert all(log16(x) <= log16(x + 7) for x in range(0, 5000, 7))


def test_the_nights_counts_forget_nothing():
    seen = counts.Counts(35, 120)
    for value in [50] * 90 + [70] * 10 + [900, 0]:
        seen.add(value)
    assert (seen.quantile(0), seen.quantile(50), seen.quantile(95)) == (35, 50, 70)
    assert seen.quantile(100) == 154  # the last cell holds all that is above
    assert seen.rank(20) < seen.rank(50) < seen.rank(60) < seen.rank(70) < 255


def test_every_feature_is_put_once():
    f, epoch = stagefeatures.Features(2), wire.Epoch()
    for index in range(60):
        steady(epoch, index, 600 + index % 7, index % 11)
        epoch.motion = index
        f.take(epoch)
        assert f._i == stagefeatures.FEATURES


def test_a_level_is_told_against_the_nights_middle():
    f, epoch = stagefeatures.Features(0), wire.Epoch()
    for index in range(60):
        steady(epoch, index, 600, 20)
        f.take(epoch)
    before = bytes(f.x)
    for index in range(60, 63):
        steady(epoch, index, 700, 20)
        f.take(epoch)
    # of the shortest window: mean - middle, here - mean, variation, variation, spread
    assert before[0] == 125  # 61.0 bpm against a middle of 61.5, halved, plus 128
    assert f.x[0] > before[0] + 45
    assert f.x[20] > before[20]  # the longest window moves less
    assert f.x[20] - before[20] < f.x[0] - before[0]


def test_a_lost_rate_counts_as_blind_and_a_machines_as_the_same():
    f, epoch = stagefeatures.Features(2), wire.Epoch()
    steady(epoch, 0, 600, 0)
    for _ in range(5):
        f.take(epoch)
    assert (f.seen, f.blind) == (5, 0) and f.same == 29
    epoch.flags = 0
    f.take(epoch)
    assert (f.seen, f.blind) == (5, 1)


def test_rates_of_beats_are_smoothed_and_a_watchs_are_not():
    epoch = wire.Epoch()
    spread = []
    for smooth in (0, 2):
        f = stagefeatures.Features(smooth)
        for index in range(10):
            steady(epoch, index, 600, 80)
            f.take(epoch)
        spread.append(f._vary[9 % stagefeatures.RING])
    assert spread[0] == 80 * 16
    assert spread[1] < spread[0] // 3
