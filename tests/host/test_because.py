"""Each decision and each near miss is explained by its figures, and drawn."""

import json
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner
from dreamlamp import because, cli, nights
from dreamlamp.sleeper import sleeper
from lamp import wire
from nightmaker import Maker, keep
from test_replay import SETTINGS, judged


def run(*args):
    return CliRunner().invoke(cli.main, [str(a) for a in args])


def night_of(*scores, events=(), **boot):
    """A night whose epochs have these scores, at the gate; `events` are (epoch, code, c)."""
    made = Maker().boot(**boot).clock()
    said = {epoch: (code, c) for epoch, code, c in events}
    for index, score in enumerate(scores):
        made.epoch(score=score, cycle=score, lag_s=150, base_bpm=55, stage=wire.R,
                   flags=wire.F_WORN | wire.F_GATE)  # fmt: skip
        if index in said:
            code, c = said[index]
            made.index = index
            made.event(code, 30, score, 100, c)
            made.index = index + 1
    return made.end().raw()


def cases(*scores, **more):
    return because.cases(nights.decode(night_of(*scores, **more), 7))


def test_a_rescue_is_told_with_its_margin_and_what_became_of_it():
    events = [(30, wire.RESCUE, 1), (36, wire.LIGHT_OFF, wire.WHY_SETTLED), (60, wire.SETTLED, 1)]
    (case,) = cases(*[10] * 30, 112, *[0] * 60, events=events)
    assert (case.number, case.kind, case.epoch) == (1, "rescue", 30)
    assert case.figures["margin"] == 12 and case.figures["times_wanted"] > 10
    assert "REM-like" in case.sentence and "every 150 s" in case.sentence
    assert "score 112, 12 over the threshold. The lamp raised its light." in case.sentence
    assert len(case.after) == 2 and "settled" in case.after[1]


@pytest.mark.parametrize(
    "why, said",
    [(wire.WHY_CONSENT, "no consent"), (wire.WHY_EARLY, "of 70 min"), (wire.WHY_THIRD, "third")],
)
def test_a_refusal_names_the_limit(why, said):
    (case,) = cases(*[10] * 30, 112, events=[(30, wire.REFUSED_RESCUE, why)])
    assert case.kind == "refused" and said in case.sentence


def test_near_misses_are_the_highest_of_their_stretch_and_away_from_loops():
    scores = [0] * 300
    scores[20], scores[25], scores[120], scores[150], scores[250] = 75, 90, 112, 80, 69
    found = cases(*scores, events=[(120, wire.RESCUE, 1)])
    assert [(c.kind, c.epoch) for c in found] == [("near miss", 25), ("rescue", 120)]
    assert "10 short of the threshold" in found[0].sentence


def test_what_the_judges_held_in_mind_agrees_with_the_score_in_the_log():
    """times_usual over times_wanted is the score itself: the figures are those decided on."""
    night = nights.decode(judged(sleeper(2), SETTINGS).raw(), 7)
    row = int(night.epochs["cycle"][140:].argmax()) + 140
    from dreamlamp import replay

    held = replay.inside(night, {int(night.epochs["index"][row])})
    (figures,) = held.values()
    wanted = 100 * figures["times_usual"] / figures["times_wanted"]
    assert night.epochs["cycle"][row] > 5
    assert wanted == pytest.approx(night.epochs["cycle"][row], abs=1.5)
    assert figures["asleep_min"] > 30


def test_both_arms_are_counted_and_nothing_is_claimed():
    lit = night_of(*[0] * 70, events=[(5, wire.RESCUE, 1), (35, wire.WOKE, 1)])
    dark = night_of(*[0] * 70, events=[(5, wire.REFUSED_RESCUE, wire.WHY_THIRD),
                                       (35, wire.SETTLED, 0)])  # fmt: skip
    other = night_of(*[0] * 70, events=[(5, wire.REFUSED_RESCUE, wire.WHY_OBSERVE)])
    found = because.arms([nights.decode(raw, 7) for raw in (lit, dark, other, lit)])
    assert found == {"lit": {"events": 2, "woke": 2}, "dark": {"events": 1, "settled": 1}}
    said = because.arms_sentence(found)
    assert "With light: 2 events (2 woke)." in said and "no effect is claimed" in said


@pytest.fixture
def path(tmp_path):
    raw = night_of(*[10] * 30, 112, *[0] * 60, events=[(30, wire.RESCUE, 1)],
                   policy=wire.POLICY | wire.POLICY_THIRD)  # fmt: skip
    return keep(raw, tmp_path)


@pytest.mark.parametrize("ending", ["svg", "png", "html"])
def test_an_event_is_drawn_into_a_file(path, tmp_path, ending):
    file = tmp_path / f"why.{ending}"
    done = run("why", path, 1, "-o", file)
    assert done.exit_code == 0, done.output
    raw = file.read_bytes()
    if ending == "png":
        assert raw[:4] == b"\x89PNG" and len(raw) > 10_000
    else:
        assert b"<svg" in raw and (ending == "html") == (b"<!doctype html>" in raw)
    if ending == "svg":
        assert ET.fromstring(raw).tag.endswith("svg")
    assert run("why", path, 1, "-o", file).exit_code == 0 and file.read_bytes() == raw


def test_in_the_terminal_it_is_blocks_and_figures(path):
    said = run("why", path, 1).output
    assert "▲" in said and "times were wanted" in said.replace("\n", " ")
    assert "With light: 1 event (1 unknown)." in said
    figures = json.loads(run("why", path, "--json").stdout)
    assert figures["events"][0]["figures"]["score"] == 112
    assert figures["arms"]["lit"]["events"] == 1
    assert run("report", path).exit_code == 0
    assert "With light: 1 event" in path.with_suffix(".html").read_text()


@pytest.mark.parametrize(
    "args, said",
    [(["2"], "1 event "), (["-o", "x.svg"], "which event"), (["1", "-o", "x.pdf"], ".svg, .png")],
)
def test_what_cannot_be_drawn_is_one_line(path, args, said):
    done = run("why", path, *args)
    assert done.exit_code == 1 and said in done.stderr and "Traceback" not in done.output
