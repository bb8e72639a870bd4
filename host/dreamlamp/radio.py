"""The air: a process in which a virtual lamp's radio meets the radios of its hosts.

    python -m dreamlamp.radio --lamp-port P --host-port Q --hands-port R     (0: any free one)

On the lamp's port `firmware/sim/bluetooth.py` drives a Bumble peripheral; on the hosts' port every
TCP client gets a controller of its own and speaks HCI to it; on the hands' port every line of
JSON is done to the lamp (["button", 1000]) or to the air (["loss", 0.01, 7], ["cut"]).
With --controller the lamp's radio is that HCI controller instead, and hosts go to its like.
Prints one line of JSON with its ports when ready, and nothing after that.
Knows no product: which services there are the firmware says.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import random
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from bumble import hci, ll
from bumble.controller import Controller
from bumble.core import PhysicalTransport
from bumble.link import LocalLink
from bumble.transport import open_transport
from bumble.transport.common import AsyncPipeSink, StreamPacketSource

from .peripheral import Peripheral

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
    link: Air

    def send_hci_packet(self, packet):
        if isinstance(packet, hci.HCI_LE_Extended_Advertising_Report_Event):
            kinds = hci.HCI_LE_Extended_Advertising_Report_Event.EventType
            if packet.reports[0].event_type == kinds.CONNECTABLE_ADVERTISING:
                packet.reports[0].event_type |= kinds.SCANNABLE_ADVERTISING
            elif packet.reports[0].event_type == kinds.SCAN_RESPONSE:
                packet.reports[0].data = self.link.scan_response(packet.reports[0].address)
            packet = hci.HCI_LE_Extended_Advertising_Report_Event(packet.reports)
        super().send_hci_packet(packet)


class World:
    """One lamp, its hosts and the hands between them."""

    def __init__(self, controller: str = "") -> None:
        self.air = Air()
        self.controller = controller  # host:port of another one's HCI
        self.lamp: Peripheral | None = None
        self.hosts: dict[asyncio.StreamWriter, Antenna] = {}
        self.made = 0
        self.loss, self.chance = 0.0, random.Random(0)
        self.traffic: dict[str, list[int]] = {"written": [0, 0], "dropped": [0, 0]}

    def drops(self) -> bool:
        """Whether the next notification is lost above the link."""
        return self.loss > 0 and self.chance.random() < self.loss

    def count(self, what: str, n: int) -> None:
        """A value of `n` bytes went through the air."""
        row = self.traffic.setdefault(what, [0, 0])
        row[0] += 1
        row[1] += n

    async def radio(self, address: str) -> tuple[Any, Any, Callable[[], Awaitable[None]]]:
        """The lamp's controller: where its packets come from, where they go, and its end."""
        if self.controller:
            transport = await open_transport(f"tcp-client:{self.controller}")
            return transport.source, transport.sink, transport.close
        antenna = Antenna("lamp", link=self.air, public_address=address)

        async def end() -> None:
            self.air.vanish(antenna)

        return antenna, AsyncPipeSink(antenna), end

    def congested(self) -> bool:
        """Whether a host is slow to take what was sent to it."""
        return any(w.transport.get_write_buffer_size() > HIGH_WATER for w in self.hosts)

    async def on_lamp(self, reader, writer) -> None:
        lamp = self.lamp = Peripheral(self, reader, writer)
        try:
            await lamp.run()
        finally:
            if lamp.off:
                await lamp.off()
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
        elif name == "traffic":
            return self.traffic
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


async def serve(lamp_port: int, host_port: int, hands_port: int, controller: str) -> None:
    world = World(controller)
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
    parser.add_argument("--controller", default="", metavar="HOST:PORT")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)  # peers that vanish are this process' daily bread
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # to be killed is how it ends: not a word
    asyncio.run(serve(given.lamp_port, given.host_port, given.hands_port, given.controller))


if __name__ == "__main__":
    main()
