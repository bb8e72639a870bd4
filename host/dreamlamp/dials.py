"""What a host may set on a lamp: mode, consent, numbers, light, dawns. Every write is read back.

The lamp keeps its own limits and answers with the reason where they forbid something
(line.Refusal); nothing is decided here.
"""

import struct
from dataclasses import dataclass
from datetime import datetime

from lamp import names, wire

from .errors import DreamlampError
from .line import Line

LAYOUTS = {
    wire.KEY_MODE: "<B", wire.KEY_LIVE: "<B", wire.KEY_RESCUES: "<B", wire.KEY_FULL_LUX: "<H",
    wire.KEY_SHIFT: "<b", wire.KEY_CEILING: "<B", wire.KEY_BOARD: "<B", wire.KEY_KIT: "<B",
    wire.KEY_RAW: "<B",
}  # fmt: skip


class NotKept(DreamlampError):
    """What was read back is not what was written."""


@dataclass(frozen=True)
class Consent:
    """The record on a lamp; `policy` 0: none."""

    policy: int
    unix_s: int
    third: bool = False

    @property
    def valid(self) -> bool:
        """Whether it is a consent to the policy that this program knows."""
        return self.policy == wire.POLICY

    def as_json(self) -> dict:
        at = datetime.fromtimestamp(self.unix_s).astimezone().isoformat() if self.policy else None
        return {
            "policy": self.policy, "given": at, "dark_third": self.third, "valid": self.valid,
            "policy_of_this_program": wire.POLICY,
        }  # fmt: skip


async def read(link: Line, key: int) -> int:
    """The number that stands on dial `key`."""
    layout = LAYOUTS[key]
    return int(struct.unpack(layout, await link.request(wire.GET, bytes((key,))))[0])


async def write(link: Line, key: int, number: int) -> None:
    """Turn dial `key` to `number`."""
    await _put(link, key, struct.pack(LAYOUTS[key], number))


async def mode(link: Line) -> str:
    return names.MODE[await read(link, wire.KEY_MODE)]


async def consent(link: Line) -> Consent:
    """The consent that the lamp holds."""
    policy, unix_s = struct.unpack("<BI", await link.request(wire.GET, bytes((wire.KEY_CONSENT,))))
    return Consent(policy & ~wire.POLICY_THIRD, unix_s, bool(policy & wire.POLICY_THIRD))


async def keep_consent(link: Line, record: bytes) -> Consent:
    """Write a record (consent.record, consent.withdrawn)."""
    await _put(link, wire.KEY_CONSENT, record)
    return await consent(link)


async def set_clock(link: Line, now: datetime) -> None:
    """Tell the lamp that it is `now` (aware)."""
    offset = now.utcoffset()
    assert offset is not None
    minutes = int(offset.total_seconds()) // 60
    await link.request(wire.SET_TIME, struct.pack("<Ih", int(now.timestamp()), minutes))


async def light(link: Line, level: int, minutes: int = 0) -> None:
    """Light now, `level` in L*, for an hour or going dark over `minutes` (3 to 60); 0 fades it."""
    if minutes:
        await link.request(wire.SET, bytes((wire.KEY_WIND_DOWN, level, minutes)))
    else:
        await link.request(wire.SET, bytes((wire.KEY_LIGHT, level)))


async def plan(link: Line) -> bytes:
    """The plan of dawns on the lamp (dawnplan)."""
    return await link.request(wire.GET, bytes((wire.KEY_DAWN,)))


async def keep_plan(link: Line, value: bytes) -> None:
    """Write a plan of dawns; empty ends them."""
    await _put(link, wire.KEY_DAWN, value)


async def _put(link: Line, key: int, value: bytes) -> None:
    await link.request(wire.SET, bytes((key,)) + value)
    kept = await link.request(wire.GET, bytes((key,)))
    if kept != value:
        raise NotKept(
            f"the lamp was told {value.hex(' ') or 'nothing'} and reads back "
            f"{kept.hex(' ') or 'nothing'}: restart it and try again"
        )
