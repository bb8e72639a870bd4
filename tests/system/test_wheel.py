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
import zipfile
from pathlib import Path

import pytest

from tools import micropython

ROOT = Path(__file__).resolve().parents[2]


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout, built from its sdist."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT)
    assert list((folder / "dist").glob("*.tar.gz"))
    [wheel] = (folder / "dist").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel):
    """The python of an environment that holds the wheel alone."""
    micropython.find(64)  # what it brings needs one
    folder = wheel.parents[1]
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", wheel)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    (Path(site) / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture
def stranger(wheel):
    """What the environment of somebody is who has the wheel alone."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DREAMLAMP"))}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"  # micropython
    return {**kept, "XDG_CACHE_HOME": str(wheel.parents[1] / "cache"), "PATH": path}


def brought():
    """Each file of the checkout that is not for developers: its name in the wheel."""
    listed = run("git", "ls-files", "host/dreamlamp", "firmware", "tools/*.py", cwd=ROOT).split()
    for name in [*listed, "tools/micropython.txt"]:
        name = name.removeprefix("host/").replace("firmware/lamp/", "lamp/")
        yield name if name.startswith(("dreamlamp/", "lamp/")) else f"dreamlamp/{name}"


def test_the_wheel_holds_each_file_of_the_checkout_and_says_which_python_it_needs(wheel):
    if not (ROOT / ".git").exists():
        pytest.skip("NO GIT: what belongs to the checkout is not known")
    with zipfile.ZipFile(wheel) as archive:
        held = {n for n in archive.namelist() if ".dist-info/" not in n}
        [metadata] = [n for n in archive.namelist() if n.endswith("/METADATA")]
        described = archive.read(metadata).decode()
    assert held == set(brought())
    assert "Requires-Python: >=3.11\n" in described and "License-Expression: MIT\n" in described


def test_a_night_happens_on_the_lamp_that_the_wheel_brings(installed, stranger, tmp_path):
    intervals = [950 + 50 * (n % 3) for n in range(1200)]  # twenty minutes
    (tmp_path / "rr.csv").write_text("rr_ms\n" + "\n".join(map(str, intervals)) + "\n")
    tool = installed.with_name("dreamlamp")
    said = run(tool, "night", "--recording", "rr.csv", "--json", cwd=tmp_path, env=stranger)
    facts = json.loads(said)
    assert facts["replay"]["epochs"] > 30 and facts["replay"]["ok"]
    assert (tmp_path / facts["report"]).is_file()


def test_a_lamp_lives_on_what_the_wheel_brings(installed, stranger, tmp_path):
    """Flashed, a night, a broken update taken back, a good one, the night still there, green."""
    script = Path(__file__).with_name("wheel_life.py")
    said = json.loads(
        run(installed, script, tmp_path, cwd=tmp_path, env=stranger).splitlines()[-1]
    )
    site = str(installed.parents[1])
    assert not said["checkout"] and all(file.startswith(site) for file in said["from"])
    assert said["flash"]["files"] > 8 and {f["state"] for f in said["flash"]["findings"]} == {
        "fine"
    }
    [night] = said["sync"]
    assert night["state"] == "complete", night
    assert not said["broken"]["proven"] and said["broken"]["slot"] == "a"
    troubles = [f for f in said["after the broken one"]["findings"] if f["state"] != "fine"]
    assert any("went back to the firmware before" in f["says"] for f in troubles)
    assert said["update"]["proven"] and said["update"]["slot"] == "b"
    assert said["again"]["same"]
    assert said["kept"] and said["standing"] == {"recording": False, "nights": 1, "unsynced": 0}
    assert said["replay"]["ok"] and said["replay"]["epochs"] > 10
    assert {f["state"] for f in said["doctor"]["findings"]} == {"fine"}
