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


async def find(name: str | None = None, timeout_s: float = SCAN_S) -> BLEDevice:
    """The first lamp heard (or the one called `name`, "3F2A" or "Dreamlamp 3F2A")."""

    def wanted(device, data) -> bool:
        heard = data.local_name or device.name or ""
        if wire.SERVICE_UUID not in data.service_uuids and not heard.startswith(NAME):
            return False
        return name is None or heard.upper().endswith(name.upper())

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
async def connect(
    name: str | None = None, timeout_s: float = SCAN_S, pair: bool = False
) -> "AsyncIterator[Link]":
    """`async with connect() as link:` - find, connect, subscribe; disconnect at the end."""
    link = Link(await find(name, timeout_s), pair)
    try:
        for left in reversed(range(1 if pair else TRIES)):
            try:
                await link.open()
                break
            except BleakError:
                if not left or not link.lost:
                    raise
            link = Link(await find(name, timeout_s))
        yield link
    except BleakError as error:
        if isinstance(error, BleakGATTProtocolError) and error.code in CLEAR:
            raise NotPaired("this computer is not paired with the lamp") from error
        if link.lost:
            raise LinkLost(OUT_OF_REACH) from error
        raise LampError(
            f"Bluetooth failed ({error}): try again; if the lamp was reset, forget it in this "
            "computer's Bluetooth settings and pair again"
        ) from error
    finally:
        with contextlib.suppress(BleakError, OSError, TimeoutError):
            await link.client.disconnect()


async def pair(name: str | None = None, timeout_s: float = SCAN_S) -> str:
    """Pair with a lamp whose button was just held; its short name."""
    link = None
    try:
        async with connect(name, timeout_s, pair=True) as link:
            await link.request(wire.HELLO)
            return link.name
    except LampError as error:
        if link:
            with contextlib.suppress(BleakError):
                await link.client.unpair()
        raise NotPaired("the lamp did not let this computer in") from error


@dataclass
class Bond:
    """A computer or phone the lamp lets in."""

    slot: int
    address: str
    raw: bytes


async def bonds(link: "Link") -> list[Bond]:
    """Whom the lamp lets in."""
    found = struct.iter_unpack(wire.BOND_ENTRY, await link.request(wire.BONDS))
    return [Bond(slot, raw[:0:-1].hex(":").upper(), raw) for slot, raw in found]


async def revoke(link: "Link", bond: Bond) -> None:
    """Let it in no more."""
    await link.request(wire.UNBOND, struct.pack(wire.BOND_ENTRY, bond.slot, bond.raw))


class Link(Line):
    """A lamp connected by Bluetooth."""

    ENDED = OUT_OF_REACH

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
