"""The host's frame parser: whatever lies between frames, and however they come in pieces."""

import struct
from binascii import crc32

from dreamlamp.cable import DATA, MAGIC, TEXT_MAX, Frames, line_of
from hypothesis import given, settings
from hypothesis import strategies as st


def framed(kind: int, payload: bytes) -> bytes:
    body = bytes((kind, len(payload))) + payload
    return bytes((MAGIC,)) + body + struct.pack("<I", crc32(body))


FRAMES = st.tuples(st.integers(0, DATA), st.binary(max_size=255))
NOISE = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40).map(str.encode),
    st.lists(st.sampled_from((b"\xf5", b"\xf5\x02\xff", b"\xf5\x00\x00", b"#")), max_size=4).map(
        b"".join
    ),
    FRAMES.map(lambda f: framed(*f)[:-4]),  # one byte short, the next F5 may make it whole
)


def parsed(data: bytes, cuts: list[int]) -> tuple[list[tuple[int, bytes]], Frames]:
    """What comes of `data` in pieces, with a silence at its end."""
    frames, found, at = Frames(), [], 0
    for cut in [*sorted(c % (len(data) + 1) for c in cuts), len(data)]:
        found += frames.feed(data[at:cut])
        at = cut
        assert len(frames.rest) < 262 and len(frames.text) <= TEXT_MAX
    while frames.rest:
        frames.give_up()
        found += frames.feed(b"")
    return found, frames


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(NOISE, FRAMES), max_size=6), NOISE, st.lists(st.integers(0), max_size=5))
def test_every_whole_frame_is_found_in_any_noise_and_any_pieces(pairs, rest, cuts):
    data = b"".join(noise + framed(*frame) for noise, frame in pairs) + rest
    found, _ = parsed(data, cuts)
    waiting = iter(found)
    assert all(frame in waiting for _, frame in pairs)  # in this order


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=3000), st.lists(st.integers(0), max_size=5))
def test_any_bytes_are_survived_and_held_no_longer_than_a_frame(data, cuts):
    parsed(data, cuts)


@given(st.text(max_size=200))
def test_text_stays_text(text):
    data = text.encode()
    found, frames = parsed(data, [])
    assert found == [] and bytes(frames.text) == data[-TEXT_MAX:]


@given(FRAMES, st.integers(0, 261 * 8 - 1))
def test_a_flipped_bit_is_never_taken_for_a_frame(frame, bit):
    good = framed(*frame)
    bad = bytearray(good)
    bad[bit // 8 % len(bad)] ^= 1 << bit % 8
    assert frame not in parsed(bytes(bad), [])[0]


@given(st.binary(max_size=64))
def test_a_request_travels_without_control_characters(message):
    assert min(line_of(message)[:-1]) >= 32 and line_of(message)[-1:] == b"\r"
