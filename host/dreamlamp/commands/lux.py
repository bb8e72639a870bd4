"""How bright the lamp is where its sleeper lies."""

import click

from .. import bringup
from ..terminal import err
from .common import answered, as_json, show_json

SECONDS = 10
LUX = click.IntRange(1, 6500)  # cie.lux_x10 holds so many


@click.command(short_help="Measure full light at the pillow.")
@click.argument("lux", type=LUX, required=False)
@click.option("--port", metavar="PORT", help="Its cable: a serial device, or pyserial's URL.")
@as_json
def lux(lux: int | None, port: str | None, as_json: bool) -> None:
    """Hold full light for ten seconds, and tell the lamp how many lux that is at the pillow.

    By its cable, which stops a night that is being recorded. The lamp's limits are in lux at the
    pillow: do this where it will stand, in the dark, with a lux meter that faces it.

    \b
    dreamlamp lux              shine, then ask what the meter read
    dreamlamp lux 180          only tell the lamp
    """
    from .. import flash, remote

    port = port or remote.find_port()
    with remote.connect(port) as board:
        if lux is None:
            err.print(f"Full light for {SECONDS} seconds. Read the meter on the pillow.")
            bringup.prepare(board.run)
            bringup.shine(board.run, SECONDS)
            with answered("give what the meter read, as in `dreamlamp lux 180`"):
                lux = click.prompt("What did it read, in lux", type=LUX, err=True)
        flash.restart(board, {"full_lux": lux})
    if as_json:
        show_json({"port": port, "full_lux": lux})
    else:
        err.print(f"The lamp reckons with {lux} lux at the pillow at full light.")
