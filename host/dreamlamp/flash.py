"""From a bare board to a lamp: the image by esptool, the rest at MicroPython's prompt.

Knows the order of the steps; what is written is image.py's affair, how it is written that of
chip.py and remote.py.
"""

import asyncio
import contextlib
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lamp import VERSION, wire

from . import build, cable, chip, doctor, image, places, stored
from .line import LampError
from .remote import BoardError, Remote, connect, differing

# `_mpy` of sys.implementation: bits 10 and up are the architecture (MicroPython, .mpy files)
ARCHITECTURES = {1: "x86", 2: "x64", 10: image.ARCH}
MPY_VERSION = 6
STARTS = 4  # tries of four seconds to reach a lamp that is starting

Told = Callable[[str, float], None]


@dataclass
class Flashed:
    """What came of it."""

    port: str
    name: str  # under which it advertises
    files: int
    bytes: int
    micropython: str
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict:
        return {**self.__dict__, "firmware": ".".join(map(str, VERSION)), "ok": True}


@dataclass
class Standing:
    """What a lamp that runs has to lose."""

    recording: bool
    nights: int
    unsynced: int


def standing(port: str) -> Standing | None:
    """How things stand with the lamp at `port`; None where none answers."""

    async def ask() -> Standing:
        async with cable.connect(port) as line:
            state = struct.unpack(wire.HELLO_LAYOUT, await line.request(wire.HELLO))[5]
            facts = await line.request(wire.CHECKUP, bytes((wire.CHECK_FLASH,)))
            held = doctor.Flash._make(struct.unpack(wire.CHECK_FLASH_LAYOUT, facts))
            return Standing(state == wire.RECORDING, held.nights, held.unsynced)

    try:
        return asyncio.run(ask())
    except LampError:
        return None


def refuse_in_a_night(found: Standing | None, what: str) -> None:
    """`what` is the command that would break a night off."""
    if found and found.recording:
        raise BoardError(
            f"the lamp is recording a night: {what} it in the morning, or say --now (the night "
            f"goes on after the {what})"
        )


def firmware(arch: str, slot: str = "a") -> dict[str, bytes]:
    """The files of this package's firmware for a chip, as they lie on the board."""
    return image.contents(build.flashable(arch, places.built(), places.boot()), slot)


def flash(
    port: str,
    micropython: bytes | None,
    settings: Mapping[str, int | bytes],
    told: Told = lambda what, share: None,
    erase: bool = False,
) -> Flashed:
    """Make a lamp of the board at `port`; without MicroPython's image only files are copied."""
    if micropython is not None:
        parts = image.parts(micropython, firmware(image.ARCH))
        chip.identify(port)
        chip.write(port, parts, lambda share: told("flash", share), erase)
    with connect(port) as board:
        arch = check(board)
        files = firmware(arch)
        if micropython is None:
            mount(board)
            board.put(files, told)
        told("verify", 0)
        wrong = differing(board.hashes(), files)
        if wrong:
            raise BoardError(
                f"{wrong[0]} on the board is not what was written: use another cable, and run "
                "this again"
            )
        told("verify", 1)
        keep(board, settings)
        forget_trial(board)
        version = ".".join(map(str, board.value("tuple(__import__('sys').implementation[1][:3])")))
        size = sum(map(len, files.values()))
        found = Flashed(port, name_of(board), len(files), size, version)
        restart(board)
    return found


@contextlib.asynccontextmanager
async def lamp_at(port: str, told: Callable[[float], None] = lambda share: None):
    """The line to a lamp that is just starting."""
    for left in reversed(range(STARTS)):
        told(1 - left / STARTS)
        line = cable.Cable(port)
        try:
            await line.open()
            break
        except LampError as error:
            await line.close()
            if not left:
                raise BoardError(
                    f"the firmware is on the board and does not answer ({error}): press EN; if "
                    "that does not help, `mpremote connect PORT repl` shows what it says"
                ) from error
    try:
        yield line
    finally:
        await line.close()


def check(board: Remote) -> str:
    """Refuse what no lamp can be made of; else the board's architecture, as mpy-cross calls it."""
    mpy = board.value("__import__('sys').implementation._mpy")
    version = board.value("tuple(__import__('sys').implementation[1])")[:2]
    if mpy & 0xFF != MPY_VERSION or mpy >> 10 not in ARCHITECTURES or version < (1, 25):
        raise BoardError(
            f"this board runs MicroPython {version[0]}.{version[1]}, which the firmware was not "
            "compiled for: flash it with `--image` (ESP32_GENERIC, 1.26 or newer)"
        )
    script = "import esp32\nprint(len(esp32.Partition.find(1, label='nights')))"
    if board.run(script).strip() != "1":
        raise BoardError(
            "this board has no partition for the nights: flash it with `--image`, which brings "
            "the partition table with it"
        )
    return ARCHITECTURES[mpy >> 10]


def mount(board: Remote) -> None:
    """Make a new file system where none could be mounted."""
    board.run(
        "import os\n"
        "try: os.stat('/boot.py')\n"
        "except OSError as error:\n"
        " if error.errno == 19:\n"  # ENODEV: nothing is mounted
        "  import esp32, vfs\n"
        "  area = esp32.Partition.find(1, label='vfs')[0]\n"
        "  vfs.VfsLfs2.mkfs(area)\n  vfs.mount(area, '/')"
    )


def keep(board: Remote, settings: Mapping[str, int | bytes]) -> None:
    """Write settings where the firmware will look for them."""
    blobs = {key: stored.packed(value) for key, value in settings.items()}
    board.run(
        "import esp32\nstore = esp32.NVS('lamp')\n"
        f"for key, blob in {blobs!r}.items():\n store.set_blob(key, blob)\nstore.commit()"
    )


def restart(board: Remote, settings: Mapping[str, int | bytes] | None = None) -> None:
    """Keep `settings` and start the lamp anew, which is told that it did not fall (main.ASKED)."""
    keep(board, {**(settings or {}), "strikes": -1})
    board.reset()


def forget_trial(board: Remote) -> None:
    """From now on the firmware in /a is the proven one."""
    board.run("import esp32\nstore = esp32.NVS('boot')\nstore.set_i32('ab', 0)\nstore.commit()")


def name_of(board: Remote) -> str:
    """The short name the lamp will advertise: the last two bytes of its radio's address."""
    script = (
        "import bluetooth\nble = bluetooth.BLE()\non = ble.active()\nble.active(True)\n"
        "print(ble.config('mac')[1].hex())\nble.active(on)"
    )
    found = re.search(r"[0-9a-f]{12}", board.run(script))
    if not found:
        raise BoardError("the board's radio does not come up: unplug it, plug it in, try again")
    return found[0][-4:].upper()


def image_of(path: Path) -> bytes:
    """The bytes of an image file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BoardError(f"cannot read {path} ({error.strerror}): name the .bin file") from error
