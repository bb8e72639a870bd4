"""The lamp that the cost bench counts records a night: all that it should execute, it does."""

import pytest

from tests.bench import _costrun as run
from tools import micropython


@pytest.mark.parametrize("kit", ["heart", "eeg"])
def test_the_lamp_that_is_counted_records_a_good_night(kit):
    try:
        micropython.find(64)
    except micropython.Missing as why:
        pytest.skip(str(why))
    waits, looks = run.lived(run.script(kit), 2)
    assert 14 <= waits / 60 <= 40  # ten for the sensor, two for the light, four for the cable
    assert abs(looks / 60 - (225 if kit == "eeg" else 100)) < 1  # ticks, and edges of DRDY
