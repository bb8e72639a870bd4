"""One request's bytes in, the answer's bytes out; and the bytes of a night, by credit.

Every request is taken for hostile: whatever arrives, a status goes back and nothing is raised.
The same request twice in a row is answered again without being done again, so that a host that
missed the answer may repeat it. Knows no radio: what carries the bytes calls `handle` and `pull`.
"""

import struct

from . import VERSION, wire
from .bonds import Bonds
from .compat import const
from .nightlog import Cursor
from .seldom import let_go

_ROOM = const(244)
HEAD = const(3)  # opcode, tag, status
_PAGE = const(2)  # entries of one answer
_YEAR_2024 = 1704067200  # an earlier clock is a host without one
_OFFSET_MAX_MIN = const(14 * 60)  # Kiribati
_FAILURES = const(20)  # failed requests that are answered within
_FAILURES_S = const(10)


class Server:
    """The lamp's end of the conversation, over `log`, `night`, `settings` and `clock`."""

    def __init__(self, log, night, settings, clock):
        self.log = log
        self.night = night
        self.settings = settings
        self.clock = clock
        self.armed = True  # the lock: serve none but a known peer
        self.cable = False  # the peer holds the lamp in his hands
        self.bonds = Bonds(settings)
        self.revision = "%d." % wire.PROTOCOL + "%d.%d.%d" % VERSION
        self.room = _ROOM  # bytes of one answer; the radio narrows it
        self.out = bytearray(_ROOM)
        self.gone()

    def another(self):
        """A server for one more peer at the same time."""
        other = Server(self.log, self.night, self.settings, self.clock)
        other.bonds = self.bonds
        other.cable = True
        return other

    def gone(self):
        """The peer is another, or none: forget what was its."""
        self.reading = self.at = self.end = self.length = 0
        self.cursor = Cursor()
        self.bonds.held = None
        self.last = None
        self.last_n = 0
        self.fetched = False  # it asked for a night
        self.failed = 0
        self.failed_s = 0

    # --- requests ---

    def handle(self, request, peer):
        """Answer `request` (bytes) of `peer` (encrypted, bonded, known); a memoryview."""
        if self.last is None or request != self.last:
            self.last_n = HEAD + self.do(request, peer)
            self.last = bytes(request) if self.out[2] == wire.OK else None
            if len(request) > 1 and not request[1]:
                self.last, self.last_n = None, 0  # nobody waits for an answer
        return memoryview(self.out)[: self.last_n]

    def do(self, request, peer):
        """Do it; fill the answer's head and return the length of its body."""
        out = self.out
        out[0] = wire.ANSWER | (request[0] if len(request) else 0)
        out[1] = request[1] if len(request) > 1 else 0
        try:
            n = self.dispatch(request, peer)
        except Exception:  # a fault of ours or of the flash is the host's to hear, not to die of
            n = -wire.FAULT
        if n < 0 and n != -wire.LATER:
            self.failed += 1
        out[2] = -n if n < 0 else wire.OK
        return max(n, 0)

    def dispatch(self, request, peer):
        """Length of the answer's body, or minus a status."""
        if self.too_fast():
            return -wire.TOO_FAST
        length, method = self.requests.get(request[0] if len(request) else 0, (0, None))
        if len(request) < 2 or method is None:
            return -wire.BAD_REQUEST
        if self.armed and not peer[2]:
            return -wire.REFUSED
        if not self.allowed(request):
            return -(wire.WILL_NOT | wire.WHY_PERMIT)
        if length is not None and len(request) != 2 + length:
            return -wire.BAD_REQUEST
        return method(self, request) or 0

    def allowed(self, request):
        """Whether this connection's bond may ask that: all, unless it is a companion's."""
        if self.cable:
            return True
        limit = self.bonds.held
        if limit is None:
            own = self.own()
            if own is None:  # it showed a bond that is lost since: whose it was, nobody knows
                return not self.armed
            limit = self.bonds.held = self.bonds.limit(own)
        if not limit or request[0] == wire.HELLO or request[0] == wire.LAMP_OFF:
            return True
        rights, until_s = struct.unpack("<BI", limit)
        if not 0 < self.clock.unix_s() < until_s:
            return False
        if request[0] == wire.STATUS:
            return rights & wire.MAY_WATCH
        light = request[0] == wire.SET and len(request) == 4 and request[2] == wire.KEY_LIGHT
        return light and rights & wire.MAY_LIGHT

    def own(self):
        """The slot of this connection's bond, or None: who holds the cable has none."""
        current = self.bonds.current
        return self.bonds.slot(current) if current and not self.cable else None

    def too_fast(self):
        """Whether this connection has failed too often of late."""
        now = self.clock.now_s()
        if now - self.failed_s >= _FAILURES_S:
            self.failed_s = now
            self.failed = 0
        return self.failed >= _FAILURES

    def put(self, layout, *values):
        """Write the answer's body; return its length."""
        struct.pack_into(layout, self.out, HEAD, *values)
        return struct.calcsize(layout)

    def hello(self, _):
        return self.put(
            wire.HELLO_LAYOUT,
            wire.PROTOCOL,
            VERSION[0],
            VERSION[1],
            VERSION[2],
            self.night.kit,
            self.night.state,
            self.night.mode,
            self.settings.get("boot", 0),
            self.clock.now_s(),
        )

    def set_time(self, request):
        unix_s, offset_min = struct.unpack_from("<Ih", request, 2)
        if unix_s < _YEAR_2024 or abs(offset_min) > _OFFSET_MAX_MIN:
            return -wire.BAD_REQUEST
        self.clock.set(unix_s)
        self.night.clock_set(unix_s, offset_min)

    def status(self, _):
        night, last = self.night, self.night.last
        return self.put(
            wire.STATUS_LAYOUT,
            night.state,
            night.mode,
            last[0],
            last[1],
            last[2],
            last[3],
            night.level // 100,
            last[4],
            self.log.open_id,
            last[5],
        )

    def lamp_off(self, _):
        self.night.lamp_off()

    def at_desk(self, request):
        from . import desk

        try:
            return desk.serve(self, request)
        finally:
            let_go(desk)

    def checkup(self, request):
        part = request[2]
        if part == wire.CHECK_SENSOR and self.night.state == wire.RECORDING:
            return -wire.BUSY
        return self.night.examine(self, part, memoryview(self.out)[HEAD : self.room])

    # --- nights ---

    def nights(self, request):
        """Entries from the asked one on, a few: each is work, and the sensor waits meanwhile."""
        end = HEAD + 1
        for night in self.log.nights()[request[2] :]:
            after = end + wire.NIGHT_ENTRY_SIZE
            if after > self.room or after > HEAD + 1 + _PAGE * wire.NIGHT_ENTRY_SIZE:
                break
            entry = self.log.entry(night)
            if entry:
                struct.pack_into(wire.NIGHT_ENTRY, self.out, end, *entry)
                end = after
        self.out[HEAD] = min(len(self.log.nights()), 255)
        return end - HEAD

    def read(self, request):
        """Grant credit: further from where the running READ will end, else from the offset."""
        night, offset, credit = struct.unpack_from("<HII", request, 2)
        if night != self.reading or not night:  # the log has to search: not at every grant
            entry = self.log.entry(night)
            if entry is None:
                return -wire.NOT_FOUND
            self.length = entry[1]
            if not self.fetched:
                self.fetched = True
                self.night.sync_began()
        if offset > self.length and night != self.log.open_id:
            return -wire.BAD_REQUEST
        if night != self.reading or offset != self.end:
            self.reading, self.at = night, offset
        self.end = offset + credit

    def stop(self, _):
        self.reading = self.at = self.end = 0

    def pull(self, buf):
        """Fill `buf` with the next bytes for `data`, as far as credit goes; 0: none, -1: soon."""
        left = self.end - self.at
        if left <= 0:
            return 0
        room = min(left, len(buf) - wire.DATA_HEADER_SIZE)
        into = memoryview(buf)[wire.DATA_HEADER_SIZE : wire.DATA_HEADER_SIZE + room]
        try:
            n = self.log.read(self.reading, self.at, into, self.cursor)
        except Exception:  # a fault of the flash ends the stream, not the radio
            n = 0
        if n <= 0:
            self.end = self.at if not n else self.end  # the night has no more; so far
            return n
        struct.pack_into(wire.DATA_HEADER, buf, 0, self.at)
        self.at += n
        return wire.DATA_HEADER_SIZE + n

    def digest(self, request):
        night = struct.unpack_from("<H", request, 2)[0]
        if not self.log.hash_on(night):
            return -wire.LATER
        found = self.log.digest(night)
        return self.put("<I32s", *found) if found[0] else -wire.NOT_FOUND

    def settled(self, request, then):
        """Do `then(night, sha)` to a closed night if the hash is its own."""
        night, sha = struct.unpack_from("<H32s", request, 2)
        entry = self.log.entry(night)
        if entry is None:
            return -wire.NOT_FOUND
        if entry[3] & wire.ENTRY_OPEN:
            return -wire.BUSY
        if not self.log.hash_on(night):
            return -wire.LATER
        if self.log.digest(night)[1] != sha:
            return -wire.MISMATCH
        if then(night, sha) is False:  # the log looks for itself
            return -wire.MISMATCH

    def synced(self, request):
        return self.settled(request, self.log.mark_synced)

    def delete(self, request):
        n = self.settled(request, self.log.delete)
        if not n and self.reading == struct.unpack_from("<H", request, 2)[0]:
            self.stop(None)
        return n

    # opcode: length of its body (None: its own affair), what to do
    requests = {
        wire.HELLO: (0, hello),
        wire.SET_TIME: (6, set_time),
        wire.NIGHTS: (1, nights),
        wire.READ: (10, read),
        wire.DIGEST: (2, digest),
        wire.SYNCED: (34, synced),
        wire.DELETE: (34, delete),
        wire.STATUS: (0, status),
        wire.GET: (1, at_desk),
        wire.SET: (None, at_desk),
        wire.STOP: (0, stop),
        wire.LAMP_OFF: (0, lamp_off),
        wire.BONDS: (0, at_desk),
        wire.UNBOND: (8, at_desk),
        wire.CHECKUP: (1, checkup),
    }
