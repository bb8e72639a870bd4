"""The bytes on flash: what the lamp's files write, tests/golden/flash.txt and WIRE.md agree."""

import re
import struct
from array import array
from pathlib import Path

import pytest
from dreamlamp import rawsignal
from lamp import codec, nightlog, rawlog, ring, wire

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = dict(
    line.split(maxsplit=1) for line in (ROOT / "tests/golden/flash.txt").read_text().splitlines()
)
NIGHT = 7


class Beats:
    def __init__(self, *beats):
        self.t_ms = array("h", [t for t, _, _ in beats] + [0] * (128 - len(beats)))
        self.ibi_ms = array("H", [i for _, i, _ in beats] + [0] * (128 - len(beats)))
        self.flag = bytearray([f for _, _, f in beats] + [0] * (128 - len(beats)))


PLAIN = Beats((-120, 900, 0), (760, 880, 0), (1650, 890, 0))
FLAGGED = Beats((250, 0, 2), (1100, 850, 0), (1510, 410, 1), (2370, 860, 0))
BANDS = (300, 126, 100, 90, 83, 64, 37)  # of epoch 300
SAMPLES = array("i", [120000, 120010, 120025, 119990])


EEG = array("i", [(8_700_000 + 400 * (i % 7) - 90 * i) & 0xFFFFFF for i in range(12)])


class Flash:
    """Of the raw samples' frames: only what is programmed, `said`."""

    sectors, sector_size = 4, 4096

    def __init__(self):
        self.said = bytearray(b"\xff" * (4 * 4096))

    def read(self, sector, at, buf):
        buf[:] = self.said[sector * 4096 + at :][: len(buf)]

    def program(self, sector, at, data):
        start = sector * 4096 + at
        self.said[start : start + len(data)] = data

    def erase(self, sector):
        self.said[sector * 4096 : (sector + 1) * 4096] = b"\xff" * 4096


def raw_sector() -> bytes:
    """A sector of raw samples of night 7 that began in epoch 300 with sample 1125000."""
    flash = Flash()
    log = rawlog.RawLog(flash, wire.RAW_NIGHT)
    log.ring.newest = NIGHT - 1
    log.open_night()
    log.pen.begin(NIGHT)
    log.pen._at = 1125000
    log.keep(300, EEG, len(EEG), 0, 0)
    log.pen.settle()
    at = log.ring.find(NIGHT | wire.RAW, 0) * 4096
    return bytes(flash.said[at : at + 4096]).rstrip(b"\xff")


RAW_SECTOR = raw_sector()


def sealed(data: bytes, night: int) -> bytes:
    buf = bytearray(data) + bytes(4)
    ring.seal(buf, len(data), night)
    return bytes(buf)


def packed(pack, values, n) -> bytes:
    out = bytearray(255)
    return bytes(out[: pack(values, n, out, 0)])


def header() -> bytes:
    fields = struct.pack(ring.HEADER, ring.MAGIC, nightlog.ENDED, NIGHT, 2, 120, 8000)
    return sealed(fields, 0) + b"\xff\xff"


def epoch() -> bytes:
    one = wire.Epoch()
    one.clear(300)
    one.flags, one.stage, one.quality, one.confidence = wire.F_WORN | wire.F_GATE, wire.R, 97, 62
    one.p_w, one.p_n3, one.p_r, one.score, one.cycle, one.hold = 8, 3, 170, 131, 131, 20
    one.lag_s, one.base_bpm, one.light, one.led, one.temp_c = 150, 57, 12, 46, 33
    body = bytearray(255)
    one.pack_into(body, 0)
    n = codec.pack_beats(PLAIN, 3, body, wire.Epoch.SIZE)
    return sealed(bytes([wire.EPOCH, n]) + bytes(body[:n]), NIGHT)


def event() -> bytes:
    body = struct.pack(wire.EVENT_LAYOUT, wire.LOOP, 300, 12, 131, 100, wire.CYCLE)
    return sealed(bytes([wire.EVENT, len(body)]) + body, NIGHT)


MADE = {
    "header": header(),
    "epoch": epoch(),
    "event": event(),
    "bands": sealed(bytes([wire.BANDS, 8]) + struct.pack(wire.BANDS_LAYOUT, *BANDS), NIGHT),
    "end": sealed(bytes([wire.END, 3]) + struct.pack("<BH", wire.END_BUTTON, 960), NIGHT),
    "plain_beats": packed(codec.pack_beats, PLAIN, 3),
    "flagged_beats": packed(codec.pack_beats, FLAGGED, 4),
    "raw_header": RAW_SECTOR[:18],
    "raw_first": RAW_SECTOR[18:35],
    "raw_more": RAW_SECTOR[35:],
    "samples": packed(codec.pack_samples, SAMPLES, 4),
}


LAYOUTS = {
    "NIGHT 01, BOOT 02": wire.BOOT_LAYOUT,
    "EPOCH 03": wire.Epoch.LAYOUT,
    "EVENT 04": wire.EVENT_LAYOUT,
    "CLOCK 05": wire.CLOCK_LAYOUT,
    "PPG 06": wire.PPG_LAYOUT,
    "END 07": "<BH",
    "RAW_FIRST 0A": wire.RAW_FIRST_LAYOUT,
    "RAW_MORE 0B": wire.RAW_MORE_LAYOUT,
    "BANDS 09": wire.BANDS_LAYOUT.replace("6B", "BBBBBB"),
}
LETTER = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I"}


@pytest.mark.parametrize("record", LAYOUTS)
def test_the_table_of_a_record_has_the_types_of_its_layout(record):
    text = (ROOT / "WIRE.md").read_text().split(f"#### {record}\n")[1]
    rows = re.findall(r"^\| (\w+) \|", text.split("| type | field |")[1].split("\n\n")[0], re.M)
    assert "<" + "".join(LETTER[kind] for kind in rows) == LAYOUTS[record]


@pytest.mark.parametrize("name", MADE)
def test_the_lamp_the_golden_bytes_and_the_text_agree(name):
    assert MADE[name].hex() == GOLDEN[name]
    assert f"| `{name}` |" in (text := (ROOT / "WIRE.md").read_text())
    assert f"`{GOLDEN[name]}`" in text


def test_nothing_golden_is_left_over():
    assert GOLDEN.keys() == MADE.keys()


@pytest.mark.parametrize(
    "name, beats, n", [("plain_beats", PLAIN, 3), ("flagged_beats", FLAGGED, 4)]
)
def test_golden_beats_are_read_back(name, beats, n):
    back, data = Beats(), bytes.fromhex(GOLDEN[name])
    assert codec.unpack_beats(data, 0, len(data), back) == n
    assert (back.t_ms, back.ibi_ms, back.flag) == (beats.t_ms, beats.ibi_ms, beats.flag)


def test_golden_raw_samples_are_read_back_by_the_host():
    (run,) = rawsignal.decode(RAW_SECTOR.ljust(4096, b"\xff"), NIGHT).runs
    assert (run.epoch, run.first, run.cut) == (300, 1125000, 5)
    assert run.values.tolist() == [x >> 5 for x in EEG]


def test_golden_samples_are_read_back():
    out, data = array("i", [0] * 8), bytes.fromhex(GOLDEN["samples"])
    assert codec.unpack_samples(data, 0, len(data), out) == 4 and out[:4] == SAMPLES
