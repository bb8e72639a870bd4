"""esptool: which chip hangs on a port, and writing its flash. Run as a program of its own."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from .image import FLASH_BYTES
from .remote import BoardError, hint

BAUD = 460800
TOOL = [sys.executable, "-u", "-m", "esptool"]
HOLD_BOOT = (
    "hold the button BOOT on the board, press EN once, let go of BOOT, and try again; if that "
    "does not help, try another cable"
)
NOT_OPEN = ("ould not open", "port is busy", "doesn't exist", "invalid URL")
REFUSED = {
    "ESP32-S3": "the firmware has not been built for its pins yet",
    "ESP32-C3": "it has one core and too little memory for a night beside the radio",
    "ESP32-S2": "it has no Bluetooth",
    "ESP8266": "it has no Bluetooth",
}


def esptool(port: str, *arguments: str, told: Callable[[float], None] = lambda s: None) -> str:
    """Run esptool; what it printed. `told` hears its percentages as shares."""
    process = subprocess.Popen(
        [*TOOL, "--port", port, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = ""
    assert process.stdout
    for line in process.stdout:
        said += line
        for share in re.findall(r"(\d+(?:\.\d+)?) ?%", line):
            told(float(share) / 100)
    if process.wait():
        raise _failure(port, said)
    return said


def _failure(port: str, said: str) -> BoardError:
    found = re.search(r"fatal error occurred: (.*)", said)
    last = found[1] if found else (said.strip().splitlines() or ["it said nothing"])[-1]
    if any(words in said for words in NOT_OPEN):
        return hint(port, OSError(last))
    if "No serial data received" in said or "Failed to connect" in said or "Wrong boot" in said:
        return BoardError(f"the chip at {port} does not listen: {HOLD_BOOT}")
    if "MD5" in said or "verif" in last.lower():
        return BoardError(
            "what was written reads back differently: use a shorter cable, try again"
        )
    return BoardError(f"esptool failed ({last}): {HOLD_BOOT}")


def identify(port: str) -> str:
    """The chip's name, if a lamp can be made of it; BoardError says why not."""
    said = esptool(port, "--after", "no-reset", "flash-id")
    found = re.search(r"Chip (?:type|is):?\s+(ESP[\w-]+)", said)
    size = re.search(r"Detected flash size:\s+(\d+)(MB|KB)", said)
    if not found or not size:
        raise BoardError(f"esptool does not say which chip this is: {HOLD_BOOT}")
    name = found[1]
    for family, why in REFUSED.items():
        if name.startswith(family):
            raise BoardError(f"this board is an {name}: {why}. Take an ESP32-DevKitC")
    if not re.match(r"ESP32(-D0W|-PICO|-U4W|-S0W|$)", name):
        raise BoardError(f"no lamp was ever made of an {name}: take an ESP32-DevKitC")
    held = int(size[1]) << (20 if size[2] == "MB" else 10)
    if held < FLASH_BYTES:
        raise BoardError(
            f"this board has {size[1]} {size[2]} of flash, the nights need "
            f"{FLASH_BYTES >> 20} MB: take another"
        )
    return name


def write(
    port: str, parts: Mapping[int, bytes], told: Callable[[float], None], erase: bool
) -> None:
    """Write `parts` (offset: bytes), each read back by its MD5, and start the chip.

    Only what is written is erased, unless `erase` wants all of it gone first.
    """
    with tempfile.TemporaryDirectory() as folder:
        pairs = []
        for offset, data in sorted(parts.items()):
            file = Path(folder) / f"{offset:#x}.bin"
            file.write_bytes(data)
            pairs += [f"{offset:#x}", str(file)]
        whole = ["--erase-all"] if erase else []
        esptool(
            port, "--chip", "esp32", "--baud", str(BAUD), "--after", "hard-reset",
            "write-flash", *whole, *pairs, told=told,
        )  # fmt: skip
