"""Type-check the host against CPython and the firmware against the ESP32's MicroPython.

The firmware sees only the stubs of the real port (.cache/stubs), so a name the chip lacks is an
error here.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUBS = ROOT / ".cache" / "stubs"
COMMON = ["--check-untyped-defs", "--no-error-summary", "--cache-fine-grained"]


def mypy(*arguments: str, path: str) -> int:
    command = [sys.executable, "-m", "mypy", *COMMON, *arguments]
    return subprocess.call(command, cwd=ROOT, env={**os.environ, "MYPYPATH": path})


def chip(*what: str, firmware: str, cache: str) -> int:
    return mypy(
        f"--custom-typeshed-dir={STUBS}",
        "--no-site-packages",
        "--no-strict-optional",  # the question here is which names exist on the chip
        "--disable-error-code=var-annotated",
        f"--cache-dir={cache}",
        *what,
        path=f"{STUBS}:{firmware}",
    )


def lamp(firmware: str = "firmware", cache: str = ".mypy_cache/lamp") -> int:
    """Check the package lamp/ in the folder `firmware`."""
    return chip("-p", "lamp", firmware=firmware, cache=cache)


def boot(folder: str = "firmware/boot", cache: str = ".mypy_cache/boot") -> int:
    """Check what starts the package: the files in `folder`."""
    files = map(str, sorted(Path(ROOT, folder).glob("*.py")))
    return chip(*files, firmware="firmware", cache=cache)


def main() -> int:
    host = mypy("--ignore-missing-imports", "-p", "dreamlamp", path="host:firmware")
    return lamp() or boot() or host


if __name__ == "__main__":
    sys.exit(main())
