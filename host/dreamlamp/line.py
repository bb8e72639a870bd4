"""What any line to a lamp has in common: request -> answer, the stream, and what goes wrong.

`link` is the line by Bluetooth, `cable` the one by USB; each brings bytes there and back. Knows
what a request looks like, not what it is for, and neither radio nor port.
"""

import asyncio
import struct

from lamp import names, wire

from .errors import DreamlampError

# Waits for an answer before the question is put again, which costs nothing: the lamp does it once.
# A lamp erasing a sector is silent for up to 0.4 s.
ANSWER_S = (0.7, 2.0, 5.0)
PATIENCE = 800  # times "ask again": each is a sector hashed, of 384, somebody else's first


class LampError(DreamlampError):
    """Something is wrong with the lamp or the way to it; the text says what to do next."""


class Absent(LampError):
    """There is no lamp, or no way to one, for now."""


class LinkLost(LampError):
    """The connection ended; what was fetched is kept and the next sync goes on from there."""


class NotPaired(LampError):
    """The lamp does not know this computer."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"{why}: hold the lamp's button for three seconds, then pair within two minutes"
        )


class Refusal(LampError):
    """The lamp answered a request with another status than ok."""

    HINTS = {
        wire.REFUSED: "hold the lamp's button for three seconds, then pair within two minutes",
        wire.TOO_FAST: "wait ten seconds and try again",
        wire.FAULT: "restart the lamp; its nights are safe",
    }

    LIMITS = {
        wire.WHY_CONSENT: "it holds none, or one to another policy; `dreamlamp consent` asks",
        wire.WHY_BUTTON: "the button said so; it ends with the night",
        wire.WHY_PERMIT: "this computer is a companion's: its sleeper types `dreamlamp permit`",
        wire.WHY_DOSE: "let it be dark until the next night",
    }

    def __init__(self, opcode: int, status: int) -> None:
        self.status, self.why = status, 0  # why: wire.WHY_*, where its own limits forbid it
        if status & wire.WILL_NOT:
            self.why = status & ~wire.WILL_NOT
            reason = names.WHY[self.why] if self.why < len(names.WHY) else f"reason {self.why}"
            hint = self.LIMITS.get(self.why, "its limits forbid it")
            super().__init__(f"the lamp will not ({reason}): {hint}")
            return
        known = names.STATUS
        name = known[status] if status < len(known) else f"status {status}"
        hint = self.HINTS.get(status, "update the lamp or this program so that both agree")
        super().__init__(f"the lamp answered request {opcode:#04x} with '{name}': {hint}")


class Line:
    """A connected lamp. `name` is its short name, `revision` its "protocol.firmware".

    `data` brings (offset, bytes) of the night that is read, and None when the line has ended.
    """

    ENDED = "the lamp is gone: sync again when it is back"

    def __init__(self, name: str = "") -> None:
        self.name = name or "lamp"
        self.revision = ""
        self.lost = False
        self.heard = False  # it answered a request
        self.data: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        self.tag = 0
        self.waiting: dict[tuple[int, int], asyncio.Future[bytes]] = {}
        self.turn = asyncio.Lock()  # one request at a time: the lamp answers in order

    async def _write(self, message: bytes, response: bool) -> None:
        """Bring a request to the lamp; without `response` it may be lost unnoticed."""
        raise NotImplementedError

    async def request(self, opcode: int, body: bytes = b"") -> bytes:
        """The body of the lamp's answer; asked again if the answer was lost on the way, or while
        the lamp says that it is at it."""
        for _ in range(PATIENCE):
            status, *_ = got = await self._ask(opcode, body)
            if status == wire.OK:
                return got[1:]
            if status != wire.LATER:
                break
        raise Refusal(opcode, status)

    async def _ask(self, opcode: int, body: bytes) -> bytes:
        """Status and body of the answer."""
        async with self.turn:
            self.tag = self.tag % 255 + 1
            key, message = (opcode, self.tag), bytes((opcode, self.tag)) + body
            for patience in ANSWER_S:
                answer = self.waiting[key] = asyncio.get_running_loop().create_future()
                try:
                    await self._send(message)
                    return await asyncio.wait_for(answer, patience)
                except TimeoutError:
                    continue
                finally:
                    self.waiting.pop(key, None)
        raise LampError("the lamp does not answer: unplug it, plug it in, and try again")

    async def tell(self, opcode: int, body: bytes = b"") -> None:
        """Send a request that is not answered: tag 0, in a write without response."""
        async with self.turn:
            await self._send(bytes((opcode, 0)) + body, response=False)

    async def _send(self, message: bytes, response: bool = True) -> None:
        if self.lost:
            raise self.why_lost()
        await self._write(message, response)

    def heard_revision(self, revision: str) -> None:
        """Note what the lamp speaks, and refuse what this program does not."""
        self.revision = revision
        if revision.split(".")[0] != str(wire.PROTOCOL):
            raise LampError(
                f"the lamp speaks protocol {revision or '?'}, this program {wire.PROTOCOL}: "
                "update the older of the two"
            )

    def answered(self, value: bytes | bytearray) -> None:
        if len(value) < 3 or not value[0] & wire.ANSWER:
            return
        self.heard = True
        future = self.waiting.get((value[0] & ~wire.ANSWER, value[1]))
        if future and not future.done():
            future.set_result(bytes(value[2:]))

    def streamed(self, value: bytes | bytearray) -> None:
        if len(value) > wire.DATA_HEADER_SIZE:
            offset = struct.unpack_from(wire.DATA_HEADER, value)[0]
            self.data.put_nowait((offset, bytes(value[wire.DATA_HEADER_SIZE :])))

    def ended(self) -> None:
        self.lost = True
        self.data.put_nowait(None)
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(self.why_lost())
                future.exception()  # told, even if the one who waited has gone

    def why_lost(self) -> LinkLost:
        return LinkLost(self.ENDED)
