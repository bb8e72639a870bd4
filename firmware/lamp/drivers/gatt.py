"""The lamp's GATT services on MicroPython's `bluetooth`: requests in, answers and nights out.

Knows the radio and no product: what a request means is `server`'s affair. One central at a time.
Notifications are sent until the stack has no buffer left (OSError 12), then tried again
a few ms later, so there is no rate in here.
"""

import asyncio
import struct
import time

import bluetooth

from .. import wire
from ..compat import const

# event numbers and flags: MicroPython's documentation of `bluetooth`
_CONNECT = const(1)
_DISCONNECT = const(2)
_WRITE = const(3)
_MTU = const(21)
_ENCRYPTION = const(28)
_GET_SECRET = const(29)
_SET_SECRET = const(30)
_F_READ = const(0x0002)
_F_WRITE = const(0x0008)
_F_WRITE_COMMAND = const(0x0004)  # without response
_F_NOTIFY = const(0x0010)
_F_WRITE_ENCRYPTED = const(0x1000)
_ENOMEM = const(12)

_INTERVAL_US = const(100_000)  # a scan of 1 s meets ten of them
_RETRY_MS = const(5)
_BURST = const(6)  # notifications between two awaits: some 10 ms, the sensor's FIFO holds 640
_IO_NONE = const(3)  # neither keys nor a display
_REQUEST_MAX = const(64)
_QUEUE = const(4)
_MTU_WANTED = const(247)  # one notification fills one 251-byte link-layer packet
_ATT_OVERHEAD = const(3)  # opcode and handle of a notification
_STATUS = bytes((wire.STATUS,))  # who may ask for it may hear the heart
_WAIT = const(-1)  # nothing to do until an event
# One central at a time: who proves no bond must make room. Each stranger in a row halves the time
# of the next, down to half a second, but for the addresses of bonds.
_STRANGER_MS = const(8_000)
_HALVINGS = const(4)
_FORGIVEN_MS = const(600_000)  # without a connection
_PAIRING_MS = const(60_000)  # while the window is open
_KEYS_MS = const(2_000)  # from encryption to stored keys, while the window is open
_REST_MS = const(2_000)  # unseen after a pairing that was refused: each costs the chip some 0.3 s
_LOOK_MS = const(200)
_MEAN_OF = const(8)  # beats in the live heart rate


def field(kind, data):
    """One structure of advertising data."""
    return bytes((len(data) + 1, kind)) + data


def time_request(data):
    """A Current Time value (UTC; 2A2B) as a SET_TIME request, or None if it is not one.

    Days since 1970 from a year that begins in March, so that the leap day comes last.
    """
    if len(data) < 7:
        return None
    year, month, day, hour, minute, second = struct.unpack_from("<HBBBBB", data)
    year, month = (year - 1, month + 12) if month < 3 else (year, month)
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day
    unix_s = (days - 719469) * 86400 + hour * 3600 + minute * 60 + second
    if not 0 <= unix_s < 1 << 32:
        return None
    return struct.pack("<BBIh", wire.SET_TIME, 0, unix_s, 0)


class Gatt:
    """The services over one `bluetooth.BLE`; `serve` runs for ever."""

    def __init__(self, ble, settings):
        self.ble = ble
        self.settings = settings
        self.woken = asyncio.ThreadSafeFlag()
        self.server = None
        self.turn = 0  # connections begun and ended
        self.name = ""
        self.strangers = 0  # in a row
        self.rest = False
        self.buf = bytearray(_MTU_WANTED - _ATT_OVERHEAD)
        self.forget()

    def forget(self):
        """Another central, or none: as after power-up."""
        self.turn += 1
        if self.server:
            self.rest = self.server.bonds.refused
            self.server.bonds.forget()
        self.conn = self.address = None
        self.told = -1  # beats of this epoch that went out live, or were before
        self.encrypted = self.bonded = False
        self.since = time.ticks_ms()
        self.requests = []
        self.answer = None
        self.held = 0  # bytes of the night in `room` that found no buffer yet
        self.room = memoryview(self.buf)[: 23 - _ATT_OVERHEAD]

    async def serve(self, server):
        """Advertise, answer `server`'s requests in order and stream what it has to give."""
        self.server = server
        self.start(server.revision)
        turn = -1
        while True:
            if turn != self.turn:
                turn = self.turn
                server.gone()
                if self.conn is None:
                    if self.rest:
                        await asyncio.sleep_ms(_REST_MS)
                    self.advertise()
            wait = self.burst(server)
            if wait == _WAIT and self.conn is not None and not self.known():
                self.doorman(server)
                wait = _LOOK_MS
            if wait == _WAIT:
                await self.woken.wait()
            else:
                await asyncio.sleep_ms(wait)

    def start(self, revision):
        """Switch the radio on and register the services."""
        ble, uuid = self.ble, bluetooth.UUID
        control = _F_WRITE | _F_WRITE_COMMAND | _F_NOTIFY | _F_WRITE_ENCRYPTED
        ble.irq(self.event)  # before it is on: the stack asks for its identity at once
        ble.active(True)
        mac = ble.config("mac")[1]
        self.name = "Dreamlamp %02X%02X" % (mac[4], mac[5])
        ble.config(mtu=_MTU_WANTED, gap_name=self.name)
        ble.config(bond=True, le_secure=True, mitm=False, io=_IO_NONE)
        handles = ble.gatts_register_services(
            (
                (
                    uuid(wire.DEVICE_INFORMATION),
                    ((uuid(wire.SOFTWARE_REVISION), _F_READ),),
                ),
                (
                    uuid(wire.CURRENT_TIME_SERVICE),
                    ((uuid(wire.CURRENT_TIME), _F_WRITE | _F_WRITE_ENCRYPTED),),
                ),
                (
                    uuid(wire.HEART_RATE_SERVICE),
                    ((uuid(wire.HEART_RATE_MEASUREMENT), _F_NOTIFY),),
                ),
                (
                    uuid(wire.SERVICE_UUID),
                    (
                        (uuid(wire.CONTROL_UUID), control),
                        (uuid(wire.DATA_UUID), _F_NOTIFY),
                    ),
                ),
            )
        )
        ((software,), (self.time,), (self.heart,), (self.control, self.data)) = handles
        ble.gatts_write(software, revision.encode())
        ble.gatts_set_buffer(self.control, _REQUEST_MAX)  # the stack's own hold 20 bytes

    def advertise(self):
        """Nothing personal: what it is, and two bytes of the address to tell two apart."""
        service = bytes(bluetooth.UUID(wire.SERVICE_UUID))  # type: ignore[call-overload]
        self.ble.gap_advertise(
            _INTERVAL_US,
            field(0x01, b"\x06") + field(0x09, self.name.encode()),
            resp_data=field(0x07, service),
        )

    def event(self, event, data):
        """What the stack tells, maybe from its own context: note it and wake `serve`."""
        if event == _WRITE:
            self.written(data[1])
        elif event == _CONNECT:
            if time.ticks_diff(time.ticks_ms(), self.since) > _FORGIVEN_MS:
                self.strangers = 0
            self.forget()
            self.conn = data[0]
            # as the stack keys its secrets: the other end first
            self.address = bytes((data[1] & 1,)) + bytes(reversed(bytes(data[2])))
        elif event == _DISCONNECT:
            self.strangers = 0 if self.known() else min(self.strangers + 1, _HALVINGS)
            self.forget()
        elif event == _MTU:
            n = min(data[1] - _ATT_OVERHEAD, len(self.buf))
            self.room = memoryview(self.buf)[:n]
        elif event == _ENCRYPTION:
            self.encrypted, self.bonded = bool(data[1]), bool(data[3])
            self.since = time.ticks_ms()
        elif event == _GET_SECRET:
            return self.server.bonds.get(data[0], data[1], data[2])
        elif event == _SET_SECRET:
            now_s = self.server.clock.now_s()
            return self.server.bonds.put(data[0], data[1], data[2], now_s)
        self.woken.set()

    def known(self):
        """Whether the central is one the owner let in, and nobody can listen."""
        return self.encrypted and self.bonded and self.server.bonds.known()

    def doorman(self, server):
        """Show the door to a central that has no bond and is not about to make one.

        The stack tells of encryption before it stores the keys, hence a short grace.
        """
        bonds = server.bonds
        open_ = bonds.is_open(server.clock.now_s())
        if bonds.refused:
            grace = 0
        elif self.encrypted:
            grace = _KEYS_MS if open_ else 0
        elif open_:
            grace = _PAIRING_MS
        else:
            owner = bonds.slot(self.address) is not None
            grace = _STRANGER_MS >> (0 if owner else self.strangers)
        if server.armed and time.ticks_diff(time.ticks_ms(), self.since) >= grace:
            self.ble.gap_disconnect(self.conn)

    def open_window(self, alone=False):
        """The owner held the button: for two minutes one new host may pair; `alone`: and none of
        the old ones comes back."""
        if alone:
            self.server.bonds.revoke_all()
        self.server.bonds.open(self.server.clock.now_s())
        self.strangers = 0
        self.woken.set()

    def written(self, handle):
        """A central wrote: queue its request; what overflows the queue is dropped."""
        request = bytes(self.ble.gatts_read(handle))
        if handle == self.time:
            request = time_request(request)
        elif handle != self.control:
            return
        if request is not None and len(self.requests) < _QUEUE:
            self.requests.append(request)

    def peer(self):
        return self.encrypted, self.bonded, self.known()

    def burst(self, server):
        """A few notifications in one go, for a task switch costs as much as one of them; but one
        request, for it may cost as much as all of them, and the sensor waits."""
        wait = _WAIT
        if self.conn is not None:
            for _ in range(_BURST):
                asked = len(self.requests)
                wait = self.step(server)
                if wait or asked != len(self.requests):
                    break
        return wait

    def step(self, server):
        """Send one notification; return ms to wait before the next, or _WAIT."""
        try:
            server.room = len(self.room)
            if self.answer is None and self.requests:
                at = server.at
                answer = server.handle(self.requests.pop(0), self.peer())
                self.answer = answer if len(answer) else None
                if server.at != at:
                    self.held = 0  # bytes of a stream that is over
            if self.answer is not None:
                self.ble.gatts_notify(self.conn, self.control, self.answer)
                self.answer = None
                return 0
            self.held = self.held or server.pull(self.room)
            if self.held <= 0:
                wait, self.held = (_RETRY_MS if self.held else _WAIT), 0
                return wait
            self.ble.gatts_notify(self.conn, self.data, self.room[: self.held])
            self.held = 0
            return 0
        except OSError as error:
            return _RETRY_MS if error.errno == _ENOMEM else _WAIT

    def notify_heart(self, beats):
        """Heart Rate Measurement of the `beats` (heart.Beats) that are new since the last call,
        with RR intervals in 1/1024 s, if the owner turned it on."""
        n = beats.n
        if self.conn is None or n == self.told:
            return
        new = self.told >= 0
        first, self.told = (self.told if n > self.told else 0), n
        if not new or not self.known() or not self.settings.get("live", 0):
            return
        if not self.server.allowed(_STATUS):
            return
        out, count, total_ms = bytearray((0x10, 0)), 0, 0
        for i in range(max(0, min(first, n - _MEAN_OF)), n):
            if beats.flag[i] == wire.NN:
                count += 1
                total_ms += beats.ibi_ms[i]
                if i >= first and len(out) + 2 <= len(self.room):
                    out.extend(struct.pack("<H", beats.ibi_ms[i] * 128 // 125))
        if len(out) == 2:
            return
        out[1] = min((60000 * count + total_ms // 2) // total_ms, 255)
        try:
            self.ble.gatts_notify(self.conn, self.heart, out)
        except OSError:
            pass  # live values are not worth a retry
