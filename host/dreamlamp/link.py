"""The line to a lamp by Bluetooth: find it, connect, pair; the rest is line.Line's.

By bleak. With $DREAMLAMP_AIR=host:port it goes to the virtual air instead of hardware.
"""

import contextlib
import json
import os
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.exc import BleakError, BleakGATTProtocolError, BleakGATTProtocolErrorCode
from lamp import wire

from .line import Absent, LampError, Line, LinkLost, NotPaired

NAME = "Dreamlamp"
SCAN_S = 10.0
BUSY_S = 60.0  # to hear a virtual lamp, which shares a busy computer with us
TRIES = 5  # at a connection that somebody else may take first


NO_RADIO: tuple[type[Exception], ...] = (BleakError, OSError)  # TimeoutError is one
with contextlib.suppress(ImportError):  # how bleak reaches the radio on Linux
    from dbus_fast.errors import DBusFastError

    NO_RADIO += (DBusFastError,)
CLEAR = (  # ATT errors of a link that is not encrypted as it should be
    BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION,
    BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION,
)
OUT_OF_REACH = "the lamp is out of reach: come nearer and sync again"
HUNG_UP = (
    "the lamp hung up: come nearer and try again; if it does not know this computer, hold its "
    "button for three seconds, then run `dreamlamp sync --pair`"
)


def backends() -> tuple[dict, dict]:
    """What BleakScanner and BleakClient need to be told: nothing, on real hardware."""
    if not os.environ.get("DREAMLAMP_AIR"):
        return {}, {}
    from .bleak_bumble import Client, Scanner

    return {"backend": Scanner}, {"backend": Client}


def virtual() -> dict:
    """What is known of the heart a virtual lamp watches: `sim` leaves it beside the keys."""
    if not os.environ.get("DREAMLAMP_AIR"):
        return {}
    try:
        beside = Path(os.environ["DREAMLAMP_AIR_KEYS"]).with_name("source.json")
        return {"source": json.loads(beside.read_text())}
    except (KeyError, OSError, ValueError):
        return {"source": {"heart": "virtual"}}


async def find(name: str | None = None) -> BLEDevice:
    """The first lamp heard (or the one called `name`, "3F2A" or "Dreamlamp 3F2A")."""

    def wanted(device, data) -> bool:
        heard = data.local_name or device.name or ""
        if wire.SERVICE_UUID not in data.service_uuids and not heard.startswith(NAME):
            return False
        return name is None or heard.upper().endswith(name.upper())

    timeout_s = BUSY_S if os.environ.get("DREAMLAMP_AIR") else SCAN_S
    try:
        device = await BleakScanner.find_device_by_filter(
            wanted, timeout=timeout_s, **backends()[0]
        )
    except NO_RADIO as error:
        raise Absent(
            f"no Bluetooth here ({_said(error)}): plug an adapter in or switch it on (on Linux "
            "the service bluetooth has to run) and try again"
        ) from error
    if device is None:
        raise Absent(
            f"no lamp{f' called {name}' if name else ''} was heard within {timeout_s:g} s: "
            "plug it in, come nearer, and make sure that no other computer is connected to it"
        )
    return device


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


@contextlib.asynccontextmanager
async def connect(name: str | None = None, pair: bool = False) -> "AsyncIterator[Link]":
    """`async with connect() as link:` - find, connect, subscribe; disconnect at the end.

    With `pair` a bond is made first, and an old one that the lamp does not know any more given up.
    """
    link = Link(await find(name), pair)
    try:
        for left in reversed(range(2 if pair else TRIES)):
            try:
                await link.open()
                break
            except BleakError:
                if pair:
                    await forget(link)
                if not left or not (pair or link.lost):
                    raise
            link = Link(await find(name), pair)
        yield link
    except BleakError as error:
        if pair and not link.heard:
            raise NotPaired("the lamp did not let this computer in") from error
        if _in_the_clear(error):
            raise NotPaired("this computer is not paired with the lamp") from error
        if link.lost:
            raise link.why_lost() from error
        raise LampError(
            f"Bluetooth failed ({error}): try again; if the lamp was reset, hold its button for "
            "three seconds, then run `dreamlamp sync --pair`"
        ) from error
    finally:
        if pair and not link.heard:
            await forget(link)
        else:
            with contextlib.suppress(*NO_RADIO):
                await link.client.disconnect()


def _in_the_clear(error: BleakError) -> bool:
    """Whether the lamp wanted the link encrypted; BlueZ says so in words."""
    if isinstance(error, BleakGATTProtocolError):
        return error.code in CLEAR
    return "NotPermitted" in str(error) and "Not paired" in str(error)


async def forget(link: "Link") -> None:
    """Give up this computer's half of a bond: a key the lamp has not got is worse than none."""
    with contextlib.suppress(*NO_RADIO):
        await link.client.disconnect()
    with contextlib.suppress(*NO_RADIO):
        await link.client.unpair()


async def pair(name: str | None = None) -> str:
    """Pair with a lamp whose button was just held; its short name."""
    try:
        async with connect(name, pair=True) as link:
            await link.request(wire.HELLO)
            return link.name
    except LampError as error:
        raise NotPaired("the lamp did not let this computer in") from error


@dataclass
class Bond:
    """A computer or phone the lamp lets in."""

    slot: int
    address: str
    ours: bool  # it is this computer
    raw: bytes  # the lamp's own words for it

    def is_called(self, name: str) -> bool:
        """Whether somebody means it by `name`: its address or its slot."""
        return name.upper() == self.address or name == str(self.slot)


async def bonds(link: "Link") -> list[Bond]:
    """Whom the lamp lets in."""
    answer = await link.request(wire.BONDS)
    found = []
    for slot, raw in struct.iter_unpack(wire.BOND_ENTRY, answer):
        number, ours = slot & ~wire.BOND_OURS, bool(slot & wire.BOND_OURS)
        found.append(Bond(number, raw[:0:-1].hex(":").upper(), ours, raw))
    return found


async def revoke(link: "Link", bond: Bond) -> None:
    """Let it in no more; if it is this computer, the lamp hangs up, and its half goes as well."""
    try:
        await link.request(wire.UNBOND, struct.pack(wire.BOND_ENTRY, bond.slot, bond.raw))
    except LinkLost:
        if not bond.ours:
            raise
    if bond.ours:
        await forget(link)


class Link(Line):
    """A lamp connected by Bluetooth."""

    def __init__(self, device: BLEDevice, pair: bool = False) -> None:
        super().__init__((device.name or "").removeprefix(NAME).strip())
        self.client = BleakClient(device, lambda _: self.ended(), pair=pair, **backends()[1])

    async def open(self) -> None:
        try:
            await self.client.connect()
        except BleakError:
            raise
        except NO_RADIO as error:
            raise BleakError(_said(error)) from error
        uuid = f"0000{wire.SOFTWARE_REVISION:04x}-0000-1000-8000-00805f9b34fb"
        revision = bytes(await self.client.read_gatt_char(uuid)).decode(errors="replace")
        self.heard_revision(revision)
        await self.client.start_notify(wire.CONTROL_UUID, lambda _, value: self.answered(value))
        await self.client.start_notify(wire.DATA_UUID, lambda _, value: self.streamed(value))

    async def _write(self, message: bytes, response: bool) -> None:
        await self.client.write_gatt_char(wire.CONTROL_UUID, message, response=response)

    def why_lost(self) -> LinkLost:
        return LinkLost(OUT_OF_REACH if self.heard else HUNG_UP)
