"""MicroPython's image for the board: fetched by mpflash, believed by its SHA-256.

mpflash knows where images are published and asks for none of our trust: what it brings is used
only if its hash is one of HASHES or the one the caller names. Run as a program of its own.
"""

import hashlib
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from .remote import BoardError

BOARD = "ESP32_GENERIC"
VERSION = "1.28.0"
# version: SHA-256 of its image. 1.28.0 (ESP32_GENERIC-20260406-v1.28.0.bin, 1,760,192 bytes): as
# four projects that know nothing of each other pin what they downloaded; we had no copy to hash.
HASHES = {"1.28.0": "cd7820d02c35d34dd403b44263129c6a511b350aea8446c229890753fe240784"}
TOOL = [sys.executable, "-m", "mpflash.cli_main"]


def image(version: str = VERSION, sha256: str | None = None, folder: Path | None = None) -> bytes:
    """The image of MicroPython `version`, from `folder` (the user's cache) or the network."""
    folder = folder or platformdirs.user_cache_path("dreamlamp") / "micropython"
    folder.mkdir(parents=True, exist_ok=True)
    found = held(folder, version) or download(folder, version)
    data = found.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    wanted = sha256 or HASHES.get(version)
    if not wanted:
        raise BoardError(
            f"MicroPython {version} came with SHA-256 {digest}, which nobody here has vouched "
            f"for: compare it with another copy, then say --sha256 {digest}"
        )
    if digest != wanted.lower():
        found.unlink()
        raise BoardError(
            f"MicroPython {version} has SHA-256 {digest}, not {wanted}: it was thrown away; try "
            "again, or bring the .bin yourself (--image)"
        )
    return data


def held(folder: Path, version: str) -> Path | None:
    """An image that has been fetched before: the plain one, none for SPIRAM or another chip."""
    name = re.compile(rf"{BOARD}-(\d{{8}}-)?v{re.escape(version)}\.bin")
    files = sorted(f for f in folder.rglob("*.bin") if name.fullmatch(f.name))
    return files[0] if files else None


def asking(version: str) -> list[str]:
    """The command that fetches MicroPython `version`."""
    return [*TOOL, "download", "--version", version, "--board", BOARD]


def download(folder: Path, version: str) -> Path:
    """Fetch it."""
    if TOOL[1:2] == ["-m"] and find_spec("mpflash") is None:
        raise BoardError(
            "fetching MicroPython needs mpflash: `pip install 'dreamlamp[download]'`, or download "
            f"{BOARD} yourself and say --image FILE"
        )
    done = subprocess.run(
        asking(version),
        capture_output=True,
        text=True,
        env={**os.environ, "MPFLASH_FIRMWARE": str(folder)},
    )
    found = held(folder, version)
    if not found:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        raise BoardError(
            f"mpflash brought no image ({last[0]}): is there a network? Else download {BOARD} "
            f"{version} elsewhere and say --image FILE"
        )
    return found
