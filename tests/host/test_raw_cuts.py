"""The power is cut at every program and erase of a short night that keeps raw samples."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "both"))
import rawtape as t
from lamp import wire
from sim import flash as sim

WAYS = [
    (sim.NOTHING, 0),
    (sim.PREFIX, 1),
    (sim.PREFIX, 300),
    (sim.SUFFIX, 17),
    (sim.TORN, 5),
    (sim.WEAK, 0),
    (sim.FAINT, 0),
    (sim.DONE, 0),
]
STEPS = 20
FRAME = 300  # samples: what was in no frame yet, and the frame that the cut fell into


def old_nights():
    """A flash that is all but full: a night with raw samples that no host has fetched."""
    flash = t.chip(10)
    log = t.boot(flash)
    t.begin(log)
    t.wear(log, 2500)
    t.epochs(log, 5)
    log.close()
    return flash, bytes(t.MEMORY.bytes[: 10 * t.SIZE])


FLASH, IMAGE = old_nights()


def lived(log, kept):
    """Epochs and samples until the power goes; `kept` counts what the log said it has."""
    if not log.open_id:
        t.begin(log)
    else:
        t.begin(log, wire.BOOT)
    at = 0
    for index in range(log.next_epoch, STEPS):
        at = t.wear(log, 45, index, at)
        kept["written"] = at - log.pen._n
        assert log.append(wire.EPOCH, t.payload(index), 51)
        kept["epochs"] = index + 1
        log.prepare()
    return at


def fresh(image=IMAGE):
    t.MEMORY.bytes[: len(image)] = image
    return sim.Flash(t.MEMORY, 10, t.SIZE)


def operations():
    flash = fresh()
    lived(t.boot(flash), {})
    return flash.operations


@pytest.mark.parametrize("way", range(len(WAYS)))
def test_no_epoch_is_lost_and_no_sample_is_another(way):
    many, (tear, whole) = operations(), WAYS[way]
    assert many > 120
    for operation in range(way % 3, many, 3):  # each operation is torn in two or three ways
        flash, kept = fresh(), {"epochs": 0, "written": 0}
        flash.cut(operation, tear, whole, operation)
        log = t.boot(flash)
        with pytest.raises(sim.PowerCut):
            lived(log, kept)
        flash.power_on()
        log = t.boot(flash)
        assert log.nights()[0] == 1 and log.entry(1)[2] == 5, operation
        assert log.next_epoch >= kept["epochs"] or log.open_id != 2, operation
        assert log.open_id == 2 or not kept["epochs"], operation
        if log.open_id:
            log.open_id = 0  # those of an open night are not handed out
            found = t.back(log, 2)
            last = found[-1][1] + found[-1][2] if found else 0
            assert last >= kept["written"] - FRAME, operation
            log.open_id = 2
        lived(log, kept)
        for _ in range(2):
            flash.power_on()
            log = t.boot(flash)
        log.close()
        night = log.newest
        assert log.entry(night)[2] == STEPS, operation
        assert t.back(log, night)  # and every sample there is was compared
