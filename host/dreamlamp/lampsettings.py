"""The lamp's settings as a person changes them: each is written and read back over one connection.

Nothing is kept for later: where the lamp is not near, or says something else than what was
written, the one who asked hears it now. Knows no page.
"""

import struct
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from datetime import time as wall

from lamp import names, wire

from . import consent, dawnplan
from .errors import DreamlampError
from .link import Link, Refusal

Connect = Callable[[], AbstractAsyncContextManager[Link]]


class NotKept(DreamlampError):
    """The lamp says something else than what was written."""


@dataclass(frozen=True)
class Dawn:
    """A plan as the lamp holds it: level L*, window in min, and the deadlines, Unix seconds."""

    level: int
    window_min: int
    at_s: tuple[int, ...]

    def next(self) -> datetime | None:
        """The next deadline in this computer's zone."""
        due = [s for s in self.at_s if s > time.time()]
        return datetime.fromtimestamp(due[0]).astimezone() if due else None


@dataclass(frozen=True)
class Settings:
    """What the lamp says: mode by name, policy agreed to (0 none) and when (Unix seconds)."""

    mode: str
    policy: int
    agreed_s: int
    dawn: Dawn | None
    light: int  # L* now

    @property
    def third(self) -> bool:
        return bool(self.policy & wire.POLICY_THIRD)


async def read(connect: Connect) -> Settings:
    """Ask the lamp."""
    async with connect() as link:
        return await _read(link)


async def _read(link: Link) -> Settings:
    (mode,) = await _get(link, wire.KEY_MODE)
    policy, agreed_s = struct.unpack("<BI", await _get(link, wire.KEY_CONSENT))
    status = struct.unpack(wire.STATUS_LAYOUT, await link.request(wire.STATUS))
    plan = await _get(link, wire.KEY_DAWN)
    dawn = None
    if len(plan) > 2:
        dawn = Dawn(plan[0], plan[1], struct.unpack(f"<{(len(plan) - 2) // 4}I", plan[2:]))
    return Settings(names.MODE[mode], policy, agreed_s, dawn, status[6])


async def _get(link: Link, key: int) -> bytes:
    return await link.request(wire.GET, bytes((key,)))


async def write(connect: Connect, key: int, value: bytes) -> Settings:
    """Set `key`, read it back, and say how the lamp stands; NotKept if it differs."""
    async with connect() as link:
        await _tell_time(link)
        try:
            await link.request(wire.SET, bytes((key,)) + value)
        except Refusal as refusal:
            raise NotKept(_why_not(refusal)) from None
        if key not in (wire.KEY_WIND_DOWN, wire.KEY_LIGHT):  # these are done, not kept
            said = await _get(link, key)
            if said != value:
                raise NotKept(
                    f"the lamp was told {value.hex()} and says {said.hex()}: try again, and if "
                    "it stays so, restart the lamp"
                )
        return await _read(link)


async def _tell_time(link: Link) -> None:
    """A plan of dawns is worth as much as the lamp's clock."""
    now = datetime.now().astimezone()
    offset = now.utcoffset()
    minutes = int(offset.total_seconds()) // 60 if offset else 0
    await link.request(wire.SET_TIME, struct.pack("<Ih", int(now.timestamp()), minutes))


def _why_not(refusal: Refusal) -> str:
    """A refusal by the lamp's own limits, in words."""
    limit = getattr(wire, "WILL_NOT", 0)
    why = refusal.status & ~limit
    if limit and refusal.status & limit and why < len(names.WHY):
        return f"the lamp will not ({names.WHY[why]}): nothing was changed"
    return str(refusal)


def mode(name: str) -> tuple[int, bytes]:
    """(key, value) of mode `name`."""
    return wire.KEY_MODE, bytes((names.MODE.index(name),))


def dawn(at: wall | None, level: int = 60, window_min: int = 0) -> tuple[int, bytes]:
    """(key, value) of a dawn at this time of the next seven mornings here; None: no dawn."""
    if at is None:
        return wire.KEY_DAWN, b""
    now = datetime.now().astimezone()
    return wire.KEY_DAWN, dawnplan.plan(at, None, now, level, window_min)


def wind_down(level: int, minutes: int) -> tuple[int, bytes]:
    """(key, value): light now, going dark over `minutes`."""
    return wire.KEY_WIND_DOWN, bytes((level, minutes))


def agreed(third: bool) -> tuple[int, bytes]:
    """(key, value) of a consent given now."""
    return wire.KEY_CONSENT, consent.record(int(time.time()), third)


def withdrawn() -> tuple[int, bytes]:
    return wire.KEY_CONSENT, consent.withdrawn()
