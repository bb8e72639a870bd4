"""The line to a lamp: find it, connect, request -> answer, and the stream of a night's bytes.

Bluetooth by bleak. With $DREAMLAMP_AIR=host:port it goes to the virtual air instead of hardware.
Knows what a request looks like, not what it is for.
"""

import asyncio
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
from lamp import names, wire

from .errors import DreamlampError

NAME = "Dreamlamp"
SCAN_S = 10.0
TRIES = 5  # at a connection that somebody else may take first
# Waits for an answer before the question is put again, which costs nothing: the lamp does it once.
# A lamp erasing a sector is silent for up to 0.4 s; the hash of a long night takes seconds.
ANSWER_S = (0.7, 2.0, 5.0)


NO_RADIO: tuple[type[Exception], ...] = (BleakError, OSError)  # TimeoutError is one
with contextlib.suppress(ImportError):  # how bleak reaches the radio on Linux
    from dbus_fast.errors import DBusFastError

    NO_RADIO += (DBusFastError,)
CLEAR = (  # ATT errors of a link that is not encrypted as it should be
    BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION,
    BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION,
)
OUT_OF_REACH = "the lamp is out of reach: come nearer and sync again"


class LampError(DreamlampError):
    """Something is wrong with the lamp or the way to it; the text says what to do next."""


class LinkLost(LampError):
    """The connection ended; what was fetched is kept and the next sync goes on from there."""


class NotPaired(LampError):
    """The lamp does not know this computer."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"{why}: hold the lamp's button for three seconds, then pair within two minutes"
        )


class Refusal(LampError):
    """The lamp answered a request with another status than ok."""

    HINTS = {
        wire.REFUSED: "hold the lamp's button for three seconds, then pair within two minutes",
        wire.TOO_FAST: "wait ten seconds and try again",
        wire.FAULT: "restart the lamp; its nights are safe",
    }

    def __init__(self, opcode: int, status: int) -> None:
        self.status = status
        known = names.STATUS
        name = known[status] if status < len(known) else f"status {status}"
        hint = self.HINTS.get(status, "update the lamp or this program so that both agree")
        super().__init__(f"the lamp answered request {opcode:#04x} with '{name}': {hint}")


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
        raise LampError(
            f"no Bluetooth here ({_said(error)}): plug an adapter in or switch it on (on Linux "
            "the service bluetooth has to run) and try again"
        ) from error
    if device is None:
        raise LampError(
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


class Link:
    """A connected lamp. `name` is its short name, `revision` its "protocol.firmware"."""

    def __init__(self, device: BLEDevice, pair: bool = False) -> None:
        self.name = (device.name or "").removeprefix(NAME).strip() or "lamp"
        self.client = BleakClient(device, self._ended, pair=pair, **backends()[1])
        self.lost = False
        self.revision = ""
        self.data: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        self.tag = 0
        self.waiting: dict[tuple[int, int], asyncio.Future[bytes]] = {}
        self.turn = asyncio.Lock()  # one request at a time: the lamp answers in order

    async def open(self) -> None:
        try:
            await self.client.connect()
        except BleakError:
            raise
        except NO_RADIO as error:
            raise BleakError(_said(error)) from error
        uuid = f"0000{wire.SOFTWARE_REVISION:04x}-0000-1000-8000-00805f9b34fb"
        self.revision = bytes(await self.client.read_gatt_char(uuid)).decode(errors="replace")
        if self.revision.split(".")[0] != str(wire.PROTOCOL):
            raise LampError(
                f"the lamp speaks protocol {self.revision or '?'}, this program {wire.PROTOCOL}: "
                "update the older of the two"
            )
        await self.client.start_notify(wire.CONTROL_UUID, self._answered)
        await self.client.start_notify(wire.DATA_UUID, self._streamed)

    async def request(self, opcode: int, body: bytes = b"") -> bytes:
        """The body of the lamp's answer; asked again if the answer was lost on the way."""
        async with self.turn:
            self.tag = self.tag % 255 + 1
            key, message = (opcode, self.tag), bytes((opcode, self.tag)) + body
            for patience in ANSWER_S:
                answer = self.waiting[key] = asyncio.get_running_loop().create_future()
                try:
                    await self._write(message)
                    status, *_ = got = await asyncio.wait_for(answer, patience)
                    break
                except TimeoutError:
                    continue
                finally:
                    self.waiting.pop(key, None)
            else:
                raise LampError("the lamp does not answer: unplug it, plug it in, and try again")
        if status != wire.OK:
            raise Refusal(opcode, status)
        return got[1:]

    async def tell(self, opcode: int, body: bytes = b"") -> None:
        """Send a request that is not answered: tag 0, in a write without response."""
        async with self.turn:
            await self._write(bytes((opcode, 0)) + body, response=False)

    async def _write(self, message: bytes, response: bool = True) -> None:
        if self.lost:
            raise LinkLost(OUT_OF_REACH)
        await self.client.write_gatt_char(wire.CONTROL_UUID, message, response=response)

    def _answered(self, _, value: bytearray) -> None:
        if len(value) < 3 or not value[0] & wire.ANSWER:
            return
        future = self.waiting.get((value[0] & ~wire.ANSWER, value[1]))
        if future and not future.done():
            future.set_result(bytes(value[2:]))

    def _streamed(self, _, value: bytearray) -> None:
        if len(value) > wire.DATA_HEADER_SIZE:
            offset = struct.unpack_from(wire.DATA_HEADER, value)[0]
            self.data.put_nowait((offset, bytes(value[wire.DATA_HEADER_SIZE :])))

    def _ended(self, _client) -> None:
        self.lost = True
        self.data.put_nowait(None)
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(LinkLost(OUT_OF_REACH))
                future.exception()  # told, even if the one who waited has gone
