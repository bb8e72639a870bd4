"""The GATT driver over a radio that is a list: order, full buffers, the door, the clock."""

import asyncio
import sys
import time


class UUID:
    def __init__(self, value):
        self.raw = bytes(16) if isinstance(value, str) else bytes(2)

    def __iter__(self):
        return iter(self.raw)


class Flag:
    def set(self):
        pass


class Fake:
    UUID = UUID


before = sys.modules.get("bluetooth")
sys.modules["bluetooth"] = Fake
from lamp import wire  # noqa: E402
from lamp.drivers import gatt  # noqa: E402

if before is None:
    del sys.modules["bluetooth"]
else:
    sys.modules["bluetooth"] = before
if not hasattr(asyncio, "ThreadSafeFlag"):  # CPython
    asyncio.ThreadSafeFlag = Flag
if not hasattr(time, "ticks_ms"):
    time.ticks_ms = lambda: int(time.monotonic() * 1000)
    time.ticks_diff = lambda a, b: a - b


class Radio:
    """What the driver uses of BLE; `room` is the number of buffers left."""

    def __init__(self):
        self.sent, self.values, self.room, self.dropped = [], {}, 100, []
        self.secure = {}

    def active(self, on):
        pass

    def irq(self, handler):
        self.event = handler

    def config(self, name=None, **values):
        self.secure.update(values)
        return 0, b"\x24\xdc\xc3\x0a\x3f\x2a"

    def gatts_register_services(self, services):
        self.flags = [c[1] for s in services for c in s[1]]
        return ((1,), (2,), (3,), (4, 5))

    def gatts_write(self, handle, data):
        self.values[handle] = data

    def gatts_set_buffer(self, handle, size):
        self.values[handle] = size

    def gatts_read(self, handle):
        return self.values[handle]

    def gatts_notify(self, conn, handle, data):
        if not self.room:
            raise OSError(12, "")
        self.room -= 1
        self.sent.append((handle, bytes(data)))

    def gap_advertise(self, us, data, resp_data=None):
        self.advertised = us, data, resp_data

    def gap_disconnect(self, conn):
        self.dropped.append(conn)


class Bonds:
    refused, let_in, opened = False, False, False

    def forget(self):
        pass

    def known(self):
        return self.let_in

    def is_open(self, now_s):
        return self.opened


class Server:
    """Answers a request with itself and streams `left` bytes."""

    armed = True

    def __init__(self):
        self.bonds, self.clock = Bonds(), self
        self.left, self.pulled, self.peers = 0, 0, []

    def now_s(self):
        return 5

    def handle(self, request, peer):
        self.peers.append(peer)
        return memoryview(request)

    def pull(self, buf):
        n = min(self.left, len(buf))
        buf[:n] = bytes((self.left & 255,)) * n
        self.left -= n
        self.pulled = n
        return n

    def unpull(self):
        self.left += self.pulled


def connected(known=True, **settings):
    radio, server = Radio(), Server()
    driver = gatt.Gatt(radio, settings)
    driver.server = server
    driver.start("1.0.1.0")
    driver.event(1, (7, 0, bytes(6)))
    driver.event(21, (7, 103))
    if known:
        server.bonds.let_in = True
        driver.event(28, (7, 1, 0, 1, 16))
    return driver, radio, server


def written(driver, radio, handle, data):
    radio.values[handle] = data
    driver.event(3, (7, handle))


def test_it_advertises_its_name_in_31_bytes_and_nothing_else():
    driver, radio, _ = connected()
    driver.advertise()
    us, data, response = radio.advertised
    assert us <= 100_000 and len(data) <= 31 and len(response) <= 31
    assert b"Dreamlamp 3F2A" in data
    assert radio.secure["bond"] and radio.secure["le_secure"]
    assert all(flags & 0x1000 for flags in radio.flags if flags & 0x0C)


def test_requests_are_answered_in_order_and_too_many_are_dropped():
    driver, radio, server = connected()
    for i in range(6):
        written(driver, radio, driver.control, bytes((1, i + 1)))
    driver.burst(server)
    assert radio.sent == [(4, bytes((1, i + 1))) for i in range(4)]
    assert server.peers[0] == (True, True, True)


def test_what_finds_no_buffer_is_sent_again():
    driver, radio, server = connected()
    server.left, radio.room = 250, 2
    assert driver.burst(server) > 0
    assert [len(data) for _, data in radio.sent] == [100, 100] and server.left == 50
    written(driver, radio, driver.control, b"\x01\x09")
    assert driver.burst(server) > 0
    radio.room = 9
    driver.burst(server)
    assert radio.sent[2] == (4, b"\x01\x09") and len(radio.sent[3][1]) == 50
    assert driver.burst(server) == -1


def test_another_central_finds_nothing_of_the_last_one():
    driver, radio, _ = connected()
    written(driver, radio, driver.control, b"\x01\x01")
    turn = driver.turn
    driver.event(2, (7, 0, bytes(6)))
    driver.event(1, (7, 0, bytes(6)))
    assert driver.turn != turn and driver.requests == [] and not driver.known()
    assert len(driver.room) == 20


def test_a_stranger_is_shown_the_door():
    driver, radio, server = connected(known=False)
    driver.doorman(server)
    assert radio.dropped == []  # it may still prove itself
    driver.since = time.ticks_ms() - 60_001
    driver.doorman(server)
    assert radio.dropped == [7]
    driver.event(28, (7, 1, 0, 1, 16))  # encrypted, and not by a bond of ours
    driver.doorman(server)
    assert radio.dropped == [7, 7]
    server.bonds.opened = True  # its keys may be on their way
    driver.doorman(server)
    assert radio.dropped == [7, 7]
    server.bonds.refused = True
    driver.doorman(server)
    assert radio.dropped == [7, 7, 7]


def test_live_heart_rate_is_for_known_peers_and_off_until_turned_on():
    class Beats:
        n, flag, ibi_ms = 3, (wire.FIRST, wire.NN, wire.NN), (0, 1000, 500)

    for known, live, count in ((True, 1, 1), (True, 0, 0), (False, 1, 0)):
        driver, radio, _ = connected(known, live=live)
        driver.notify_heart(61, Beats)
        assert len(radio.sent) == count
    driver, radio, _ = connected(live=1)
    driver.notify_heart(61, Beats)
    assert radio.sent == [(3, bytes((0x10, 61, 0, 4, 0, 2)))]


def test_current_time_becomes_unix_seconds():
    driver, radio, _ = connected()
    for year, month, day, unix_s in (
        (2024, 2, 29, 1709164800),
        (2024, 3, 1, 1709251200),
        (2026, 11, 22, 1795305600),
        (2000, 1, 1, 946684800),
    ):
        data = bytes((year & 255, year >> 8, month, day, 1, 2, 3, 0, 0, 0))
        expected = (unix_s + 3723).to_bytes(4, "little")
        assert gatt.time_request(data)[2:6] == expected
        written(driver, radio, driver.time, data)
    assert driver.requests[0][0] == wire.SET_TIME
    assert gatt.time_request(b"short") is None
