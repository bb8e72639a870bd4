"""One target under atheris, which steers its inputs by the code they reach.

python tests/bench/_guided.py TARGET [-runs=N -seed=S ...] [FILE ...]; options are libFuzzer's, and
a FILE is one input, as it leaves them behind for a crash. An input says what is sent, not how:
lengths and checksums are put around it, or nothing would come past the first `if`.
"""

import asyncio
import struct
import sys
import time
from binascii import crc32, hexlify
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / p) for p in ("firmware", "host", "tests/host")]
time.ticks_ms = lambda: 0  # type: ignore[attr-defined]
time.ticks_diff = lambda a, b: a - b  # type: ignore[attr-defined]
asyncio.sleep_ms = lambda ms: asyncio.sleep(0)  # type: ignore[attr-defined]

with atheris.instrument_imports(include=["lamp", "dreamlamp"]):
    from dreamlamp import cable, nights, sync
    from hostile import Target
    from lamp import wire
    from lamp.drivers import usb

OWNER = (True, True, True)


def pieces(data: bytes) -> list[bytes]:
    """Cut `data` at the lengths that it holds itself."""
    found, at = [], 0
    while at < len(data):
        size = data[at] % 80
        found.append(data[at + 1 : at + 1 + size])
        at += 1 + size
    return found


def server(data: bytes) -> None:
    """A conversation with a stranger or the owner; what a stranger changes is a crash."""
    target, known = Target(), bool(data[:1] > b"\x7f")
    peer = OWNER if known else (bool(data[0] & 1), bool(data[0] & 2), False) if data else OWNER
    before = target.state()
    for request in pieces(data[1:]):
        target.server.failed = 0  # the rate limit must not shield what is behind it
        status = target.ask(request, peer)
        assert known or status != wire.OK
        target.drain()
    assert known or peer is OWNER or target.state() == before


class Console:
    """The console's face: bytes that come, then the end."""

    def __init__(self, heard: bytes) -> None:
        self.heard = iter(heard)

    def get(self) -> int:
        return next(self.heard)

    def put(self, frame) -> None:
        assert frame[0] == cable.MAGIC and len(frame) == frame[2] + cable.OVERHEAD


def console(data: bytes) -> None:
    """Lines, whole and raw, at the lamp's console; the frames it says, at the host's parser."""
    heard, target = b"#", Target()
    for piece in pieces(data):
        whole = piece[:1] > b"\x40"
        sealed = piece[1:] + struct.pack("<I", crc32(piece[1:]))
        heard += b"#" + hexlify(sealed) + b"\r" if whole else piece
    task = usb.serve(target.server, Console(heard), "Dreamlamp 3F2A")
    try:
        while True:
            task.send(None)
    except (StopIteration, RuntimeError):  # the bytes are over
        pass


def frames(data: bytes) -> None:
    """What the lamp sends, whole and harmed, in pieces, at the host's end."""
    parser, line = cable.Frames(), cable.Cable("")
    for piece in pieces(data):
        if piece[:1] > b"\x40":
            body = bytes((piece[0] % 4, len(piece) - 1)) + piece[1:]
            piece = bytes((cable.MAGIC,)) + body + struct.pack("<I", crc32(body))
        for found in parser.feed(piece):
            line._take(*found)
        assert len(parser.rest) < 262 and len(parser.text) <= cable.TEXT_MAX
    while parser.rest:
        parser.give_up()
        for found in parser.feed(b""):
            line._take(*found)


def decoder(data: bytes) -> None:
    """Frames of a night, their checksums right and their contents anything."""
    raw = bytearray()
    for piece in [struct.pack(wire.BOOT_LAYOUT, 7, *BORN), *pieces(data)]:
        kind = piece[0] % 10 if raw and piece else wire.NIGHT
        body = piece[1:] if raw else piece
        frame = bytes((kind, len(body))) + body
        raw += frame + struct.pack("<I", crc32(frame, crc32(struct.pack("<H", 7))))
    raw += data[-9:]
    assert sync.bad_bytes(bytes(raw), 7) <= len(raw)
    try:
        made = nights.decode(bytes(raw), 7)
        assert len(made.seconds) == len(made)
    except nights.BadNight:
        pass


BORN = (3, 1, 100, wire.PROTOCOL, 0, 1, 0, 1, 1, 50000, 0, 0, 60, 0, 0, 1, 254, 0, 0)
TARGETS = {f.__name__: f for f in (server, console, frames, decoder)}

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup([*sys.argv, "-max_len=600", "-len_control=0"], target)
    atheris.Fuzz()
