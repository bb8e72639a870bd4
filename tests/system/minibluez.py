"""A small org.bluez on a private D-Bus: bleak's own Linux backend on the virtual air.

    DREAMLAMP_AIR=host:port python tests/system/minibluez.py BUS_ADDRESS

Faked: bluetoothd, from what bleak asks of it. Kept as read in BlueZ 5.66: GAP and GATT services
are hidden, a characteristic's path bears its declaration's handle, ATT errors travel as strings,
a device that wants encryption is paired with unasked and bonds are resumed at once, GATT objects
go with the connection. Just works needs no agent, so there is none. Not kept: cached values,
devices that are forgotten after a scan, InProgress. Prints one line when it has its name.
"""

import asyncio
import contextlib
import sys

from bumble import att, core, hci
from bumble.device import Peer
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dreamlamp.adapter import Adapter
from dreamlamp.bleak_bumble import PROPERTIES, advertised, plain, text

ADAPTER = "/org/bluez/hci0"
MTU = 517  # what bluetoothd asks for
HIDDEN = ("00001800", "00001801")
CLEAR = (att.ATT_INSUFFICIENT_AUTHENTICATION_ERROR, att.ATT_INSUFFICIENT_ENCRYPTION_ERROR)
ERRORS = {
    att.ATT_READ_NOT_PERMITTED_ERROR: ("NotPermitted", "Read not permitted"),
    att.ATT_WRITE_NOT_PERMITTED_ERROR: ("NotPermitted", "Write not permitted"),
    **dict.fromkeys(CLEAR, ("NotPermitted", "Not paired")),
}
UNLIKELY = 0x0E  # what is still waiting when the link goes
TYPES = {str: "s", bool: "b", int: "n", bytes: "ay", list: "as"}
BROKEN = (core.BaseBumbleError, hci.HCI_Error, asyncio.CancelledError, TimeoutError)


class Refused(Exception):
    """(name, text) of an org.bluez.Error."""


def variants(props: dict) -> dict:
    """Plain values as D-Bus wants them; paths and unsigned numbers come as Variants already."""
    return {
        k: v if isinstance(v, Variant) else Variant(TYPES[type(v)], v) for k, v in props.items()
    }


@contextlib.contextmanager
def errors():
    """Bumble's exceptions as BlueZ's."""
    try:
        yield
    except att.ATT_Error as error:
        said = f"Operation failed with ATT error: 0x{error.error_code:02x}"
        raise Refused(*ERRORS.get(error.error_code, ("Failed", said))) from error
    except BROKEN as error:
        raise Refused("Failed", f"Operation failed with ATT error: 0x{UNLIKELY:02x}") from error


class Found:
    """One device that was heard: org.bluez.Device1, and its connection if there is one."""

    def __init__(self, bluez, address: hci.Address) -> None:
        self.bluez, self.address = bluez, address
        self.path = f"{ADAPTER}/dev_{plain(address).replace(':', '_')}"
        self.connection, self.peer = None, None
        self.characteristics: dict = {}  # path: Bumble's proxy

    async def connect(self) -> None:
        if self.connection:
            return
        with errors():
            device = self.bluez.device
            self.connection = await device.connect(self.address, timeout=20)
            self.connection.on("disconnection", self.lost)
            self.bluez.change(self.path, "Device1", Connected=True)
            self.peer = Peer(self.connection)
            await self.peer.request_mtu(MTU)
            if await device.keystore.get(str(self.address)):
                await self.connection.encrypt()

    async def pair(self) -> None:
        await self.connect()
        try:
            await self.connection.pair()
        except BROKEN as error:
            raise Refused("AuthenticationFailed", "Authentication Failed") from error
        self.bluez.change(self.path, "Device1", Paired=True, Bonded=True)

    async def resolve(self) -> None:
        """Discover the services and show them."""
        with errors():
            await self.peer.discover_services()
            for service in self.peer.services:
                if text(service.uuid).startswith(HIDDEN):
                    continue
                path = f"{self.path}/service{service.handle:04x}"
                about = {"UUID": text(service.uuid), "Primary": True}
                self.bluez.show(path, "GattService1", about | {"Device": Variant("o", self.path)})
                for found in await service.discover_characteristics():
                    self.show(path, found)
        self.bluez.change(self.path, "Device1", ServicesResolved=True)

    def show(self, service: str, found) -> None:
        path = f"{service}/char{found.handle - 1:04x}"
        self.characteristics[path] = found
        about = {
            "UUID": text(found.uuid),
            "Flags": [name for i, name in enumerate(PROPERTIES) if found.properties & 1 << i],
            "Service": Variant("o", service),
            "MTU": Variant("q", self.connection.att_mtu),
        }
        self.bluez.show(path, "GattCharacteristic1", about)

    def lost(self, _reason: int) -> None:
        self.connection = None
        self.characteristics.clear()
        self.bluez.change(self.path, "Device1", ServicesResolved=False, Connected=False)
        for path in [p for p in self.bluez.objects if p.startswith(self.path + "/")]:
            self.bluez.hide(path)

    async def secured(self, act):
        """Do `act`; if the lamp wants encryption for it, pair unasked and try again."""
        if not self.connection:
            raise Refused("Failed", "Not connected")
        with errors():
            try:
                return await act()
            except att.ATT_Error as error:
                if error.error_code not in CLEAR:
                    raise
            await self.pair()
            return await act()

    async def read(self, path: str) -> bytes:
        return bytes(await self.secured(lambda: self.peer.read_value(self.characteristics[path])))

    async def write(self, path: str, data: bytes, options: dict) -> None:
        ask = options["type"].value == "request"
        await self.secured(lambda: self.peer.write_value(self.characteristics[path], data, ask))

    async def notify(self, path: str) -> None:
        def changed(value: bytes) -> None:
            self.bluez.change(path, "GattCharacteristic1", Value=bytes(value))

        await self.secured(lambda: self.characteristics[path].subscribe(changed))


class MiniBluez:
    """The objects of the bus, and what is done to them."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self.objects: dict[str, dict[str, dict[str, Variant]]] = {}
        self.devices: dict[str, Found] = {}
        self.tasks: set[asyncio.Task] = set()

    async def start(self) -> None:
        self.device = await Adapter.hold()
        self.device.on("advertisement", self.heard)
        about = {"Address": plain(self.device.random_address), "Powered": True}
        self.show(ADAPTER, "Adapter1", about | {"Roles": ["central"], "Discovering": False})
        self.bus.add_message_handler(self.asked)
        await self.bus.request_name("org.bluez")

    def heard(self, advertisement) -> None:
        data, address = advertised(advertisement), advertisement.address
        found = self.devices.get(plain(address)) or Found(self, address)
        self.devices[plain(address)] = found
        if found.path in self.objects:
            self.change(found.path, "Device1", RSSI=data.rssi, UUIDs=data.service_uuids)
            return
        name = data.local_name or plain(address).replace(":", "-")
        about = {
            "Address": plain(address), "AddressType": "public", "Alias": name, "Name": name,
            "Adapter": Variant("o", ADAPTER), "RSSI": data.rssi, "UUIDs": data.service_uuids,
            "Paired": False, "Bonded": False, "Trusted": False, "Blocked": False,
            "Connected": False, "ServicesResolved": False, "LegacyPairing": False,
        }  # fmt: skip
        self.show(found.path, "Device1", about)
        self.do(self.recall(found))

    async def recall(self, found: Found) -> None:
        """A bond of an earlier life of this process."""
        if await self.device.keystore.get(str(found.address)):
            self.change(found.path, "Device1", Paired=True, Bonded=True)

    # --- signals ---

    def do(self, coroutine) -> None:
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def tell(self, path: str, interface: str, member: str, signature: str, body: list) -> None:
        interface = f"org.freedesktop.DBus.{interface}"
        self.bus.send(Message.new_signal(path, interface, member, signature, body))

    def show(self, path: str, interface: str, props: dict) -> None:
        self.objects[path] = {f"org.bluez.{interface}": variants(props)}
        body = [path, self.objects[path]]
        self.tell("/", "ObjectManager", "InterfacesAdded", "oa{sa{sv}}", body)

    def hide(self, path: str) -> None:
        gone = list(self.objects.pop(path))
        self.tell("/", "ObjectManager", "InterfacesRemoved", "oas", [path, gone])

    def change(self, path: str, interface: str, **props) -> None:
        if path in self.objects:
            name, changed = f"org.bluez.{interface}", variants(props)
            self.objects[path][name].update(changed)
            self.tell(path, "Properties", "PropertiesChanged", "sa{sv}as", [name, changed, []])

    # --- calls ---

    def asked(self, message: Message) -> bool:
        if message.message_type != MessageType.METHOD_CALL:
            return False
        self.do(self.answer(message))
        return True

    async def answer(self, message: Message) -> None:
        try:
            signature, body = await self.call(message)
            reply = Message.new_method_return(message, signature, body)
        except Refused as refused:
            name, said = refused.args
            reply = Message.new_error(message, f"org.bluez.Error.{name}", said)
        except (KeyError, AttributeError):
            gone = "org.freedesktop.DBus.Error.UnknownObject"
            reply = Message.new_error(message, gone, f"no {message.member} at {message.path}")
        await self.bus.send(reply)

    async def call(self, message: Message) -> tuple[str, list]:
        """(signature, body) of the answer."""
        path, body = message.path, message.body
        owner = next((d for d in self.devices.values() if path.startswith(d.path)), None)
        match message.member:
            case "GetManagedObjects":
                return "a{oa{sa{sv}}}", [self.objects]
            case "StartDiscovery":
                await self.device.start_scanning(active=True)
            case "StopDiscovery":
                await self.device.stop_scanning()
            case "SetDiscoveryFilter" | "Set" | "StopNotify":
                pass
            case "RemoveDevice":
                await self.remove(body[0])
            case "Connect" | "Pair":
                await (owner.pair if message.member == "Pair" else owner.connect)()
                self.do(self.resolve(owner))
            case "Disconnect":
                if owner.connection:
                    await owner.connection.disconnect()
            case "ReadValue":
                return "ay", [await owner.read(path)]
            case "WriteValue":
                await owner.write(path, bytes(body[0]), body[1])
            case "StartNotify":
                await owner.notify(path)
            case _:
                raise AttributeError(message.member)
        return "", []

    async def resolve(self, owner: Found) -> None:
        with contextlib.suppress(Refused):  # the link went: the device says so
            await owner.resolve()

    async def remove(self, path: str) -> None:
        (found,) = (d for d in self.devices.values() if d.path == path)
        if found.connection:
            await found.connection.disconnect()
        with contextlib.suppress(KeyError):
            await self.device.keystore.delete(str(found.address))
        del self.devices[plain(found.address)]
        self.hide(path)


async def main(address: str) -> None:
    bus = await MessageBus(bus_address=address).connect()
    await MiniBluez(bus).start()
    print("ready", flush=True)
    await bus.wait_for_disconnect()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
