"""MicroPython's `bluetooth`, with the radio in another process at the end of a TCP socket.

Faked: the controller and NimBLE's stack. Kept as on the chip: `BLE` and `UUID`, numbers and
order of the events, attribute buffers of 20 bytes that cut a longer write, twelve transmit
buffers after which `gatts_notify` raises OSError(12), pairing secrets asked of the program; what
the chip has not got is not here either. Events reach the program only while it awaits.
A frame is: length u16 of what follows, kind u8, payload (see dreamlamp/radio.py, the other end).
The same socket carries the hands: what a person does to the lamp, given to `world.happen`.
The world's event `stranger` needs no other process: a central that takes the lamp's connection
an advertising interval after it is offered, whatever real ones want, and proves nothing.
"""

import json
import socket
import struct
import time
from binascii import hexlify, unhexlify

import world
from micropython import const

_FLAG_READ = const(0x0002)
_FLAG_WRITE_NO_RESPONSE = const(0x0004)
_FLAG_WRITE = const(0x0008)
_FLAG_NOTIFY = const(0x0010)
_FLAG_INDICATE = const(0x0020)

_STRANGER = const(99)  # handle of its connection
_INTERVAL_MS = const(100)
# NimBLE's block count on the ESP32
_BUFFERS = const(12)
# MICROPY_PY_BLUETOOTH_DEFAULT_ATTR_LEN
_DEFAULT_ATTRIBUTE = const(20)
_ENOMEM = const(12)
_EINVAL = const(22)
_ENODEV = const(19)
_ENOTCONN = const(128)
_CONNECT = const(1)
_DISCONNECT = const(2)
_WRITE = const(3)
_READ_REQUEST = const(4)
_INDICATE_DONE = const(20)
_MTU = const(21)
_ENCRYPTION = const(28)
_GET_SECRET = const(29)
_SET_SECRET = const(30)
_PASSKEY = const(31)


class UUID:
    """A 16- or 128-bit UUID; its bytes (least first) come from iterating over it."""

    def __init__(self, value):
        if isinstance(value, int):
            self.raw = struct.pack("<H", value)
        elif isinstance(value, str):
            data = unhexlify(value.replace("-", ""))
            self.raw = bytes(data[i] for i in range(15, -1, -1))
        else:
            self.raw = bytes(value)

    def __iter__(self):
        return iter(self.raw)

    def __eq__(self, other):
        return self.raw == other.raw

    def __hash__(self):
        return hash(self.raw)


class Radio:
    """The one Bluetooth Low Energy interface of the chip; the program says `BLE()`."""

    def __init__(self):
        self.on = False
        self.sock = None
        self.handler = None
        self.credits = _BUFFERS
        self.connected = None  # handle of the connection there is
        self.values = {}  # value handle -> [bytearray, bytes in use, append]
        self.settings = {"mtu": 256, "bond": False, "le_secure": False, "mitm": False, "io": 3}
        self.settings["gap_name"] = "MPY ESP32"
        self.pending = b""
        self.offered_ms = None  # since when the lamp advertises
        self.stranger_ms = 0  # until when one is about
        world.listeners.append(self.happened)

    # --- the program's side ---

    def active(self, on=None):
        if on is not None and bool(on) != self.on:
            self.on = bool(on)
            if on:
                self.open()
            else:
                self.close()
        return self.on

    def config(self, *names, **values):
        if names:
            if names[0] == "mac":
                return 0, unhexlify(address())
            if names[0] not in self.settings:
                raise ValueError("unknown config param")
            return self.settings[names[0]]
        for name in values:
            if name not in self.settings and name not in ("rxbuf", "addr_mode"):
                raise ValueError("unknown config param")
            self.settings[name] = values[name]
        self.tell("config", self.settings)

    def irq(self, handler):
        self.handler = handler

    def gap_advertise(self, interval_us, adv_data=None, *, resp_data=None, connectable=True):
        self.need_on()
        if adv_data is not None and len(adv_data) > 31:
            raise OSError(_EINVAL)
        self.offered_ms = world.now_ms if interval_us else None
        if world.advertised_ms is None:
            world.advertised_ms = world.now_ms - world.boot_ms
        self.tell(
            "advertise",
            {
                "us": interval_us or 0,
                "data": text(adv_data),
                "response": text(resp_data),
                "connectable": connectable,
            },
        )

    def gatts_register_services(self, services):
        self.need_on()
        handle, handles, table = 10, [], []
        for uuid, characteristics in services:
            handle += 1
            given, rows = [], []
            for characteristic in characteristics:
                handle += 2
                given.append(handle)
                self.values[handle] = [bytearray(_DEFAULT_ATTRIBUTE), 0, False]
                rows.append([text(characteristic[0].raw), characteristic[1], handle])
                if characteristic[1] & (_FLAG_NOTIFY | _FLAG_INDICATE):
                    handle += 1
            handles.append(tuple(given))
            table.append([text(uuid.raw), rows])
        self.tell("services", table)
        return tuple(handles)

    def gatts_read(self, handle):
        buf, n, _ = self.values[handle]
        if self.values[handle][2]:
            self.values[handle][1] = 0
        return bytes(memoryview(buf)[:n])

    def gatts_write(self, handle, data, send_update=False):
        entry = self.values[handle]
        if len(data) > len(entry[0]):
            entry[0] = bytearray(len(data))
        entry[0][: len(data)] = data
        entry[1] = len(data)
        if send_update and self.connected is not None:
            self.gatts_notify(self.connected, handle)
        return len(data)

    def gatts_set_buffer(self, handle, size, append=False):
        self.values[handle] = [bytearray(size), 0, append]

    def gatts_notify(self, conn_handle, handle, data=None):
        self.transmit(b"N", conn_handle, handle, data)

    def gatts_indicate(self, conn_handle, handle, data=None):
        self.transmit(b"I", conn_handle, handle, data)

    def gap_disconnect(self, conn_handle):
        if conn_handle != self.connected:
            return False
        if conn_handle == _STRANGER:
            self.stranger_ms = -self.stranger_ms  # it hears of it at the next await
        else:
            self.send(b"D", struct.pack("<H", conn_handle))
        return True

    def gap_pair(self, conn_handle):
        self.send(b"P", struct.pack("<H", conn_handle))

    def gap_passkey(self, conn_handle, action, passkey):
        self.send(b"A", struct.pack("<HBI", conn_handle, action, passkey))

    # --- the wire's side ---

    def need_on(self):
        if not self.on:
            raise OSError(_ENODEV)

    def transmit(self, kind, conn_handle, handle, data):
        if conn_handle != self.connected:
            raise OSError(_ENOTCONN)
        if not self.credits:
            raise OSError(_ENOMEM)
        self.credits -= 1
        before = time.heap()
        data = self.gatts_read(handle) if data is None else data
        self.send(kind, struct.pack("<HH", conn_handle, handle), data)
        time.simulators(time.heap() - before)

    def open(self):
        if world.outside is None:
            return
        host, port = world.outside
        self.sock = socket.socket()
        self.sock.connect(socket.getaddrinfo(host, port)[0][-1])
        self.sock.setsockopt(6, 1, 1)  # TCP_NODELAY: a small frame must not wait for the next
        self.credits = _BUFFERS
        time.watch(self.sock, self.readable)
        self.tell("up", {"address": address()})

    def close(self):
        if self.sock is not None:
            time.watch(self.sock, None)
            self.sock.close()
            self.sock = None

    def tell(self, what, value):
        self.send(b"J", json.dumps([what, value]).encode())

    def send(self, kind, *parts):
        if self.sock is None:
            return
        n = 1
        for part in parts:
            n += len(part)
        frame = bytearray(2 + n)
        struct.pack_into("<H", frame, 0, n)
        frame[2] = kind[0]
        at = 3
        for part in parts:
            frame[at : at + len(part)] = part
            at += len(part)
        self.sock.write(frame)

    def readable(self, *_):
        """The socket has bytes: turn whole frames into events."""
        got = self.sock.recv(512)
        if not got:  # the air is gone: to the lamp that is silence
            self.close()
            self.lost()
            return
        data = self.pending + got if self.pending else got
        at = 0
        while len(data) - at >= 2:
            n = data[at] | data[at + 1] << 8
            if len(data) - at < 2 + n:
                break
            self.event(chr(data[at + 2]), memoryview(data)[at + 3 : at + 2 + n])
            at += 2 + n
        self.pending = data[at:]

    def lost(self):
        if self.connected is not None:
            handle, self.connected = self.connected, None
            time.connected(False)
            self.call(_DISCONNECT, (handle, 0, bytes(6)))

    def happened(self, name, args):
        if name == "stranger":
            self.stranger_ms = world.now_ms + args[0]
            time.on_pass.append(self.besiege)

    def besiege(self, now_ms):
        """Let the stranger do what it does, at an await point."""
        if self.connected == _STRANGER:
            if self.stranger_ms < 0:
                self.stranger_ms = -self.stranger_ms
                self.connected = None
                self.call(_DISCONNECT, (_STRANGER, 1, bytes(6)))
        elif (
            self.offered_ms is not None
            and self.connected is None
            and self.offered_ms + _INTERVAL_MS <= now_ms < self.stranger_ms
        ):
            self.offered_ms = None
            self.tell("advertise", {"us": 0})
            self.connected = _STRANGER
            self.call(_CONNECT, (_STRANGER, 1, bytes(6)))

    def call(self, event, data):
        before = time.heap()
        answer = self.handler(event, data) if self.handler else None
        time.firmwares(time.heap() - before)
        return answer

    def event(self, kind, data):
        """One frame from the air; what the program must answer is answered here."""
        if kind == "K":
            self.credits = min(_BUFFERS, self.credits + data[0])
        elif kind == "W":
            conn, handle = struct.unpack_from("<HH", data)
            self.keep(handle, data[4:])
            self.call(_WRITE, (conn, handle))
        elif kind == "R":
            conn, handle = struct.unpack_from("<HH", data)
            error = self.call(_READ_REQUEST, (conn, handle)) or 0
            self.send(b"R", bytes([error]), b"" if error else self.gatts_read(handle))
        elif kind == "C":
            if self.connected is not None:  # the stranger was faster
                self.send(b"D", data[:2])
                return
            self.connected, self.offered_ms = struct.unpack_from("<H", data)[0], None
            self.credits = _BUFFERS
            time.connected(True)
            self.call(_CONNECT, (self.connected, data[2], data[3:9]))
        elif kind == "D":
            if self.connected != struct.unpack_from("<H", data)[0]:
                return
            self.connected = None
            time.connected(False)
            self.call(_DISCONNECT, (struct.unpack_from("<H", data)[0], data[2], data[3:9]))
        elif kind == "M":
            self.call(_MTU, struct.unpack_from("<HH", data))
        elif kind == "E":
            self.call(_ENCRYPTION, struct.unpack_from("<HBBBB", data))
        elif kind == "A":
            self.call(_PASSKEY, struct.unpack_from("<HBI", data))
        elif kind == "I":
            self.call(_INDICATE_DONE, struct.unpack_from("<HHB", data))
        elif kind == "G":
            secret = self.call(
                _GET_SECRET, (data[0], data[1], data[2:] if len(data) > 2 else None)
            )
            self.send(b"G", b"" if secret is None else bytes(secret))
        elif kind == "S":
            key = data[2 : 2 + data[1]]
            value = data[2 + data[1] :]
            kept = self.call(_SET_SECRET, (data[0], key, value if len(value) else None))
            self.send(b"S", bytes([bool(kept)]))
        elif kind == "H":
            world.happen(*json.loads(bytes(data)))

    def keep(self, handle, data):
        """A central wrote: as much of it as the attribute's buffer holds."""
        entry = self.values[handle]
        start = entry[1] if entry[2] else 0
        n = min(len(data), len(entry[0]) - start)
        entry[0][start : start + n] = data[:n]
        entry[1] = start + n


ONE = Radio()


def BLE():
    """The chip's only radio, however often it is asked for."""
    return ONE


def address():
    """This world's lamp's address: Espressif's prefix, then the seed."""
    return "24DCC3%06X" % (world.seed & 0xFFFFFF)


def text(data):
    """Bytes as hex for JSON; None stays None."""
    return None if data is None else hexlify(bytes(data)).decode()
