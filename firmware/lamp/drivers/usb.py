"""The protocol over the serial console: requests come as lines of text, the rest goes in frames.

The same line carries what the program prints and the Python prompt. So a request is printable
(`#`, hex, end of line): no byte of it is Ctrl-C, which must go on stopping the program, and at the
prompt it is a comment. A frame begins with F5, which no UTF-8 has, and ends with a CRC-32; what
is no frame is text. Loaded when a host is there and let go of after it. Knows no product.
"""

import asyncio
import struct
import time
from binascii import crc32, unhexlify

from ..compat import const

_MAGIC = const(0xF5)
_WHO, _ANSWER, _DATA = const(0), const(1), const(2)
_HEAD = const(3)  # magic, kind, length
_PAYLOAD = const(255)
_LINE = const(136)  # hex digits: a request of 64 bytes and its CRC
_BEGIN = const(0x23)  # '#'
_OUTSIDE = const(-1)
_LOOK_MS = const(5)
_QUIET_MS = const(5000)
_OWNER = (True, True, True)  # who holds the cable holds the lamp


async def serve(server, console, name):
    """Serve one host, whose first `#` was read, until nothing was heard or asked for a while."""
    line, n = bytearray(_LINE), 0
    frame = bytearray(_HEAD + _PAYLOAD + 4)
    room = memoryview(frame)[_HEAD : _HEAD + _PAYLOAD]
    heard = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), heard) < _QUIET_MS:
        for _ in range(_LINE):  # not for as long as it babbles
            byte = console.get()
            if byte is None or byte < 0:
                break
            if byte == _BEGIN:
                n = 0
            elif byte == 13 or byte == 10:
                if n >= 0:
                    answer(server, console, name, frame, line[:n])
                    heard = time.ticks_ms()
                    n = _OUTSIDE
                    break  # one request: the sensor waits
                n = _OUTSIDE
            elif 0 <= n < _LINE:
                line[n] = byte
                n += 1
            else:
                n = _OUTSIDE
        size = server.pull(room)
        if size > 0:
            put(console, frame, _DATA, size)
            heard = time.ticks_ms()
        await asyncio.sleep_ms(0 if size else _LOOK_MS)


def answer(server, console, name, frame, digits):
    """Do what a line asks; a torn one is passed over, and asked again by its host."""
    try:
        raw = unhexlify(digits)
    except ValueError:
        return
    if not raw:
        said, kind = ("%s %s" % (server.revision, name)).encode(), _WHO
    elif len(raw) < 5 or crc32(raw[:-4]) != struct.unpack("<I", raw[-4:])[0]:
        return
    else:
        said, kind = server.handle(raw[:-4], _OWNER), _ANSWER
    if len(said):
        frame[_HEAD : _HEAD + len(said)] = said
        put(console, frame, kind, len(said))


def put(console, frame, kind, n):
    """Send the `n` bytes of payload that lie in `frame`."""
    frame[0], frame[1], frame[2] = _MAGIC, kind, n
    struct.pack_into("<I", frame, _HEAD + n, crc32(memoryview(frame)[1 : _HEAD + n]))
    console.put(memoryview(frame)[: _HEAD + n + 4])
