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
MAIN = """import sys
import machine, os, select, time
from . import part0, part1, part2
def main():
    for part in (part0, part1, part2):
        assert part.OF == {which!r} and len(part.TEXT) == {size}
    {ends}
    trial = sys.modules.pop("choose", None)
    if trial:
        trial.prove()
    raise machine.ran({which!r}, bool(trial))
"""
# what a new firmware may do instead of running; `shadows` has files of the chip's modules' names
BROKEN = {"raises": "raise ValueError()", "hangs": "machine.bites()", "shadows": "pass"}
SHADOWED = ("asyncio", "boot", "choose", "esp32", "machine", "main", "os", "select", "sys", "time")


def firmware(which, size, ends="pass"):
    """A firmware of few files that says which it is, if it is whole."""
    main = MAIN.format(which=which, size=size, ends=ends)
    files = {"lamp/__init__.py": "", "lamp/main.py": main}
    for i in range(PARTS):
        files[f"lamp/part{i}.py"] = f"OF = {which!r}\nTEXT = {'x' * size!r}\n"
    return files


def firmwares(slot):
    """{kind: {path in the slot: content}}: a whole one, and each broken one."""
    found = {"whole": firmware("new", 1500)}
    for kind, ends in BROKEN.items():
        found[kind] = firmware("broken", 100, ends)
    found["shadows"] |= {f"{name}.py": "raise ValueError()" for name in SHADOWED}
    return {kind: {f"/{slot}/{p}": text for p, text in new.items()} for kind, new in found.items()}


def tried(tmp_path, bits, old, stride, first):
    """(cuts there are, cuts tried, cut again in what followed) of updates beside /`old`."""
    try:
        interpreter = micropython.find(bits)
    except micropython.Missing as why:
        pytest.skip(str(why))
    held = LittleFS(block_size=4096, block_count=SECTORS)
    held.makedirs(f"/{old}/lamp")
    for path, text in firmware("old", 900).items():
        with held.open(f"/{old}/{path}", "w") as file:
            file.write(text)
    runs = update.SLOTS.index(old)
    new = firmwares(update.SLOTS[runs ^ 1])
    scripts = {}
    for kind, files in new.items():
        steps = update.scripts({path: text.encode() for path, text in files.items()}, runs ^ 1)
        scripts[kind] = [*steps, update.marking(runs | doctor.TRIAL)]
    image = bytes(held.context.buffer).hex()
    plan = {"image": image, "old": runs, "scripts": scripts, "new": new}
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


@pytest.mark.parametrize("bits, old", [(64, "a"), (32, "b")])
def test_a_cut_in_any_operation_of_an_update_leaves_a_firmware_that_runs(tmp_path, bits, old):
    cuts, done, twice = tried(tmp_path, bits, old, stride=17, first=bits)
    assert cuts > 800 and done >= cuts // 17 and twice > done // 4
