"""A dawn in a virtual night: it comes where the time is known; else the lamp says it is not."""

import struct

import pytest
from dreamlamp import sim, sleeper, wholenight
from lamp import wire
from virtual import beginning

from tools import micropython

MINUTES = 80
HEART = sleeper.sleeper(3)
SHORT = beginning(HEART, MINUTES * 60)


def night(folder, bits, **more):
    try:
        micropython.find(bits)
    except micropython.Missing as why:
        pytest.skip(str(why))
    at_s = int(wholenight.bedtime().timestamp()) + 70 * 60
    settings = {"dawn": struct.pack("<IBBI", 0, 50, 0, at_s)}
    scenario = sim.Scenario(bits=bits, settings=settings, visit=True, **more)
    done = wholenight.run(SHORT, scenario, folder)
    assert done.verdict.ok, done.verdict.as_json()
    return done


@pytest.mark.parametrize("bits", [64, 32])
def test_it_is_there_by_its_time_and_the_replay_agrees(tmp_path, bits):
    done = night(tmp_path, bits)
    dawn, snooze = (event for event in done.night.events if event.code == wire.DAWN)
    assert snooze.c == wire.WHY_BUTTON  # the morning's button was for the light
    assert (dawn.a, dawn.c) == (50, 0) and 1700 <= dawn.b <= 1830
    light = done.night.epochs["light"]
    at = done.night.second_of(dawn) + dawn.b  # when it was to be there
    assert light[int(at / 30)] == 50 and light[: int((at - 1900) / 30)].max() == 0
    assert "The dawn began" in done.page.read_text()


def test_after_a_power_cut_the_lamp_stays_dark_and_the_page_says_why(tmp_path):
    done = night(tmp_path, 64, power_cuts=[(1200, 60)])
    assert done.facts["light_max"] == 0
    (dawn,) = [event for event in done.night.events if event.code == wire.DAWN]
    assert dawn.c == wire.WHY_CLOCK
    assert "does not know what time it is" in done.page.read_text()
