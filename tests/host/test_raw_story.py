"""Raw EEG from the electrodes to a laptop: fetched, sealed, drawn, exported, deleted."""

import asyncio
import hashlib
import io
import sys
from array import array
from pathlib import Path

import mne
import numpy as np
import pyedflib
import pytest
from dreamlamp import edf, export, library, nights, rawsignal, report, sealed, sync
from dreamlamp.line import LinkLost, Refusal
from dreamlamp.summary import summarise
from lamp import night, server, wire
from lamp.rawlog import RawLog
from test_eeg_story import Unit as Kit

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "firmware" / "sim"), str(ROOT / "tests" / "both")]
import fakes  # noqa: E402
from flash import Flash, Sectors  # noqa: E402

EPOCHS = 9
KNOWN = (True, True, True)


class Unit(Kit):
    """An EEG unit that keeps raw samples; `given` are those of the night, by their number."""

    def __init__(self, fine=wire.RAW_NIGHT):
        super().__init__()
        self.log = RawLog(Sectors(Flash(io.BytesIO(b"\xff" * (384 * 4096)))), fine)
        self.night = night.Night(self.log, self.settings, 125, 1, 1)
        self.server = server.Server(self.log, self.night, self.settings, fakes.Clock())
        self.server.cable = True
        self.given = {}

    def sleep(self, epochs=EPOCHS, lost=(), jump=0):
        """A night of noise; before each burst numbered in `lost` 9 samples are, and the
        electrodes jump by `jump` counts at the fifth epoch."""
        self.night.begin()
        rng = np.random.default_rng(4)
        number = 0
        for burst in range(epochs * 150 + 1):
            missing = 9 if burst in lost else 0
            number += missing
            x = (rng.normal(0, 400, 25) + (1 << 23) + jump * (burst > 750)).astype(int)
            buf = array("i", x.tolist())
            self.given.update(zip(range(number, number + 25), x.tolist()))
            number += 25
            self.samples += 25
            self.night.feed(buf, 25, wire.M_LOST if missing else 0, missing, self.samples // 125)
        self.night.end(wire.END_BUTTON)
        return self


class Wire:
    """A line to a unit in the same process; `breaks` after so many bytes of raw samples."""

    name = "3F2A"

    def __init__(self, unit, breaks=None):
        self.server, self.breaks, self.tag = unit.server, breaks, 0
        self.data = asyncio.Queue()
        self.server.gone()

    async def request(self, opcode, body=b""):
        self.tag = self.tag % 255 + 1
        answer = bytes((0, 0, wire.LATER))
        while answer[2] == wire.LATER:
            answer = bytes(self.server.handle(bytes((opcode, self.tag)) + body, KNOWN))
        if answer[2]:
            raise Refusal(opcode, answer[2])
        self._flow()
        return answer[3:]

    async def tell(self, opcode, body=b""):
        self.server.handle(bytes((opcode, 0)) + body, KNOWN)
        self._flow()

    def _flow(self):
        buf = bytearray(244)
        while n := self.server.pull(buf):
            if n < 0:
                continue
            at = int.from_bytes(buf[:4], "little")
            if self.breaks and self.server.reading & wire.RAW and at > self.breaks:
                raise LinkLost("out of reach")
            self.data.put_nowait((at, bytes(buf[4:n])))


def fetch(unit, folder, raw=True, breaks=None):
    async def once():
        return await sync.sync(Wire(unit, breaks), folder, raw=raw)

    return asyncio.run(once())


@pytest.fixture(scope="module")
def slept():
    return Unit().sleep(lost=(400, 401, 900))


@pytest.fixture
def fetched(slept, tmp_path):
    """Path of the night in a library; the lamp's flash is as it was before."""
    log = slept.log
    file = log.ring.flash.flash._file
    before = file.getvalue()
    fetch(slept, tmp_path)
    file.seek(0)
    file.write(before)
    slept.log = slept.night.log = slept.server.log = RawLog(log.ring.flash, wire.RAW_NIGHT)
    return tmp_path / "3F2A-00001.night"


def expected(unit):
    values, there = np.zeros(max(unit.given) + 1, int), np.zeros(max(unit.given) + 1, bool)
    for number, x in unit.given.items():
        values[number], there[number] = (x >> 5 << 5) - rawsignal.MIDDLE, True
    return values, there


def test_a_sync_brings_the_raw_samples_along_once(slept, tmp_path):
    first = fetch(slept, tmp_path, raw=False)
    assert not list(tmp_path.glob("*.raw")) and not first[0].raw_bytes + first[0].bad_bytes
    entry = slept.log.entry(1)
    assert entry[3] == wire.ENTRY_SYNCED | wire.ENTRY_RAW


def test_every_sample_arrives_and_lies_where_it_was_measured(slept, fetched):
    held = library.read(fetched)
    values, there, rate = rawsignal.placed(rawsignal.of(held), held)
    given, was = expected(slept)
    n = min(len(values), len(given))
    assert rate == 125 and n == EPOCHS * 3750
    assert (there[:n] == was[:n]).all() and (values[:n] == given[:n]).all()
    assert (~there[:n]).sum() == 27


def test_what_a_host_holds_the_lamp_gives_up_and_asks_nobody_again(tmp_path):
    unit = Unit().sleep(2)
    result = fetch(unit, tmp_path)[0]
    assert result.raw_bytes == (tmp_path / "3F2A-00001.raw").stat().st_size > 4096
    assert not unit.log.entry(1 | wire.RAW)
    again = fetch(unit, tmp_path)[0]
    assert again.state == "kept" and not again.raw_bytes


def test_a_broken_link_goes_on_where_it_was(tmp_path):
    unit = Unit().sleep(6)
    with pytest.raises(LinkLost):
        fetch(unit, tmp_path, breaks=6000)
    part = tmp_path / "3F2A-00001.raw.part"
    had = part.stat().st_size
    whole = unit.log.entry(1 | wire.RAW)[1]
    sha = unit.log.digest(1 | wire.RAW)[1]
    assert 0 < had < whole and (tmp_path / "3F2A-00001.night").exists()
    assert fetch(unit, tmp_path)[0].raw_bytes == whole - had
    data = (tmp_path / "3F2A-00001.raw").read_bytes()
    assert hashlib.sha256(data).digest() == sha and not part.exists()


def test_a_locked_library_seals_them_and_deleting_a_night_takes_them(fetched):
    data = library.read(fetched).raw_eeg()
    sealed.lock(fetched.parent, "words")
    file = fetched.with_suffix(".raw")
    assert sealed.is_sealed(file) and library.read(fetched).raw_eeg() == data
    assert file in library.delete(fetched) and not file.exists()


def test_the_page_draws_a_spectrogram_of_them_and_of_the_bands_without(fetched):
    held = library.read(fetched)
    page = report.page(held, summarise(held))
    assert "Spectrogram" in page and "Spectrum<" not in page
    power, step_hz = rawsignal.spectrogram(held, rawsignal.of(held))
    white = (400 * rawsignal.COUNT_UV) ** 2 / 62.5  # uV^2/Hz
    assert np.median(power[10:, 1]) == pytest.approx(white, rel=0.15)
    assert step_hz == pytest.approx(125 / 256)
    fetched.with_suffix(".raw").unlink()
    page = report.page(library.read(fetched), summarise(held))
    assert "Spectrum<" in page and "Spectrogram" not in page


@pytest.mark.parametrize("jump", [0, 3_000_000])
def test_two_readers_give_back_the_exported_samples_bit_for_bit(tmp_path, jump):
    unit = Unit().sleep(lost=(400,), jump=jump)
    fetch(unit, tmp_path)
    held = library.read(tmp_path / "3F2A-00001.night")
    (path,) = export.export(held, "nig", tmp_path, "edf")
    with pyedflib.EdfReader(str(path)) as file:
        labels = file.getSignalLabels()
        assert file.getSampleFrequency(labels.index(edf.EEG)) == 125
        found = file.readSignal(labels.index(edf.EEG), digital=True).astype(int)
        about = file.readSignal(labels.index(edf.OFFSET), digital=True).astype(int)
        uv = file.readSignal(labels.index(edf.EEG))
        notes = list(zip(*file.readAnnotations()))
    whole = found + np.repeat(about * edf.OFFSET_STEPS, 3750)
    given, was = expected(unit)
    n = EPOCHS * 3750
    clipped = np.zeros(n, bool)
    for onset, length, text in notes:
        if text == edf.CLIPPED:
            clipped[int(onset * 125) : int((onset + length) * 125)] = True
    assert clipped.sum() == (3750 if jump else 0) and len(set(about)) == (3 if jump else 1)
    good = was[:n] & ~clipped
    assert (whole[good] << 5 == given[:n][good]).all() and good.sum() > n - 3800
    gaps = [(on * 125, length * 125) for on, length, text in notes if text == edf.NO_EEG]
    assert gaps == [(pytest.approx(10000), pytest.approx(9))]
    assert uv[5000] == pytest.approx(found[5000] * 32 * rawsignal.COUNT_UV, abs=0.1)
    raw = mne.io.read_raw_edf(path, include=[edf.EEG], verbose="error")
    scale = 32 * rawsignal.COUNT_UV
    assert (np.rint(raw.get_data()[0] * 1e6 / scale).astype(int) == found).all()


def test_a_night_without_raw_samples_has_none():
    unit = Unit(wire.RAW_OFF).sleep(2)
    held = nights.decode(unit.raw(), 1)
    assert rawsignal.of(held).samples == 0 and not unit.log.entry(1)[3] & wire.ENTRY_RAW
