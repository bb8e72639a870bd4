"""The main loop comes back to the sensor in time, whatever else a night makes it do."""

import json
import struct
import subprocess

import pytest
from dreamlamp import build, places, sim
from lamp import ring

from tools import micropython

GAP_MS = 320  # half of the sensor's FIFO
# What a pessimist charges the chip: computing of each second and each epoch, a collection.
COSTS = {"work": [[1000, 5000], [30_000, 60_000]], "gc_us": 15_000}


@pytest.mark.parametrize("bits", [64, 32])
def test_the_fifo_is_read_in_time_through_epochs_erases_and_collections(tmp_path, bits):
    try:
        found = micropython.find(bits)
    except micropython.Missing as why:
        pytest.skip(str(why))
    made = build.compiled(bits, places.built(), places.simulator())
    beats = range(500, 2 * 3600 * 1000, 1000)
    (tmp_path / "beats.bin").write_bytes(struct.pack(f"<{len(beats)}I", *beats))
    (tmp_path / "pulse.bin").write_bytes(sim.finger_pulse())
    spec = {"stop_at_s": 7200, "events": [[5000, "button", 300]], **COSTS}
    (tmp_path / "world.json").write_text(json.dumps(spec))
    start = [*found, "-X", f"heapsize={2 * sim.HEAP_KB[bits]}k", made / "sim" / "start.py"]
    done = subprocess.run([*start, tmp_path, made], capture_output=True, text=True, timeout=120)
    state = json.loads((tmp_path / "state.json").read_text())
    assert done.returncode == 0 and state["world_ms"] == 7_200_000, done.stdout + done.stderr
    flash = (tmp_path / "flash.bin").read_bytes()
    used = [at for at in range(0, len(flash), 4096) if flash[at] == ring.MAGIC]
    assert len(used) >= 3, "a night without an erase in it"
    assert 100 < state["fifo_gap_ms_max"] <= GAP_MS
