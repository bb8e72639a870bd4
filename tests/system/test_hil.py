"""`make hil` as somebody with a lamp runs it; the lamp is virtual, and does not know who asks."""

import json
import os
import re
import subprocess
from pathlib import Path

from dreamlamp import board, flash, sim, sleeper
from virtual import beginning

ROOT = Path(__file__).resolve().parents[2]
HEART = sleeper.sleeper(3)
END_S = 300
NIGHT = ((20_000, "button", 300), (END_S * 1000, "button", 300), (END_S * 1000, "finger_off"))


def test_make_hil_asks_the_lamp_at_a_port_all_there_is_to_ask(tmp_path):
    world = sim.World(tmp_path / "world", beginning(HEART, 400), sim.Scenario())
    board.bare(world.folder)
    with board.plugged(world) as (_, uart):
        flash.flash(uart.device, None, {})
    (world.folder / "state.json").unlink()  # world time begins anew
    # it tells its time once a minute: the next time after the night's end costs no minute of ours
    with board.plugged(world, fast_s=END_S + 70, events=NIGHT) as (lamp, _):
        lamp.wait_until(END_S + 5)
    with board.plugged(world, events=NIGHT) as (_, uart):  # from now on a second is a second
        settings = json.loads((world.folder / "nvs.json").read_text())["lamp"]
        done = subprocess.run(
            ["make", "-o", ".venv/ready", "hil", f"PORT={uart.url}"],  # -o: it is set up
            cwd=ROOT, capture_output=True, text=True, timeout=900,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'firmware'}:{ROOT / 'host'}"},
        )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    asked = len(re.findall("^def test_", (ROOT / "tests/system/hil.py").read_text(), re.M))
    assert f"{asked} passed" in done.stdout, done.stdout
    kept = json.loads((world.folder / "nvs.json").read_text())["lamp"]
    changed = {k for k in settings if kept[k] != settings[k]}
    assert changed == {"boot", "spent"}  # which count the starts and the light


def test_make_hil_without_a_port_says_what_to_name():
    done = subprocess.run(
        ["make", "-o", ".venv/ready", "hil"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and "PORT=/dev/ttyUSB0" in done.stderr
