"""A lamp's life by the commands of an installed wheel, on the virtual board that the wheel brings.

    python wheel_life.py FOLDER

Run by the python of the environment that holds the wheel; prints what each command said. New
firmware, and a broken one, are edits of the installed package: to the commands it is the next
version.
"""

import contextlib
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import dreamlamp
import lamp
from dreamlamp import board, flash, places, sim, sleeper

MINUTES = 7
START_S, END_S = 60, 60 + MINUTES * 60
NIGHT = (
    (START_S * 1000, "button", 300), (END_S * 1000, "button", 300),
    ((END_S + 2) * 1000, "finger_off"),
)  # fmt: skip
FAST_S = END_S + 70  # of each start that take no time; it tells its time once a minute
TOOL = Path(sys.executable).with_name("dreamlamp")
PACKAGE = Path(lamp.__file__).parent

folder = Path(sys.argv[1])
said: dict = {"from": [dreamlamp.__file__, lamp.__file__], "checkout": places.checkout()}


def tell(name: str, *words: str, fails: bool = False) -> None:
    """Run `dreamlamp WORDS --json` and keep what it says under `name`."""
    done = subprocess.run([TOOL, *words, "--json"], capture_output=True, text=True, cwd=folder)
    assert (done.returncode != 0) == fails, f"{words}\n{done.stdout}\n{done.stderr}"
    said[name] = json.loads(done.stdout)


@contextlib.contextmanager
def another(name: str, text: str):
    """An installed package whose firmware is another one."""
    file = PACKAGE / name
    before = file.read_text() if file.exists() else None
    file.write_text((before or "") + text)
    yield
    file.unlink() if before is None else file.write_text(before)


def hashes(library: str) -> dict[str, str]:
    """Content of each night in a library, by name."""
    return {p.stem: p.read_bytes().hex() for p in (folder / library).glob("*.night")}


heart = sleeper.sleeper(3)
heart = dataclasses.replace(heart, beats_ms=heart.beats_ms[heart.beats_ms < (END_S + 60) * 1000])
world = sim.World(folder / "world", heart, sim.Scenario())
board.bare(world.folder)
with board.plugged(world) as (_, uart):
    tell("flash", "flash", uart.device, "--copy")
(world.folder / "state.json").unlink()  # world time begins anew
with board.plugged(world, fast_s=FAST_S, events=NIGHT) as (virtual, uart):
    virtual.wait_until(END_S + 5)
    tell("sync", "sync", "--port", uart.device, "--library", "first")
    with another("main.py", "\nraise RuntimeError('this firmware is broken')\n"):
        tell("broken", "update", uart.device, fails=True)
    tell("after the broken one", "doctor", "--port", uart.device)
    with another("newer.bin", "a newer firmware"):
        tell("update", "update", uart.device)
        tell("again", "update", uart.device)
    tell("sync again", "sync", "--port", uart.device, "--library", "second")
    tell("doctor", "doctor", "--port", uart.device)
    said["standing"] = dataclasses.asdict(flash.standing(uart.device))
    said["kept"] = hashes("first") == hashes("second") and len(hashes("first")) == 1
tell("replay", "replay", "--library", "second")
print(json.dumps(said))
