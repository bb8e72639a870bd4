"""A rescue from its first light to its outcome."""

import gc

from lamp import wire
from lamp.wake import JUDGE_EPOCHS
from test_wake import ready


def lit(**told):
    """A bed in which the light has been rising for two minutes."""
    bed = ready()
    assert bed.loop(**told) == 0
    for _ in range(4):
        assert bed.sleep() == 0
        bed.shine(600)
    return bed


def fall(bed):
    """Tick until dark; return the seconds it took. It never rises and never jumps."""
    before, ticks = bed.shine(1), 1
    while before:
        now = bed.shine(1)
        assert 0 <= before - now <= 2, (before, now)
        before, ticks = now, ticks + 1
    return ticks // 20


def test_it_rises_from_dark_in_four_minutes_and_never_in_a_visible_step():
    bed = ready()
    bed.loop()
    before = 0
    for i in range(4800):
        if i % 600 == 599:
            bed.sleep()
        now = bed.shine(1)
        assert 0 <= now - before <= 2, (i, before, now)
        before = now
    assert before == 4000


def test_it_stops_when_wake_is_held_for_a_minute_and_not_on_one_surge():
    bed = lit()
    level = bed.shine(1)
    assert bed.sleep(p_w=200) == 0
    assert bed.shine(600) > level
    assert bed.sleep() == 0
    assert bed.sleep(p_w=200) == 0
    assert bed.sleep(p_w=200) == wire.LIGHT_OFF
    assert bed.wake.c == wire.WHY_AWAKE
    assert 60 < fall(bed) <= 300
    assert bed.sleep(JUDGE_EPOCHS - 8) == wire.WOKE


def test_it_stops_when_the_heart_climbs_above_the_loops_own_surges():
    bed = lit()
    assert bed.sleep(hr_bpm_x10=730) == 0
    assert bed.sleep(hr_bpm_x10=731) == wire.LIGHT_OFF
    assert bed.wake.c == wire.WHY_AWAKE


def test_it_gives_up_when_score_or_surge_stay_away_for_longer_than_the_loops_gap():
    for quiet in ({"score": 20}, {"hr_bpm_x10": 610}):
        for lag_s, epochs in ((0, 4), (90, 5)):
            bed = lit(lag_s=lag_s)
            assert bed.sleep(epochs - 1, **quiet) == 0
            assert bed.sleep() == 0 and bed.wake.shining  # the next surge: it goes on
            bed = lit(lag_s=lag_s)
            assert bed.sleep(epochs - 1, **quiet) == 0
            assert bed.sleep(**quiet) == wire.LIGHT_OFF and bed.wake.c == wire.WHY_SETTLED
            assert fall(bed) <= 300
            assert bed.sleep(JUDGE_EPOCHS - 4 - epochs) == wire.SETTLED and bed.wake.c == 1


def test_it_goes_dark_when_the_finger_is_gone():
    bed = lit()
    assert bed.sleep(flags=0) == wire.LIGHT_OFF and bed.wake.c == wire.WHY_SIGNAL
    assert fall(bed) <= 300


def test_a_loop_that_goes_on_sees_the_whole_profile_and_no_response():
    bed = lit()
    events = []
    for _ in range(JUDGE_EPOCHS):
        event = bed.sleep()
        if event:
            events.append((event, bed.wake.c))
        bed.shine(600)
    assert events == [(wire.LIGHT_OFF, wire.WHY_DONE), (wire.NO_RESPONSE, 1)], events
    assert bed.shine(1) == 0


def test_it_fades_when_nobody_feeds_it_any_more():
    bed = lit()
    bed.shine(5 * 60 * 20)
    assert bed.shine(1) == 0


def test_it_is_blind_to_its_own_light():
    bed = lit()
    assert bed.loop() == wire.WHY_BLIND
    bed = ready()
    bed.sleep(light=3)
    assert bed.loop() == wire.WHY_BLIND
    bed.sleep(29)
    assert bed.loop() == 0


def test_the_epoch_says_how_bright_it_was():
    bed = lit()
    bed.sleep()
    assert 18 <= bed.epoch.light <= 26 and bed.epoch.flags & wire.F_LIGHT


def test_the_logged_light_decides_as_the_light_itself_did():
    """A replay has no ticks: it reads the level from the log."""
    one, two = lit(), ready()
    two.loop()
    for level in (0, 5, 10, 15):
        two.sleep(light=level)
    one.sleep()
    two.sleep(light=one.epoch.light)
    assert (one.wake.dark, one.wake.run) == (two.wake.dark, two.wake.run)


def test_nothing_is_allocated_after_warm_up():
    if not hasattr(gc, "mem_alloc"):
        return
    bed = lit()
    wake, epoch = bed.wake, bed.epoch
    wake.feed(epoch, 0, 9000)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    wake.feed(epoch, wire.CYCLE, 9030)
    wake.tick(900_000)
    wake.tick(900_050)
    after = gc.mem_alloc()
    gc.enable()
    assert after == before, after - before
