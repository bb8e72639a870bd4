"""The lamp's settings."""

import asyncio

import click

from .. import config as settings
from .. import library, terminal
from ..terminal import out
from .common import as_json, show_json, where
from .sync import connect

lamp = click.option("--lamp", help="Only the lamp of this name, for example 3F2A.")
port = click.option(
    "--port", metavar="PORT", help="By its cable: a serial device, or pyserial's URL."
)


@click.group()
def config() -> None:
    """See and change what a lamp is set to.

    \b
    dreamlamp config list
    dreamlamp config get ceiling
    dreamlamp config set ceiling 40 --port /dev/ttyUSB0
    dreamlamp config set wake 07:00
    """


def talk(lamp: str | None, port: str | None, do):
    async def once():
        async with connect(lamp, False, port) as line:
            return await do(line)

    return asyncio.run(once())


@config.command(name="list")
@lamp
@port
@as_json
def list_(lamp, port, as_json) -> None:
    """All settings, what they are, and what they mean.

    \b
    dreamlamp config list
    dreamlamp config list --port /dev/ttyUSB0 --json
    """
    found = talk(lamp, port, settings.every)
    if as_json:
        show_json(found)
        return
    about = {name: s.about for name, s in settings.SETTINGS.items()}
    about[settings.WAKE] = settings.ABOUT_WAKE
    out.print(terminal.settings(found, about))


@config.command()
@click.argument("name")
@lamp
@port
@as_json
def get(name, lamp, port, as_json) -> None:
    """What NAME is set to.

    \b
    dreamlamp config get ceiling
    dreamlamp config get wake --json
    """
    if name != settings.WAKE:
        settings.named(name)
    show(name, talk(lamp, port, lambda line: settings.get(line, name)), as_json)


@config.command(name="set", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("value")
@lamp
@port
@where
@as_json
def set_(name, value, lamp, port, folder, as_json) -> None:
    """Set NAME to VALUE.

    A wake time is kept in the library, too, so that each sync renews it; `off` ends it.

    \b
    dreamlamp config set ceiling 40
    dreamlamp config set wake 07:00 --port /dev/ttyUSB0
    """
    if name == settings.WAKE:
        if value != "off":
            settings.wall(value)
    else:
        settings.named(name).number(value)
    held = library.Library(folder).folder
    show(name, talk(lamp, port, lambda line: settings.put(line, name, value, held)), as_json)


def show(name: str, value, as_json: bool) -> None:
    if as_json:
        show_json({name: value})
    else:
        out.print(f"{name}: {terminal.value(value)}")
