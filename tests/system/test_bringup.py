"""The checks of a lamp just built: a healthy virtual board passes, each defect is named.

They run at the prompt of a board that has MicroPython and nothing else.
"""

import ast
import json
import subprocess
import sys

import pytest
from dreamlamp import board, bringup, sim, sleeper, stored
from dreamlamp.remote import connect

HEART = sleeper.sleeper(3)
FREE_S = 3600  # of each start that take no time


def checked(folder, *defects, ask=None):
    """Name -> check, of a board with these defects; its clock races, and is not judged."""
    world = sim.World(folder / "world", HEART, sim.Scenario())
    board.bare(world.folder)
    plugged = board.plugged(world, defects=defects, fast_s=FREE_S)
    with plugged as (_, uart), connect(uart.device) as remote:
        found = bringup.checks(remote.run, ask=ask)
    log = (world.folder / "light.log").read_text().split()
    assert log[-1] == "0" and max(map(int, log[1::2])) == 65535
    return {check.name: check for check in found if check.name != "clock"}


def test_a_lamp_that_is_well_passes_every_check(tmp_path):
    found = checked(tmp_path)
    assert [check for check in found.values() if not check.ok or check.advice] == []
    assert len(found) == bringup.COUNT - 1


@pytest.mark.parametrize(
    ("defect", "names", "says"),
    [
        ("no_pull_up", ["SDA idle", "SCL idle"], "is not pulled up to 3.3 V"),
        ("no_int_pull_up", ["interrupt"], "R3 is missing"),
        ("swapped", ["colours"], "red and infrared are swapped"),
        ("max30100", ["sensor"], "this is a MAX30100"),
        ("stuck_int", ["interrupt"], "never rises"),
        ("loose_int", ["interrupt"], "never falls"),
        ("dead_led", ["infrared LED"], "the infrared LED does not light"),
        ("dead_lamp", ["light"], "the strip takes no current"),
        ("stuck_button", ["button"], "closed for ever"),
    ],
)
def test_each_defect_is_named_and_nothing_else(tmp_path, defect, names, says):
    found = checked(tmp_path, defect)
    bad = {name: check for name, check in found.items() if not check.ok}
    assert list(bad) == names
    for check in bad.values():
        assert check.ok is False and says in check.advice


def test_a_press_that_was_asked_for_and_never_comes_is_named(tmp_path):
    asked = []
    found = checked(tmp_path, "max30100", ask=asked.append)
    assert found["button"].ok and len(asked) == 1
    assert found["press"].ok is False and "no press arrives" in found["press"].advice


def test_a_button_that_is_stuck_is_not_asked_for_a_press(tmp_path):
    asked = []
    found = checked(tmp_path, "stuck_button", "max30100", ask=asked.append)
    assert "press" not in found and asked == []


def test_a_press_arrives(tmp_path):
    world = sim.World(tmp_path / "world", HEART, sim.Scenario())
    board.bare(world.folder)
    events = [[ms, "button", 300] for ms in range(0, 120_000, 2000)]
    plugged = board.plugged(world, events=events, fast_s=FREE_S)
    with plugged as (_, uart), connect(uart.device) as remote:
        bringup.prepare(remote.run)
        assert bringup.press(remote.run).ok


def test_without_a_finger_it_asks_for_one_instead_of_blaming_a_part():
    rows = [(240, 240), (480, 500)]  # stray light at both currents

    def run(script):
        if script.startswith("take"):
            red, infrared = rows.pop(0)
            return (red.to_bytes(3, "big") + infrared.to_bytes(3, "big")).hex() * 30
        return ""

    for check in bringup._leds(run):
        assert check.ok is None and "lay a finger" in check.advice


def test_the_doctors_command_ends_with_1_and_names_the_fault(tmp_path):
    world = sim.World(tmp_path / "world", HEART, sim.Scenario())
    board.bare(world.folder)
    with board.plugged(world, defects=("max30100",)) as (_, uart):
        command = [sys.executable, "-m", "dreamlamp.cli", "doctor", "--wiring"]
        done = subprocess.run(
            [*command, "--port", uart.device, "--json"], capture_output=True, text=True
        )
    assert done.returncode == 1, done.stderr
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert found["sensor"]["reading"] == "part 0x11, revision 3"
    assert found["light"]["ok"] is True and found["clock"]["ok"] is True


def test_full_light_is_held_measured_and_kept_by_the_lamp(tmp_path):
    world = sim.World(tmp_path / "world", HEART, sim.Scenario())
    board.bare(world.folder)
    with board.plugged(world, fast_s=FREE_S) as (_, uart):
        command = [sys.executable, "-m", "dreamlamp.cli", "lux", "--port", uart.device]
        done = subprocess.run(command, input="180\n", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        with connect(uart.device) as remote:
            script = "import esp32\nbuf = bytearray(16)\n"
            script += "n = esp32.NVS('lamp').get_blob('full_lux', buf)\nprint(bytes(buf[:n]))"
            assert stored.unpacked(ast.literal_eval(remote.run(script).strip())) == 180
    rows = [line.split() for line in (world.folder / "light.log").read_text().splitlines()]
    full = next(int(ms) for ms, duty in rows if duty == "65535")
    dark = next(int(ms) for ms, duty in rows if duty == "0" and int(ms) > full)
    assert 10_000 <= dark - full < 10_500


@pytest.mark.parametrize("number", ["0", "6501", "bright"])
def test_a_measure_that_cannot_be_is_refused_before_the_lamp_is_asked(number):
    command = [sys.executable, "-m", "dreamlamp.cli", "lux", number, "--port", "/nowhere"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "Usage" in done.stderr
