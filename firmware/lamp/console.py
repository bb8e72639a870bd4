"""The serial console as bytes, and the ear at it for a host at the other end of the cable.

What serves such a host is drivers/usb.py, which is loaded at the first sign of one and let go of
when it is silent. Knows no chip and no product.
"""

import asyncio
import select
import sys

from .compat import const
from .seldom import let_go

_BEGIN = const(0x23)  # '#': so does every line of a host's
_LOOK_MS = const(250)  # the chip keeps 260 bytes meanwhile, three of the longest requests


class Console:
    """`link.name` is what the lamp is called."""

    def __init__(self, link):
        self.link = link
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def get(self):
        """The next byte; None: none has come; -1: none will ever come."""
        for _ready in self._poll.ipoll(0):
            byte = sys.stdin.buffer.read(1)
            return byte[0] if byte else -1

    def put(self, frame):
        """Send it; at 115200 baud a byte takes 87 us."""
        sys.stdout.buffer.write(frame)

    async def serve(self, server):
        """Wait for hosts, and let each have a server of its own."""
        byte = 0
        while byte is None or byte >= 0:
            byte = self.get()
            if byte == _BEGIN:
                try:
                    await self._serve(server.another())
                except MemoryError:
                    print("no memory for the cable: try again after the night")
            await asyncio.sleep_ms(_LOOK_MS if byte is None else 1)

    async def _serve(self, server):
        from .drivers import usb

        try:
            await usb.serve(server, self, self.link.name)
        finally:
            let_go(usb)
