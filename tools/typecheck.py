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


def main() -> int:
    host = mypy("--ignore-missing-imports", "-p", "dreamlamp", path="host:firmware")
    lamp = mypy(
        f"--custom-typeshed-dir={STUBS}",
        "--no-site-packages",
        "--no-strict-optional",  # the question here is which names exist on the chip
        "--disable-error-code=var-annotated",
        "--cache-dir=.mypy_cache/lamp",
        "-p",
        "lamp",
        path=f"{STUBS}:firmware",
    )
    return host or lamp


if __name__ == "__main__":
    sys.exit(main())
