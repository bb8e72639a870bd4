"""A night that was cut: whose it is when power comes back, as far as the lamp can know."""

import pytest
from dreamlamp import nights
from dreamlamp.summary import summarise
from lamp import wire
from lamp.nightlog import Cursor
from test_night_story import Lamp

EVENING = 1772402400
HOUR = 3600


def cut_night(told=True, minutes=90):
    lamp = Lamp()
    lamp.night.begin()
    if told:
        lamp.night.clock_set(EVENING, 60)
    lamp.wear(minutes)
    return lamp.again()


def reason(lamp, number):
    last = lamp.frames(number)[-1]
    return last[2] if last[0] == wire.END else 0


def is_over_and_tonights_begins(lamp):
    """Yesterday's night; a finger that comes now begins another."""
    assert lamp.log.open_id == 0 and reason(lamp, 1) == wire.END_LOST
    lamp.wear(12)
    assert lamp.log.open_id == 2


def test_a_finger_that_is_there_when_power_comes_back_goes_on_with_the_night():
    lamp = cut_night()
    lamp.wear(2)
    lamp.wear(30, finger=False)
    assert lamp.log.open_id == 1


@pytest.mark.parametrize("minutes", [1, 2])
def test_without_a_finger_within_a_minute_the_night_was_yesterdays(minutes):
    lamp = cut_night()
    lamp.wear(minutes, finger=False)
    is_over_and_tonights_begins(lamp)


def test_a_reset_is_no_power_cut_and_asks_for_no_finger():
    lamp = cut_night()
    lamp.night.doubted = False  # as cause 3, the watchdog's, leaves it
    lamp.wear(5, finger=False)
    assert lamp.log.open_id == 1
    assert not type(lamp.night)(lamp.log, lamp.settings, 50, 9, 3).doubted


def test_the_button_before_any_finger_begins_tonight():
    lamp = cut_night()
    lamp.night.button()
    assert lamp.log.open_id == 2 and reason(lamp, 1) == wire.END_LOST
    lamp.wear(3)
    lamp.night.button()
    assert lamp.log.open_id == 0 and reason(lamp, 2) == wire.END_BUTTON


@pytest.mark.parametrize("away_h, split", [(0, False), (5, False), (8, True), (14, True)])
def test_a_host_that_tells_the_time_parts_yesterday_from_tonight(away_h, split):
    lamp = cut_night()
    lamp.wear(3)
    lamp.settings.set("rescues", 1)
    lamp.night.clock_set(EVENING + 90 * 60 + away_h * HOUR + 180, 60)
    assert lamp.log.open_id == (2 if split else 1)
    assert lamp.settings["rescues"] == (0 if split else 1)
    lamp.wear(3)
    lamp.night.clock_set(EVENING + 90 * 60 + away_h * HOUR + 360, 60)  # the second visit
    assert lamp.log.open_id == (2 if split else 1)
    lamp.night.end(wire.END_BUTTON)
    found = [summarise(night_of(lamp, n)) for n in range(1, lamp.log.newest + 1)]
    assert all(f["clock"]["certain"] for f in found)
    assert found[0]["end_reason"] == ("closed at boot" if split else "button")


def test_a_host_that_is_there_before_any_finger_begins_no_night():
    lamp = cut_night()
    lamp.wear(0.2, finger=False)
    lamp.night.clock_set(EVENING + 90 * 60 + 14 * HOUR, 60)
    is_over_and_tonights_begins(lamp)


def night_of(lamp, number):
    raw = bytearray(200_000)
    n = lamp.log.read(number, 0, raw, Cursor())
    return nights.decode(bytes(raw[:n]), number)


def test_a_night_that_was_never_dated_is_not_parted_by_an_older_nights_hour():
    lamp = cut_night()
    lamp.night.end(wire.END_BUTTON)
    lamp = lamp.again()  # the next evening, and nobody tells the time
    lamp.night.begin()
    lamp.wear(5)
    lamp = lamp.again()
    lamp.wear(2)
    lamp.night.clock_set(EVENING + 40 * HOUR, 60)
    assert lamp.log.open_id == 2


def test_a_host_from_the_past_parts_nothing():
    lamp = cut_night()
    lamp.wear(2)
    lamp.night.clock_set(EVENING - 1000 * HOUR, 60)
    assert lamp.log.open_id == 1


def test_the_hour_is_kept_once_an_hour():
    lamp = Lamp()
    lamp.night.begin()
    lamp.night.clock_set(EVENING, 60)
    writes, keep = [], lamp.settings.set

    def counted(key, value):
        writes.append(key)
        return keep(key, value)

    lamp.settings.set = counted
    lamp.wear(150)
    assert writes.count("seen") == 3


def test_a_night_that_one_host_took_for_tonights_is_not_parted_by_the_next():
    lamp = cut_night()
    lamp.wear(3)
    lamp.settings.set("rescues", 1)
    lamp.night.clock_set(EVENING + 91 * 60, 60)
    lamp.night.clock_set(EVENING + 40 * HOUR, 60)  # a wrong clock
    assert lamp.log.open_id == 1 and lamp.settings["rescues"] == 1
