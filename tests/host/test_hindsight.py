"""Stages in hindsight: integers against floating point, five minutes late and never later."""

import json
from dataclasses import replace

import numpy as np
import pytest
from dreamlamp import (
    because,
    edf,
    export,
    hindsight,
    index,
    journal,
    nights,
    openmhealth,
    terminal,
)
from dreamlamp.summary import reasons, summarise
from lamp import wire
from nightmaker import Maker

CODES = hindsight.STAGES


def logged(seed: int, size: int = 400, unscored: tuple = ()) -> dict[str, np.ndarray]:
    """Columns of a night that wanders as the lamp's chain does, seen through noise."""
    rng = np.random.default_rng(seed)
    chain = hindsight.committed().chain / (1 << 14)
    p, now, rows = np.full(4, 0.25), 0, []
    for _ in range(size):
        now = rng.choice(4, p=chain[now] / chain[now].sum())
        p = p @ chain * np.exp(rng.normal(0, 0.6, 4) + 0.6 * (np.arange(4) == now))
        p /= p.sum()
        rows.append(np.minimum(p * 256, 255).astype(int))
    stage = CODES[np.array(rows).argmax(axis=1)]
    stage[list(unscored)] = wire.UNSCORED
    of = dict(zip(("p_w", "light", "p_n3", "p_r"), np.array(rows).T))
    still = {"index": np.arange(size), "flags": np.full(size, wire.F_WORN)}
    return {**of, **still, "stage": stage, "confidence": np.full(size, 50)}


def backwards(night: dict[str, np.ndarray], first: int) -> np.ndarray:
    """Posterior of epoch `first` by forward-backward over it and the ten that follow."""
    chain = hindsight.committed().chain / (1 << 14)
    filtered = hindsight.logged(night) / 768
    beta = np.ones(4)
    for t in range(min(first + hindsight.LAG, len(filtered) - 1), first, -1):
        spoke = filtered[t] / (filtered[t - 1] @ chain)  # what epoch t itself said
        beta = chain @ (spoke * beta)
    found = filtered[first] * beta
    return found / found.sum()


def test_integers_follow_forward_backward_in_floating_point():
    night = logged(1)
    found = hindsight.read(night).posterior / (1 << 14)
    wanted = np.array([backwards(night, t) for t in range(len(found))])
    assert np.abs(found - wanted).max() < 0.003
    assert np.abs(wanted - hindsight.logged(night) / 768).max() > 0.3  # or nothing was asked


@pytest.mark.parametrize("end", [200, 211, 350])
def test_what_is_five_minutes_old_never_changes_again(end):
    whole, cut = logged(2), {name: held[:end] for name, held in logged(2).items()}
    before, after = hindsight.read(cut), hindsight.read(whole)
    settled = end - hindsight.LAG
    assert (before.posterior[:settled] == after.posterior[:settled]).all()
    assert (before.posterior[settled:] != after.posterior[settled:end]).any()


def test_nothing_is_read_across_a_hole_or_an_unscored_epoch():
    night = logged(3, unscored=(120,))
    night["index"][250:] += 40
    found = hindsight.read(night)
    assert found.stage[120] == wire.UNSCORED and found.confidence[120] == 0
    for first, last in ((0, 120), (121, 250), (250, 400)):
        alone = hindsight.read({name: held[first:last] for name, held in night.items()})
        assert (found.posterior[first:last] == alone.posterior).all()


@pytest.mark.parametrize("seed", range(5))
def test_any_bytes_at_all_give_whole_posteriors(seed):
    rng = np.random.default_rng(seed)
    night = logged(seed)
    for name in ("p_w", "p_n3", "p_r"):
        night[name] = rng.choice([0, 0, 1, 254, 255, rng.integers(256)], len(night["index"]))
    stuck = replace(hindsight.committed(), chain=np.diag([1 << 14] * 4))
    for tables in (hindsight.committed(), stuck):
        found = hindsight.read(night, tables).posterior
        assert (found >= 0).all() and np.abs(found.sum(axis=1) - (1 << 14)).max() < 64


def test_where_motion_was_measured_its_own_weights_decide():
    night = logged(4)
    still = hindsight.read(night)
    night["flags"] = night["flags"] | wire.F_MOTION
    moved = hindsight.read(night)
    assert (still.posterior == moved.posterior).all()
    assert (still.stage != moved.stage).any() and (still.confidence != moved.confidence).any()


def half_a_night(kit: int) -> nights.Night:
    """Light sleep with one epoch of REM, in which a loop is seen, and one of wake that the lamp
    was not sure of."""
    unsure = {
        20: {"stage": wire.R, "p_r": 140, "score": 120, "flags": wire.F_WORN | wire.F_GATE},
        30: {"stage": wire.W, "p_w": 140},
    }
    made = Maker().boot(kit=kit).clock()
    for i in range(40):
        made.epoch(**unsure.get(i, {"stage": wire.N2, "p_r": 5, "p_w": 5}))
        if i == 20:
            made.index = i
            made.event(wire.LOOP, 30, 120, 100, wire.CYCLE)
            made.index = i + 1
    return nights.decode(made.end().raw(), 7)


def test_whoever_shows_the_night_reads_it_in_hindsight(tmp_path):
    night = half_a_night(wire.KIT_HEART)
    facts = summarise(night)
    assert (night.at_once[20], night.at_once[30]) == ("R", "W")
    assert night.stages == ["N2"] * 40
    assert facts["statistics"]["rem"] == facts["statistics"]["waso"] == 0
    assert facts["sureness"]["confidence_percent"] == night.hindsight.confidence.mean()
    assert (index.asleep(night) == index.ASLEEP).all()
    assert {text for _, _, text in edf.annotations(night, facts)} >= {"Sleep stage N2"}
    assert "Sleep stage R" not in str(edf.annotations(night, facts))
    assert "rem" not in str(openmhealth._episodes(night, night.began()))
    assert "█" not in terminal.hypnogram(night, 40)[1].plain  # REM's row
    _, trace = journal.trace_of(night, "loop", 600)
    assert set(trace["stage"]) == {"N2"}
    (file, _) = export.export(night, "one", tmp_path, "hypnogram")
    made = json.loads(file.read_text())
    assert set(made["values"]) == {"LIGHT"} and made["proba"]["REM"][20] < 0.2
    table = export.epochs(night, facts)
    assert table["stage_late"] == night.stages and table["stage_at_once"] == night.at_once
    assert table["late_percent"] == night.hindsight.confidence.tolist()


def test_what_was_decided_is_explained_by_what_was_said_at_once():
    night = half_a_night(wire.KIT_HEART)
    (reason,) = reasons(night)
    assert reason["stage"] == "R" and reason["confidence"] == 80
    (case,) = because.cases(night)
    assert case.figures["stage"] == "R" and "REM" in case.sentence


def test_an_eeg_night_keeps_what_was_said_at_once():
    night = half_a_night(wire.KIT_EEG)
    assert night.stages == night.at_once and night.stages[20] == "R"
    assert (night.hindsight.confidence == night.epochs["confidence"]).all()
