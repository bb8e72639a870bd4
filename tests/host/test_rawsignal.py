"""Raw sectors decoded side by side are those that the lamp's own file decodes."""

import io
import struct
import sys
from array import array
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from dreamlamp import rawsignal
from lamp import ring, wire
from lamp.rawlog import RawLog

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "firmware" / "sim"), str(ROOT / "tests" / "both")]
import rawtape  # noqa: E402
from flash import Flash, Sectors  # noqa: E402


def kept(x, fine=wire.RAW_FINE, breaks=(), burst=20):
    """The bytes of a night's raw samples `x`; before each number in `breaks` one is lost."""
    log = RawLog(Sectors(Flash(io.BytesIO(b"\xff" * (384 * 4096)))), fine)
    log.open_night()
    log.append(wire.NIGHT, bytes(27), 27)
    at = 0
    for end in [*range(burst, len(x), burst), len(x)]:
        buf = array("i", x[at:end].tolist())
        log.keep(at // 3750, buf, len(buf), 0, int(any(at <= b < end for b in breaks)))
        at = end
    log.close()
    return rawtape.bytes_of(log, 1)


def noise(n, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 200, n).cumsum() * 0.3 + rng.normal(0, 30, n)
    x[:: n // 7] += rng.normal(0, 200000, len(x[:: n // 7]))  # artefacts: the escapes
    return np.clip(x + (1 << 23) + 400000, 0, (1 << 24) - 1).astype(int)


@pytest.mark.parametrize("fine, cut", [(wire.RAW_NIGHT, 5), (wire.RAW_FINE, 3)])
def test_it_reads_what_the_lamps_own_decoder_reads(fine, cut):
    x = noise(30000)
    data = kept(x, fine, breaks=(5000, 5040, 17001))
    held = rawsignal.decode(data, 1)
    theirs = rawtape.stretches(data, 1)
    assert len(held.runs) == len(theirs) > 4 and held.lost_bytes == 0
    for run, (epoch, first, samples) in zip(held.runs, theirs):
        assert (run.epoch, run.first, run.cut) == (epoch, first, cut)
        assert (run.values << cut).tolist() == list(samples)
    assert np.concatenate([r.values for r in held.runs]).tolist() == (x >> cut).tolist()
    assert held.step_uv == pytest.approx(0.04808 * 2**cut, rel=1e-3)


def test_a_rotten_byte_costs_the_rest_of_its_sector_and_is_counted():
    x = noise(30000)
    data = bytearray(kept(x))
    whole = rawsignal.decode(bytes(data), 1)
    data[4096 + 1000] ^= 4
    spoilt = rawsignal.decode(bytes(data), 1)
    assert len(spoilt.runs) == len(whole.runs) and 0 < spoilt.lost_bytes < 270
    n = len(spoilt.runs[1].values)  # and what is left of it is right
    assert 0 < n < len(whole.runs[1].values)
    assert (spoilt.runs[1].values == whole.runs[1].values[:n]).all()
    assert (spoilt.runs[2].values == whole.runs[2].values).all()


def test_bytes_that_are_none_are_no_samples():
    rng = np.random.default_rng(2)
    for data in (b"", b"\xff" * 8192, rng.bytes(8192), b"\xd1" + rng.bytes(5000)):
        assert rawsignal.decode(data, 1).samples == 0


def frame(kind, payload):
    data = bytearray((kind, len(payload))) + payload + bytes(4)
    ring.seal(data, len(data) - 4, 7 | wire.RAW)
    return bytes(data)


def sector(*frames):
    head = bytearray(struct.pack(ring.HEADER, ring.MAGIC, 0, 7 | wire.RAW, 0, 0, 0) + bytes(4))
    ring.seal(head, 12, 0)
    return (bytes(head) + b"\xff\xff" + b"".join(frames)).ljust(4096, b"\xff")


def first(number=0, cut=5, sample=1 << 18):
    return frame(wire.RAW_FIRST, struct.pack(wire.RAW_FIRST_LAYOUT, 0, number, cut, sample))


def more(number, n, bits=b""):
    return frame(wire.RAW_MORE, struct.pack(wire.RAW_MORE_LAYOUT, number, n) + bits)


@pytest.mark.parametrize(
    "frames, samples",
    [
        ([frame(wire.RAW_FIRST, b"abc"), more(1, 8, b"\0")], 0),
        ([first(), frame(wire.RAW_MORE, b"ab")], 1),
        ([first(), more(1, 65535)], 1),
        ([first(), more(1, 0), more(1, 3, bytes(30))], 1),
        ([first(sample=0xFFFFFFFF), more(1, 8, b"\0")], 0),
        ([first(cut=9, sample=1)], 0),
        ([first(), more(1, 240, b"\xff" * 30)], 241),  # longer codes than there are bits
        ([first()] * 100 + [more(1 + i * 65535 & 65535, 65535) for i in range(200)], 100),
    ],
)
def test_sealed_frames_that_no_lamp_wrote_are_no_samples_and_cost_little(frames, samples):
    held = rawsignal.decode(sector(*frames), 7)
    assert held.samples == samples and all(run.cut == 5 for run in held.runs)


def test_many_runs_are_decoded_some_at_a_time(monkeypatch):
    x = noise(9000)
    data = kept(x, breaks=range(100, 9000, 300))
    whole = rawsignal.decode(data, 1)
    monkeypatch.setattr(rawsignal, "AT_ONCE", 7)
    parts = rawsignal.decode(data, 1)
    assert len(parts.runs) > 28 and len(parts.runs) == len(whole.runs)
    assert all((a.values == b.values).all() for a, b in zip(parts.runs, whole.runs))


def test_a_converter_with_a_clock_of_its_own_is_found_out():
    def runs(hz):
        return [
            rawsignal.Run(int(second // 30), round(second * hz), 5, np.zeros(0, np.int32))
            for second in np.arange(0, 28800, 80.0)
        ]

    assert rawsignal.rate_hz(runs(125)) == 125
    assert rawsignal.rate_hz(runs(125.4)) == pytest.approx(125.4, abs=0.02)
    assert rawsignal.rate_hz(runs(250)) == rawsignal.rate_hz(runs(0.0)) == 125


def night_of(*starts_s, length_s):
    """A night with a stretch at each of `starts_s`, each of which began with the next epoch."""
    return SimpleNamespace(
        boots=[SimpleNamespace(epoch=i) for i in range(len(starts_s))],
        starts_s=[(at, True) for at in starts_s],
        length_s=length_s,
        seconds=[],
        bands=[],
    )


def test_each_stretch_lies_where_its_boot_was():
    runs = [rawsignal.Run(k, 10, 5, np.full(50, 1 + k + (1 << 18), np.int32)) for k in (0, 1)]
    values, there, _ = rawsignal.placed(rawsignal.Raw(runs), night_of(0, 40, length_s=60))
    assert there[10:60].all() and there[5010:5060].all() and there.sum() == 100
    assert (values[10:60] == 32).all() and (values[5010:5060] == 64).all()


def test_a_movement_is_not_in_the_spectrogram():
    night = night_of(0, length_s=60)
    still = np.random.default_rng(3).normal(1 << 18, 20, 7500).astype(np.int32)
    moved = still.copy()
    moved[4000:4010] += 2000  # 3 mV
    one, two = (
        rawsignal.spectrogram(night, rawsignal.Raw([rawsignal.Run(0, 0, 5, x)]))[0]
        for x in (still, moved)
    )
    assert one.mean() > 0 and np.abs(two / one - 1).max() < 0.5
    assert two.mean() == pytest.approx(one.mean(), rel=0.05)
