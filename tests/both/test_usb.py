"""The console's driver: requests told from noise, frames whole, and let go of when it is quiet."""

import asyncio
import struct
import time
from binascii import crc32, hexlify

if not hasattr(time, "ticks_ms"):  # CPython
    time.ticks_ms = lambda: int(time.monotonic() * 1000)
    time.ticks_diff = lambda a, b: a - b
if not hasattr(asyncio, "sleep_ms"):
    asyncio.sleep_ms = lambda ms: asyncio.sleep(ms / 1000)

from lamp.drivers import usb


class Server:
    """What the driver uses of server.Server: echoes, and gives `left` bytes of a night."""

    revision = "1.2.3.4"

    def __init__(self, left=0):
        self.asked, self.left = [], left

    def handle(self, request, peer):
        assert peer == (True, True, True)
        self.asked.append(bytes(request))
        return memoryview(b"" if request[1] == 0 else b"\x81" + bytes(request[1:]))

    def pull(self, buf):
        n = min(self.left, len(buf))
        self.left -= n
        for i in range(n):
            buf[i] = 0xF5
        return n


class Console:
    """A line on which `heard` lies waiting; ends by raising once it was heard and all is said."""

    def __init__(self, heard, looks=3):
        self.heard, self.said, self.looks = list(heard), [], looks

    def get(self):
        if self.heard:
            return self.heard.pop(0)
        self.looks -= 1
        if self.looks < 0:
            raise EOFError

    def put(self, frame):
        self.said.append(bytes(frame))


def line_of(request):
    return b"#" + hexlify(request + struct.pack("<I", crc32(request))) + b"\r"


def talk(heard, server=None, looks=3):
    """(what the server was asked, payloads said as (kind, bytes)); every frame must be whole."""
    server, console = server or Server(), Console(heard, looks)
    try:
        asyncio.run(usb.serve(server, console, "Dreamlamp 3F2A"))
    except EOFError:
        pass
    said = []
    for frame in console.said:
        assert frame[0] == 0xF5 and len(frame) == frame[2] + 7
        assert struct.unpack("<I", frame[-4:])[0] == crc32(frame[1:-4])
        said.append((frame[1], frame[3:-4]))
    return server.asked, said


def test_a_request_is_done_and_answered():
    asked, said = talk(line_of(b"\x01\x07"))
    assert asked == [b"\x01\x07"] and said == [(1, b"\x81\x07")]


def test_the_first_sign_of_a_line_may_have_been_read_already():
    assert talk(line_of(b"\x01\x07")[1:])[0] == [b"\x01\x07"]


def test_a_request_with_tag_0_is_done_in_silence():
    assert talk(line_of(b"\x04\x00abc")) == ([b"\x04\x00abc"], [])


def test_an_empty_line_asks_who_is_there():
    assert talk(b"\r#\r")[1][-1] == (0, b"1.2.3.4 Dreamlamp 3F2A")


def test_no_byte_of_a_request_can_stop_the_program():
    for byte in range(256):
        assert not set(line_of(bytes((1, byte)))[:-1]) & set(range(32))


def test_a_line_torn_or_changed_anywhere_is_passed_over_and_the_next_is_done():
    whole, after = line_of(b"\x06\x01" + bytes(range(34))), line_of(b"\x01\x02")
    for at in range(len(whole)):
        for torn in (
            whole[:at],
            whole[:at] + b"z" + whole[at + 1 :],
            whole[:at] + whole[at + 1 :],
        ):
            assert talk(b"#" + torn + after)[0][-1:] == [b"\x01\x02"], (at, torn)


def test_the_longest_request_fits_and_a_longer_one_is_no_request():
    assert talk(line_of(bytes(range(64))))[0] == [bytes(range(64))]
    assert talk(line_of(bytes(range(65))) + line_of(b"\x01\x02"))[0] == [b"\x01\x02"]


def test_a_night_comes_in_full_frames_while_there_is_credit():
    _, said = talk(b"", Server(600))
    assert [(kind, len(data)) for kind, data in said] == [(2, 255), (2, 255), (2, 90)]


def test_babble_does_not_keep_the_night_waiting():
    class Watched(Console):
        waiting = None

        def put(self, frame):
            if self.waiting is None:
                self.waiting = len(self.heard)

    console = Watched(b"#" * 2000)
    try:
        asyncio.run(usb.serve(Server(10), console, ""))
    except EOFError:
        pass
    assert console.waiting > 1500


def test_it_ends_when_nothing_was_heard_for_a_while():
    at, ticks = [0], time.ticks_ms
    try:
        time.ticks_ms = lambda: at[0]
    except AttributeError:  # MicroPython's own module cannot be changed
        return

    class Quiet(Console):
        def get(self):
            at[0] += 500

    try:
        asyncio.run(asyncio.wait_for(usb.serve(Server(), Quiet(b""), ""), 5))
    finally:
        time.ticks_ms = ticks
    assert 5000 <= at[0] <= 6000
