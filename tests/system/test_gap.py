"""The lamp is in time: back at the sensor whatever else it does, and on the air after power-up."""

import json
import shutil
import struct
import subprocess

import pytest
from dreamlamp import build, places, sim, sleeper
from lamp import ring

from tests.bench import _costcount as count
from tests.bench import cost
from tools import micropython

GAP_MS = 320  # half of the sensor's FIFO
AIR_MS = 10_000  # from power to advertising
# What a pessimist charges the chip: computing of each second and each epoch, a collection.
COSTS = {"work": [[1000, 5000], [30_000, 60_000]], "gc_us": 15_000}


def interpreter(bits):
    try:
        return micropython.find(bits)
    except micropython.Missing as why:
        pytest.skip(str(why))


@pytest.mark.parametrize("bits", [64, 32])
def test_the_fifo_is_read_in_time_through_epochs_erases_and_collections(tmp_path, bits):
    made = build.compiled(bits, places.built(), places.simulator())
    beats = range(500, 2 * 3600 * 1000, 1000)
    (tmp_path / "beats.bin").write_bytes(struct.pack(f"<{len(beats)}I", *beats))
    (tmp_path / "pulse.bin").write_bytes(sim.finger_pulse())
    spec = {"stop_at_s": 7200, "events": [[5000, "button", 300]], **COSTS}
    (tmp_path / "world.json").write_text(json.dumps(spec))
    start = [
        *interpreter(bits),
        "-X",
        f"heapsize={2 * sim.HEAP_KB[bits]}k",
        made / "sim" / "start.py",
    ]
    done = subprocess.run([*start, tmp_path, made], capture_output=True, text=True, timeout=120)
    state = json.loads((tmp_path / "state.json").read_text())
    assert done.returncode == 0 and state["world_ms"] == 7_200_000, done.stdout + done.stderr
    flash = (tmp_path / "flash.bin").read_bytes()
    used = [at for at in range(0, len(flash), 4096) if flash[at] == ring.MAGIC]
    assert len(used) >= 3, "a night without an erase in it"
    assert 100 < state["fifo_gap_ms_max"] <= GAP_MS


def test_the_fifo_is_read_in_time_while_a_host_fetches_and_a_night_begins_on_full_flash(tmp_path):
    interpreter(32)
    costs = {**COSTS, "steady": True, "stop_at_s": 75}  # the night begins after 45 s
    scenario = sim.Scenario(bits=32, full_flash=True, costs=costs)
    state = cost.live(tmp_path / "lamp", sleeper.sleeper(1, 1.5), scenario, again=True)
    assert state["bytes"] > 500_000, "the host was there before the night and after"
    assert 100 < state["fifo_gap_ms_max"] <= GAP_MS


def test_a_lamp_advertises_within_ten_seconds_of_power_at_80_mhz(tmp_path):
    if not shutil.which("valgrind"):
        pytest.skip("instructions are counted by valgrind: apt-get install valgrind")
    us = count.known("floating point")["ratio"] * cost.CHIP_NS / 1000  # the dearest there is
    scenario = sim.Scenario(costs={"outside": None, "stop_at_s": 20})
    scenario.costs["boot_us"] = cost.boot(tmp_path, us * cost.SLOW)
    world = sim.World(tmp_path / "lamp", sleeper.sleeper(1, 1.5), scenario)
    world.open_to(0)
    subprocess.run(sim.command(world), capture_output=True, timeout=120)
    state = json.loads((tmp_path / "lamp" / "state.json").read_text())
    assert 3000 < state["advertising_ms"] <= AIR_MS
