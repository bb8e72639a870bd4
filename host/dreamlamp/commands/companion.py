"""`dreamlamp permit` and `watch`: who else may look on, and looking on."""

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime

import click

from .. import terminal
from ..terminal import out
from .common import as_json, on_the_lamp, show_json, which_lamp


@click.command(short_help="Let a companion's computer watch tonight.")
@click.argument("address", required=False)
@click.option(
    "--hours",
    type=click.FloatRange(0, 168),
    default=10,
    show_default=True,
    help="How long; then it ends by itself.",
)
@click.option("--watch/--no-watch", default=True, help="May see stage, heart and score live.")
@click.option("--light", is_flag=True, help="May raise the light by hand, within its limits.")
@click.option("--end", is_flag=True, help="End it now; the computer stays a companion's.")
@click.option("--own", is_flag=True, help="No companion's any more: it is mine and may all.")
@which_lamp
@as_json
def permit(address, hours, watch, light, end, own, lamp, as_json) -> None:  # fmt: skip
    """Let a companion's computer watch tonight, or raise the light. For the sleeper to type.

    The companion pairs first, while you hold the lamp's button (`dreamlamp sync --pair`); then you
    name that computer here by its ADDRESS or the end of it (`dreamlamp bonds` lists them). From
    then on the lamp itself lets it do what you permit and nothing else, and ends it in time. A
    paired computer that was never named here counts as your own. Without ADDRESS: who may what.

    \b
    dreamlamp permit 12:34:56
    dreamlamp permit 12:34:56 --light --hours 8
    dreamlamp permit 12:34:56 --end
    """
    from lamp import wire

    from .. import companion, dials, link

    rights = wire.MAY_WATCH * (watch and not end) | wire.MAY_LIGHT * (light and not end)
    until_s = 0 if end else int(time.time() + hours * 3600)

    async def turn(line):
        if address:
            bond = await companion.bond(line, address)
            if own:
                await companion.own(line, bond.slot)
            else:
                await dials.set_clock(line, datetime.now().astimezone())
                await companion.permit(line, bond.slot, rights, until_s)
        return await link.bonds(line), await companion.permits(line)

    held, permits = on_the_lamp(lamp, turn)
    if as_json:
        show_json(
            [
                {
                    "address": b.address,
                    "companion": b.slot in permits,
                    **(asdict(permits[b.slot]) if b.slot in permits else {}),
                }
                for b in held
            ]
        )
        return  # fmt: skip
    for bond in held:
        own = "this computer" if bond.ours else "your own, may all"
        said = permits[bond.slot].sentence() if bond.slot in permits else own
        out.print(f"{bond.address}  {said}")


@click.command(short_help="Watch over the sleeper from the next room.")
@click.option("--every", type=click.FloatRange(1, 300), default=10, help="Seconds between looks.")
@click.option("--once", is_flag=True, help="Look once.")
@which_lamp
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each look.")
def watch(every, once, lamp, as_json) -> None:
    """Watch over the sleeper from the next room: stage, heart, loop score; a bell at a loop.

    What is shown is the lamp's last whole half minute. On a companion's computer it needs the
    sleeper's permission, which the lamp enforces (`dreamlamp permit`). Ctrl-C ends it.

    \b
    dreamlamp watch
    dreamlamp watch --json | jq .bpm
    """
    from .. import companion, link
    from ..line import LinkLost

    async def follow(show) -> None:
        while True:
            try:
                async with link.connect(lamp) as line:
                    async for seen in companion.watch(line, every):
                        show(seen)
                        if once:
                            return
            except LinkLost:
                if once:
                    raise
                show(None)
                await asyncio.sleep(min(every, 5))

    with suppress(KeyboardInterrupt):
        if as_json:
            asyncio.run(follow(lambda seen: click.echo(json.dumps(seen and asdict(seen)))))
        else:
            with terminal.live() as show:
                asyncio.run(follow(show))
