"""Weeks of nights: regularity as its references compute it, trends, what is missing, the page."""

import json
import re
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from dreamlamp import breathing, cli, index, nights, weekpage, weeks
from dreamlamp.index import Wanted
from dreamlamp.library import Library
from dreamlamp.regularity import ASLEEP, NO_SLEEP, UNKNOWN, sri, sri_with_doubt
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as shapes
from lamp import wire
from nightmaker import CODES, Maker, keep
from references import pyactigraphy_sri

EVENING = 1772402400  # 2026-03-01 23:00 at UTC+1
DAY_S = 86400
states = shapes.arrays(
    np.uint8, st.tuples(st.integers(2, 12), st.just(96)), elements=st.integers(0, 1)
)


@settings(max_examples=60, deadline=None)
@given(states)
def test_the_sri_is_pyactigraphys(days):
    at = pd.date_range("2026-03-01 12:00", periods=days.size, freq="15min")
    theirs = pyactigraphy_sri()(pd.Series(days.ravel().astype(float), index=at))
    assert sri(days) == pytest.approx(theirs, abs=1e-9, rel=0)


@settings(max_examples=60, deadline=None)
@given(shapes.arrays(np.uint8, (5, 12), elements=st.integers(0, 2)))
def test_moments_that_are_not_known_do_not_count(days):
    pairs = [
        days[i, j] == days[i + 1, j]
        for i in range(4)
        for j in range(12)
        if UNKNOWN not in (days[i, j], days[i + 1, j])
    ]
    expected = 200 * sum(pairs) / len(pairs) - 100 if pairs else None
    assert sri(days) == (expected if expected is None else pytest.approx(expected, abs=1e-9))


def test_the_doubt_holds_the_index_and_shrinks_with_more_days():
    rng = np.random.default_rng(1)
    days = (rng.random((60, 96)) < 0.3).astype(np.uint8)
    few, many = sri_with_doubt(days[:8]), sri_with_doubt(days)
    assert few["low"] < few["sri"] < few["high"] and many["low"] < many["sri"] < many["high"]
    assert many["high"] - many["low"] < (few["high"] - few["low"]) / 1.4
    assert sri_with_doubt(days[:5]) is None and sri_with_doubt(days[:6])["pairs"] == 5


def a_night(number, unix_s, hours=7.0, beats=None, worn=True):
    made = Maker(number).boot().clock(second=90, unix_s=round(unix_s))
    size = round(hours * 120)
    for i in range(size):
        stage = "W" if i < 20 or i >= size - 4 else "R" if i % 5 == 0 else "N2"
        here = (beats or {}).get(i, ())
        made.epoch(here, stage=CODES[stage], hr_bpm_x10=580 + number, flags=wire.F_WORN * worn,
                   quality=95 * worn)  # fmt: skip
    return made.end().raw()


def fill(folder, evenings, later=lambda k: 0, **more):
    for k in evenings:
        keep(a_night(k + 1, EVENING + k * DAY_S + 60 * later(k), **more), folder, k + 1,
             source={"heart": "synthetic", "name": "x"})  # fmt: skip


def found_in(folder, **wanted):
    with index.opened(Library(folder)) as known:
        return weeks.facts(known, Wanted(**wanted))


def test_the_same_night_every_day_is_perfectly_regular_and_shifts_cost(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    fill(tmp_path / "a", range(8))
    fill(tmp_path / "b", range(8), later=lambda k: 120 * (k % 2))
    same, shifted = found_in(tmp_path / "a"), found_in(tmp_path / "b")
    assert same["regularity"]["sri"] == 100
    asleep = (7 * 120 - 24) / 2  # minutes; two hours later, twice 120 min of each day differ
    assert shifted["regularity"]["sri"] == pytest.approx(200 * (1 - 2 * 120 / 1440) - 100)
    assert [n["tst"] for n in same["nights"]] == [asleep] * 8


def test_a_day_without_a_night_is_unknown_and_named(tmp_path):
    fill(tmp_path, [0, 1, 2, 5, 6])
    fill(tmp_path, [3], hours=1.5)
    fill(tmp_path, [7], worn=False)
    found = found_in(tmp_path)
    assert found["evenings"] == 8 and found["regularity"] is None  # four pairs are too few
    said = {m["day"]: m["why"] for m in found["missing"]}
    assert said == {
        "2026-03-04": "only 1 h 30 min were recorded",
        "2026-03-05": "nothing was recorded",
        "2026-03-08": "the sensor was worn for 0 min of 7 h 00 min",
    }
    assert weekpage.plain(found)[1].startswith("Missing: ")


def test_sleep_lies_on_the_clock_of_the_wall_from_noon_to_noon(tmp_path):
    fill(tmp_path, [0])
    with index.opened(Library(tmp_path)) as known:
        rows = [(dict(row), codes) for row, codes in known.sleep()]
    grid = weeks.states(["2026-03-01"], rows)
    asleep = np.flatnonzero(grid[0] == ASLEEP) / 120  # hours after noon
    began = 11 + 10 / 3600  # the clock was told 10 s before the night began
    assert asleep[0] == pytest.approx(began + 20 / 120, abs=0.02)
    assert (grid == NO_SLEEP).sum() + asleep.size == 2880


def test_a_trend_is_found_with_its_doubt_and_noise_is_called_none(tmp_path):
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 10, 30)
    fill(tmp_path, range(30), later=lambda k: 4 * k + noise[k])
    onset = next(t for t in found_in(tmp_path)["trends"] if t["key"] == "onset")
    assert onset["clear"] and onset["low"] < onset["a_week"] < onset["high"]
    assert 60 * onset["a_week"] == pytest.approx(28, abs=5)
    waso = next(t for t in found_in(tmp_path)["trends"] if t["key"] == "waso")
    assert not waso["clear"]
    few = found_in(tmp_path, until=date(2026, 3, 7))
    assert all("a_week" not in t for t in few["trends"])


def test_every_sentence_that_advises_cites_what_it_rests_on(tmp_path):
    fill(tmp_path, range(21), later=lambda k: 90 * ((k + 6) % 7 in (4, 5)))
    said = {s["about"]: s for s in found_in(tmp_path)["sentences"]}
    assert list(said) == ["Regularity", "Timing", "Light", "Caffeine"]
    assert all(re.search(r"et al\. \d{4}", s["because"]) for s in said.values())
    assert "1 h 30 min later" in said["Timing"]["says"] and "23:" in said["Timing"]["says"]
    assert "score" not in json.dumps(said).lower()


def cycling(seconds, period_s):
    """Beats of a heart that slows and races every `period_s`, in ms."""
    at, times = 0.0, []
    while at < seconds:
        at += 60 / (60 + 8 * np.sin(2 * np.pi * at / period_s))
        times.append(round(at * 1000))
    return np.array(times)


def with_heart(times, number, unix_s):
    made = Maker(number).boot().clock(second=90, unix_s=unix_s)
    for i in range(times[-1] // 30000):
        low, high = np.searchsorted(times, (i * 30000, i * 30000 + 30000))
        made.epoch((times[low:high] - i * 30000).tolist(), stage=CODES["N2"])
    return made.end().raw()


@pytest.mark.parametrize("period_s, marked", [(45, True), (8, False), (180, False)])
def test_only_a_heart_that_cycles_as_in_apnea_is_marked(period_s, marked):
    night = nights.decode(with_heart(cycling(4 * 3600, period_s), 7, EVENING), 7)
    assert (breathing.cyclic_percent(night) > 50) is marked


def test_cycling_nights_give_a_hint_that_is_no_diagnosis(tmp_path):
    for k in range(4):
        period = 45 if k < 2 else 8
        raw = with_heart(cycling(4 * 3600, period), k + 1, EVENING + k * DAY_S)
        keep(raw, tmp_path, k + 1)
    said = {s["about"]: s for s in found_in(tmp_path)["sentences"]}
    assert (
        "In 2 of 4 nights" in said["Breathing"]["says"]
        and "no diagnosis" in said["Breathing"]["says"]
    )
    assert "doctor" in said["Breathing"]["says"]
    (tmp_path / "3F2A-00001.night").unlink()
    assert "Breathing" not in {s["about"] for s in found_in(tmp_path)["sentences"]}


def test_the_page_loads_nothing_and_escapes_what_it_shows(tmp_path):
    fill(tmp_path, range(16), later=lambda k: k)
    page = weekpage.page(found_in(tmp_path))
    loaded = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", page)
    assert loaded and all(target.startswith("#") for target in loaded)
    assert "<script" not in page and "@import" not in page and "<link" not in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "SYNTHETIC" in page and page.index("evenings recorded") < page.index("<svg")


def run(folder, *args):
    return CliRunner().invoke(cli.main, ["weeks", *args, "--library", str(folder)])


def test_weeks_writes_the_page_and_prints_figures(tmp_path):
    fill(tmp_path, range(20))
    assert run(tmp_path).exit_code == 0 and (tmp_path / "weeks.html").exists()
    assert (tmp_path / "weeks.html").stat().st_mode & 0o777 == 0o600
    found = json.loads(run(tmp_path, "--weeks", "1", "--json").stdout)
    assert len(found["nights"]) == 7 and found["from"] == "2026-03-14"
    since = (date(2026, 3, 1) + timedelta(days=18)).isoformat()
    assert len(json.loads(run(tmp_path, "--since", since, "--json").stdout)["nights"]) == 2


def test_weeks_of_nothing_says_what_to_do(tmp_path):
    keep(Maker(1).boot().epoch().end().raw(), tmp_path, 1)
    done = run(tmp_path)
    assert done.exit_code == 1 and "dreamlamp nights" in done.stderr
