"""Whom the lamp lets in: list the bonds, take one back, or all of them."""

import asyncio

import click

from ..errors import DreamlampError
from ..terminal import out
from .common import as_json, show_json


@click.command(short_help="List whom the lamp lets in, or forget them.")
@click.option("--lamp", help="Only the lamp of this name, for example 3F2A.")
@click.option("--revoke", metavar="ADDRESS", help="Let this one in no more; its number does, too.")
@click.option("--revoke-all", is_flag=True, help="Let nobody in any more, this computer last.")
@as_json
def bonds(lamp: str | None, revoke: str | None, revoke_all: bool, as_json: bool) -> None:
    """List the computers and phones that the lamp lets in, or take that right back.

    Without a computer that is let in: hold the lamp's button for three seconds and, within two
    minutes, once more for ten. That takes every right back, and one new computer may pair.

    \b
    dreamlamp bonds
    dreamlamp bonds --revoke 00:1B:DC:12:34:56
    dreamlamp bonds --revoke-all
    """
    from .. import link

    if revoke and revoke_all:
        raise click.UsageError("--revoke names one, --revoke-all takes all: choose")

    async def ask():
        async with link.connect(lamp) as line:
            held = await link.bonds(line)
            gone = [b for b in held if revoke_all or (revoke and b.is_called(revoke))]
            if revoke and not gone:
                known = ", ".join(b.address for b in held)
                raise DreamlampError(f"the lamp knows no {revoke}: it knows {known}")
            for bond in sorted(
                gone, key=lambda bond: bond.ours
            ):  # with ours goes the right to ask
                await link.revoke(line, bond)
            return [b for b in held if b not in gone], gone

    held, gone = asyncio.run(ask())
    if as_json:
        show_json({"held": [row(b) for b in held], "revoked": [row(b) for b in gone]})
        return
    for bond in gone:
        out.print(f"{bond.address} is let in no more.")
    for bond in held:
        out.print(f"{bond.slot}  {bond.address}{'  this computer' if bond.ours else ''}")


def row(bond) -> dict:
    return {"slot": bond.slot, "address": bond.address, "this_computer": bond.ours}
