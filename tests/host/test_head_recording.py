"""Real EEG out of an EDF file, played through the virtual front end."""

import edfio
import numpy as np
import pytest
from dreamlamp import sim
from dreamlamp.errors import DreamlampError
from dreamlamp.recordings import BadRecording, load

HZ, MINUTES = 256, 12


def edf(path, *labels, minutes=MINUTES, unit="uV", scale=1.0):
    """Each signal a sine of 10 Hz and 50 uV."""
    wave = 50 * np.sin(2 * np.pi * 10 * np.arange(HZ * 60 * minutes) / HZ) * scale
    signals = [edfio.EdfSignal(wave, HZ, label=label, physical_dimension=unit) for label in labels]
    edfio.Edf(signals).write(path)
    return path


@pytest.mark.parametrize(("unit", "scale"), [("uV", 1.0), ("mV", 1e-3)])
def test_eeg_comes_with_its_amplitude_and_its_frequency(tmp_path, unit, scale):
    held = load(edf(tmp_path / "psg.edf", "EEG Fpz-Cz", "EOG", unit=unit, scale=scale))
    assert held.seconds == MINUTES * 60 and len(held.eeg) == MINUTES * 60 * 125
    middle = held.eeg[12500:25000] / 16
    assert abs(np.ptp(middle) - 100) < 2
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 10 * 100
    assert "EEG Fpz-Cz" in held.remarks()[0]


def test_it_is_what_the_virtual_head_gives_and_what_the_page_calls_it(tmp_path):
    held = load(edf(tmp_path / "psg.edf", "EEG Fpz-Cz"))
    world = sim.World(tmp_path / "world", held, sim.Scenario(kit="eeg"))
    given = np.fromfile(world.folder / "eeg.bin", "<i2")
    at = world.lead_s * 125
    assert (given[at : at + len(held.eeg)] == held.eeg).all()
    assert world.source["heart"] == "eeg"
    with pytest.raises(DreamlampError, match="choose the kit eeg"):
        sim.World(tmp_path / "other", held, sim.Scenario())


def test_a_file_with_neither_and_one_too_short_are_refused_in_a_sentence(tmp_path):
    with pytest.raises(BadRecording, match="but EOG"):
        load(edf(tmp_path / "eog.edf", "EOG"))
    with pytest.raises(BadRecording, match="too short"):
        load(edf(tmp_path / "brief.edf", "EEG", minutes=5))
