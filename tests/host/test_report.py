"""The page: complete, self-contained, and honest about what it is."""

import re

import numpy as np
import pytest
from dreamlamp import drawing, nights, report
from dreamlamp.sleeper import sleeper
from dreamlamp.summary import summarise
from lamp import wire
from nightmaker import CODES, Maker, as_lived

LIVED = as_lived(sleeper(1, loop=True))
NOTE = {"source": {"heart": "synthetic", "name": "seed 1"}}


def page_of(raw, note=None):
    night = nights.decode(raw, 7, note)
    return report.page(night, summarise(night))


def test_nothing_is_loaded_from_anywhere():
    page = page_of(LIVED, NOTE)
    loaded = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", page)
    assert loaded and all(target.startswith("#") for target in loaded)
    assert "<script" not in page and "@import" not in page and "<link" not in page


def test_ids_are_unique_so_that_no_panel_draws_with_anothers():
    ids = re.findall(r'\bid="([^"]+)"', page_of(LIVED))
    assert len(ids) == len(set(ids))


def test_no_colour_is_left_that_the_paper_cannot_change():
    night = nights.decode(LIVED, 7)
    for svg in drawing.panels(night).values():
        assert not re.search(r"(?:fill|stroke): #", svg), re.search(r"(?:fill|stroke): #\w+", svg)


@pytest.mark.parametrize(
    "heart, label",
    [
        ("synthetic", "SYNTHETIC"),
        ("recording", "Real beats, simulated optics"),
        ("virtual", "From a virtual lamp"),
    ],
)
def test_what_is_not_real_is_labelled(heart, label):
    page = page_of(LIVED, {"source": {"heart": heart, "name": "x"}})
    assert label in page and label not in page_of(LIVED)


def test_the_plain_things_come_first():
    made = Maker().boot().clock()
    for index in range(240):
        away = 100 <= index < 160
        made.epoch(flags=0 if away else wire.F_WORN, quality=0 if away else 95, stage=CODES["N2"])
    page = page_of(made.end().raw())
    assert "worn for 1 h 30 min of the 2 h 00 min" in page
    said = "From 00:50 to 01:20 nothing was recorded (30 min): no finger on the sensor"
    assert page.index(said) < page.index("<svg")
    assert "The lamp stayed dark all night" in page


def test_light_and_loops_are_shown_with_their_figures():
    made = Maker().boot().clock()
    for index in range(100):
        made.epoch(light=35 if 50 <= index < 58 else 0, score=120 if index == 49 else 20)
        if index == 49:
            made.event(wire.LOOP, 0, 120, 100, wire.HOLD).event(wire.RESCUE, 0, 120, 100, 1)
    page = page_of(made.end().raw())
    assert "would not come down (score 120, threshold 100)" in page
    assert "(score 120, threshold 100): the lamp raised its light" in page
    assert "stayed dark all night" not in page and 'class="lamp"' in page


def test_text_from_outside_cannot_become_markup():
    assert "<b>x" not in page_of(LIVED, {"source": {"heart": "synthetic", "name": "<b>x</b>"}})


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_night_of_next_to_nothing_has_a_page(epochs):
    made = Maker().boot()
    for _ in range(epochs):
        made.epoch(flags=0, quality=0, hr_bpm_x10=0)
    assert "clock time unknown" in page_of(made.end().raw())


def test_the_page_is_written_whole_and_for_the_owner_alone(tmp_path):
    night = nights.decode(LIVED, 7, NOTE)
    facts = report.write(night, tmp_path / "deep" / "night.html", "replayed")
    assert (tmp_path / "deep" / "night.html").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["night.html"]
    assert (tmp_path / "deep" / "night.html").read_text().endswith("</html>\n")
    assert np.isclose(facts["statistics"]["tib"], len(night) / 2)


def test_each_decision_stands_with_the_figures_it_was_made_on():
    made = Maker().boot().clock()
    for index in range(30):
        beats = list(range(0, 30000, 1000))
        made.epoch(
            beats, score=index * 4, cycle=index * 4, lag_s=150, base_bpm=55, stage=CODES["R"]
        )
    made.index = 29
    page = page_of(made.event(wire.LOOP, 30, 116, 100, wire.CYCLE).end().raw())
    said = "heart 60 bpm over a baseline of 55 · returns 116 (every 150 s) · plateau 0"
    said += " · at the time REM, 80 %"
    assert said in page and page.index("score 116") < page.index(said)


def test_a_heart_that_cycles_as_in_apnea_is_a_hint_and_no_diagnosis():
    def night(period_s):
        made, at, times = Maker().boot().clock(), 0.0, []
        while at < 2 * 3600:
            at += 60 / (60 + 8 * np.sin(2 * np.pi * at / period_s))
            times.append(round(at * 1000))
        beats = np.array(times)
        for i in range(240):
            low, high = np.searchsorted(beats, (i * 30000, i * 30000 + 30000))
            made.epoch((beats[low:high] - i * 30000).tolist(), stage=CODES["N2"])
        return made.end().raw()

    page = page_of(night(45))
    assert "ask a doctor whether your breathing" in page and "other things cause it" in page
    assert "<h2>Breathing" not in page_of(night(8))


@pytest.mark.parametrize(("kit", "rows"), [(wire.KIT_HEART, 4), (wire.KIT_EEG, 5)])
def test_each_stage_lies_beside_its_name(kit, rows):
    night = nights.decode(Maker().boot(kit=kit).epoch(stage=CODES["N3"]).end().raw(), 7)
    low, high = drawing.stage_range(night)
    assert round(high - low) == rows == len(set(drawing.stage_rows(night).values()))
    assert low < drawing.stage_rows(night)["N3"] < 0.2 < drawing.stage_rows(night)["W"] < high
