"""A short night from heart to report, on both builds, through what may happen in one."""

import numpy as np
import pytest
from dreamlamp import sim, sleeper, wholenight
from lamp import wire
from virtual import beginning

from tools import micropython

MINUTES = 45
HEART = sleeper.sleeper(3)
SHORT = beginning(HEART, MINUTES * 60)


@pytest.mark.parametrize("bits", [64, 32])
def test_a_night_with_a_lost_finger_a_power_cut_and_a_dropped_link(tmp_path, bits):
    try:
        micropython.find(bits)
    except micropython.Missing as why:
        pytest.skip(str(why))
    scenario = sim.Scenario(
        bits=bits, finger_off=[(600, 1000)], power_cuts=[(1500, 240)], visit=True
    )
    done = wholenight.run(SHORT, scenario, tmp_path, drop_link=True)
    assert done.ok, done.verdict.as_json()
    assert done.starts == 2 and len(done.night.boots) == 2
    away, dark = done.facts["holes"]
    assert "finger" in away["why"] and 300 < away["to_s"] - away["from_s"] < 500
    assert "without power" in dark["why"] and "unknown" not in dark["why"]
    # the host's idea of world time is a minute old at worst: the lamp tells it once a minute
    assert 180 < dark["to_s"] - dark["from_s"] < 330
    assert done.facts["end_reason"] == "button" and done.facts["light_max"] == 0
    assert abs(done.facts["length_min"] - MINUTES) < 2
    began = done.night.began()
    assert began and abs((began - wholenight.bedtime()).total_seconds()) < 120
    rate = 60000 / (np.diff(SHORT.beats_ms).mean())
    assert abs(done.facts["heart"]["mean_bpm"] - rate) < 2
    assert "SYNTHETIC" in done.page.read_text()


def test_a_full_flash_lets_the_oldest_night_go_and_says_so(tmp_path):
    done = wholenight.run(SHORT, sim.Scenario(full_flash=True), tmp_path)
    assert done.ok, done.verdict.as_json()
    full = [event for event in done.night.events if event.code == wire.LOG_FULL]
    assert full and full[0].a >= 1
    assert "memory was full" in done.page.read_text()
    files = sorted(p.name for p in (tmp_path / "nights").glob("*.night"))
    older = int(files[-1].split("-")[1].split(".")[0]) - 1
    assert older > 20 and len(files) == older + 1 - full[-1].a  # all that were kept were fetched
