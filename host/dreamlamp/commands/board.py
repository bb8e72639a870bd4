"""Make a lamp of a board, and renew its firmware."""

import asyncio
from datetime import datetime
from pathlib import Path

import click
from lamp import names

from .. import terminal
from ..terminal import out
from .common import as_json, show_json

port = click.argument("port", required=False)


@click.command(short_help="Make a lamp of an ESP32.")
@port
@click.option("--image", "file", type=click.Path(path_type=Path), help="MicroPython's .bin.")
@click.option("--micropython", "version", help="Or its version, to be fetched by mpflash.")
@click.option("--sha256", help="What the fetched image must hash to.")
@click.option("--copy", is_flag=True, help="The board has MicroPython and the partitions: "
              "copy the files only.")  # fmt: skip
@click.option("--erase", is_flag=True, help="Erase everything first: nights and bonds too.")
@click.option("--yes", is_flag=True, help="Erase without asking.")
@click.option("--now", is_flag=True, help="Even while a night is being recorded.")
@click.option("--board", "kind", type=click.Choice(["devkitc"]), default="devkitc",
              show_default=True, help="What its pins are called after.")  # fmt: skip
@click.option("--kit", type=click.Choice(["heart", "eeg"]), default="heart", show_default=True)
@as_json
def flash(port, file, version, sha256, copy, erase, yes, now, kind, kit, as_json) -> None:
    """Make a lamp of the ESP32 at PORT (default: the only board on USB).

    MicroPython, the partition for the nights and the firmware are written and read back; then
    the lamp starts, its parts are checked, and it advertises. Nights, settings and bonds that
    are on the board stay.

    \b
    dreamlamp flash --image ESP32_GENERIC.bin
    dreamlamp flash /dev/ttyUSB0 --micropython 1.28.0 --sha256 HASH
    dreamlamp flash rfc2217://bench:4000 --image ESP32_GENERIC.bin
    """
    from .. import fetched, remote
    from .. import flash as flashing

    if sum(map(bool, (file, version, copy))) > 1:
        raise click.UsageError("name one of --image, --micropython and --copy")
    if copy and erase:
        raise click.UsageError("--erase erases MicroPython too: bring it with --image")
    port = port or remote.find_port()
    image = None
    if file:
        image = flashing.image_of(file)
    elif not copy:
        image = fetched.image(version or fetched.VERSION, sha256)
    found = flashing.standing(port)
    if not now:
        flashing.refuse_in_a_night(found, "flash")
    if erase and not yes:
        click.confirm(f"Erase {at_stake(found)}, for good?", abort=True, err=True)
    settings = {"board": names.BOARD.index(kind), "kit": names.KIT.index(kit)}
    steps = {"flash": "flash", "copying": "copy", "verify": "verify", "start": "start"}
    with terminal.bars(steps) as told:
        done = flashing.flash(port, image, settings, told, erase)
        lamp, findings, seen = asyncio.run(started(port, told))
    if as_json:
        show_json({**done.as_json(), "findings": [f.__dict__ for f in findings], "heard": seen})
        return
    out.print(f"{done.files} files, {done.bytes} bytes, each as it should be, on MicroPython "
              f"{done.micropython}.")  # fmt: skip
    wrong = [f for f in findings if f.state != "fine"]
    if wrong:
        out.print(terminal.checkup(lamp, {}, wrong))
    out.print(f"It advertises as Dreamlamp {done.name}" + (", and was heard." if seen else "."))
    out.print("Now hold its button for three seconds and run `dreamlamp sync --pair`.")


def at_stake(found) -> str:
    """What erasing a board takes away."""
    if found is None:
        return "all that is on this board, of which nothing is known for it does not answer"
    nights = f"{found.nights} night{'s' * (found.nights != 1)}"
    return f"{nights} ({found.unsynced} not synced), the settings and all bonds"


async def started(port: str, told):
    """Tell the lamp the time, check its parts; its name, what was found, and if it was heard."""
    from .. import dials, doctor, flash, link
    from ..line import LampError

    async with flash.lamp_at(port, lambda share: told("start", share)) as line:
        await dials.set_clock(line, datetime.now().astimezone())
        findings = doctor.examine(await doctor.ask(line))
        name = line.name
    try:
        await link.find(name)
        heard = True
    except LampError:  # this computer may have no Bluetooth
        heard = False
    told("start", 1)
    return name, findings, heard


@click.command(short_help="Bring this version's firmware to a lamp.")
@port
@click.option("--now", is_flag=True, help="Even while a night is being recorded.")
@as_json
def update(port, now, as_json) -> None:
    """Bring this version's firmware to the lamp at PORT (default: the only board on USB).

    It is written beside the one that runs and must run for a minute before it replaces it; if
    it cannot, the lamp goes back by itself. Nights, settings and bonds stay.

    \b
    dreamlamp update
    dreamlamp update /dev/ttyUSB0
    """
    from .. import remote
    from .. import update as updating

    port = port or remote.find_port()
    with terminal.bars({"copying": "copy", "trial": "trial"}) as told:
        done = updating.update(port, told, busy=now)
    if as_json:
        show_json(done.as_json() if done else {"ok": True, "proven": True, "same": True})
    elif done is None:
        out.print("The lamp has this firmware already.")
    elif done.proven:
        out.print(f"The new firmware has proved itself and runs from /{done.slot}.")
    else:
        out.print("The new firmware did not prove itself: the lamp went back to the one before.")
        if done.crash:
            out.print(f"What it last said: {done.crash.strip().splitlines()[-1]}", soft_wrap=True)
    if done and not done.proven:
        raise SystemExit(1)
