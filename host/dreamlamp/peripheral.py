"""The virtual lamp's Bluetooth stack: a Bumble device that does what the firmware's socket says.

The other end is firmware/sim/bluetooth.py, whose docstring tells the frames. The order of events
and secrets is NimBLE's (ble_sm.c): a pairing by a known address first deletes the old bond and
asks until it is gone; encryption is told before the new keys are stored. Knows no product.
"""

import asyncio
import contextlib
import json
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from bumble import att, gatt, hci
from bumble.core import UUID
from bumble.device import Connection, Device, DeviceConfiguration
from bumble.keys import KeyStore, PairingKeys
from bumble.pairing import PairingConfig, PairingDelegate

READ_ENCRYPTED, WRITE_ENCRYPTED = 0x0200, 0x1000  # MicroPython's flags of a characteristic
OUR, PEER = 1, 2  # NimBLE's kinds of secret
SECRET_BYTES = 80  # about as long as NimBLE's own record
ROUNDS = 8  # a firmware that never shows the bond as deleted would hang the chip's stack


def key_of(address: hci.Address) -> bytes:
    """Address type and address, the other end first, as NimBLE keys its store."""
    return bytes([address.address_type & 1]) + bytes(address)


def told_of(address: hci.Address) -> bytes:
    """Address type and address as MicroPython's events tell it, in the order people write."""
    return bytes([address.address_type & 1]) + bytes(address)[::-1]


class Secrets(KeyStore):
    """Bumble's key store, kept by the firmware through the two secret events."""

    def __init__(self, lamp: "Peripheral") -> None:
        self.lamp = lamp

    async def ask(self, kind: int, key: bytes) -> bytes:
        return await self.lamp.ask("G", bytes([kind, 0]) + key)

    async def store(self, kind: int, key: bytes, value: bytes = b"") -> bool:
        """Store, or delete if `value` is empty; what the firmware says to it."""
        answer = await self.lamp.ask("S", bytes([kind, len(key)]) + key + value)
        return answer != b"\0"

    async def get(self, name: str) -> PairingKeys | None:
        found = await self.ask(OUR, key_of(hci.Address(name)))
        if not found:
            return None
        return PairingKeys(ltk=PairingKeys.Key(value=found[:16]))

    async def update(self, name: str, keys: PairingKeys) -> None:
        connection, device = self.lamp.connection, self.lamp.device
        if not connection or not device:
            return
        bonding = device.smp_manager.sessions[connection.handle].bonding
        self.lamp.encrypted(connection, bonding)
        if bonding and keys.ltk:
            value = keys.ltk.value.ljust(SECRET_BYTES, b"\0")
            for kind in (OUR, PEER):
                await self.store(kind, key_of(hci.Address(name)), value)

    async def again(self, address: hci.Address) -> None:
        """A known address asks to pair: delete, look, and go on once nothing is found."""
        key = key_of(address)
        for _ in range(ROUNDS):
            if not await self.ask(PEER, key):
                return
            for kind in (OUR, PEER):
                while await self.store(kind, key):
                    pass
        raise RuntimeError("the firmware keeps showing a bond it was told to delete")


class Delegate(PairingDelegate):
    """Plays the repeat pairing before every pairing."""

    def __init__(self, secrets: Secrets, connection: Connection) -> None:
        super().__init__()
        self.secrets, self.connection = secrets, connection

    async def accept(self) -> bool:
        await self.secrets.again(self.connection.peer_address)
        return True


class Peripheral:
    """The radio of the lamp at the other end of one TCP connection."""

    def __init__(self, world, reader, writer):
        self.world, self.reader, self.writer = world, reader, writer
        self.off: Callable[[], Awaitable[None]] | None = None
        self.device: Device | None = None
        self.connection: Connection | None = None
        self.characteristics: dict[int, gatt.Characteristic] = {}
        self.settings: dict[str, Any] = {}
        self.replies: dict[str, asyncio.Queue] = {k: asyncio.Queue() for k in "RGS"}
        self.asking = asyncio.Lock()
        self.secrets = Secrets(self)

    async def run(self) -> None:
        """Obey the firmware's frames until its process ends, which is a power cut."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                n = struct.unpack("<H", await self.reader.readexactly(2))[0]
                frame = await self.reader.readexactly(n)
                await self.obey(chr(frame[0]), frame[1:])

    async def obey(self, kind: str, data: bytes) -> None:
        if kind == "J":
            what, value = json.loads(data)
            await getattr(self, f"do_{what}")(value)
        elif kind in self.replies:
            self.replies[kind].put_nowait(data)
        elif kind == "N":
            await self.notify(data)
        elif kind == "D" and self.connection:
            await self.connection.disconnect()

    def send(self, kind: str, *parts: bytes) -> None:
        payload = b"".join(parts)
        self.writer.write(struct.pack("<HB", 1 + len(payload), ord(kind)) + payload)

    async def ask(self, kind: str, *parts: bytes) -> bytes:
        """Send a frame the firmware answers; its answer."""
        async with self.asking:
            self.send(kind, *parts)
            return await self.replies[kind].get()

    # --- what the firmware asks for ---

    async def do_up(self, value: dict) -> None:
        address = ":".join(value["address"][i : i + 2] for i in range(0, 12, 2)).upper()
        source, sink, self.off = await self.world.radio(address)
        config = DeviceConfiguration(name="lamp", address=hci.Address("F0:F1:F2:F3:F4:F5"))
        self.device = Device.from_config_with_hci(config, source, sink)
        self.device.on("connection", self.connected)
        self.device.keystore = self.secrets
        self.device.pairing_config_factory = lambda connection: PairingConfig(
            mitm=False, delegate=Delegate(self.secrets, connection)
        )
        await self.device.power_on()

    async def do_config(self, value: dict) -> None:
        self.settings = value
        if self.device:
            self.device.gatt_server.max_mtu = value["mtu"]

    async def do_services(self, table: list) -> None:
        assert self.device
        for uuid, rows in table:
            made = [self.characteristic(*row) for row in rows]
            self.device.add_service(gatt.Service(UUID.from_bytes(bytes.fromhex(uuid)), made))

    def characteristic(self, uuid: str, flags: int, handle: int) -> gatt.Characteristic:
        """One of the firmware's characteristics; who may do what, `allowed` says."""
        value = gatt.CharacteristicValue(
            read=lambda connection: self.read(connection, handle, flags),
            write=lambda connection, data: self.written(connection, handle, flags, data),
        )
        made: gatt.Characteristic = gatt.Characteristic(
            UUID.from_bytes(bytes.fromhex(uuid)),
            gatt.Characteristic.Properties(flags & 0xFF),
            gatt.Characteristic.READABLE | gatt.Characteristic.WRITEABLE,
            value,
        )
        self.characteristics[handle] = made
        return made

    async def do_advertise(self, value: dict) -> None:
        assert self.device
        if not value["us"]:
            await self.device.stop_advertising()
            return
        await self.device.start_advertising(
            own_address_type=hci.OwnAddressType.PUBLIC,
            advertising_data=bytes.fromhex(value["data"] or ""),
            scan_response_data=bytes.fromhex(value["response"] or ""),
            advertising_interval_min=value["us"] / 1000,
            advertising_interval_max=value["us"] / 1000,
        )

    async def notify(self, data: bytes) -> None:
        """Send, and give the buffer back once the host's side has room again."""
        connection, made = self.connection, self.characteristics.get(data[2] | data[3] << 8)
        if connection and made and self.device:
            if self.world.drops():
                self.world.count("dropped", len(data) - 4)
            else:
                await self.device.gatt_server.notify_subscriber(connection, made, data[4:], True)
                self.world.count(made.uuid.to_hex_str("-").lower(), len(data) - 4)
            while self.world.congested() and self.connection is connection:
                await asyncio.sleep(0.002)
        self.send("K", b"\x01")

    # --- what the air brings ---

    def connected(self, connection: Connection) -> None:
        self.connection = connection
        self.send("C", struct.pack("<H", connection.handle), told_of(connection.peer_address))
        connection.on("disconnection", lambda reason: self.disconnected(connection))
        connection.on("connection_att_mtu_update", lambda: self.mtu(connection))
        connection.on("connection_encryption_change", lambda: self.resumed(connection))

    def disconnected(self, connection: Connection) -> None:
        if self.connection is connection:
            self.connection = None
            self.send("D", struct.pack("<H", connection.handle), told_of(connection.peer_address))

    def mtu(self, connection: Connection) -> None:
        self.send("M", struct.pack("<HH", connection.handle, connection.att_mtu))

    def resumed(self, connection: Connection) -> None:
        """Encrypted with a key from the store; of a new pairing `Secrets.update` tells."""
        assert self.device
        session = self.device.smp_manager.sessions.get(connection.handle)
        if connection.is_encrypted and (session is None or session.completed):
            self.encrypted(connection, True)

    def encrypted(self, connection: Connection, bonded: bool) -> None:
        self.send("E", struct.pack("<HBBBB", connection.handle, 1, 0, bonded, 16))

    async def guard(self, connection: Connection, wanted: bool) -> None:
        """The two ATT errors of a link in the clear: never paired, or not yet encrypted."""
        if not wanted or connection.is_encrypted:
            return
        if await self.secrets.ask(PEER, key_of(connection.peer_address)):
            raise att.ATT_Error(att.ATT_INSUFFICIENT_ENCRYPTION_ERROR)
        raise att.ATT_Error(att.ATT_INSUFFICIENT_AUTHENTICATION_ERROR)

    async def read(self, connection: Connection, handle: int, flags: int) -> bytes:
        if not flags & gatt.Characteristic.Properties.READ:
            raise att.ATT_Error(att.ATT_READ_NOT_PERMITTED_ERROR)
        await self.guard(connection, bool(flags & READ_ENCRYPTED))
        answer = await self.ask("R", struct.pack("<HH", connection.handle, handle))
        if answer[0]:
            raise att.ATT_Error(answer[0])
        return answer[1:]

    async def written(self, connection: Connection, handle: int, flags: int, data: bytes) -> None:
        if not flags & 0x0C:
            raise att.ATT_Error(att.ATT_WRITE_NOT_PERMITTED_ERROR)
        await self.guard(connection, bool(flags & WRITE_ENCRYPTED))
        self.world.count("written", len(data))
        self.send("W", struct.pack("<HH", connection.handle, handle), data)
