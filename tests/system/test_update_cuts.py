"""A power cut in any operation of an update leaves a firmware that runs, on both builds."""

import json
import subprocess
from pathlib import Path

import pytest
from dreamlamp import doctor, places, update
from littlefs import LittleFS

from tools import micropython

SECTORS = 24
PARTS = 3
MAIN = """from . import part0, part1, part2
def whole():
    for part in (part0, part1, part2):
        assert part.OF == {which!r} and len(part.TEXT) == {size}
    return {which!r}
"""


def firmware(which, size):
    """A firmware of few files that says which it is, if it is whole."""
    files = {"lamp/__init__.py": "", "lamp/main.py": MAIN.format(which=which, size=size)}
    for i in range(PARTS):
        files[f"lamp/part{i}.py"] = f"OF = {which!r}\nTEXT = {'x' * size!r}\n"
    return files


def tried(tmp_path, bits, stride, first):
    """(cuts there are, cuts tried) of a shortened update."""
    try:
        interpreter = micropython.find(bits)
    except micropython.Missing as why:
        pytest.skip(str(why))
    held = LittleFS(block_size=4096, block_count=SECTORS)
    held.makedirs("/a/lamp")
    for path, text in firmware("old", 900).items():
        with held.open(f"/a/{path}", "w") as file:
            file.write(text)
    new = {f"/b/{path}": text for path, text in firmware("new", 1500).items()}
    steps = list(update.scripts({path: text.encode() for path, text in new.items()}, 1))
    steps.append(update.marking(doctor.TRIAL))
    plan = {"image": bytes(held.context.buffer).hex(), "scripts": steps, "new": new}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    harness = Path(__file__).with_name("update_cuts.py")
    arguments = [places.simulator(), places.boot(), tmp_path / "plan.json", stride, first]
    done = subprocess.run(
        [*interpreter, "-X", "heapsize=8m", harness, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # before it: what littlefs says of files that were open when the power went
    return tuple(map(int, done.stdout.splitlines()[-1].split()))


@pytest.mark.parametrize("bits", [64, 32])
def test_a_cut_in_any_operation_of_an_update_leaves_a_firmware_that_runs(tmp_path, bits):
    cuts, done = tried(tmp_path, bits, stride=17, first=bits)
    assert cuts > 200 and done >= cuts // 17
