"""The right to act in whole nights: refused without a consent, used with one, bit for bit."""

import pytest
from dreamlamp import because, sim, sleeper, wholenight
from lamp import wire
from virtual import beginning

from tools import micropython

HEART = sleeper.sleeper(1, hours=2.5, loop=True)
SHORT = beginning(HEART, HEART.loops_ms[-1] / 1000 + 1200)  # until what came of it is known


def night(folder, consent, bits=64):
    try:
        micropython.find(bits)
    except micropython.Missing as why:
        pytest.skip(str(why))
    scenario = sim.Scenario(bits=bits, settings=sim.settings_for("act", consent))
    done = wholenight.run(SHORT, scenario, folder)
    assert done.ok, done.verdict.as_json()  # every decision reached again
    return done


def codes(done):
    return [event.code for event in done.night.events]


def test_without_a_consent_it_refuses_and_the_page_says_so(tmp_path):
    done = night(tmp_path, consent=False)
    (case,) = [c for c in because.cases(done.night) if c.kind == "refused"]
    assert "no consent" in case.sentence and wire.RESCUE not in codes(done)
    assert done.facts["light_max"] == 0
    page = done.page.read_text()
    assert "REFUSED" in page and "SIMULATED: 30 earlier nights" in page


def test_with_one_it_ends_with_a_rescue_that_is_explained_and_the_same_on_32_bits(tmp_path):
    done = night(tmp_path / "64", consent=True)
    (case,) = [c for c in because.cases(done.night) if c.kind == "rescue"]
    assert "The lamp raised its light." in case.sentence and len(case.after) == 2
    assert done.facts["light_max"] > 20
    page = done.page.read_text()
    assert "the lamp raised its light" in page and "SIMULATED" in page
    duties = _duties(tmp_path / "64")
    assert duties[0] == 0 and max(duties) > 0 and duties[-1] == 0
    again = night(tmp_path / "32", consent=True, bits=32)
    assert _timeless(again.night.raw) == _timeless(done.night.raw)
    assert _duties(tmp_path / "32") == duties


def _timeless(raw):
    """A night's frames but for CLOCK, which says when a host called, in its own time."""
    kept, at = b"", 0
    while at < len(raw):
        end = at + wire.FRAME_OVERHEAD + raw[at + 1]
        kept += b"" if raw[at] == wire.CLOCK else raw[at:end]
        at = end
    return kept


def _duties(folder):
    """The light's whole history, step by step."""
    lines = (folder / "world" / "light.log").read_text().splitlines()
    return [int(line.split()[1]) for line in lines]
