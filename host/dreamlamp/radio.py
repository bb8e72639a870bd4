"""The air: a process in which a virtual lamp's radio meets the radios of its hosts.

    python -m dreamlamp.radio --lamp-port P --host-port Q --hands-port R     (0: any free one)

On the lamp's port `firmware/sim/bluetooth.py` drives a Bumble peripheral; on the hosts' port every
TCP client gets a controller of its own and speaks HCI to it; on the hands' port every line of
JSON is done to the lamp (["button", 1000]) or to the air (["loss", 0.01, 7], ["cut"]).
Prints one line of JSON with its ports when ready, and nothing after that.
Knows no product: which services there are the firmware says.
"""

import argparse
import asyncio
import contextlib
import json
import random
import signal
import struct
from typing import Any

from bumble import att, gatt, hci, ll
from bumble.controller import Controller
from bumble.core import UUID, PhysicalTransport
from bumble.device import Connection, Device, DeviceConfiguration
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink, StreamPacketSource

SUPERVISION_TIMEOUT = 0x08  # HCI error: the other side fell silent
HIGH_WATER = 64 * 1024  # bytes waiting for a slow host before the lamp's buffers stay taken


class Air(LocalLink):
    """Bumble's link with what it lacks: public addresses, and a peer that vanishes."""

    def send_acl_data(self, sender_controller, destination_address, transport, data):
        """As Bumble's, but from the address the connection was made with, not the random one."""
        if transport != PhysicalTransport.LE:
            return super().send_acl_data(sender_controller, destination_address, transport, data)
        receiver = self.find_le_controller(destination_address)
        connection = sender_controller.le_connections.get(destination_address)
        if receiver and connection:
            asyncio.get_running_loop().call_soon(
                receiver.on_link_acl_data, connection.self_address, transport, data
            )

    def vanish(self, controller: Controller) -> None:
        """`controller` lost its power: its peers see a supervision timeout."""
        for connection in list(controller.le_connections.values()):
            with contextlib.suppress(Exception):
                connection.send_ll_control_pdu(ll.TerminateInd(SUPERVISION_TIMEOUT))
        controller.le_connections.clear()
        for advertising in controller.advertising_sets.values():
            advertising.stop()
        self.controllers.discard(controller)

    def scan_response(self, address: hci.Address) -> bytes:
        """What the advertiser at `address` has to add."""
        for controller in self.controllers:
            for advertising in controller.advertising_sets.values():
                if advertising.enabled and advertising.address == address:
                    return bytes(advertising.scan_response_data)
        return b""


class Antenna(Controller):
    """Bumble's controller with whole link-layer packets and real scan responses."""

    le_acl_data_packet_length = 251  # the default of 27 cuts each notification into ten

    def send_hci_packet(self, packet):
        if isinstance(packet, hci.HCI_LE_Extended_Advertising_Report_Event):
            kinds = hci.HCI_LE_Extended_Advertising_Report_Event.EventType
            if packet.reports[0].event_type == kinds.CONNECTABLE_ADVERTISING:
                packet.reports[0].event_type |= kinds.SCANNABLE_ADVERTISING
            elif packet.reports[0].event_type == kinds.SCAN_RESPONSE:
                packet.reports[0].data = self.link.scan_response(packet.reports[0].address)
            packet = hci.HCI_LE_Extended_Advertising_Report_Event(packet.reports)
        super().send_hci_packet(packet)


class Lamp:
    """The radio of the lamp at the other end of one TCP connection."""

    def __init__(self, world: "World", reader, writer):
        self.world, self.reader, self.writer = world, reader, writer
        self.device: Device | None = None
        self.connection: Connection | None = None
        self.characteristics: dict[int, gatt.Characteristic] = {}
        self.settings: dict[str, Any] = {}
        self.replies: dict[str, asyncio.Queue] = {k: asyncio.Queue() for k in "RGS"}
        self.reads = asyncio.Lock()

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

    # --- what the firmware asks for ---

    async def do_up(self, value: dict) -> None:
        address = ":".join(value["address"][i : i + 2] for i in range(0, 12, 2)).upper()
        self.controller = Antenna("lamp", link=self.world.air, public_address=address)
        config = DeviceConfiguration(name="lamp", address=hci.Address("F0:F1:F2:F3:F4:F5"))
        self.device = Device.from_config_with_hci(
            config, self.controller, AsyncPipeSink(self.controller)
        )
        self.device.on("connection", self.connected)
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
            if not self.world.drops():
                await self.device.gatt_server.notify_subscriber(connection, made, data[4:], True)
                self.world.passed += len(data) - 4
            while self.world.congested() and self.connection is connection:
                await asyncio.sleep(0.002)
        self.send("K", b"\x01")

    # --- what the air brings ---

    def connected(self, connection: Connection) -> None:
        self.connection = connection
        self.send("C", struct.pack("<H", connection.handle), self.peer(connection))
        connection.on("disconnection", lambda reason: self.disconnected(connection))
        connection.on("connection_att_mtu_update", lambda: self.mtu(connection))

    def peer(self, connection: Connection) -> bytes:
        address = connection.peer_address
        return bytes([address.address_type]) + bytes(address)[::-1]

    def disconnected(self, connection: Connection) -> None:
        if self.connection is connection:
            self.connection = None
            self.send("D", struct.pack("<H", connection.handle), self.peer(connection))

    def mtu(self, connection: Connection) -> None:
        self.send("M", struct.pack("<HH", connection.handle, connection.att_mtu))

    async def read(self, connection: Connection, handle: int, flags: int) -> bytes:
        if not flags & gatt.Characteristic.Properties.READ:
            raise att.ATT_Error(att.ATT_READ_NOT_PERMITTED_ERROR)
        async with self.reads:
            self.send("R", struct.pack("<HH", connection.handle, handle))
            answer = await self.replies["R"].get()
        if answer[0]:
            raise att.ATT_Error(answer[0])
        return answer[1:]

    def written(self, connection: Connection, handle: int, flags: int, data: bytes) -> None:
        if not flags & 0x0C:
            raise att.ATT_Error(att.ATT_WRITE_NOT_PERMITTED_ERROR)
        self.send("W", struct.pack("<HH", connection.handle, handle), data)


class World:
    """One lamp, its hosts and the hands between them."""

    def __init__(self) -> None:
        self.air = Air()
        self.lamp: Lamp | None = None
        self.hosts: dict[asyncio.StreamWriter, Antenna] = {}
        self.made = 0
        self.loss, self.chance = 0.0, random.Random(0)
        self.passed = 0  # bytes notified since the start
        self.dropped = 0  # notifications

    def drops(self) -> bool:
        """Whether the next notification is lost above the link."""
        dropped = self.loss > 0 and self.chance.random() < self.loss
        self.dropped += dropped
        return dropped

    def congested(self) -> bool:
        """Whether a host is slow to take what was sent to it."""
        return any(w.transport.get_write_buffer_size() > HIGH_WATER for w in self.hosts)

    async def on_lamp(self, reader, writer) -> None:
        lamp = self.lamp = Lamp(self, reader, writer)
        try:
            await lamp.run()
        finally:
            if lamp.device:
                self.air.vanish(lamp.controller)
            if self.lamp is lamp:
                self.lamp = None
            writer.close()

    async def on_host(self, reader, writer) -> None:
        """Give this host a controller for as long as it stays."""
        self.made += 1
        source = StreamPacketSource()
        address = f"00:1B:DC:00:{self.made >> 8 & 255:02X}:{self.made & 255:02X}"
        antenna = Antenna(
            f"host {self.made}",
            source,
            HostSink(writer),
            self.air,
            address,
        )
        self.hosts[writer] = antenna
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                source.data_received(data)
        del self.hosts[writer]
        self.air.vanish(antenna)
        writer.close()

    async def on_hands(self, reader, writer) -> None:
        while line := await reader.readline():
            answer = self.do(*json.loads(line))
            writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    def do(self, name: str, *args) -> Any:
        """What a hand does: to the air if the air knows it, else to the lamp."""
        if name == "loss":
            self.loss, self.chance = args[0], random.Random(args[1])
        elif name == "cut":
            for antenna in list(self.hosts.values()):
                for connection in list(antenna.le_connections.values()):
                    connection.send_ll_control_pdu(ll.TerminateInd(SUPERVISION_TIMEOUT))
                    antenna.on_le_disconnected(connection, SUPERVISION_TIMEOUT)
        elif name in ("passed", "dropped"):
            return getattr(self, name)
        elif self.lamp:
            self.lamp.send("H", json.dumps([name, *args]).encode())
        else:
            return False
        return True


class HostSink:
    """Packets of a controller to the host's socket."""

    def __init__(self, writer):
        self.writer = writer

    def on_packet(self, packet: bytes) -> None:
        self.writer.write(packet)


async def serve(lamp_port: int, host_port: int, hands_port: int) -> None:
    world = World()
    ports = {}
    for name, handler, port in (
        ("lamp", world.on_lamp, lamp_port),
        ("host", world.on_host, host_port),
        ("hands", world.on_hands, hands_port),
    ):
        server = await asyncio.start_server(handler, "127.0.0.1", port)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="The air between a virtual lamp and its hosts.")
    for name in ("lamp", "host", "hands"):
        parser.add_argument(f"--{name}-port", type=int, default=0)
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # to be killed is how it ends: not a word
    asyncio.run(serve(given.lamp_port, given.host_port, given.hands_port))


if __name__ == "__main__":
    main()
