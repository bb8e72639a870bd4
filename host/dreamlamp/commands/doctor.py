"""What ails the lamp."""

import asyncio

import click

from .. import doctor as checks
from .. import terminal
from ..terminal import out
from .common import as_json, show_json
from .sync import connect


@click.command()
@click.option("--lamp", help="Only the lamp of this name, for example 3F2A.")
@click.option("--port", metavar="PORT", help="By its cable: a serial device, or pyserial's URL.")
@as_json
def doctor(lamp: str | None, port: str | None, as_json: bool) -> None:
    """Ask the lamp how it is, and say what to do about what is wrong.

    A night that is being recorded goes on; its sensor is then left alone. Exit status 1 if
    something is bad, 0 with mere warnings.

    \b
    dreamlamp doctor
    dreamlamp doctor --port /dev/ttyUSB0
    """

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
                    "system": facts.system._asdict(),
                    "sensor": facts.sensor and facts.sensor._asdict(),
                    "flash": facts.flash._asdict(),
                    "crashes": facts.crashes,
                },
            }
        )
    else:
        out.print(terminal.checkup(name, checks.words(facts.system), findings))
    if any(f.state == checks.BAD for f in findings):
        raise SystemExit(1)
