"""The line to a lamp by its USB cable: any port pyserial can open, a device or a URL.

The other end is firmware/lamp/drivers/usb.py: requests go as `#`, hex and an end of line, what
comes back are frames among whatever the lamp prints. DTR and RTS are left as the port opens them,
both on: on a DevKitC any other pair resets the chip. Knows no request's meaning.
"""

import asyncio
import binascii
import contextlib
import re
import struct
from collections.abc import AsyncIterator, Iterator

import serial
from serial.tools import list_ports

from .line import Absent, LampError, Line

BAUD = 115200
MAGIC = 0xF5
WHO, ANSWER, DATA = 0, 1, 2
HEAD, OVERHEAD = 3, 7  # bytes of a frame before its payload, and around it
TEXT_MAX = 4096  # bytes of what the lamp printed last that are kept
NAPS_S = 0.002  # between two looks at the port
WHO_TRIES, WHO_S = 8, 0.5  # the lamp looks at its console four times a second
PROMPT = re.compile(rb"(?:^|\n)(?:>>>|\.\.\.|>) ?$")


class Frames:
    """Bytes as they come -> frames; what is no frame is `text`, and its last 4096 bytes kept."""

    def __init__(self) -> None:
        self.rest = bytearray()
        self.text = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (kind, payload) of each frame that is whole now."""
        self.rest += data
        while self.rest:
            start = self.rest.find(MAGIC)
            if start:
                self._is_text(start if start > 0 else len(self.rest))
                continue
            size = OVERHEAD + self.rest[2] if len(self.rest) >= HEAD else OVERHEAD
            if self.rest[1:2] and self.rest[1] > DATA:
                self._is_text(1)
            elif len(self.rest) < size:
                return
            elif binascii.crc32(self.rest[1 : size - 4]) == _u32(self.rest, size - 4):
                frame = self.rest[1], bytes(self.rest[HEAD : size - 4])
                del self.rest[:size]
                yield frame
            else:
                self._is_text(1)  # torn: the next frame may begin within it

    def give_up(self) -> None:
        """Nothing more came of a frame that was begun: it is none. Feed b"" to go on."""
        if self.rest:
            self._is_text(1)

    def _is_text(self, n: int) -> None:
        self.text += self.rest[:n]
        del self.rest[:n], self.text[:-TEXT_MAX]


def _u32(data: bytearray, at: int) -> int:
    return struct.unpack_from("<I", data, at)[0]


def line_of(message: bytes) -> bytes:
    """A request as it travels; none of its bytes is a control character but the last."""
    crc = struct.pack("<I", binascii.crc32(message)) if message else b""
    return b"#" + binascii.hexlify(message + crc) + b"\r"


@contextlib.asynccontextmanager
async def connect(port: str) -> "AsyncIterator[Cable]":
    """`async with connect("/dev/ttyUSB0") as line:` - open, ask who is there; close at the end."""
    line = Cable(port)
    try:
        await line.open()
        yield line
    finally:
        await line.close()


class Cable(Line):
    """A lamp connected by its USB cable."""

    ENDED = "the cable was unplugged, or the lamp was: plug it in; sync goes on from here"

    def __init__(self, port: str) -> None:
        super().__init__()
        self.url = port
        self.port: serial.SerialBase | None = None
        self.frames = Frames()
        self.known = asyncio.Event()
        self.reader: asyncio.Task | None = None

    async def open(self) -> None:
        """Open the port and learn who is there."""
        try:
            self.port = await asyncio.to_thread(serial.serial_for_url, self.url, BAUD, timeout=0)
        except (serial.SerialException, OSError, ValueError) as error:
            ports = ", ".join(sorted(p.device for p in list_ports.comports())) or "none"
            raise Absent(
                f"{self.url} does not open ({_said(error)}): plug the lamp in and name its port; "
                f"there are: {ports}"
            ) from None
        self.reader = asyncio.create_task(self._read())
        for _ in range(WHO_TRIES):
            await self._put(b"\r" + line_of(b""))  # the first byte ends whatever was typed there
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.known.wait(), WHO_S)
                break
        else:
            raise LampError(self._silent())
        self.heard_revision(self.revision)

    def _silent(self) -> str:
        said = bytes(self.frames.text).replace(b"\r", b"")
        if PROMPT.search(said):
            return f"{self.url}: a Python prompt is there and no lamp runs: press its reset button"
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        heard = f"; it said {last[0]!r}" if last else ""
        return (
            f"nobody at {self.url} speaks as a lamp{heard}: is it the lamp's port, and has no "
            "other program opened it? Unplug the lamp, plug it in, and try again"
        )

    async def close(self) -> None:
        if self.reader:
            self.reader.cancel()
            await asyncio.gather(self.reader, return_exceptions=True)
        if self.port:
            self.port.close()

    async def _read(self) -> None:
        """Take what comes until the port fails."""
        assert self.port
        still = 0.0
        try:
            while True:
                data = self.port.read(65536)
                if not data:
                    await asyncio.sleep(NAPS_S)
                    still += NAPS_S
                    if still > WHO_S / 4:  # a frame's bytes come without a pause
                        self.frames.give_up()
                        still = 0.0
                else:
                    still = 0.0
                for kind, payload in self.frames.feed(data):
                    self._take(kind, payload)
        except (serial.SerialException, OSError, TypeError):  # TypeError: closed under pyserial
            self.ended()

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == ANSWER:
            self.answered(payload)
        elif kind == DATA:
            self.streamed(payload)
        else:
            self.revision, _, name = payload.decode(errors="replace").partition(" ")
            self.name = re.sub(r"[^0-9A-Za-z]", "", name.split(" ")[-1]) or "lamp"
            self.known.set()

    async def _write(self, message: bytes, response: bool) -> None:
        await self._put(line_of(message))

    async def _put(self, data: bytes) -> None:
        assert self.port
        try:
            self.port.write(data)
        except (serial.SerialException, OSError):
            self.ended()


def _said(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
