"""A virtual board on a serial line: bare with MicroPython alone on it, or what was flashed.

It is the virtual lamp (sim.py) with its own file system, boot and prompt (firmware/sim/repl.py),
the loader in its ROM (rom.py) and this computer's end of its console (uart.py).
"""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

from . import image
from .rom import Rom
from .sim import Lamp, World
from .uart import Uart

BOOT_S = 60  # until it runs something or prompts: what is sent sooner is lost, as on the chip


def bare(folder: Path, stock: bool = False) -> None:
    """Let a board with MicroPython and an empty file system live in the world of `folder`.

    A `stock` one has MicroPython's own partition table, without the nights.
    """
    vfs = image.PLACE["vfs"]
    (folder / "vfs.bin").write_bytes(b"\xff" * vfs.size)
    rows = [p for p in image.LAYOUT if not stock or p.name != "nights"]
    (folder / "table.bin").write_bytes(image.table(tuple(rows)))
    for name in ("state.json", "nvs.json", "flash.bin"):
        (folder / name).unlink(missing_ok=True)


@contextlib.contextmanager
def plugged(
    world: World,
    radio: int | None = None,
    defects: tuple[str, ...] = (),
    fast_s: int = 0,
    events: tuple[tuple, ...] = (),
    chip: str = "ESP32",
    flash_mb: int = 4,
) -> Iterator[tuple[Lamp, Uart]]:
    """The board at its line; `radio` is the port of the air (air.py), if any.

    `defects` is how it was built wrong, by the names in firmware/sim/world.py. The first `fast_s`
    after each start take no time. `chip` and `flash_mb` are what esptool finds.
    """
    spec: dict = {"seed": world.scenario.seed, "events": events, "defects": defects}
    spec |= {"fast_until_s": 0, "fast_boot_s": fast_s}
    if world.scenario.kit == "eeg":
        spec |= {"eeg": True, "sensor": 0}
    spec["outside"] = ["127.0.0.1", radio] if radio else None
    (world.folder / "world.json").write_text(json.dumps(spec))
    with Uart() as uart, Lamp(world, uart=uart) as lamp:
        uart.rom = Rom(world.folder, chip, flash_mb)
        for _ in range(int(BOOT_S / 0.05)):
            if lamp.hears or lamp.said:
                break
            time.sleep(0.05)
        yield lamp, uart
