"""Instructions and heap of scripts under MicroPython, counted and not timed.

Instructions are those that valgrind's callgrind counts in the 64-bit unix port: the same on every
machine of this kind, whatever else runs on it. What a script does once is cancelled by running it
with two lengths.
"""

import re
import shutil
import subprocess

from dreamlamp.errors import DreamlampError

from tools import micropython

# Work whose cost on the chip is known: instructions an iteration of an emulated ESP32, running a
# stock MicroPython 1.26 image. The script's argument is how often.
KNOWN = {
    "bytecode loop": (383, "x = 0\n    for i in range(n):\n        x = x + 3 & 255"),
    "attribute +=": (523, "a = A()\n    a.x = 0\n    for i in range(n):\n        a.x += 1"),
    "function call": (1180, "for i in range(n):\n        f(i)"),
    "floating point": (984, "x = 1.0\n    for i in range(n):\n        x = x * 1.0001"),
}
VIPER = (19, "x = 0\n    i = 0\n    while i < n:\n        x = (x + 3) & 255\n        i += 1")
_SCRIPT = """
import sys
class A: pass
def f(x): pass
%s
def run(n%s):
    %s
run(int(sys.argv[1]))
"""
_LONG = 60000


def instructions(script: str, *arguments: object) -> int:
    """All that a run of `script` takes."""
    return instructions_of(["-c", script, *map(str, arguments)])


def instructions_of(arguments: list[str], heap: str = "4m") -> int:
    """All that the 64-bit build takes, started with these."""
    valgrind = shutil.which("valgrind")
    if not valgrind:
        raise DreamlampError("the cost bench counts with valgrind: apt-get install valgrind")
    tool = [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command = [*tool, *micropython.find(64), "-X", f"heapsize={heap}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        raise DreamlampError(f"callgrind: {done.stdout[-500:]}{done.stderr[-1500:]}")
    return int(found[1])


def each(script: str, short: int, long: int, *arguments: object) -> float:
    """What one more turn takes, of a script whose first argument is how many."""
    low, high = (instructions(script, n, *arguments) for n in (short, long))
    return (high - low) / (long - short)


def known(name: str) -> dict[str, float]:
    """Of a piece of known work: instructions here, on the chip, and their ratio."""
    viper = name == "viper loop"
    chip, body = VIPER if viper else KNOWN[name]
    script = _SCRIPT % ("@micropython.viper" if viper else "", ": int" if viper else "", body)
    here = each(script, 1000, _LONG * (10 if viper else 1))
    return {"here": round(here, 1), "chip": chip, "ratio": round(chip / here, 3)}


def calibration() -> dict[str, dict[str, float]]:
    """All that is known."""
    return {name: known(name) for name in [*KNOWN, "viper loop"]}


def heap(script: str) -> list[int]:
    """The integers that `script` prints on the 32-bit build."""
    return _said(32, "600k", script)


def said(script: str, *arguments: object) -> list[int]:
    """The integers that `script` prints on the 64-bit build."""
    return _said(64, "4m", script, *arguments)


def _said(bits: int, size: str, script: str, *arguments: object) -> list[int]:
    command = [*micropython.find(bits), "-X", f"heapsize={size}", "-c", script]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise DreamlampError(f"MicroPython: {done.stdout[-500:]}{done.stderr[-500:]}")
    return [int(word) for word in done.stdout.split()]
