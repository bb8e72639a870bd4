"""The checks of an EEG kit just built: a healthy virtual unit passes, each defect is named.

They run at the prompt of a board that has MicroPython and nothing else, on USB, nobody wearing it.
"""

import json
import subprocess
import sys

import pytest
from dreamlamp import board, bringupeeg, sim, sleeper, stored
from dreamlamp.remote import connect
from lamp import wire

HEAD = sleeper.sleeper(3)
FREE_S = 3600  # of each start that take no time
HANGING = [[0, "finger_off"]]
UNSEEN = {"clock", "light"}  # the board's races; the other is for eyes


def unit(folder):
    world = sim.World(folder / "world", HEAD, sim.Scenario(kit="eeg"))
    board.bare(world.folder)
    return world


def checked(folder, *defects, events=HANGING):
    """Name -> check, of a unit with these defects."""
    world = unit(folder)
    plugged = board.plugged(world, defects=defects, fast_s=FREE_S, events=events)
    with plugged as (_, uart), connect(uart.device) as remote:
        found = bringupeeg.checks(remote.run)
    log = (world.folder / "light.log").read_text().split()
    assert log[-1] == "0" and max(map(int, log[1::2])) == 65535
    return {check.name: check for check in found if check.name not in UNSEEN}


def test_a_unit_that_is_well_passes_every_check(tmp_path):
    found = checked(tmp_path)
    assert [check for check in found.values() if not check.ok or check.advice] == []
    assert len(found) == bringupeeg.COUNT - 1 - len(UNSEEN)  # nobody is asked for a press


@pytest.mark.parametrize(
    ("defect", "name", "says"),
    [
        ("divider_in", "USB seen", "A1's three wires"),
        ("divider_out", "USB seen", "A1's three wires"),
        ("divider_ground", "USB seen", "A1's three wires"),
        ("miso_low", "front end", "nothing answers"),
        ("miso_high", "front end", "MISO stays high"),
        ("ads1292", "front end", "without the R"),
        ("stuck_drdy", "sample rate", "DRDY never falls"),
        ("slow_front", "sample rate", "tie CLKSEL high"),
        ("noisy_front", "own noise", "supply is noisy"),
        ("weak_reference", "test signal", "gain or reference"),
        ("stuck_button", "button", "closed for ever"),
    ],
)
def test_each_defect_is_named_and_nothing_else(tmp_path, defect, name, says):
    found = checked(tmp_path, defect)
    bad = [check for check in found.values() if not check.ok]
    assert [check.name for check in bad] == [name]
    assert bad[0].ok is False and says in bad[0].advice


def test_electrodes_that_somebody_wears_are_called_off(tmp_path):
    found = checked(tmp_path, events=[])
    bad = [check for check in found.values() if not check.ok]
    assert [check.name for check in bad] == ["electrodes"]
    assert bad[0].ok is None and "OFF, NOW" in bad[0].advice


def test_the_doctors_command_knows_the_kit_by_the_boards_memory(tmp_path):
    world = unit(tmp_path)
    kept = {"lamp": {"kit": stored.packed(wire.KIT_EEG).hex()}}
    (world.folder / "nvs.json").write_text(json.dumps(kept))
    with board.plugged(world, defects=("miso_low",), events=HANGING) as (_, uart):
        command = [sys.executable, "-m", "dreamlamp.cli", "doctor", "--wiring"]
        done = subprocess.run(
            [*command, "--port", uart.device, "--json"], capture_output=True, text=True
        )
    assert done.returncode == 1, done.stderr
    assert "no electrodes on anybody" in done.stderr
    said = json.loads(done.stdout)
    found = {check["name"]: check for check in said["checks"]}
    assert said["kit"] == "eeg" and found["front end"]["reading"] == "part 0x00"
