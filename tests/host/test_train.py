"""Training: the lamp's own features, the same bytes again, and a twin that agrees."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("lightgbm", reason="LightGBM is in the extra `bench`")

from dreamlamp import hindsight, nightset, stagefloat, train
from lamp import staging, wire


def night(seed: int, beats: bool = False) -> nightset.Labelled:
    """Four synthetic hours whose rate and restlessness follow the stage."""
    rng = np.random.default_rng(seed)
    stage = np.repeat(rng.permutation(np.tile([0, 1, 2, 2, 3, 4], 4)), 20).astype(np.int8)
    level = np.array([680, 650, 620, 600, 640])[stage][:, None]
    spread = np.array([60, 40, 20, 8, 35])[stage][:, None]
    hr = (level + spread * rng.standard_normal((len(stage), wire.BINS))).astype(int)
    hr[30:32] = 0
    motion = np.full(len(stage), -1) if beats else 400 * (stage == 0) * rng.integers(0, 2, 480)
    return nightset.Labelled(
        dataset="slpdb" if beats else "walch2019",
        record=str(seed),
        subject=f"synthetic/{seed}",
        stage=stage,
        hr_x10=hr,
        motion=motion,
    )


@pytest.fixture(scope="module")
def samples():
    return [train.sample(night(seed, beats=seed > 4)) for seed in range(1, 7)]


@pytest.fixture(scope="module")
def model(samples):
    return train.fit(samples, rounds={"heart": 6, "motion": 2})


def test_training_and_lamp_see_the_same_features(samples):
    for s in samples[::5]:
        stager = staging.Stager(train.smoothing(s.night))
        for row, epoch in zip(s.x, s.night.epochs(motion=True)):
            stager.feed(epoch)
            assert bytes(stager.features.x) == bytes(row)


def test_the_same_nights_give_the_same_bytes(samples, model):
    again = train.fit(samples, rounds={"heart": 6, "motion": 2})
    assert train.render(again, samples) == train.render(model, samples)
    fewer = train.fit(samples[:-1], rounds={"heart": 6, "motion": 2})
    assert train.render(fewer, samples[:-1]) != train.render(model, samples)


def test_the_model_file_is_python_that_holds_the_tables(samples, model):
    space: dict = {}
    exec(train.render(model, samples).replace(train.OPEN, ""), space)
    for name, table in train.integers(model).items():
        assert name == "TREES" or space[name] == table, name


@pytest.mark.parametrize("motion", [False, True])
def test_integers_and_floating_point_say_the_same(samples, model, motion):
    tables = SimpleNamespace(**train.integers(model))
    code = {wire.W: 0, wire.N2: 1, wire.N3: 2, wire.R: 3}
    same = []
    for s in samples[:4]:
        stager = staging.Stager(train.smoothing(s.night), tables)
        p = stagefloat.posteriors(
            model, [stagefloat.scores(model, s.x, motion)], [s.seen], motion
        )[0]
        said = stagefloat.decide(model, p, motion)
        for epoch, other in zip(s.night.epochs(motion), said):
            stager.feed(epoch)
            if epoch.stage != wire.UNSCORED:
                same.append(code[epoch.stage] == other)
    assert len(same) > 1500
    assert np.mean(same) >= 0.99


def test_the_committed_file_is_what_its_twin_compiles_to():
    import json

    from lamp import stagemodel

    twins = json.loads(train.TWINS.read_text())
    for name, table in train.integers(twins["causal"]).items():
        if name == "TREES":
            stagemodel.TREES.seek(0)
            assert stagemodel.TREES.read() == table.read()
        else:
            assert getattr(stagemodel, name) == table, name
    late = json.dumps(train.looking_back(twins["causal"]))
    assert json.loads(hindsight.FILE.read_text()) == json.loads(late)
    listed = {word for word in stagemodel.__doc__.split() if "/" in word}
    assert set(twins["records"]) <= listed


def test_a_whole_nights_twin_may_look_ahead(samples):
    wide = train.whole(samples[0])
    assert (wide.x[:, : wide.hearts].shape[1]) > 3 * samples[0].hearts
    later = wide.x[:-10, samples[0].hearts : 2 * samples[0].hearts]
    assert (later == samples[0].x[10:, : samples[0].hearts]).all()


def test_beats_are_binned_as_the_lamp_bins_them():
    t = np.arange(0, 60, 0.8)
    normal = np.ones(len(t), bool)
    bins = nightset.beat_bins(t, normal, 2)
    assert bins.shape == (2, wire.BINS)
    assert np.abs(bins - 750).max() <= 1
    normal[15:35] = False
    assert nightset.beat_bins(t, normal, 2)[0, 4] == 0


def test_a_watchs_empty_bin_keeps_the_last_value_for_ten_seconds():
    t, bpm = np.array([1.0, 2.0, 26.0]), np.array([60.0, 61.0, 70.0])
    assert nightset.watch_bins(t, bpm, 6).tolist() == [605, 605, 605, 0, 0, 700]
