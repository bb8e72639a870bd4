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


def lamp(firmware: str = "firmware", cache: str = ".mypy_cache/lamp") -> int:
    """Check the package lamp/ in the folder `firmware`."""
    return mypy(
        f"--custom-typeshed-dir={STUBS}",
        "--no-site-packages",
        "--no-strict-optional",  # the question here is which names exist on the chip
        "--disable-error-code=var-annotated",
        f"--cache-dir={cache}",
        "-p",
        "lamp",
        path=f"{STUBS}:{firmware}",
    )


def main() -> int:
    host = mypy("--ignore-missing-imports", "-p", "dreamlamp", path="host:firmware")
    return lamp() or host


if __name__ == "__main__":
    sys.exit(main())
