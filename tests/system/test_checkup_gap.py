"""A host that asks after a lamp's health in the night does not keep it from its sensor."""

import json
import struct
import subprocess
import sys

import pytest
from dreamlamp import build, places, sim
from dreamlamp.cable import ANSWER, Frames, line_of
from lamp import wire
from lamp.nightlog import NightLog
from sim.flash import Flash, Sectors

from tools import micropython

GAP_MS = 320  # half of the sensor's FIFO
MINUTES = 12
PIPE = subprocess.PIPE


@pytest.mark.parametrize("bits", [64, 32])
def test_a_checkup_of_a_full_flash_takes_no_longer_than_the_fifo_waits(tmp_path, bits):
    made = build.compiled(bits, places.built(), places.simulator())
    flash = tmp_path / "flash.bin"
    fill = [sys.executable, places.simulator() / "fill.py", flash, "1"]
    subprocess.run(fill, check=True, capture_output=True)
    log = NightLog(Sectors(Flash(flash)))
    for night in (3, 7, 8):
        assert log.mark_synced(night, log.digest(night)[1])
    beats = range(500, MINUTES * 60 * 1000, 1000)
    (tmp_path / "beats.bin").write_bytes(struct.pack(f"<{len(beats)}I", *beats))
    (tmp_path / "pulse.bin").write_bytes(sim.finger_pulse())
    spec = {"stop_at_s": MINUTES * 60, "events": [[5000, "button", 300]]}
    (tmp_path / "world.json").write_text(json.dumps(spec))
    start = [*micropython.find(bits), "-X", f"heapsize={2 * sim.HEAP_KB[bits]}k"]
    command = [*start, made / "sim" / "start.py", tmp_path, made]
    lamp = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    for minute, _ in enumerate(iter(lamp.stderr.readline, b"")):  # it says when one has passed
        if minute:
            lamp.stdin.write(line_of(bytes((wire.CHECKUP, minute, wire.CHECK_FLASH))))
            lamp.stdin.flush()
    answers = [a for kind, a in Frames().feed(lamp.stdout.read()) if kind == ANSWER]
    assert len(answers) > MINUTES // 2
    log = NightLog(Sectors(Flash(flash)))
    entries = [log.entry(night) for night in log.nights()]
    told = struct.unpack_from(wire.CHECK_FLASH_LAYOUT, answers[-1], 3)
    kept = wire.ENTRY_SYNCED | wire.ENTRY_OPEN
    assert told[9:11] == (len(entries), sum(not e[3] & kept for e in entries))
    assert json.loads((tmp_path / "state.json").read_text())["fifo_gap_ms_max"] <= GAP_MS
