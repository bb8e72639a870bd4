"""Both ends of the sync in one process: any loss, any cut, any growth, and the bytes are right."""

import asyncio
import contextlib
import hashlib
import random
import tempfile
from pathlib import Path

import pytest
from dreamlamp import library, link, sync
from dreamlamp.line import Refusal
from hostile import Target
from hypothesis import given, settings
from hypothesis import strategies as st

OWNER = (True, True, True)
ROOM = 64


class Line:
    """The face of link.Link over a server that is called directly, through a bad radio."""

    name = "3F2A"

    def __init__(self, target: Target, chance: random.Random, loss: float, cut_after: int) -> None:
        self.target, self.chance, self.loss, self.left = target, chance, loss, cut_after
        self.data: asyncio.Queue = asyncio.Queue()
        self.tag = 0
        target.server.gone()

    async def request(self, opcode: int, body: bytes = b"") -> bytes:
        self.tag = self.tag % 255 + 1
        return self.send(bytes((opcode, self.tag)) + body)

    async def tell(self, opcode: int, body: bytes = b"") -> None:
        self.send(bytes((opcode, 0)) + body)

    def send(self, message: bytes) -> bytes:
        """Hand it over, again while the answer is lost, and let the night's bytes flow."""
        self.left -= 1
        if self.left < 0:
            raise link.LinkLost("cut")
        answer = bytes(self.target.server.handle(message, OWNER))
        while message[1] and self.chance.random() < self.loss:
            answer = bytes(self.target.server.handle(message, OWNER))
        self.flow()
        if message[1] and answer[2]:
            raise Refusal(message[0], answer[2])
        return answer[3:]

    def flow(self) -> None:
        buf = bytearray(ROOM)
        while n := self.target.server.pull(buf):
            if n > 0 and self.chance.random() >= self.loss:
                offset = int.from_bytes(buf[:4], "little")
                self.data.put_nowait((offset, bytes(buf[4:n])))


def target_of(length: int, seed: int) -> Target:
    target = Target()
    target.log.held = {1: random.Random(seed).randbytes(length), 4: b"\x07" * 40}
    return target


async def bring(target: Target, folder: Path, chance: random.Random, loss: float, cuts: list[int]):
    """Sync until it is through; the link is cut after so many requests each time."""
    for cut_after in [*cuts, 10**9]:
        try:
            return await sync.sync(Line(target, chance, loss, cut_after), folder)
        except link.LinkLost:
            continue


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(sync, "SILENCE_S", 0.002)
    monkeypatch.setattr(sync, "SILENCES", 100)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30_000),
    st.integers(0, 1 << 30),
    st.sampled_from((0.0, 0.01, 0.2)),
    st.lists(st.integers(1, 25), max_size=4),
)
def test_a_night_comes_whole_through_any_radio(length, seed, loss, cuts):
    target = target_of(length, seed)
    with tempfile.TemporaryDirectory() as name:
        closed, open_ = asyncio.run(bring(target, Path(name), random.Random(seed), loss, cuts))
        assert closed.path.read_bytes() == target.log.held[1]
        assert closed.state in ("complete", "kept") and open_.path.read_bytes() == b"\x07" * 40
        assert target.log.marked == {1} and not list(Path(name).glob("*.part"))
        assert loss or closed.resent == 0


@pytest.mark.parametrize("lost", [3, 20, 66, 67, 68, 140])
def test_one_lost_notification_costs_no_other(lost, tmp_path):
    target = target_of(20_000, 1)
    line = Line(target, random.Random(1), 0, 10**9)
    number, put = iter(range(10**9)), line.data.put_nowait
    line.data.put_nowait = lambda got: put(got) if next(number) != lost else None
    closed, _ = asyncio.run(sync.sync(line, tmp_path))
    assert closed.path.read_bytes() == target.log.held[1]
    assert closed.resent == 0


def test_a_night_that_grows_is_continued_and_then_closed(tmp_path, monkeypatch):
    target, chance = target_of(100, 1), random.Random(1)
    asyncio.run(bring(target, tmp_path, chance, 0, []))
    target.log.held[4] += b"\x09" * 5000
    _, grown = asyncio.run(bring(target, tmp_path, chance, 0, []))
    assert grown.fetched == 5000 and grown.path.read_bytes() == target.log.held[4]


def test_the_host_takes_no_other_night_for_the_one_it_kept(tmp_path):
    target, chance = target_of(3000, 1), random.Random(1)
    asyncio.run(bring(target, tmp_path, chance, 0, []))
    other = target_of(3000, 2)  # a lamp that was erased and counts from 1 again
    result, _ = asyncio.run(bring(other, tmp_path, chance, 0, []))
    assert result.path.read_bytes() == other.log.held[1]
    (older,) = tmp_path.glob("3F2A-older1-*.night")  # it was fetched once: it is never dropped
    assert older.read_bytes() == target.log.held[1] and older.with_suffix(".json").exists()
    third = target_of(5000, 3)
    asyncio.run(bring(third, tmp_path, chance, 0, []))
    assert (tmp_path / "3F2A-older2-00001.night").read_bytes() == other.log.held[1]


def test_a_night_that_rotted_on_this_disk_is_fetched_again(tmp_path):
    target, chance = target_of(3000, 1), random.Random(1)
    kept, _ = asyncio.run(bring(target, tmp_path, chance, 0, []))
    good = kept.path.read_bytes()
    kept.path.write_bytes(good[:-1] + b"?")
    again, _ = asyncio.run(bring(target, tmp_path, chance, 0, []))
    assert again.state == "complete" and kept.path.read_bytes() == good


@pytest.mark.parametrize("at", range(6))
def test_a_host_cut_at_any_rename_has_the_night_or_fetches_the_rest(tmp_path, monkeypatch, at):
    target, chance = target_of(3000, 1), random.Random(1)
    target.log.held.pop(1)
    for size in (0, 2000):  # at first, and when the open night has grown
        target.log.held[4] += b"\x09" * size
        with monkeypatch.context() as m:
            m.setattr(Path, "replace", fuse(at))
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(bring(target, tmp_path, chance, 0, []))
        (result,) = asyncio.run(bring(target, tmp_path, chance, 0, []))
        assert result.path.read_bytes() == target.log.held[4]
        assert sorted(p.suffix for p in tmp_path.glob("3F2A*")) == [".json", ".night"]


def fuse(at: int):
    """A Path.replace that blows before its `at // 2`-th call, or after it."""
    calls, replace = iter(range(10**9)), Path.replace

    def blown(old: Path, new: Path) -> None:
        number = next(calls)
        if number != at // 2 or at % 2:
            replace(old, new)
        if number == at // 2:
            raise KeyboardInterrupt

    return blown


def test_a_night_is_deleted_on_the_strength_of_its_hash_only(tmp_path):
    target, chance = target_of(3000, 1), random.Random(1)
    kept, _ = asyncio.run(bring(target, tmp_path, chance, 0, []))
    line = Line(target, chance, 0, 99)
    good = kept.path.read_bytes()
    kept.path.write_bytes(good[:-1] + b"?")
    with pytest.raises(Refusal):
        asyncio.run(sync.delete(line, kept.path))
    assert 1 in target.log.held
    kept.path.write_bytes(good)
    asyncio.run(sync.delete(line, kept.path))
    assert 1 not in target.log.held


def test_a_lamp_that_sends_nothing_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(sync, "SILENCES", 3)
    target = target_of(3000, 1)
    line = Line(target, random.Random(1), 0, 99)
    monkeypatch.setattr(line, "flow", lambda: None)
    with pytest.raises(link.LampError, match="unplug it"):
        asyncio.run(sync.sync(line, tmp_path))


def test_what_does_not_match_its_hash_is_never_kept(tmp_path):
    target = target_of(3000, 1)
    target.log.digest = lambda night: (3000 if night == 1 else 40, hashlib.sha256().digest())
    with pytest.raises(link.LampError, match="does not match"):
        asyncio.run(bring(target, tmp_path, random.Random(1), 0, []))
    assert not list(tmp_path.glob("*.night")) and target.log.marked == set()


def test_a_night_deleted_here_is_deleted_on_the_lamp_and_comes_back_no_more(tmp_path):
    target = target_of(900, 5)
    first = asyncio.run(bring(target, tmp_path, random.Random(1), 0.0, []))
    library.delete(first[0].path)
    again = asyncio.run(bring(target, tmp_path, random.Random(1), 0.0, []))
    assert [r.state for r in again] == ["deleted", "kept"] and list(target.log.held) == [4]
    assert [p.name for p in tmp_path.glob("*.night")] == ["3F2A-00004.night"]
    assert not library.Library(tmp_path).forgotten()


def test_another_night_of_a_deleted_ones_number_is_fetched(tmp_path):
    target = target_of(900, 5)
    first = asyncio.run(bring(target, tmp_path, random.Random(1), 0.0, []))
    library.delete(first[0].path)
    target.log.held[1] = b"\x01" * 700
    again = asyncio.run(bring(target, tmp_path, random.Random(1), 0.0, []))
    assert again[0].state == "complete" and first[0].path.read_bytes() == b"\x01" * 700
    assert 1 in target.log.held and not library.Library(tmp_path).forgotten()
