"""The lamp's own firmware through a night in which the power goes again and again."""

import json
import random
import struct
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from dreamlamp import build, places

from tools import micropython

LAST_MS = 90 * 60_000
CUT = 42


def world(folder: Path, events: list) -> Path:
    """A world of steady beats."""
    rng = random.Random(7)
    at, beats = 500, []
    while at < LAST_MS:
        beats.append(at)
        at += rng.randint(850, 1050)
    (folder / "beats.bin").write_bytes(struct.pack(f"<{len(beats)}I", *beats))
    (folder / "pulse.bin").write_bytes(bytes(range(0, 256, 4)) + bytes(range(255, 63, -1)))
    spec = {"seed": 7, "stop_at_s": LAST_MS // 1000, "events": sorted(events)}
    (folder / "world.json").write_text(json.dumps(spec))
    return folder


def live(bits: int, folder: Path) -> tuple[list[int], str]:
    """Start the lamp until its world ends -> (every exit status, all that was printed)."""
    try:
        found = micropython.find(bits)
    except micropython.Missing as error:
        pytest.skip(f"LOUD: {error}")
    made = build.compiled(bits, places.built(), places.simulator())
    command = [*found, "-X", "heapsize=400k", made / "sim" / "start.py", folder, made]
    statuses, said = [], ""
    while not statuses or statuses[-1] in (CUT, 43, 44):
        assert len(statuses) < 100, said[-3000:]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        statuses.append(done.returncode)
        said += done.stdout + done.stderr
    return statuses, said


@pytest.mark.parametrize("bits", [64, 32])
def test_every_cut_is_survived_and_the_lamp_never_crashes(bits, tmp_path):
    rng = random.Random(bits)
    cuts = [[rng.randrange(5000, LAST_MS), "power_cut", 3000] for _ in range(15)]
    times = sorted(at for at, *_ in cuts)
    apart = sorted(pairwise(times), key=lambda pair: pair[0] - pair[1])  # room to be torn in
    torn = [
        [sum(pair) // 2, "flash_cut", rng.randrange(3), tear, 60]
        for pair, tear in zip(apart, (0, 1, 2, 4))
    ]
    press = [[4000, "button", 200]]
    statuses, said = live(bits, world(tmp_path, cuts + torn + press))
    assert statuses == [CUT] * (len(statuses) - 1) + [0], said[-3000:]
    assert len(statuses) == len(cuts) + len(torn) + 1
    assert (tmp_path / "light.log").read_text().rstrip().endswith(" 0")
