"""The lamp has no clock: what comes of the readings hosts leave, and of summer time."""

import time
from datetime import datetime

import pytest
from dreamlamp import nights
from dreamlamp.report import page
from dreamlamp.summary import summarise
from dreamlamp.words import clock_sentences, moment
from lamp import wire
from nightmaker import Maker

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
HOUR = 3600
SPRING = 1774746000  # 29 March 2026, 01:00 UTC: 02:00 becomes 03:00 in Berlin
AUTUMN = 1792890000  # 25 October 2026, 01:00 UTC: 03:00 becomes 02:00


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", BERLIN)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def night_of(*parts):
    """Stretches (boot, second, epochs) and readings (boot, second, unix_s, offset) -> facts."""
    made, kind = Maker(), wire.NIGHT
    for boot, second, epochs in (p for p in parts if len(p) == 3):
        made.boot(kind, boot=boot, second=second)
        kind = wire.BOOT
        for _ in range(epochs):
            made.epoch()
    for boot, second, unix_s, offset in (p for p in parts if len(p) == 4):
        made.clock(boot=boot, second=second, unix_s=unix_s, offset_min=offset)
    night = nights.decode(made.end().raw(), 7)
    assert (night.seconds[1:] > night.seconds[:-1]).all()
    facts = summarise(night)
    page(night, facts)  # the page survives whatever it was
    return facts


def hours(facts):
    return facts["began"][11:], facts["ended"][11:]


@pytest.mark.parametrize(
    "change, zones, hours_long, span",
    [
        (SPRING, (60, 120), 8, ("22:00:00+01:00", "07:00:00+02:00")),
        (AUTUMN, (120, 60), 8, ("23:00:00+02:00", "06:00:00+01:00")),
    ],
)
@pytest.mark.parametrize("told", ["evening", "morning", "both"])
def test_summer_time_begins_or_ends_within_the_night(change, zones, hours_long, span, told):
    start = change - 4 * HOUR
    readings = []
    if told != "morning":
        readings.append((3, 100, start, zones[0]))
    if told != "evening":
        readings.append((3, 100 + hours_long * HOUR, start + hours_long * HOUR, zones[1]))
    facts = night_of((3, 100, hours_long * 120), *readings)
    assert hours(facts) == span
    assert facts["clock"]["certain"] and not facts["clock"]["quarrel_s"]
    at, minutes = facts["clock"]["change"]
    assert at == pytest.approx(4 * HOUR, abs=2) and minutes == zones[1] - zones[0]
    before = datetime.fromisoformat(facts["began"]).hour
    assert moment(facts, 4 * HOUR - 60) == f"{(before + 3) % 24:02d}:59"
    assert moment(facts, 4 * HOUR + 60) == f"{(before + 4 + minutes // 60) % 24:02d}:01"
    assert any("clocks went" in said for said in clock_sentences(facts))


def test_a_lamp_in_another_zone_than_this_computer_keeps_the_offset_it_was_told():
    facts = night_of((3, 100, 960), (3, 100, SPRING - 4 * HOUR, -480))
    assert hours(facts) == ("13:00:00-08:00", "21:00:00-08:00") and not facts["clock"]["change"]


def test_midnight_is_an_hour_like_any_other():
    facts = night_of((3, 0, 120), (3, 0, 1772406000 - 1800, 60))  # 23:30 to 0:30
    assert facts["began"][:16] == "2026-03-01T23:30" and facts["ended"][:16] == "2026-03-02T00:30"
    assert (moment(facts, 1799), moment(facts, 1801)) == ("23:59", "00:00")


NIGHT = (3, 100, 960)
TRUE = 1772406000


def test_a_night_recorded_before_the_clock_was_known_is_dated_afterwards():
    facts = night_of(NIGHT, (3, 40_000, TRUE + 39_900, 60))
    assert facts["began"] == "2026-03-02T00:00:00+01:00" and facts["clock"]["certain"]


@pytest.mark.parametrize("wrong_s", [-40 * 365 * 86400, -7200, -90, 90, 7200, 9 * 365 * 86400])
def test_one_wrong_host_of_three_readings_does_not_misdate_the_night(wrong_s):
    for n in range(3):
        readings = [(3, 1000 * (i + 1), TRUE - 100 + 1000 * (i + 1), 60) for i in range(3)]
        readings[n] = (*readings[n][:2], readings[n][2] + wrong_s, 60)
        facts = night_of(NIGHT, *readings)
        assert facts["began"] == "2026-03-02T00:00:00+01:00"
        assert facts["clock"]["quarrel_s"] == abs(wrong_s)
        assert any("one was wrong" in said for said in clock_sentences(facts))


def test_of_two_hosts_that_disagree_the_later_counts_and_the_report_says_so():
    facts = night_of(NIGHT, (3, 100, TRUE, 60), (3, 900, TRUE + 800 - 2 * HOUR, 60))
    assert facts["began"] == "2026-03-01T22:00:00+01:00"
    assert facts["clock"]["quarrel_s"] == 2 * HOUR
    assert night_of(NIGHT, (3, 100, TRUE, 60), (3, 900, TRUE + 803, 60))["clock"]["quarrel_s"] == 0


CUT = ((3, 100, 100), (4, 20, 100))  # the first part ends at second 3100


@pytest.mark.parametrize("before, after", [(TRUE, TRUE - 9000), (TRUE, TRUE + 90 * 86400)])
def test_clocks_that_contradict_each_other_over_a_power_cut_make_no_hole(before, after):
    facts = night_of(*CUT, (3, 100, before, 60), (4, 20, after, 60))
    (hole,) = facts["holes"]
    assert facts["length_min"] == 100 and "unknown" in hole["why"]
    assert ("contradict" in hole["why"]) == (after < before)
    assert ("another night" in hole["why"]) == (after > before)


def test_a_night_gone_on_with_much_later_is_said_to_be_maybe_two():
    facts = night_of(*CUT, (3, 100, TRUE, 60), (4, 20, TRUE + 3000 + 14 * HOUR, 60))
    (hole,) = facts["holes"]
    assert hole["to_s"] - hole["from_s"] == 14 * HOUR and "another night" in hole["why"]


def test_a_clock_read_only_after_a_power_cut_says_then_or_earlier():
    facts = night_of(*CUT, (4, 20, TRUE + 3000, 60))
    assert facts["began"] == "2026-03-02T00:00:00+01:00" and not facts["clock"]["certain"]
    assert "or earlier" in clock_sentences(facts)[0]


def test_each_of_three_power_ups_has_its_own_clock():
    parts = ((3, 100, 10), (4, 7, 10), (5, 9, 10))
    facts = night_of(*parts, (3, 0, TRUE, 60), (5, 0, TRUE + 5000, 60))
    assert [h["to_s"] - h["from_s"] > 0 for h in facts["holes"]] == [False, True]
    assert "unknown" in facts["holes"][0]["why"] and "unknown" not in facts["holes"][1]["why"]
    assert facts["length_min"] == (5009 - 100 + 300) / 60
