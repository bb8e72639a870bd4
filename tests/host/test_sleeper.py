"""The synthetic sleeper: the same seed, the same night; a night like nights."""

import numpy as np
import pytest
from dreamlamp.sim import Scenario, World
from dreamlamp.sleeper import sleeper

NIGHTS = {seed: sleeper(seed) for seed in (1, 2, 3)}


def heart_of(night, stage):
    which = np.array(night.stages)[np.minimum(night.beats_ms[1:] // 30000, len(night.stages) - 1)]
    return np.diff(night.beats_ms)[which == stage]


def test_a_seed_is_a_night():
    again = sleeper(1)
    assert (again.beats_ms == NIGHTS[1].beats_ms).all() and again.stages == NIGHTS[1].stages
    assert sleeper(2).stages != again.stages


@pytest.mark.parametrize("seed", NIGHTS)
def test_a_night_has_plausible_shares(seed):
    stages = np.array(NIGHTS[seed].stages)
    share = {s: (stages == s).mean() for s in ("W", "N1", "N2", "N3", "R")}
    assert 0.02 < share["W"] < 0.15 and 0.35 < share["N2"] < 0.65
    assert 0.08 < share["N3"] < 0.28 and 0.12 < share["R"] < 0.35
    half = stages.size // 2
    assert (stages[:half] == "N3").sum() > (stages[half:] == "N3").sum()
    assert (stages[half:] == "R").sum() > (stages[:half] == "R").sum()


@pytest.mark.parametrize("seed", NIGHTS)
def test_the_heart_follows_the_stage(seed):
    wake, deep, rem = (heart_of(NIGHTS[seed], s) for s in ("W", "N3", "R"))
    assert wake.mean() < rem.mean() < deep.mean()
    assert rem.std() > deep.std() * 1.2  # slow variability grows in REM
    assert np.diff(NIGHTS[seed].beats_ms).min() > 400


def test_it_says_that_it_is_synthetic():
    assert NIGHTS[1].synthetic and "synthetic" in NIGHTS[1].name


def test_a_loop_is_six_surges_in_the_second_half_and_nothing_else_changes():
    plain, looped = sleeper(4), sleeper(4, loop=True)
    assert len(looped.loops_ms) == 6 and not plain.loops_ms
    assert looped.loops_ms[0] > plain.beats_ms[-1] // 2
    apart = np.diff(looped.loops_ms) / 1000
    assert (apart > 110).all() and (apart < 190).all()
    before = looped.loops_ms[0]
    same = plain.beats_ms[plain.beats_ms < before]
    assert (looped.beats_ms[: same.size] == same).all()
    peak = looped.loops_ms[2] + 30000
    rate = [
        60000 / np.diff(n.beats_ms[np.abs(n.beats_ms - peak) < 8000]).mean()
        for n in (plain, looped)
    ]
    assert 9 < rate[1] - rate[0] < 20


def test_a_world_is_kept_for_the_same_heart_and_begun_anew_for_another(tmp_path):
    World(tmp_path, sleeper(1), Scenario())
    (tmp_path / "nvs.json").write_text("lived")
    World(tmp_path, sleeper(1), Scenario())
    assert (tmp_path / "nvs.json").read_text() == "lived"
    (tmp_path / "flash.bin").touch()
    World(tmp_path, sleeper(2), Scenario())
    assert (tmp_path / "nvs.json").read_text() != "lived"
    assert not (tmp_path / "flash.bin").exists()
