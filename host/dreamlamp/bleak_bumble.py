"""A bleak backend on Bumble: unmodified bleak code talks to the virtual air.

Real hardware never comes through here. Knows no product.
"""

import asyncio
import contextlib
from typing import Any
from uuid import UUID

import bleak
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakDeviceNotFoundError, BleakError, BleakGATTProtocolError
from bumble import att, core, hci
from bumble.core import AdvertisingData
from bumble.device import Connection, Device, Peer

from .adapter import Adapter

MTU = 247
PROPERTIES = (
    "broadcast",
    "read",
    "write-without-response",
    "write",
    "notify",
    "indicate",
    "authenticated-signed-writes",
    "extended-properties",
)


def use() -> None:
    """Let `BleakScanner` and `BleakClient` come here without being told."""
    place: Any = bleak
    place.get_platform_scanner_backend_type = lambda: (Scanner, "bumble")
    place.get_platform_client_backend_type = lambda: (Client, "bumble")


class Scanner(BaseBleakScanner):
    def __init__(self, detection_callback, service_uuids, scanning_mode="active", **kwargs):
        super().__init__(detection_callback, service_uuids)
        self.active = scanning_mode != "passive"

    async def start(self) -> None:
        self.seen_devices = {}
        self.device = await Adapter.hold()
        self.device.on("advertisement", self.seen)
        await self.device.start_scanning(active=self.active)

    async def stop(self) -> None:
        with contextlib.suppress(ValueError, KeyError):
            self.device.remove_listener("advertisement", self.seen)
        if self.device.scanning:
            await self.device.stop_scanning()
        await Adapter.release()

    def seen(self, advertisement) -> None:
        data = advertised(advertisement)
        if not self.is_allowed_uuid(data.service_uuids):
            return
        address = advertisement.address
        device = self.create_or_update_device(
            str(address), plain(address), data.local_name, address, data
        )
        self.call_detection_callbacks(device, data)


def plain(address: hci.Address) -> str:
    """`AA:BB:..` without Bumble's mark for a public address."""
    return str(address).split("/")[0]


def advertised(advertisement) -> AdvertisementData:
    """Bumble's view of an advertisement as bleak's."""
    kinds, data = AdvertisingData.Type, advertisement.data
    uuids: list[str] = []
    for kind in (
        kinds.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
        kinds.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
        kinds.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
        kinds.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
    ):
        for found in data.get_all(kind):
            uuids += [text(uuid) for uuid in found]
    return AdvertisementData(
        local_name=data.get(kinds.COMPLETE_LOCAL_NAME) or data.get(kinds.SHORTENED_LOCAL_NAME),
        manufacturer_data=dict(data.get_all(kinds.MANUFACTURER_SPECIFIC_DATA)),
        service_data={},
        service_uuids=sorted(set(uuids)),
        tx_power=None,
        rssi=advertisement.rssi,
        platform_data=(advertisement,),
    )


def text(uuid: core.UUID) -> str:
    """A UUID as bleak writes it."""
    return str(UUID(bytes=uuid.to_bytes(force_128=True)[::-1]))


@contextlib.contextmanager
def errors():
    """Bumble's exceptions as bleak's."""
    try:
        yield
    except att.ATT_Error as error:
        raise BleakGATTProtocolError(error.error_code) from error
    except (core.BaseBumbleError, asyncio.CancelledError, TimeoutError) as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
            raise
        raise BleakError(f"{type(error).__name__}: {error}") from error


class Client(BaseBleakClient):
    def __init__(self, address_or_ble_device, services=None, **kwargs):
        super().__init__(address_or_ble_device, **kwargs)
        self.target = getattr(address_or_ble_device, "details", None)
        self.connection: Connection | None = None
        self.holds = False  # the adapter
        self.subscribed: dict[int, Any] = {}

    @property
    def name(self) -> str:
        return self.address

    @property
    def mtu_size(self) -> int:
        return self.peer.gatt_client.mtu

    @property
    def is_connected(self) -> bool:
        return self.connection is not None

    async def connect(self, pair: bool, **kwargs: Any) -> None:
        if self.target is None:
            found = await bleak.BleakScanner.find_device_by_address(
                self.address, timeout=self._timeout, backend=Scanner
            )
            if found is None:
                raise BleakDeviceNotFoundError(self.address, f"{self.address} was not found")
            self.target = found.details
        device = await Adapter.hold()
        self.holds = True
        try:
            with errors():
                self.connection = await device.connect(self.target, timeout=self._timeout)
                self.connection.on("disconnection", self.lost)
                self.peer = Peer(self.connection)
                await self.peer.request_mtu(MTU)
                await self.secure(device, pair)
                self.services = await self.discover()
        except BaseException:
            await self.disconnect()
            await self.let_go()
            raise

    async def secure(self, device: Device, pair: bool) -> None:
        """Resume a bond, as an operating system does by itself; or make one, if told to."""
        connection = self.alive()
        name = str(connection.peer_address)
        keystore = device.keystore
        assert keystore
        if await keystore.get(name):
            try:
                return await connection.encrypt()
            except hci.HCI_Error:  # the lamp has forgotten this host
                if not pair:
                    raise
                await keystore.delete(name)
        if pair:
            await connection.pair()

    def lost(self, _reason: int) -> None:
        if self.connection is None:
            return
        self.connection = None
        self.subscribed.clear()
        keep = asyncio.ensure_future(self.let_go())
        keep.add_done_callback(lambda _: None)
        if self._disconnected_callback:
            self._disconnected_callback()

    async def let_go(self) -> None:
        if self.holds:
            self.holds = False
            await Adapter.release()

    async def disconnect(self) -> None:
        if self.connection:
            with contextlib.suppress(core.BaseBumbleError, asyncio.CancelledError):
                await self.connection.disconnect()

    async def pair(self, *args: Any, **kwargs: Any) -> None:
        with errors():
            await self.alive().pair()

    async def unpair(self) -> None:
        device = await Adapter.hold()
        assert device.keystore
        with contextlib.suppress(KeyError):
            await device.keystore.delete(str(self.target))
        await Adapter.release()

    def alive(self) -> Connection:
        if self.connection is None:
            raise BleakError("not connected")
        return self.connection

    async def discover(self) -> BleakGATTServiceCollection:
        """Services and characteristics in bleak's words."""
        collection = BleakGATTServiceCollection()
        await self.peer.discover_services()
        for found in self.peer.services:
            service = BleakGATTService(found, found.handle, text(found.uuid))
            collection.add_service(service)
            for c in await found.discover_characteristics():
                names: Any = [n for i, n in enumerate(PROPERTIES) if c.properties & 1 << i]
                characteristic = BleakGATTCharacteristic(
                    c, c.handle, text(c.uuid), names, lambda: self.mtu_size - 3, service
                )
                collection.add_characteristic(characteristic)
                for d in await c.discover_descriptors():
                    collection.add_descriptor(
                        BleakGATTDescriptor(d, d.handle, text(d.type), characteristic)
                    )
        return collection

    async def read_gatt_char(self, characteristic, **kwargs: Any) -> bytearray:
        self.alive()
        with errors():
            return bytearray(await self.peer.read_value(characteristic.obj))

    async def read_gatt_descriptor(self, descriptor, **kwargs: Any) -> bytearray:
        self.alive()
        with errors():
            return bytearray(await self.peer.read_value(descriptor.obj))

    async def write_gatt_char(self, characteristic, data, response: bool) -> None:
        self.alive()
        with errors():
            await self.peer.write_value(characteristic.obj, bytes(data), response)

    async def write_gatt_descriptor(self, descriptor, data) -> None:
        self.alive()
        with errors():
            await self.peer.write_value(descriptor.obj, bytes(data), True)

    async def start_notify(self, characteristic, callback, **kwargs: Any) -> None:
        self.alive()

        def changed(value: bytes) -> None:
            callback(bytearray(value))

        self.subscribed[characteristic.handle] = changed
        with errors():
            await characteristic.obj.subscribe(changed)

    async def stop_notify(self, characteristic) -> None:
        self.alive()
        with errors():
            await characteristic.obj.unsubscribe(self.subscribed.pop(characteristic.handle, None))
