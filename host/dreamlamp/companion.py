"""The other side of the bed: what a companion's computer may, and the night as it is now.

A companion's computer is a bond that the sleeper limited: it may watch, or raise the light, until
a moment that the lamp itself keeps and enforces. Knows no terminal.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import datetime

from lamp import names, wire

from .errors import DreamlampError
from .link import Bond, Link, bonds

EVERY_S = 10.0  # between two looks: an epoch is 30 s
LOOP, QUIET = 100, 70  # of the score: a bell at the first, the next one only after the second
MOST_HOURS = 7 * 24


class NotKept(DreamlampError):
    """The lamp says something else than what was permitted."""


@dataclass(frozen=True)
class Permit:
    """What the bond in `slot` may until Unix second `until_s`; None: it is the sleeper's own."""

    slot: int
    rights: int
    until_s: int

    def sentence(self) -> str:
        may = [word for bit, word in RIGHTS.items() if self.rights & bit]
        until = datetime.fromtimestamp(self.until_s).astimezone()
        if not may or until < datetime.now().astimezone():
            return "a companion's, may nothing now"
        return f"a companion's, may {' and '.join(may)} until {until:%A %H:%M}"


RIGHTS = {wire.MAY_WATCH: "watch", wire.MAY_LIGHT: "raise the light"}


@dataclass(frozen=True)
class Now:
    """The lamp's last whole epoch, and its light at this moment (L*)."""

    state: int
    mode: str
    stage: str
    confidence: int  # percent
    bpm: float
    score: int
    light: int
    quality: int  # percent
    night: int
    epoch: int
    bell: bool = False  # a loop was seen now for the first time

    @property
    def recording(self) -> bool:
        return self.state == wire.RECORDING


async def permits(link: Link) -> dict[int, Permit]:
    """Of each bond that is a companion's, by its slot."""
    said = await link.request(wire.GET, bytes((wire.KEY_PERMIT,)))
    found = (Permit(*entry) for entry in struct.iter_unpack(wire.PERMIT_LAYOUT, said))
    return {permit.slot: permit for permit in found}


async def permit(link: Link, slot: int, rights: int, until_s: int) -> None:
    """Make the bond in `slot` a companion's, with these rights until then; read back."""
    value = struct.pack(wire.PERMIT_LAYOUT, slot, rights, until_s)
    await link.request(wire.SET, bytes((wire.KEY_PERMIT,)) + value)
    await _check(link, slot, Permit(slot, rights, until_s))


async def own(link: Link, slot: int) -> None:
    """Make the bond in `slot` the sleeper's own again."""
    await link.request(wire.SET, bytes((wire.KEY_PERMIT, slot)))
    await _check(link, slot, None)


async def _check(link: Link, slot: int, wanted: Permit | None) -> None:
    if (await permits(link)).get(slot) != wanted:
        raise NotKept("the lamp reads back something else: restart it and try again")


async def bond(link: Link, address: str) -> Bond:
    """The bond whose address is `address` or ends in it; never this computer's own."""
    held = [b for b in await bonds(link) if not b.ours]
    found = [b for b in held if b.address.upper().endswith(address.upper())]
    if len(found) != 1:
        known = ", ".join(b.address for b in held)
        raise DreamlampError(
            f"{address!r} is not one of the others the lamp lets in: {known}"
            if held
            else "the lamp lets in no other computer: the companion pairs first, with "
            "`dreamlamp sync --pair` and your finger on the button"
        )
    return found[0]


async def now(link: Link) -> Now:
    """Ask the lamp; line.Refusal if that is not permitted."""
    said = struct.unpack(wire.STATUS_LAYOUT, await link.request(wire.STATUS))
    state, mode, stage, confidence, bpm_x10, score, light, quality, night, epoch = said
    return Now(
        state, names.MODE[mode], names.STAGE.get(stage, "unscored"), confidence, bpm_x10 / 10,
        score, light, quality, night, epoch,
    )  # fmt: skip


async def watch(link: Link, every_s: float = EVERY_S) -> AsyncIterator[Now]:
    """Look again and again, as long as the link and the permission last."""
    armed = True
    while True:
        seen = await now(link)
        bell = armed and seen.recording and seen.score >= LOOP
        armed = (armed or seen.score < QUIET) and not bell
        yield Now(**{**asdict(seen), "bell": bell})
        await asyncio.sleep(every_s)
