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
    refused, let_in, opened, until_s, revoked = False, False, False, 0, False
    owners = ()

    def slot(self, key):
        return 0 if key in self.owners else None

    def open(self, now_s):
        self.opened = True

    def revoke_all(self):
        self.revoked = True

    def forget(self):
        pass

    def known(self):
        return self.let_in

    def is_open(self, now_s):
        return self.opened


class Server:
    """Answers a request with itself and streams `left` bytes."""

    armed = watched = True

    def __init__(self):
        self.bonds, self.clock = Bonds(), self
        self.left, self.at, self.peers = 0, 0, []

    def now_s(self):
        return 5

    def allowed(self, request):
        return request[0] != wire.STATUS or self.watched

    def handle(self, request, peer):
        self.peers.append(peer)
        return memoryview(request)

    def pull(self, buf):
        n = min(self.left, len(buf))
        buf[:n] = bytes((self.left & 255,)) * n
        self.left -= n
        self.at += n
        return n


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
    for answered in range(1, 5):  # one a burst: the sensor comes between
        assert driver.burst(server) == 0
        assert radio.sent == [(4, bytes((1, i + 1))) for i in range(answered)]
    assert driver.burst(server) == -1
    assert server.peers[0] == (True, True, True)


def test_what_finds_no_buffer_is_sent_again():
    driver, radio, server = connected()
    server.left, radio.room = 250, 2
    assert driver.burst(server) > 0
    assert [len(data) for _, data in radio.sent] == [100, 100] and server.left == 0
    written(driver, radio, driver.control, b"\x01\x09")
    assert driver.burst(server) > 0
    radio.room = 9
    driver.burst(server)
    assert radio.sent[2] == (4, b"\x01\x09") and len(radio.sent[3][1]) == 50
    assert driver.burst(server) == -1


def test_what_waits_for_a_buffer_goes_with_its_stream():
    driver, radio, server = connected()
    server.left, radio.room = 250, 0
    assert driver.burst(server) > 0 and server.at == 100
    server.at, radio.room = 0, 9  # another READ: the request below moved it
    handle = server.handle

    def moved(request, peer):
        server.at = 700
        return handle(request, peer)

    server.handle = moved
    written(driver, radio, driver.control, b"\x04\x09")
    driver.burst(server)
    server.left = 0
    assert driver.burst(server) == -1 and radio.sent == [(4, b"\x04\x09")]


def test_another_central_finds_nothing_of_the_last_one():
    driver, radio, _ = connected()
    written(driver, radio, driver.control, b"\x01\x01")
    turn = driver.turn
    driver.event(2, (7, 0, bytes(6)))
    driver.event(1, (7, 0, bytes(6)))
    assert driver.turn != turn and driver.requests == [] and not driver.known()
    assert len(driver.room) == 20


def waited(driver, ms):
    driver.since = time.ticks_ms() - ms


def test_a_stranger_is_shown_the_door():
    driver, radio, server = connected(known=False)
    driver.doorman(server)
    assert radio.dropped == []  # it may still prove itself
    waited(driver, 8_001)
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


def test_who_is_to_pair_has_a_minute_for_it():
    driver, radio, server = connected(known=False)
    server.bonds.opened = True
    waited(driver, 59_000)
    driver.doorman(server)
    assert radio.dropped == []
    waited(driver, 60_001)
    driver.doorman(server)
    assert radio.dropped == [7]


def besieged(driver, times=6):
    for _ in range(times):
        driver.event(2, (7, 0, bytes(6)))
        driver.event(1, (7, 1, b"\x0c\x02\x03\x04\x05\x06"))


def patience_ms(driver, radio, server):
    """How long the central that is connected now may stay; in steps of 100 ms."""
    for ms in range(0, 10_000, 100):
        waited(driver, ms)
        driver.doorman(server)
        if radio.dropped:
            radio.dropped.clear()
            return ms


def test_strangers_in_a_row_are_borne_with_for_half_a_second():
    driver, radio, server = connected(known=False)
    assert patience_ms(driver, radio, server) == 8000
    besieged(driver, 1)
    assert patience_ms(driver, radio, server) == 4000
    besieged(driver)
    assert patience_ms(driver, radio, server) == 500
    server.bonds.let_in = True  # somebody who is known came and went
    driver.event(28, (7, 1, 0, 1, 16))
    driver.event(2, (7, 0, bytes(6)))
    server.bonds.let_in = False
    driver.event(1, (7, 0, bytes(6)))
    assert patience_ms(driver, radio, server) == 8000
    besieged(driver)
    driver.event(2, (7, 0, bytes(6)))
    waited(driver, 600_001)  # they went away
    driver.event(1, (7, 0, bytes(6)))
    assert patience_ms(driver, radio, server) == 8000
    besieged(driver)
    driver.open_window()
    server.bonds.opened = False
    assert patience_ms(driver, radio, server) == 8000


def test_an_owners_address_keeps_its_time_whoever_besieges_the_lamp():
    driver, radio, server = connected(known=False)
    server.bonds.owners = (b"\x01\x06\x05\x04\x03\x02\x0c",)  # as the stack keys its secrets
    besieged(driver)
    assert patience_ms(driver, radio, server) == 8000


def test_a_refused_pairing_is_followed_by_a_rest():
    driver, _radio, server = connected(known=False)
    driver.event(2, (7, 0, bytes(6)))
    assert not driver.rest
    driver.event(1, (7, 0, bytes(6)))
    server.bonds.refused = True
    driver.event(2, (7, 0, bytes(6)))
    assert driver.rest


def test_the_button_may_forget_everybody():
    driver, _radio, server = connected(known=False)
    driver.open_window()
    assert server.bonds.opened and not server.bonds.revoked
    driver.open_window(True)
    assert server.bonds.opened and server.bonds.revoked


class Beats:
    """heart.Beats, as an epoch fills it."""

    def __init__(self, *rows):
        self.n = len(rows)
        self.flag, self.ibi_ms = [row[0] for row in rows], [row[1] for row in rows]


def test_live_heart_rate_is_for_known_peers_and_off_until_turned_on():
    for known, live, count in ((True, 1, 1), (True, 0, 0), (False, 1, 0)):
        driver, radio, _ = connected(known, live=live)
        driver.notify_heart(Beats())
        driver.notify_heart(Beats((wire.NN, 1000)))
        assert len(radio.sent) == count


def test_each_beat_goes_out_live_once_with_a_rate_over_the_last_few():
    driver, radio, _ = connected(live=1)
    early = [(wire.NN, 700)] * 9
    driver.notify_heart(Beats(*early))  # they were before anybody listened
    assert radio.sent == []
    driver.notify_heart(Beats(*early, (wire.NN, 1000)))
    assert radio.sent == [(3, bytes((0x10, 81, 0, 4)))]  # 8 / (7 * 0.7 s + 1 s)
    driver.notify_heart(Beats(*early, (wire.NN, 1000)))
    driver.notify_heart(Beats(*early, (wire.NN, 1000), (wire.ARTEFACT, 300)))
    assert len(radio.sent) == 1
    driver.notify_heart(Beats((wire.FIRST, 0), (wire.NN, 500)))  # another epoch
    assert radio.sent[1] == (3, bytes((0x10, 120, 0, 2)))
    driver.server.watched = False  # the sleeper's permission has ended
    driver.notify_heart(Beats((wire.FIRST, 0), (wire.NN, 500), (wire.NN, 500)))
    assert len(radio.sent) == 2


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
