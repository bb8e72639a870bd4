"""Whatever arrives, a status goes back; and a stranger changes nothing."""

import struct

from dreamlamp import sync
from hostile import Target
from hypothesis import given, settings
from hypothesis import strategies as st
from lamp import wire

OPCODES = st.sampled_from(range(1, 16))
SHAPED = st.builds(
    lambda opcode, tag, body: bytes((opcode, tag)) + body,
    OPCODES,
    st.integers(0, 255),
    st.binary(max_size=40),
)
NIGHTS = st.sampled_from((0, 1, 4, 65535))
READS = st.builds(
    lambda tag, night, offset, credit: (
        bytes((wire.READ, tag)) + struct.pack("<HII", night, offset, credit)
    ),
    st.integers(0, 255),
    NIGHTS,
    st.integers(0, 2**32 - 1) | st.integers(0, 800),
    st.integers(0, 2**32 - 1) | st.integers(0, 800),
)
REQUESTS = st.lists(st.binary(max_size=80) | SHAPED | READS, max_size=12)
PEERS = st.tuples(st.booleans(), st.booleans(), st.booleans())


@settings(max_examples=400, deadline=None)
@given(REQUESTS, PEERS)
def test_any_conversation_is_survived(requests, peer):
    target = Target()
    for request in requests:
        target.ask(request, peer)
        target.drain()


@settings(max_examples=400, deadline=None)
@given(REQUESTS, st.tuples(st.booleans(), st.booleans(), st.just(False)))
def test_a_stranger_changes_nothing_and_reads_nothing(requests, peer):
    target = Target()
    before = target.state()
    for request in requests:
        assert target.ask(request, peer) != wire.OK
        assert not target.server.pull(bytearray(64))
    assert target.state() == before


@given(REQUESTS)
def test_a_companion_without_rights_may_say_hello_and_make_it_dark(requests):
    target = Target().companion()
    for request in requests:
        before = target.state()
        status = target.ask(request, (True, True, True))
        if request[:1] not in (bytes((wire.HELLO,)), bytes((wire.LAMP_OFF,))):
            assert status != wire.OK and target.state() == before
        assert not target.server.pull(bytearray(64))


@given(st.binary(max_size=600), st.integers(0, 65535))
def test_any_bytes_of_a_night_are_walked_to_their_end(data, night):
    assert 0 <= sync.bad_bytes(data, night) <= len(data)
