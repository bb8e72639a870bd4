"""The lamp's server over a log in memory: every request a status, no request an exception."""

import gc
import struct
import sys

from fakes import Clock, Held, Memory, Night, Settings
from lamp import names, server, wire
from lamp.compat import CPYTHON
from lamp.nightlog import NightLog
from sim.flash import Flash, Sectors

FRIEND = (True, True, True)
STRANGER = (True, False, False)


class Log(Held):
    open_id = 0

    def __init__(self):
        self.held = {1: bytes(range(250)) * 3, 4: b"\x07" * 10}
        self.flags = {1: 0, 4: wire.ENTRY_OPEN}
        self.broken = False

    def entries(self):
        for night in sorted(self.held):
            yield night, len(self.held[night]), 2, self.flags[night], 3, 60

    later = 0  # times a hash is not there yet

    def hash_on(self, night):
        self.later -= 1
        return self.later < 0

    def read(self, night, offset, buf, cursor):
        if self.broken:
            raise OSError(5)
        return Held.read(self, night, offset, buf, cursor)

    def digest(self, night):
        if self.broken:
            raise OSError(5)
        return Held.digest(self, night)

    def mark_synced(self, night, sha):
        self.flags[night] |= wire.ENTRY_SYNCED


OWNER = b"sleeper"


def made():
    """A lamp with one bond, its owner's, who speaks to it."""
    lamp = server.Server(Log(), Night(), Settings(), Clock())
    pair(lamp, OWNER)
    return lamp


def pair(lamp, address):
    lamp.bonds.open(0)
    lamp.bonds.put(1, address, b"secret", 0)
    lamp.bonds.put(2, address, b"secret", 0)


TAG = [0]


def ask(lamp, opcode, body=b"", peer=FRIEND):
    """Status and body of the answer."""
    TAG[0] = TAG[0] % 255 + 1
    answer = bytes(lamp.handle(bytes((opcode, TAG[0])) + body, peer))
    assert answer[0] == opcode | wire.ANSWER and answer[1] == TAG[0]
    return answer[2], answer[3:]


def stream(lamp, size=244):
    """What `data` would carry now, by offset."""
    got, buf = {}, bytearray(size)
    while True:
        n = lamp.pull(buf)
        if not n:
            return got
        got[struct.unpack_from("<I", buf)[0]] = bytes(buf[4:n])


def test_hello_and_status_have_their_layouts():
    lamp = made()
    status, body = ask(lamp, wire.HELLO)
    assert status == wire.OK and struct.unpack(wire.HELLO_LAYOUT, body)[0] == wire.PROTOCOL
    status, body = ask(lamp, wire.STATUS)
    last = struct.unpack(wire.STATUS_LAYOUT, body)[2:]
    assert status == wire.OK and last == (wire.R, 80, 612, 40, 12, 97, 0, 11)


def test_nights_come_in_pages_that_fit_the_room():
    lamp = made()
    for night in range(10, 16):
        lamp.log.held[night], lamp.log.flags[night] = b"", 0
    body = ask(lamp, wire.NIGHTS, b"\x01")[1]
    assert body[0] == 8 and (len(body) - 1) // wire.NIGHT_ENTRY_SIZE == 2
    lamp = made()
    lamp.room = 20
    status, body = ask(lamp, wire.NIGHTS, b"\x00")
    assert body[0] == 2 and struct.unpack(wire.NIGHT_ENTRY, body[1:])[:2] == (1, 750)
    status, body = ask(lamp, wire.NIGHTS, b"\x01")
    assert body[0] == 2 and struct.unpack(wire.NIGHT_ENTRY, body[1:])[:2] == (4, 10)
    status, body = ask(lamp, wire.NIGHTS, b"\x02")
    assert status == wire.OK and len(body) == 1


def live(log, nights):
    for _ in range(nights):
        log.open_night()
        assert log.append(wire.NIGHT, bytes(31), 31)
        log.close()


def test_a_night_whose_headers_rot_is_not_told_of_and_hides_no_other():
    flash = Flash(Memory(8 * 512), 8, 512)
    log = NightLog(Sectors(flash))
    live(log, 5)
    lamp = server.Server(log, Night(), Settings(), Clock())
    lamp.cable = True
    for gone in ((), (2, 3), (5,)):
        for night in gone:
            sector = log.ring.find(night, 0)
            for bit in range(3):
                flash.rot(sector * 512 + 4, bit)
        told, there = [], [night for night in log.nights() if night not in gone]
        body = b"\xff  "
        while len(body) > 1 and len(told) < body[0]:  # as a host does
            status, body = ask(lamp, wire.NIGHTS, bytes((len(told),)))
            assert status == wire.OK
            for at in range(1, len(body), wire.NIGHT_ENTRY_SIZE):
                told.append(struct.unpack_from(wire.NIGHT_ENTRY, body, at)[0])
        assert told == there == log.nights() and body[0] == len(there)
    assert not log.append_late(5, wire.EVENT, bytes(10), 10)  # the sector is nobody's
    assert log.open_night() == 6


def test_a_night_that_could_not_be_read_once_is_there_after_the_next_boot():
    flash = Flash(Memory(8 * 512), 8, 512)
    log = NightLog(Sectors(flash))
    live(log, 3)
    sector, right = log.ring.find(2, 0), log.ring.flash.read
    failing = [True]

    def read(at, offset, buf):
        right(at, offset, buf)
        if at == sector and failing[0]:
            for i in range(len(buf)):
                buf[i] = 0  # as board.Flash does where the chip does not answer

    log.ring.flash.read = read
    assert log.entry(2) is None and log.nights() == [1, 3]
    failing[0] = False
    live(log, 12)  # more than the flash holds: what is left alone is not written over
    again = NightLog(Sectors(flash))
    assert 2 in again.nights() and again.entry(2)[0] == 2


def test_read_sends_exactly_its_credit_and_goes_on_where_it_ended():
    lamp = made()
    assert ask(lamp, wire.READ, struct.pack("<HII", 1, 100, 300))[0] == wire.OK
    assert ask(lamp, wire.READ, struct.pack("<HII", 1, 400, 50))[0] == wire.OK
    got = stream(lamp)
    assert b"".join(got[k] for k in sorted(got)) == lamp.log.held[1][100:450]
    ask(lamp, wire.READ, struct.pack("<HII", 1, 700, 4000000000))
    assert sum(len(part) for part in stream(lamp).values()) == 50
    ask(lamp, wire.READ, struct.pack("<HII", 1, 0, 10))
    ask(lamp, wire.STOP)
    assert stream(lamp) == {}


def test_the_night_hears_once_a_connection_that_somebody_fetches():
    lamp = made()
    ask(lamp, wire.READ, struct.pack("<HII", 9, 0, 10))
    assert lamp.night.fetches == 0
    for night in (1, 4, 1):
        ask(lamp, wire.READ, struct.pack("<HII", night, 0, 10))
    assert lamp.night.fetches == 1
    lamp.gone()
    ask(lamp, wire.READ, struct.pack("<HII", 1, 0, 10))
    assert lamp.night.fetches == 2


def test_a_repeated_request_is_answered_again_but_done_once():
    lamp = made()
    request = bytes((wire.READ, 9)) + struct.pack("<HII", 1, 0, 100)
    first = bytes(lamp.handle(request, FRIEND))
    assert len(stream(lamp)) == 1
    assert bytes(lamp.handle(request, FRIEND)) == first and stream(lamp) == {}


def test_synced_and_delete_want_the_nights_own_hash():
    lamp = made()
    length, sha = struct.unpack("<I32s", ask(lamp, wire.DIGEST, b"\x01\x00")[1])
    assert length == 750
    assert ask(lamp, wire.SYNCED, b"\x01\x00" + bytes(32))[0] == wire.MISMATCH
    assert ask(lamp, wire.DELETE, b"\x01\x00" + bytes(32))[0] == wire.MISMATCH
    assert lamp.log.flags[1] == 0 and 1 in lamp.log.held
    assert ask(lamp, wire.SYNCED, b"\x01\x00" + sha)[0] == wire.OK
    assert lamp.log.flags[1] == wire.ENTRY_SYNCED
    assert ask(lamp, wire.DELETE, b"\x01\x00" + sha)[0] == wire.OK and 1 not in lamp.log.held
    assert ask(lamp, wire.DELETE, b"\x01\x00" + sha)[0] == wire.NOT_FOUND
    assert ask(lamp, wire.DELETE, b"\x04\x00" + sha)[0] == wire.BUSY


def test_a_hash_that_takes_its_time_is_asked_for_again_and_is_no_failure():
    lamp = made()
    lamp.log.later = 30
    told = [ask(lamp, wire.DIGEST, b"\x01\x00") for _ in range(31)]
    assert [status for status, _ in told] == [wire.LATER] * 30 + [wire.OK]
    sha = told[-1][1][4:]
    lamp.log.later = 1
    assert ask(lamp, wire.SYNCED, b"\x01\x00" + sha)[0] == wire.LATER
    assert lamp.log.flags[1] == 0
    assert ask(lamp, wire.SYNCED, b"\x01\x00" + sha)[0] == wire.OK


def test_time_and_settings_are_checked_before_they_are_taken():
    lamp = made()
    assert ask(lamp, wire.SET_TIME, struct.pack("<Ih", 1800000000, 120))[0] == wire.OK
    assert lamp.night.clock == (1800000000, 120)
    assert ask(lamp, wire.SET_TIME, struct.pack("<Ih", 12, 120))[0] == wire.BAD_REQUEST
    assert ask(lamp, wire.SET_TIME, struct.pack("<Ih", 1800000000, 9999))[0] == wire.BAD_REQUEST
    assert ask(lamp, wire.SET, bytes((wire.KEY_MODE, wire.ACT)))[0] == wire.OK
    assert ask(lamp, wire.SET, bytes((wire.KEY_MODE, 3)))[0] == wire.BAD_REQUEST
    assert ask(lamp, wire.GET, bytes((wire.KEY_MODE,))) == (wire.OK, b"\x02")
    assert ask(lamp, wire.GET, b"\x63")[0] == wire.NOT_FOUND
    assert ask(lamp, wire.SET, bytes((wire.KEY_CONSENT, 1, 2, 3, 4, 5)))[0] == wire.OK
    assert lamp.night.asked == [b"\x01\x02\x03\x04\x05"]
    assert ask(lamp, wire.GET, bytes((wire.KEY_CONSENT,))) == (wire.OK, bytes(5))
    assert ask(lamp, wire.LAMP_OFF)[0] == wire.OK and lamp.night.level == 0
    assert lamp.clock.date == 1800000000


def test_each_number_keeps_its_bounds():
    for key, layout, good, bad in (
        (wire.KEY_LIVE, "<B", (0, 1), (2,)),
        (wire.KEY_RESCUES, "<B", (1, 3), (0, 4)),
        (wire.KEY_FULL_LUX, "<H", (1, 6500), (0, 6501)),
        (wire.KEY_SHIFT, "<b", (-20, 50), (-21, 51)),
    ):
        for value in good:
            lamp = made()
            body = bytes((key,)) + struct.pack(layout, value)
            assert ask(lamp, wire.SET, body)[0] == wire.OK
            assert ask(lamp, wire.GET, body[:1]) == (wire.OK, body[1:])
            assert ask(lamp, wire.SET, body + b"\0")[0] == wire.BAD_REQUEST
        for value in bad:
            body = bytes((key,)) + struct.pack(layout, value)
            assert ask(made(), wire.SET, body)[0] == wire.BAD_REQUEST


def test_what_the_lamps_limits_forbid_is_answered_with_the_reason():
    lamp = made()
    lamp.night.will_not = wire.WHY_CONSENT
    for body in (
        (wire.KEY_MODE, wire.ACT),
        (wire.KEY_CONSENT, 1, 2, 3, 4, 5),
        (wire.KEY_LIGHT, 20),
        (wire.KEY_WIND_DOWN, 20, 30),
    ):
        assert ask(lamp, wire.SET, bytes(body))[0] == wire.WILL_NOT | wire.WHY_CONSENT, body
    lamp.night.will_not = -1
    assert ask(lamp, wire.SET, bytes((wire.KEY_CONSENT, 0, 0, 0, 0, 0)))[0] == wire.FAULT


def test_light_is_asked_for_with_or_without_minutes():
    lamp = made()
    assert ask(lamp, wire.SET, bytes((wire.KEY_LIGHT, 20)))[0] == wire.OK
    assert ask(lamp, wire.SET, bytes((wire.KEY_WIND_DOWN, 30, 45)))[0] == wire.OK
    assert lamp.night.asked == [(20, 0), (30, 45)]
    assert ask(lamp, wire.SET, bytes((wire.KEY_WIND_DOWN, 30, 0)))[0] == wire.BAD_REQUEST


def test_a_plan_of_dawns_is_looked_at_before_it_is_kept():
    def plan(*times, level=60, window=20):
        return struct.pack("<BBB%dI" % len(times), wire.KEY_DAWN, level, window, *times)

    for good in (bytes((wire.KEY_DAWN,)), plan(1), plan(*range(1, 15))):
        lamp = made()
        assert ask(lamp, wire.SET, good)[0] == wire.OK
        assert lamp.night.asked == [good[1:]]
    for bad in (
        plan(),
        plan(1)[:-1],
        plan(2, 1),
        plan(1, 1),
        plan(1, level=0),
        plan(1, level=101),
        plan(1, window=61),
        plan(*range(1, 16)),
    ):
        lamp = made()
        assert ask(lamp, wire.SET, bad)[0] == wire.BAD_REQUEST, bad
        assert lamp.night.asked == []
    lamp.settings.set("dawn", b"done" + plan(1)[1:])
    assert ask(lamp, wire.GET, bytes((wire.KEY_DAWN,))) == (wire.OK, plan(1)[1:])


def test_an_armed_lock_serves_a_known_peer_only():
    lamp = made()
    for opcode in lamp.requests:
        lamp.failed = 0
        assert ask(lamp, opcode, peer=STRANGER)[0] == wire.REFUSED
    assert ask(lamp, wire.HELLO)[0] == wire.OK


def test_bonds_are_listed_and_revoked():
    lamp = made()
    ours = struct.pack(wire.BOND_ENTRY, wire.BOND_OURS, OWNER)
    assert ask(lamp, wire.BONDS) == (wire.OK, ours)
    pair(lamp, b"another")
    theirs = struct.pack(wire.BOND_ENTRY, 0, OWNER)
    ours = struct.pack(wire.BOND_ENTRY, 1 | wire.BOND_OURS, b"another")
    assert ask(lamp, wire.BONDS) == (wire.OK, theirs + ours)
    assert ask(lamp, wire.UNBOND, b"\x01" + OWNER)[0] == wire.NOT_FOUND
    assert ask(lamp, wire.UNBOND, theirs)[0] == wire.OK
    assert ask(lamp, wire.BONDS) == (wire.OK, ours)


def companion(rights, until_s=2000, date=1000):
    """A lamp with two bonds, spoken to by the second, a companion's."""
    lamp = made()
    pair(lamp, b"visitor")
    lamp.bonds.current = OWNER
    lamp.clock.date = date
    value = struct.pack(wire.PERMIT_LAYOUT, 1, rights, until_s)
    assert ask(lamp, wire.SET, bytes((wire.KEY_PERMIT,)) + value) == (wire.OK, b"")
    assert ask(lamp, wire.GET, bytes((wire.KEY_PERMIT,))) == (wire.OK, value)
    lamp.gone()
    lamp.bonds.current = b"visitor"
    return lamp


def may(lamp):
    """(watch, light): whether each is answered with ok."""
    light = bytes((wire.KEY_LIGHT, 20))
    return ask(lamp, wire.STATUS)[0] == wire.OK, ask(lamp, wire.SET, light)[0] == wire.OK


def test_a_companion_may_what_was_permitted_until_it_ends():
    both = wire.MAY_WATCH | wire.MAY_LIGHT
    assert may(companion(both)) == (True, True)
    assert may(companion(wire.MAY_WATCH)) == (True, False)
    assert may(companion(wire.MAY_LIGHT)) == (False, True)
    assert may(companion(0)) == (False, False)
    assert may(companion(both, date=2000)) == (False, False)
    assert may(companion(both, date=0)) == (False, False)  # a lamp that does not know the time
    lamp = companion(both)
    lamp.clock.date = 2000
    assert may(lamp) == (False, False)


def test_who_holds_the_cable_is_not_taken_for_the_companion_on_the_radio():
    lamp = companion(0)
    assert may(lamp) == (False, False) and may(lamp.another()) == (True, True)


def test_what_the_cable_forbids_the_radio_forbids_at_once():
    lamp = companion(wire.MAY_WATCH | wire.MAY_LIGHT)
    assert may(lamp) == (True, True)
    none = struct.pack(wire.PERMIT_LAYOUT, 1, 0, 2000)
    assert ask(lamp.another(), wire.SET, bytes((wire.KEY_PERMIT,)) + none)[0] == wire.OK
    assert may(lamp) == (False, False)


def test_a_bond_that_cannot_be_revoked_is_said_and_stays_a_companions():
    lamp = companion(0)
    keep = lamp.settings.set
    lamp.settings.set = lambda key, value: "bond" not in key and keep(key, value)
    assert ask(lamp.another(), wire.UNBOND, b"\x01visitor")[0] == wire.NOT_FOUND
    assert may(lamp) == (False, False) and len(lamp.bonds.limit(1)) == 5


def test_who_showed_a_bond_that_is_lost_since_may_nothing():
    for address in (OWNER, b"visitor"):  # nobody knows any more which of them it was
        lamp = companion(wire.MAY_WATCH | wire.MAY_LIGHT)
        lamp.bonds.current = address
        lamp.settings.set("bond%d" % lamp.own(), None)
        assert lamp.bonds.known() and may(lamp) == (False, False)
        for opcode in lamp.requests:
            lamp.failed = 0
            assert ask(lamp, opcode)[0] == wire.WILL_NOT | wire.WHY_PERMIT
        assert ask(lamp.another(), wire.HELLO)[0] == wire.OK


def test_a_companion_may_nothing_else():
    lamp = companion(wire.MAY_WATCH | wire.MAY_LIGHT)
    before = list(lamp.settings.items())
    bodies = [
        b"",
        b"\x00",
        b"\x01\x00",
        bytes((wire.KEY_PERMIT, 1)),
        bytes(6),
        bytes(8),
        bytes(34),
    ]
    keys = [bytes((key,)) + body for key in range(12) for body in (b"", b"\x01", b"\x14\x05")]
    for opcode in lamp.requests:
        if opcode in (wire.HELLO, wire.LAMP_OFF, wire.STATUS):
            assert ask(lamp, opcode)[0] == wire.OK
            continue
        for body in bodies + keys:
            lamp.failed = 0
            if opcode == wire.SET and body[:1] == bytes((wire.KEY_LIGHT,)) and len(body) == 2:
                continue
            assert ask(lamp, opcode, body)[0] == wire.WILL_NOT | wire.WHY_PERMIT
    assert lamp.night.asked == [] and list(lamp.settings.items()) == before


def test_a_bond_is_the_owners_again_when_it_is_said_so_or_revoked():
    lamp = companion(0)
    lamp.gone()
    lamp.bonds.current = OWNER
    assert ask(lamp, wire.SET, bytes((wire.KEY_PERMIT, 0)))[0] == wire.BAD_REQUEST  # itself
    assert ask(lamp, wire.SET, bytes((wire.KEY_PERMIT, 0)) + bytes(5))[0] == wire.BAD_REQUEST
    assert ask(lamp, wire.SET, bytes((wire.KEY_PERMIT, 9)))[0] == wire.BAD_REQUEST
    assert ask(lamp, wire.SET, bytes((wire.KEY_PERMIT, 1)))[0] == wire.OK
    lamp.gone()
    lamp.bonds.current = b"visitor"
    assert may(lamp) == (True, True)
    lamp = companion(0)
    lamp.bonds.revoke(1, b"visitor")
    assert lamp.bonds.limit(1) == b""


def test_a_fault_of_the_flash_is_an_answer():
    lamp = made()
    lamp.log.broken = True
    assert ask(lamp, wire.DIGEST, b"\x01\x00")[0] == wire.FAULT
    assert ask(lamp, wire.READ, struct.pack("<HII", 1, 0, 100))[0] == wire.OK
    assert stream(lamp) == {}
    assert ask(lamp, wire.READ, struct.pack("<HII", 0, 0, 100))[0] == wire.NOT_FOUND


def test_too_many_failures_are_cut_short_until_time_has_passed():
    lamp = made()
    seen = [ask(lamp, 0x7F)[0] for _ in range(30)]
    assert seen[0] == wire.BAD_REQUEST and seen[-1] == wire.TOO_FAST
    assert ask(lamp, wire.HELLO)[0] == wire.TOO_FAST
    lamp.clock.now += 11
    assert ask(lamp, wire.HELLO)[0] == wire.OK
    [ask(lamp, 0x7F) for _ in range(30)]
    lamp.gone()  # another peer does not pay for it
    assert ask(lamp, wire.HELLO)[0] == wire.OK


def test_any_bytes_get_a_status():
    lamp, state = made(), 12345
    for i in range(2000):
        state = (state * 1103 + 12345) & 0xFFFF
        n = state % 40
        request = bytes(((state >> 3) + j * (state | 1)) & 255 for j in range(n))
        if i & 1 and n:
            request = bytes((1 + state % 12,)) + request[1:]
        lamp.failed = 0
        answer = lamp.handle(request, FRIEND)
        if len(request) > 1 and not request[1]:
            assert len(answer) == 0
        else:
            assert len(answer) >= 3 and answer[2] < len(names.STATUS)
            assert answer[2] != wire.FAULT
        stream(lamp)


def test_a_request_with_tag_0_is_done_and_not_answered():
    lamp = made()
    request = bytes((wire.READ, 0)) + struct.pack("<HII", 1, 0, 100)
    assert len(lamp.handle(request, FRIEND)) == 0 and len(stream(lamp)) == 1
    assert len(lamp.handle(request, FRIEND)) == 0 and len(stream(lamp)) == 1


def test_what_a_host_sets_is_let_go_of_and_darkness_does_not_wait_for_it():
    lamp, held = made(), [0] * 12
    for k in range(12):
        assert ask(lamp, wire.GET, bytes((wire.KEY_MODE,)))[0] == wire.OK
        assert ask(lamp, wire.SET, bytes((wire.KEY_LIVE, 9)))[0] == wire.BAD_REQUEST
        assert ask(lamp, wire.BONDS)[0] == wire.OK
        lamp.failed = 0
        assert "lamp.desk" not in sys.modules
        gc.collect()
        held[k] = 0 if CPYTHON else gc.mem_alloc()
    assert held[11] <= held[2], held
    sys.modules["lamp.desk"] = None  # as where there is no memory for it
    try:
        assert ask(lamp, wire.GET, bytes((wire.KEY_MODE,)))[0] == wire.FAULT
        assert ask(lamp, wire.LAMP_OFF)[0] == wire.OK
    finally:
        del sys.modules["lamp.desk"]
