"""Light the sleeper asks for keeps the night's limits."""

from lamp import wire
from lamp.wake import NO_MORE, Wake
from test_wake import ready


def bright(bed, level, epochs):
    """Ask for `level`, let `epochs` pass; return the level then and the last event."""
    assert bed.wake.shine(level) == 0
    event = 0
    for _ in range(epochs):
        bed.shine(600)
        event = bed.sleep() or event
    return bed.shine(1), event


def test_it_comes_softly_to_the_ceiling_and_no_further():
    assert bright(ready(mode=wire.OFF, consent=0), 100, 5)[0] == 4000


def test_it_goes_when_it_is_told_to():
    bed = ready()
    bright(bed, 20, 5)
    bed.wake.shine(0)
    for _ in range(10):
        bed.sleep()
        bed.shine(600)
    assert bed.shine(1) == 0 and not bed.wake.active()


def test_it_goes_after_an_hour():
    level, event = bright(ready(), 10, 131)
    assert (level, event) == (0, wire.LIGHT_OFF)


def test_it_goes_when_the_light_of_the_night_is_used_up():
    bed = ready()
    level, event = bright(bed, 40, 30)
    assert (level, event) == (0, wire.LIGHT_OFF)
    assert bed.wake.spent <= 180_000
    assert bed.wake.shine(40) == wire.WHY_DOSE


def test_the_button_beats_it():
    bed = ready()
    bright(bed, 20, 5)
    bed.wake.press(0)
    assert bed.shine(1) == 0
    assert bed.wake.shine(20) == wire.WHY_BUTTON
    assert Wake(wire.ACT, wire.POLICY, 40, NO_MORE).shine(20) == wire.WHY_BUTTON


def test_a_rescue_gives_way_to_it():
    bed = ready()
    bed.loop()
    bed.shine(600)
    level, _ = bright(bed, 30, 5)
    assert level == 3000


def test_what_shone_while_no_epoch_was_fed_is_counted():
    bed = ready()
    bright(bed, 40, 5)
    before = bed.wake.spent
    bed.shine(4 * 600)
    bed.sleep()
    assert bed.wake.spent - before >= 3 * 286 * wire.EPOCH_S


def test_the_evenings_light_comes_up_and_goes_dark_evenly():
    bed = ready(mode=wire.OFF, consent=0)
    assert bed.wake.shine(30, 20) == 0
    levels, events = [], []
    for _ in range(50):
        levels.append(bed.shine(600))
        events.append(bed.sleep())
    assert levels[4] == 3000 and 1400 < levels[24] < 1600 and levels[46] == 0
    assert levels[4:] == sorted(levels[4:], reverse=True)
    assert [e for e in events if e] == [wire.LIGHT_OFF] and not bed.wake.active()


def test_light_that_is_refused_changes_nothing():
    bed = ready()
    bed.loop()
    bed.shine(600)
    run, spent = bed.wake.run, bed.wake.spent
    bed.wake.spent = 180_000 + bed.wake.cost_x10
    assert bed.wake.shine(40) == wire.WHY_DOSE
    bed.wake.spent = spent
    assert bed.wake.run == run and bed.wake.shining


def test_a_replay_repeats_it_without_a_tick():
    """Everything that decides hangs on epochs and on what was asked."""
    one, two = ready(), ready()
    one.loop()
    two.loop()
    for _ in range(4):
        one.shine(600)
        one.sleep()
        two.sleep(light=one.epoch.light)
    assert one.wake.shine(30, 40) == 0
    two.wake.ask(30, 40)
    for _ in range(100):
        one.shine(600)
        event = one.sleep()
        assert event == two.sleep(light=one.epoch.light)
        assert one.wake.spent == two.wake.spent and one.wake.asked == two.wake.asked
