"""The wheel, in an environment of its own: a night, and a flashed board, on what it brought along.

Only the wheel is installed there; what it requires is lent by the environment of the tests (a
line in a .pth, which does not bring this checkout with it).
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIFE = """
import sys, tempfile
from pathlib import Path
import dreamlamp, lamp
from dreamlamp import board, flash, places, sim, sleeper
assert not places.checkout(), dreamlamp.__file__
with tempfile.TemporaryDirectory() as folder:
    world = sim.World(Path(folder) / "world", sleeper.sleeper(1), sim.Scenario())
    board.bare(world.folder)
    with board.plugged(world) as (_, uart):
        import subprocess
        tool = str(Path(sys.executable).with_name("dreamlamp"))
        for command in (["flash", uart.device, "--copy"], ["doctor", "--port", uart.device]):
            done = subprocess.run([tool, *command], capture_output=True, text=True)
            print(done.stdout, done.stderr)
            assert done.returncode == 0, command
print("here:", dreamlamp.__file__)
"""


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The python of an environment that holds the wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT)
    [wheel] = (folder / "dist").glob("*.whl")
    assert list((folder / "dist").glob("*.tar.gz"))
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", wheel)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    (Path(site) / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture
def stranger(tmp_path):
    """What the environment of somebody is who has the wheel alone."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DREAMLAMP"))}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"  # micropython
    return {**kept, "XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": path}


def test_a_night_happens_on_the_lamp_that_the_wheel_brings(installed, stranger, tmp_path):
    intervals = [950 + 50 * (n % 3) for n in range(1200)]  # twenty minutes
    (tmp_path / "rr.csv").write_text("rr_ms\n" + "\n".join(map(str, intervals)) + "\n")
    tool = installed.with_name("dreamlamp")
    said = run(tool, "night", "--recording", "rr.csv", "--json", cwd=tmp_path, env=stranger)
    facts = json.loads(said)
    assert facts["replay"]["epochs"] > 30 and facts["replay"]["ok"]
    assert (tmp_path / facts["report"]).is_file()


def test_the_wheel_flashes_the_virtual_board_it_brings(installed, stranger, tmp_path):
    said = run(installed, "-c", LIFE, cwd=tmp_path, env=stranger)
    assert "each as it should be" in said and str(installed.parents[1]) in said.splitlines()[-1]
