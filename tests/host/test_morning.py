"""The morning's answers move the threshold within its bounds, visibly and reversibly."""

import json

import pytest
from click.testing import CliRunner
from dreamlamp import cli, library, morning
from dreamlamp.errors import DreamlampError
from lamp import wire
from nightmaker import Maker, keep


def run(*args, said=""):
    return CliRunner().invoke(cli.main, [str(a) for a in args], input=said)


def night(folder, number=7, loops=1):
    """A night of `loops` loops in the library `folder`."""
    made = Maker(number).boot().clock()
    for index in range(loops * 10):
        made.epoch(score=110)
        if index % 10 == 5:
            made.index = index
            made.event(wire.REFUSED_RESCUE, 5, 110, 100, wire.WHY_OBSERVE)
            made.index = index + 1
    return keep(made.end().raw(), folder, night=number)


def test_each_answer_moves_it_by_its_step_and_dont_know_by_nothing(tmp_path):
    path, held = night(tmp_path), library.Library(tmp_path)
    assert morning.shift(held, "3F2A") is None
    for said, wanted in (("no", 5), ("yes", -2), ("unknown", 0)):
        morning.answer(path, 5, said)
        assert morning.shift(held, "3F2A") == wanted
    assert morning.shift(held, "0001") is None


def test_it_stays_within_what_the_lamp_accepts_and_comes_back(tmp_path):
    path = night(tmp_path, loops=15)
    held = library.Library(tmp_path)
    for k in range(15):
        morning.answer(path, k * 10 + 5, "no")
    assert morning.shift(held, "3F2A") == morning.MOST == 50
    other = night(tmp_path, number=8, loops=2)
    morning.answer(other, 5, "yes")
    assert morning.shift(held, "3F2A") == 48  # of the bound, not of all that was said
    for k in range(15):
        morning.answer(path, k * 10 + 5, "yes")
    assert morning.shift(held, "3F2A") == morning.LEAST == -20


def test_to_undo_takes_the_effect_back_and_the_lamp_hears_of_it(tmp_path):
    path, held = night(tmp_path), library.Library(tmp_path)
    morning.answer(path, 5, "no")
    assert morning.undo(path) == 1 and morning.undo(path) == 0
    assert morning.shift(held, "3F2A") == 0  # not None: the lamp has to be told


def test_only_events_are_answered_and_only_with_an_answer(tmp_path):
    path = night(tmp_path)
    for epoch, said in ((6, "no"), (5, "perhaps")):
        with pytest.raises(DreamlampError):
            morning.answer(path, epoch, said)


def test_the_command_asks_moves_shows_and_undoes(tmp_path):
    night(tmp_path, loops=2)
    done = run("morning", "--library", tmp_path, said="n\nd\n")
    assert done.exit_code == 0 and "Was it so" in done.output
    assert "from +0 % to +5 %" in done.output and "next sync" in done.output
    figures = json.loads(run("morning", "--library", tmp_path, "--json").stdout)
    assert [q["answer"] for q in figures["questions"]] == ["no", "unknown"]
    assert (figures["shift_percent"], figures["bounds_percent"]) == (5, [-20, 50])
    done = run("morning", "--library", tmp_path, "--answer", "2=no")
    assert "from +5 % to +10 %" in done.output
    assert "from +10 % to +0 %" in run("morning", "--library", tmp_path, "--undo").output


def test_a_quiet_night_has_nothing_to_ask(tmp_path):
    keep(Maker().boot().epoch().end().raw(), tmp_path)
    assert "nothing to ask" in run("morning", "--library", tmp_path).output
    assert run("morning", "--library", tmp_path, "--answer", "1=no").exit_code == 1
