"""Consent, mode, light and dawn as a person types them, on a virtual lamp over the virtual air."""

import asyncio
import json
import time

import pytest
from click.testing import CliRunner
from dreamlamp import cli, consent, sim, wholenight
from dreamlamp.air import Air
from dreamlamp.sleeper import sleeper
from lamp import wire

FIT = {q.key: q.wanted for q in consent.QUESTIONS}
YES = {**FIT, "third": True, "agree": True, "policy": wire.POLICY}


def run(*args, said=""):
    return CliRunner().invoke(cli.main, [str(a) for a in args], input=said)


def figures(*args):
    done = run(*args, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def lamp(tmp_path_factory):
    """A lamp in real time that knows this computer; its world's folder."""
    folder = tmp_path_factory.mktemp("lamp")
    with Air() as air, asyncio.Runner() as runner:
        world = sim.World(folder, sleeper(1), sim.Scenario())
        wholenight.unpack(world, air, runner)
        world.open_to(air.lamp, realtime=True)
        with sim.Lamp(world):
            yield world


def answers(tmp_path, **changed):
    file = tmp_path / "answers.json"
    file.write_text(json.dumps({**YES, **changed}))
    return file


def test_act_needs_a_consent_that_is_kept_shown_and_taken_back(lamp, tmp_path):
    refused = run("mode", "act")
    assert refused.exit_code == 1 and "no consent to this policy" in refused.stderr
    assert "dreamlamp consent" in refused.stderr and figures("mode") == {"mode": "observe"}
    assert figures("consent", "show")["policy"] == 0

    held = figures("consent", "--answers", answers(tmp_path))
    assert held["valid"] and held["dark_third"]
    assert (
        abs(time.time() - time.mktime(time.strptime(held["given"][:19], "%Y-%m-%dT%H:%M:%S"))) < 60
    )
    assert figures("consent", "show") == held
    assert figures("mode", "act") == {"mode": "act"}

    assert figures("consent", "withdraw")["policy"] == 0
    assert figures("mode") == {"mode": "observe"}


def test_an_answer_that_excludes_takes_an_old_consent_back(lamp, tmp_path):
    figures("consent", "--answers", answers(tmp_path))
    done = run("consent", "--answers", answers(tmp_path, seizures=True))
    assert done.exit_code == 1 and "Light, red light above all" in done.stderr
    assert "withdrawn" in done.stderr and figures("consent", "show")["policy"] == 0
    assert run("consent", "--answers", answers(tmp_path, agree=False)).exit_code == 1
    assert figures("consent", "show")["policy"] == 0


def test_a_consent_is_not_given_by_a_pipe_or_by_half_a_file(lamp, tmp_path):
    done = run("consent", said="yes\n" * 20)
    assert done.exit_code == 1 and "terminal" in done.stderr
    for wrong in ({"policy": wire.POLICY + 1}, {"adult": "yes"}, {"more": True}):
        assert run("consent", "--answers", answers(tmp_path, **wrong)).exit_code == 1
    assert figures("consent", "show")["policy"] == 0


def test_light_comes_and_goes_by_hand(lamp):
    assert run("light", "10").exit_code == 0
    time.sleep(1)
    assert run("light", "off").exit_code == 0
    assert run("winddown", "3", "--level", "10").exit_code == 0
    assert run("light", "much").exit_code == 1
    duties = [
        int(line.split()[1]) for line in (lamp.folder / "light.log").read_text().splitlines()
    ]
    assert max(duties) > 0


def test_a_dawn_is_planned_shown_and_taken_back(lamp, tmp_path):
    held = figures("dawn", "07:00", "--days", "mon-fri", "--smart", "20", "--library", tmp_path)
    assert (held["smart_min"], len(held["mornings"])) == (20, 14)
    assert all(m[11:16] == "07:00" for m in held["mornings"])
    assert figures("dawn", "--library", tmp_path) == held
    assert json.loads((tmp_path / "dawn.json").read_text())
    assert figures("dawn", "off", "--library", tmp_path)["mornings"] == []
    assert json.loads((tmp_path / "dawn.json").read_text()) == {}
    assert run("dawn", "7 o'clock").exit_code == 1
