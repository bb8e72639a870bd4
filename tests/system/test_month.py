"""Two nights of the month that `make bench BENCH=month` lives whole."""

from bench.month import month


def test_two_laptops_that_nobody_attends_hold_every_night(tmp_path):
    found = month(tmp_path, 2, 1)
    assert found["nights"] == 2 and found["watches_ended_badly"] == 0
    assert (found["nights_lost"], found["nights_wrong"]) == (0, 0)
    assert found["power_cuts"] > 0 and found["lamp_starts"] == 1 + found["power_cuts"]
