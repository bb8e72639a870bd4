"""A server whose world can be compared before and after, for the fuzz tests and the fuzz bench."""

import sys
from pathlib import Path

from lamp import names, server, wire

sys.path.append(str(Path(__file__).resolve().parents[1] / "both"))
from fakes import Clock, Held, Night, Settings

OWNER, GUEST = b"\x00OWNER!", b"\x00GUEST!"


class Log(Held):
    """The face of nightlog.NightLog over bytes; night 4 is still being written."""

    open_id = 4

    def __init__(self) -> None:
        self.held = {1: bytes(range(256)) * 3, 4: b"\x07" * 40}
        self.marked: set[int] = set()

    def entries(self):
        for night, data in sorted(self.held.items()):
            flags = wire.ENTRY_OPEN if night == 4 else wire.ENTRY_SYNCED * (night in self.marked)
            yield night, len(data), 1, flags, 1, 0

    def hash_on(self, night):
        return True

    def mark_synced(self, night: int, sha: bytes) -> None:
        self.marked.add(night)


class Target:
    """One lamp to be attacked."""

    def __init__(self) -> None:
        self.log, self.night, self.settings = Log(), Night(), Settings()
        self.clock = Clock()
        self.settings.set("bond0", OWNER + bytes((3, 0)) + b"ourtheirs")
        self.server = server.Server(self.log, self.night, self.settings, self.clock)
        self.server.bonds.current = OWNER

    def state(self) -> tuple:
        """Everything a request may change."""
        held = tuple(self.log.held), frozenset(self.log.marked), tuple(self.settings.items())
        asked = repr(vars(self.night)), self.clock.date
        return (*held, *asked, self.server.end, self.server.reading)

    def companion(self) -> "Target":
        """The same, on the radio a companion who is permitted nothing any more."""
        self.settings.set("bond1", GUEST + bytes((3, 5)) + bytes(5) + b"ourtheirs")
        self.server.bonds.current = GUEST
        return self

    def ask(self, request: bytes, peer: tuple[bool, bool, bool]) -> int | None:
        """The status of the answer, which must be one; None where none is due."""
        answer = bytes(self.server.handle(request, peer))
        if len(request) > 1 and request[1] == 0:
            assert answer == b""
            return None
        assert len(answer) >= 3 and len(answer) <= self.server.room
        assert answer[0] == wire.ANSWER | (request[0] if request else 0)
        known = answer[2] < len(names.STATUS) or answer[2] == wire.WILL_NOT | wire.WHY_PERMIT
        assert known and answer[2] != wire.FAULT, request
        return answer[2]

    def drain(self, most: int = 40) -> None:
        """Pull what was granted."""
        buf = bytearray(64)
        for _ in range(most):
            if not self.server.pull(buf):
                return
