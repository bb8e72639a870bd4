"""Two hosts at one lamp at once, one by radio and one by cable, over the lamp's real log."""

import hashlib
import random
import struct

import pytest
from lamp import wire
from lamp.bonds import OUR
from lamp.server import Server
from test_lost_settings import Clock
from test_night_story import Lamp

KNOWN = (True, True, True)


@pytest.fixture(scope="module")
def lamp():
    """Two nights, the second still being written."""
    lamp = Lamp()
    for minutes in (45, 30):
        lamp.night.begin()
        lamp.wear(minutes)
        if minutes == 45:
            lamp.night.end(wire.END_BUTTON)
    return lamp


def by_radio(lamp) -> Server:
    """A server whose peer showed its bond."""
    server = Server(lamp.log, lamp.night, lamp.settings, Clock())
    server.bonds.open(0)
    server.bonds.put(OUR, b"\x00OWNER!", b"ours", 0)
    return server


class Host:
    """Fetches `night` through its own server, a READ and a few notifications at a time."""

    def __init__(self, server: Server, night: int) -> None:
        self.server, self.night, self.got = server, night, bytearray()
        answer = self.ask(wire.DIGEST, struct.pack("<H", night))
        self.length, self.sha = struct.unpack("<I32s", answer)

    def ask(self, opcode: int, body: bytes) -> bytes:
        answer = bytes((0, 0, wire.LATER))
        while answer[2] == wire.LATER:
            answer = bytes(self.server.handle(bytes((opcode, 1)) + body, KNOWN))
        assert answer[2] == wire.OK
        return answer[3:]

    def step(self, chance: random.Random) -> None:
        if chance.random() < 0.3 or not self.got:
            credit = chance.randrange(1, 2000)
            self.ask(wire.READ, struct.pack("<HII", self.night, len(self.got), credit))
        buf = bytearray(chance.randrange(20, 255))
        for _ in range(chance.randrange(4)):
            n = self.server.pull(buf)
            if n > 0:
                assert int.from_bytes(buf[:4], "little") == len(self.got)
                self.got += buf[4:n]

    @property
    def done(self) -> bool:
        return len(self.got) >= self.length


@pytest.mark.parametrize("seed", range(6))
def test_neither_gets_a_byte_of_the_others(lamp, seed):
    chance = random.Random(seed)
    first = by_radio(lamp)
    nights = (1, 1 if seed % 2 else 2)
    hosts = [Host(s, n) for s, n in zip((first, first.another()), nights, strict=True)]
    while not all(host.done for host in hosts):
        chance.choice([host for host in hosts if not host.done]).step(chance)
    for host in hosts:
        assert hashlib.sha256(host.got[: host.length]).digest() == host.sha


def test_a_bond_that_one_revokes_is_the_others_no_more(lamp):
    first = by_radio(lamp)
    assert first.another().bonds is first.bonds
