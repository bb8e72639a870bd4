"""A lamp that is only a radio (bench_lamp) under MicroPython, for the tests and the sync bench.

And what a short night is made of: the beginning of a long recording.
"""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

from dreamlamp.recordings import Recording

from tools import micropython

ROOT = Path(__file__).resolve().parents[2]
BENCH = Path(__file__).parent / "bench_lamp"
sys.path.append(str(BENCH))


class VirtualLamp:
    """A process of `main` with these arguments on the air's lamp port; `stop` cuts its power."""

    def __init__(
        self, port: int | str, *arguments: object, bits: int = 64, main: str = "lamp", **streams
    ) -> None:
        paths = (BENCH, ROOT / "firmware" / "sim", ROOT / "firmware", ROOT / "tests" / "both")
        environment = {**os.environ, "MICROPYPATH": ":".join(["", ".frozen", *map(str, paths)])}
        command = [*micropython.find(bits), "-X", "heapsize=1m", str(BENCH / f"{main}_main.py")]
        self.process = subprocess.Popen(
            [*command, str(port), *map(str, arguments)], env=environment, **streams
        )

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def beginning(recording: Recording, seconds: float) -> Recording:
    """The first `seconds` of a recording of beats."""
    beats_ms = recording.beats_ms[recording.beats_ms < seconds * 1000]
    stages = recording.stages[: round(seconds / 30)] if recording.stages else None
    return dataclasses.replace(recording, beats_ms=beats_ms, stages=stages)


KILLED_HOST = """
import asyncio, os, signal, sys
from pathlib import Path
from dreamlamp import link, sync

def progress(entry, have):
    if have > int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with link.connect() as line:
        await sync.sync(line, Path(sys.argv[1]), progress)

asyncio.run(main())
"""


def sync_and_die(library: Path, at: int) -> int:
    """A host of its own that kills itself once it has `at` bytes; its exit status."""
    command = [sys.executable, "-c", KILLED_HOST, str(library), str(at)]
    path = os.pathsep.join(p for p in sys.path if p)
    return subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, check=False, stderr=subprocess.DEVNULL
    ).returncode
