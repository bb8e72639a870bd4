"""The morning's pages, served for the tests by the real server on a free port; and a lamp near by.

The lamp is the firmware's own server and night, reached without a radio.
"""

import asyncio
import sys
import threading
from contextlib import asynccontextmanager
from pathlib import Path

from dreamlamp import library, web, webpages
from dreamlamp.line import LampError, Refusal
from lamp import server, wire

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE / "host"), str(HERE / "both")]
FRIEND = (True, True, True)


def nobody():
    """In place of link.connect: there is no lamp."""
    raise LampError("no lamp was heard: come nearer")


class Near:
    """A lamp in reach: `near.connect` opens a link to it; `deaf` loses what is written."""

    name = "3F2A"

    def __init__(self):
        from fakes import Clock
        from test_night_story import Lamp

        self.lamp, self.clock, self.deaf = Lamp(), Clock(), False
        self.server = server.Server(self.lamp.log, self.lamp.night, self.lamp.settings, self.clock)
        self.server.cable = True
        self.tag = 0

    @asynccontextmanager
    async def connect(self):
        yield self

    async def request(self, opcode, body=b""):
        if self.deaf and opcode == wire.SET:
            return b""
        self.tag = self.tag % 255 + 1
        answer = bytes(self.server.handle(bytes((opcode, self.tag)) + body, FRIEND))
        if answer[2]:
            raise Refusal(opcode, answer[2])
        return answer[3:]


class Served:
    """The pages over `folder` in a thread of their own; `url` lets in."""

    def __init__(self, folder, connect):
        self.views = webpages.Views(library.Library(folder), connect)
        self.loop = asyncio.new_event_loop()
        self.server = web.Server(self.views.routes(), webpages.failed)
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.url = self.do(self.server.start())
        self.home = self.url.split("/?")[0]

    def do(self, what):
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(60)

    def stop(self):
        self.do(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
