"""The computer's end of a virtual lamp's serial line: a pty, and a port by RFC 2217.

Both carry the same bytes. DTR and RTS travel over RFC 2217 only (a pty has none) and do what the
two transistors of a DevKitC do: RTS without DTR holds the chip in reset, DTR without RTS is the
button BOOT, which counts when the reset ends. What nobody reads is lost, as on a wire. Knows no
lamp: `Uart.lamp` is whatever has `stdin`, `hears`, `interrupt()` and `hold(down)`; `Uart.rom`
(rom.py) listens in its place after a reset with BOOT held.
"""

import contextlib
import os
import selectors
import socket
import threading
import tty
from collections.abc import Callable
from typing import Any

import serial
from serial.rfc2217 import PortManager

from .rom import Rom

CTRL_C = b"\x03"
CHUNK = 4096


class Uart:
    """`device` is the pty's path, `url` the RFC 2217 port. Use as a context."""

    def __init__(self) -> None:
        self.lamp: Any = None
        self.rom: Rom | None = None
        self.reset = False  # the reset is held, or has just ended and BOOT is not yet known
        self.master, self.slave = os.openpty()  # the slave stays open: no hang-up between users
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.device = os.ttyname(self.slave)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"rfc2217://127.0.0.1:{self.server.getsockname()[1]}"
        self.clients: dict[socket.socket, PortManager] = {}
        self.lock = threading.Lock()  # over `clients` and what is sent to them
        self.waker, self.wakened = os.pipe()
        self.thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "Uart":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        os.write(self.wakened, b"x")
        self.thread.join(5)
        for client in list(self.clients):
            self._gone(client)
        self.server.close()
        for end in (self.master, self.slave, self.waker, self.wakened):
            os.close(end)

    def say(self, data: bytes) -> None:
        """What the lamp sent: to whoever is there."""
        with contextlib.suppress(BlockingIOError):  # full: nobody has read for long
            os.write(self.master, data)
        with self.lock:
            for client, manager in self.clients.items():
                with contextlib.suppress(OSError):
                    client.sendall(b"".join(manager.escape(data)))

    def _listen(self) -> None:
        self.selector = selectors.DefaultSelector()
        for end in (self.master, self.server, self.waker):
            self.selector.register(end, selectors.EVENT_READ)
        while True:
            for key, _ in self.selector.select():
                if key.fileobj == self.waker:
                    return
                if key.fileobj == self.master:
                    self._hear(os.read(self.master, CHUNK))
                elif key.fileobj is self.server:
                    self._accept()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._read(key.fileobj)

    def _accept(self) -> None:
        client, _ = self.server.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(client)
        with self.lock:
            self.clients[client] = PortManager(_Pins(self._pins), connection)
        self.selector.register(client, selectors.EVENT_READ)

    def _read(self, client: socket.socket) -> None:
        try:
            data = client.recv(CHUNK)
        except OSError:
            data = b""
        if data:
            self._hear(b"".join(self.clients[client].filter(data)))
        else:
            self.selector.unregister(client)
            self._gone(client)

    def _gone(self, client: socket.socket) -> None:
        with self.lock:
            del self.clients[client]
        client.close()

    def _pins(self, dtr: bool, rts: bool) -> None:
        if not self.lamp:
            return
        if rts and not dtr:
            if self.rom:
                self.rom.sleep()
            self.reset = True
            self.lamp.hold(True)
        elif self.reset and not rts:  # with both on, EN's capacitor is still charging
            self.reset = False
            if dtr and self.rom:
                self.say(self.rom.wake())
            else:
                self.lamp.hold(False)

    def _hear(self, data: bytes) -> None:
        """Bytes for the lamp; while something runs there, Ctrl-C is no byte but an interrupt."""
        lamp = self.lamp
        if self.rom and self.rom.awake:
            self.say(self.rom.hear(data))
            return
        if not lamp or not data:
            return
        for i, piece in enumerate(data.split(CTRL_C) if lamp.hears else [data]):
            if i:
                lamp.interrupt()
            with contextlib.suppress(OSError, ValueError):  # it is just starting anew
                lamp.stdin.write(piece)
                lamp.stdin.flush()


class _Connection:
    """The face PortManager writes its answers to."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self.client.sendall(data)


class _Pins:
    """The face PortManager sets the line's parameters and pins on; only DTR and RTS matter."""

    moved: Callable[[bool, bool], None]
    dtr: bool
    rts: bool

    def __init__(self, moved) -> None:
        self.__dict__.update(
            moved=moved, baudrate=115200, bytesize=8, parity=serial.PARITY_NONE,
            stopbits=serial.STOPBITS_ONE, xonxoff=False, rtscts=False, break_condition=False,
            cts=True, dsr=True, ri=False, cd=True, dtr=False, rts=False,
        )  # fmt: skip

    def __setattr__(self, name: str, value) -> None:
        self.__dict__[name] = value
        if name in ("dtr", "rts"):
            self.moved(self.dtr, self.rts)

    def reset_input_buffer(self) -> None:
        pass

    reset_output_buffer = reset_input_buffer
