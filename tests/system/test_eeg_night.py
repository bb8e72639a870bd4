"""A short night of the EEG kit from head to report, on both builds, through what may happen."""

import dataclasses

import numpy as np
import pytest
from dreamlamp import because, eegset, headset, rawsignal, sim, sleeper, wholenight
from dreamlamp.recordings import BadRecording, Recording, load
from lamp import wire
from virtual import beginning

from tools import micropython

MINUTES = 40
HEART = sleeper.sleeper(3)
SHORT = beginning(HEART, MINUTES * 60)
RESTLESS = sleeper.sleeper(1, hours=2.5, loop=True)
LOOPED = beginning(RESTLESS, RESTLESS.loops_ms[-1] / 1000 + 300)  # until the light is out again


def needs(bits):
    try:
        micropython.find(bits)
    except micropython.Missing as why:
        pytest.skip(str(why))


@pytest.mark.parametrize("bits", [64, 32])
def test_a_night_of_eeg_with_a_loose_lead_a_power_cut_and_a_dropped_link(tmp_path, bits):
    needs(bits)
    scenario = sim.Scenario(
        bits=bits, kit="eeg", finger_off=[(400, 640)], power_cuts=[(1200, 120)], visit=True,
        settings={"raw": wire.RAW_NIGHT},
    )  # fmt: skip
    done = wholenight.run(SHORT, scenario, tmp_path, drop_link=True)
    assert done.ok, done.verdict.as_json()
    assert done.starts == 2 and len(done.night.boots) == 2
    away, dark = done.facts["holes"]
    assert "no head" in away["why"] and 180 < away["to_s"] - away["from_s"] < 300
    assert "without power" in dark["why"]
    assert done.facts["kit"] == "eeg" and done.facts["light_max"] == 0
    seen = done.night.bands[:, 0] > 0
    assert seen.sum() > 55 and {"W", "N1", "N2", "N3"} & set(done.night.stages) >= {"W", "N2"}
    given = eegset.told(headset.powers_of(SHORT.stages, scenario.seed))
    delta = done.night.bands[seen, 0].astype(float)
    assert abs(np.median(delta) - np.median(given[:, 0])) < 12  # an octave and a half, of three
    page = done.page.read_text()
    assert "SYNTHETIC: no human head" in page and ">N1<" in page
    assert "Spectrogram" in page
    raw_is_the_heads(done.night, tmp_path / "world" / "eeg.bin")


def raw_is_the_heads(night, given):
    """The raw samples that were fetched are what the electrodes saw, at its place."""
    values, there, _ = rawsignal.placed(rawsignal.of(night), night)
    seen, head = there.mean(), np.fromfile(given, "<i2")
    assert 0.8 < seen < 0.95  # the loose lead, and what nobody fetched in an erase
    part = slice(150 * 125, 350 * 125)
    x = np.diff(values[part][there[part]])
    best = max(
        np.corrcoef(x, np.diff(head[at : at + (part.stop - part.start)][there[part]]))[0, 1]
        for at in range(1800 * 125 + 15000, 1800 * 125 + 18000)
    )
    assert best > 0.9


@pytest.mark.parametrize("bits", [64, 32])
def test_usb_in_the_midst_of_a_night_ends_it_and_another_begins_when_it_is_out(tmp_path, bits):
    needs(bits)
    done = wholenight.run(SHORT, sim.Scenario(bits=bits, kit="eeg", usb=[(1080, 1260)]), tmp_path)
    assert done.verdict.ok and done.starts == 1
    assert done.facts["end_reason"] == "USB plugged in" and len(done.night) == 36
    assert [e.code for e in done.night.events][-1] == wire.USB_IN
    assert len(done.others) == 1
    assert "USB was plugged in" in done.page.read_text()


@pytest.mark.parametrize("bits", [64, 32])
def test_a_front_end_that_fails_in_the_night_costs_its_half_minutes_and_no_more(tmp_path, bits):
    needs(bits)
    faults = [(400, "sensor_reset"), (820, "bus_fault", 20_000), (1300, "bus_stuck")]
    done = wholenight.run(SHORT, sim.Scenario(bits=bits, kit="eeg", faults=faults), tmp_path)
    assert done.ok and done.starts == 1, done.verdict.as_json()
    flags = done.night.epochs["flags"]
    second = done.night.seconds
    for at, *_ in faults:
        near = (second > at - 30) & (second < at + 60)
        assert (flags[near] & wire.F_FAULT).any(), at
    assert 3 <= ((flags & wire.F_FAULT) > 0).sum() <= 8
    assert (done.night.bands[:, 0] > 0).sum() >= len(done.night) - 3
    assert any(e.code == wire.SENSOR_FAULT for e in done.night.events)


@pytest.mark.parametrize("torn", ["divider_in", "divider_out", "divider_ground"])
def test_a_unit_whose_divider_is_torn_records_nothing(tmp_path, torn):
    needs(64)
    brief = beginning(SHORT, 300)
    scenario = sim.Scenario(kit="eeg", costs={"defects": [torn]})
    with pytest.raises(sim.DreamlampError, match="recorded no night"):
        wholenight.run(brief, scenario, tmp_path)


def test_a_recording_of_band_powers_is_labelled_and_refused_by_the_other_kit(tmp_path):
    powers = headset.powers_of(SHORT.stages)
    file = tmp_path / "SC9999E0.npz"
    feat = np.zeros((len(powers), 2, 7), np.float32)
    feat[:, 0, :5] = powers
    np.savez(
        file, feat=feat, epoch_idx=np.arange(len(powers)) + 7, meta="{}",
        stage=np.zeros(len(powers), np.int8),
    )  # fmt: skip
    held = load(file)
    assert held.source()["heart"] == "spectra" and "waveform" in held.remarks()[0]
    assert held.seconds == MINUTES * 60
    world = sim.World(tmp_path / "world", held, sim.Scenario(kit="eeg"))
    signal = np.fromfile(world.folder / "eeg.bin", "<i2")
    assert signal.size == (MINUTES * 2 + 2 + 3) * 30 * 125
    with pytest.raises(sim.DreamlampError, match="choose the kit eeg"):
        sim.World(tmp_path / "other", held, sim.Scenario())
    beats = Recording("strap.csv", SHORT.beats_ms)
    with pytest.raises(sim.DreamlampError, match="holds no EEG"):
        sim.World(tmp_path / "third", beats, sim.Scenario(kit="eeg"))
    (tmp_path / "bad.npz").write_bytes(b"PK")
    with pytest.raises(BadRecording):
        load(tmp_path / "bad.npz")


@pytest.mark.parametrize("bits", [64, 32])
def test_bursts_that_return_are_seen_and_answered_with_light_and_explained(tmp_path, bits):
    needs(bits)
    scenario = sim.Scenario(bits=bits, kit="eeg", settings=sim.settings_for("act", True))
    done = wholenight.run(LOOPED, scenario, tmp_path)
    assert done.ok, done.verdict.as_json()  # every decision reached again
    rescues = [e for e in done.night.events if e.code == wire.RESCUE]
    assert len(rescues) == 1 and done.facts["light_max"] > 0
    assert not [e for e in done.night.events if e.code == wire.REFUSED_RESCUE]
    at_s = done.night.second_of(rescues[0])
    assert LOOPED.loops_ms[1] / 1000 < at_s < LOOPED.loops_ms[-1] / 1000 + 300
    case = next(c for c in because.cases(done.night) if c.kind == "rescue")
    assert "bursts of fast waves came back every" in case.sentence
    figures = case.figures
    wanted = 100 * figures["times_usual"] / figures["times_wanted"]
    assert wanted == pytest.approx(figures["cycle"], abs=1.5) and figures["cycle"] >= 100
    page = done.page.read_text()
    assert "Loop score" in page and "dB of the usual" in page and "Heart rate" not in page


def test_the_same_head_without_bursts_and_a_lamp_without_consent_stay_dark(tmp_path):
    needs(64)
    quiet = dataclasses.replace(LOOPED, loops_ms=[])
    scenario = sim.Scenario(kit="eeg", settings=sim.settings_for("act", True))
    calm = wholenight.run(quiet, scenario, tmp_path / "calm")
    assert calm.ok and calm.facts["light_max"] == 0
    assert not [e for e in calm.night.events if e.code in (wire.RESCUE, wire.REFUSED_RESCUE)]
    scenario = sim.Scenario(kit="eeg", settings=sim.settings_for("act", False))
    dark = wholenight.run(LOOPED, scenario, tmp_path / "dark")
    assert dark.ok and dark.facts["light_max"] == 0
    assert [e.c for e in dark.night.events if e.code == wire.REFUSED_RESCUE] == [wire.WHY_CONSENT]
