"""Samples of the EEG kit that a busy chip loses: few, counted, and their epochs marked."""

import pytest
from dreamlamp import sim, sleeper
from virtual import beginning

from tests.bench import _costeeg as costs
from tests.bench import cost
from tools import micropython

CHARGED = {"work": [[1000, 12_000], [30_000, 30_000]], "gc_us": cost.GC_US}


@pytest.fixture(autouse=True)
def needs_32_bits():
    try:
        micropython.find(32)
    except micropython.Missing as why:
        pytest.skip(str(why))


def night(folder, minutes, charged):
    head = beginning(sleeper.sleeper(1, 1.1), minutes * 60)
    return costs.lived(folder, head, charged, sim.Scenario(bits=32, kit="eeg"))


def test_a_night_loses_no_more_than_is_stated_and_says_where(tmp_path):
    row = night(tmp_path / "night", 45, CHARGED)  # a sector's erase is in it
    assert 0 < row["lost"] / row["hours"] <= costs.LOST_PER_HOUR, row
    assert 0 <= row["lost_of_the_chip"] - row["lost"] <= 12, row  # before and after the night
    assert row["epochs_marked"] and not row["epochs_unmarked"], row
    assert row["good_percent"] > 99, row


def test_a_chip_that_stands_still_for_a_second_now_and_then_is_over_the_stated_rate(tmp_path):
    row = night(tmp_path / "slow", 15, {**CHARGED, "gc_us": 1_000_000})
    assert row["lost"] / row["hours"] > costs.LOST_PER_HOUR, row
    assert row["epochs_marked"] and not row["epochs_unmarked"], row


def test_while_nights_are_fetched_and_sectors_erased_it_loses_no_more_than_is_stated(tmp_path):
    row = costs.overlapped(tmp_path / "sync", CHARGED, 120, cost.live)
    assert row["synced_bytes"] > 500_000, row
    assert 0 < row["lost"] / row["hours"] <= costs.LOST_PER_HOUR_SYNC, row
    assert not row["epochs_unmarked"] and row["epochs_marked"] == row["epochs"], row


def test_the_sample_path_of_the_eeg_kit_allocates_nothing(tmp_path):
    found = costs.heap(4, 7)
    assert found == {"heap_bytes_per_sample": 0, "heap_bytes_per_epoch": 0}
