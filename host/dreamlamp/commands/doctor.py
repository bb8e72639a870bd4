"""What ails the lamp."""

import asyncio

import click
from lamp import names

from .. import bringup, bringupeeg, terminal
from .. import doctor as checks
from ..terminal import err, out
from .common import as_json, show_json
from .sync import connect


@click.command(short_help="Ask the lamp how it is, and what to do.")
@click.option("--lamp", help="Only the lamp of this name, for example 3F2A.")
@click.option("--port", metavar="PORT", help="By its cable: a serial device, or pyserial's URL.")
@click.option(
    "--wiring",
    is_flag=True,
    help="By its cable, below the firmware: a finger on it; electrodes OFF!",
)
@click.option("--kit", type=click.Choice(["heart", "eeg"]),
              help="With --wiring: what was built, if not what is set.")  # fmt: skip
@as_json
def doctor(
    lamp: str | None, port: str | None, wiring: bool, kit: str | None, as_json: bool
) -> None:
    """Ask the lamp how it is, and say what to do about what is wrong.

    A night that is being recorded goes on; its sensor is then left alone. With --wiring, for one
    just built, the lamp is stopped for half a minute, every wire is looked at, and it starts anew.
    Exit status 1 if something is bad, 0 with mere warnings.

    \b
    dreamlamp doctor
    dreamlamp doctor --port /dev/ttyUSB0
    dreamlamp doctor --wiring
    dreamlamp doctor --wiring --kit eeg
    """
    if wiring:
        _wiring(port, kit, as_json)
        return

    async def ask():
        async with connect(lamp, False, port) as line:
            return line.name, await checks.ask(line)

    name, facts = asyncio.run(ask())
    findings = checks.examine(facts)
    if as_json:
        show_json(
            {
                "lamp": name,
                "findings": [f.__dict__ for f in findings],
                "facts": {
                    "state": names.STATE[facts.state],
                    "system": facts.system._asdict(),
                    "sensor": facts.sensor and facts.sensor._asdict(),
                    "flash": facts.flash._asdict(),
                    "crashes": facts.crashes,
                },
            }
        )
    else:
        out.print(terminal.checkup(name, checks.words(facts), findings))
    if any(f.state == checks.BAD for f in findings):
        raise SystemExit(1)


def _wiring(port: str | None, kit: str | None, as_json: bool) -> None:
    """The checks of the build guide (hardware/README.md), at the board's own prompt."""
    from .. import flash, remote

    port = port or remote.find_port()
    with remote.connect(port) as board, terminal.bars({}) as told:
        ask = err.print if err.is_terminal and not as_json else None
        kit = kit or bringup.kit_of(board.run)
        if kit == "eeg":
            err.print("USB is in: no electrodes on anybody until it is out again.", style="red")
        checks_of = bringupeeg.checks if kit == "eeg" else bringup.checks
        found = checks_of(board.run, told, ask)
        flash.restart(board)
    if as_json:
        show_json({"port": port, "kit": kit, "checks": [check.as_json() for check in found]})
    else:
        states = {True: checks.FINE, False: checks.BAD, None: checks.CURIOUS}
        rows = [
            checks.Finding(
                "wiring",
                check.name,
                states[check.ok],
                check.reading if check.ok else f"{check.reading}; wanted: {check.expected}",
                check.advice,
            )
            for check in found
        ]
        out.print(terminal.checkup(port, {}, rows))
    if any(check.ok is False for check in found):
        raise SystemExit(1)
