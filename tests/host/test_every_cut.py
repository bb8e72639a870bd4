"""The power is cut at every program and erase of a shortened night, torn in every way."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "both"))
import powercut
from sim import flash as sim

# a tear and how many bytes were done properly before it; an erase is cut further in
WAYS = [
    (sim.NOTHING, 0),
    (sim.PREFIX, 1),
    (sim.PREFIX, 9),
    (sim.PREFIX, 300),
    (sim.SUFFIX, 1),
    (sim.SUFFIX, 17),
    (sim.TORN, 0),
    (sim.TORN, 5),
    (sim.WEAK, 0),
    (sim.FAINT, 0),
    (sim.DONE, 0),
]
BASE = powercut.old_nights()


@pytest.mark.parametrize("tear, whole", WAYS, ids=lambda v: str(v))
def test_no_committed_frame_is_lost_at_any_cut(tear, whole):
    many = powercut.operations(BASE)
    assert many > 150
    for operation in range(many):
        try:
            powercut.die_at(BASE, operation, tear, whole, operation)
        except BaseException as error:
            again = f'"import powercut as p; p.die_at(p.old_nights(), {operation}, {tear}, {whole}'
            pytest.fail(
                f"{error!r}\nrerun: PYTHONPATH=firmware:tests/both .venv/bin/python -c "
                f'{again}, {operation})"'
            )
