"""The EEG kit's night: never on USB, its bands in the log, the same stages again from them."""

import io
import random
import struct
import sys
from array import array
from pathlib import Path

import numpy as np
import pytest
from dreamlamp import judge, nights, replay, summary, words
from dreamlamp.errors import DreamlampError
from lamp import loops, night, wire
from lamp.nightlog import NightLog

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "firmware" / "sim"), str(ROOT / "tests" / "both")]
import fakes  # noqa: E402
from flash import Flash, Sectors  # noqa: E402

COUNTS_UV = 20.8  # of the front end


class Unit:
    """A Night with electrodes; `again` is the same unit after a power cut."""

    def __init__(self, kit=wire.KIT_EEG, flash=None, boot=1):
        self.flash = flash or Flash(io.BytesIO(b"\xff" * (384 * 4096)))
        self.log = NightLog(Sectors(self.flash))
        self.settings = fakes.Settings(kit=kit)
        self.kit, self.boot = kit, boot
        rate_hz = 125 if kit == wire.KIT_EEG else 50
        self.night = night.Night(self.log, self.settings, rate_hz, boot, 1)
        self.chance = random.Random(8)
        self.samples = 0

    def wear(self, epochs):
        """Noise of 20 uV from the head."""
        buf = array("i", [0] * 25)
        for _ in range(epochs * 150):
            for i in range(25):
                buf[i] = (1 << 23) + int(self.chance.gauss(0, 20 * COUNTS_UV))
            self.samples += 25
            self.night.feed(buf, 25, 0, 0, self.samples // 125)

    def again(self):
        return Unit(self.kit, self.flash, self.boot + 1)

    def raw(self, number=1):
        found = []
        self.log.walk(number, lambda frame, size: found.append(bytes(frame[:size])))
        return b"".join(found)


def begun(epochs):
    """A unit in the midst of a night."""
    unit = Unit()
    unit.night.begin()
    unit.wear(epochs)
    return unit


def over(unit):
    """Its night, once the button has ended it."""
    unit.night.button()
    return nights.decode(unit.raw(), 1)


def test_no_night_begins_while_usb_is_in():
    unit = Unit()
    assert unit.night.plug(True) and not unit.night.plug(True)
    unit.night.button()
    assert unit.night.state == wire.IDLE and not unit.log.newest
    unit.wear(21)
    assert unit.night.state == wire.IDLE and not unit.log.newest
    unit.night.plug(False)
    unit.night.button()
    assert unit.night.state == wire.RECORDING


def test_usb_ends_a_running_night_and_the_log_says_why():
    unit = begun(2)
    unit.night.plug(True)
    assert unit.night.state == wire.IDLE and not unit.log.open_id
    unit.wear(2)
    made = nights.decode(unit.raw(), 1)
    assert len(made) == 2 and made.end == wire.END_USB
    assert [event.code for event in made.events][-1] == wire.USB_IN


def test_a_night_that_a_power_cut_left_open_is_not_gone_on_with_on_usb():
    unit = begun(1)
    unit = unit.again()
    assert unit.night.state == wire.RECORDING
    unit.night.plug(True)
    assert unit.night.state == wire.IDLE
    assert nights.decode(unit.raw(), 1).end == wire.END_USB


def test_a_kit_with_heart_and_electrodes_is_one_with_electrodes():
    unit = Unit(wire.KIT_BOTH)
    assert unit.night.plug(True)
    unit.night.button()
    assert unit.night.state == wire.IDLE


def test_the_heart_kit_lives_on_usb():
    unit = Unit(wire.KIT_HEART)
    assert not unit.night.plug(True)
    unit.night.button()
    assert unit.night.state == wire.RECORDING


def test_bands_are_logged_before_their_epoch_and_reach_the_same_stages_again():
    unit = begun(6)
    made = over(unit)
    assert made.kit == "eeg" and made.boots[0].rate_x100 == 12500 and not made.ppg
    kinds = [f.kind for f in made.frames if f.kind in (wire.BANDS, wire.EPOCH)]
    assert kinds == [wire.BANDS, wire.EPOCH] * 6
    assert made.bands.shape == (6, wire.EEG_BANDS) and (made.bands > 0).all()
    density = 8 * np.log2(20**2 / 62.5) + 80  # white noise of 20 uV up to 62.5 Hz
    assert np.abs(made.bands.mean(axis=0) - density).max() < 3
    assert set(made.stages[:3]) == {"unscored"} and "unscored" not in made.stages[3:]
    assert replay.replay(made).ok


def test_lost_samples_are_told_by_the_page_and_their_epochs_marked():
    unit = begun(1)
    unit.night.feed(array("i", [1 << 23] * 25), 25, 0, 5, unit.samples // 125)
    unit.wear(2)
    made = over(unit)
    assert [bool(f & wire.F_LOST) for f in made.epochs["flags"]] == [False, True, False]
    facts = summary.summarise(made)
    assert facts["lost"] == {"samples": 5, "epochs": 1}
    assert any("5 samples came while" in said for said in words.plain_sentences(facts))


def test_bands_that_lost_their_epoch_to_a_power_cut_count_for_nothing():
    unit = begun(5)
    whole = over(unit)
    last = [f for f in whole.frames if f.kind == wire.BANDS][-1]
    orphan = nights.framed(wire.BANDS, struct.pack("<H6B", 4, *[200] * 6), 1)
    cut = unit.raw()[: last.offset] + orphan + unit.raw()[last.offset :]
    made = nights.decode(cut, 1)
    assert (made.bands == whole.bands).all() and not made.unknown
    assert replay.replay(made).ok


def test_a_stage_that_the_bands_do_not_give_is_found():
    unit = begun(6)
    unit.night.button()
    raw = unit.raw()
    made = nights.decode(raw, 1)
    last = [f for f in made.frames if f.kind == wire.BANDS][-1]
    other = nights.framed(wire.BANDS, struct.pack("<H6B", 5, 150, 90, 60, 40, 20, 10), 1)
    size = len(last.payload) + wire.FRAME_OVERHEAD
    spoilt = raw[: last.offset] + other + raw[last.offset + size :]
    assert not replay.replay(nights.decode(spoilt, 1)).ok


def test_a_kit_begins_with_no_night_that_another_kit_watched():
    settings = fakes.Settings(nights=12, baseline=loops.Loops().learn())
    for kit, before, after in (
        (wire.KIT_HEART, 12, 13),
        (wire.KIT_EEG, 0, 1),
        (wire.KIT_EEG, 1, 2),
    ):
        unit = Unit(kit)
        unit.night.settings = settings
        unit.night.begin()
        assert unit.night.mind.born["nights"] == unit.night.mind.wake.nights == before
        unit.night.epoch.index = 300
        unit.night.end(wire.END_BUTTON)
        assert settings.get("nights", 0) == after


def test_a_short_night_teaches_nothing():
    unit = Unit()
    unit.night.begin()
    unit.night.epoch.index = 100
    unit.night.end(wire.END_BUTTON)
    assert not unit.settings.get("nights", 0) and not unit.settings.get("baseline", b"")


def test_a_kit_that_is_set_counts_from_the_next_start_on():
    unit = Unit()
    unit.settings.set("kit", wire.KIT_HEART)
    unit.night.begin()
    assert unit.night.mind.born["kit"] == unit.night.kit == wire.KIT_EEG
    assert unit.night.plug(True)


def test_a_study_of_hearts_says_that_this_is_none():
    unit = begun(1)
    with pytest.raises(DreamlampError, match="EEG kit"):
        judge.again(nights.decode(unit.raw(), 1), judge.Settings())
