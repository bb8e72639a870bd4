"""The library at rest: whose it is, what sealing does to it; and no conversion loses a night."""

import asyncio
import json
import os
import random
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from dreamlamp import sealed, sync
from dreamlamp.cli import main
from dreamlamp.errors import DreamlampError
from test_stream import Line, target_of

WORDS = "grey goose, blue lamp"
NIGHTS = {f"3F2A-{n:05d}.night": random.Random(n).randbytes(200 + 70_000 * n) for n in range(4)}


def fill(folder: Path) -> None:
    for n, (name, data) in enumerate(NIGHTS.items()):
        sealed.write(folder / name, data)
        os.utime(folder / name, (1000 + n, 2000 + n))


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: sealed.read(path) for path in sealed.files(folder)}


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A locked library, made once: stretching a passphrase takes seconds."""
    folder = tmp_path_factory.mktemp("locked")
    fill(folder)
    sealed.lock(folder, WORDS)
    return folder


@pytest.fixture
def forgetful(monkeypatch):
    """As in a process of its own, with nobody at the keyboard."""
    monkeypatch.setattr(sealed, "_opened", {})
    monkeypatch.setattr(sealed, "_said", [])
    monkeypatch.delenv(sealed.PASSPHRASE, raising=False)
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_locked_library_shows_no_byte_of_a_night_and_reads_as_before(locked):
    for name, data in NIGHTS.items():
        on_disk = (locked / name).read_bytes()
        assert on_disk.startswith(sealed.MAGIC) and data[:16] not in on_disk
    assert held(locked) == NIGHTS
    assert WORDS.encode() not in (locked / sealed.KEY).read_bytes()


def test_locking_keeps_the_order_of_the_nights(locked):
    assert [p.stat().st_mtime for p in sealed.files(locked)] == [2000, 2001, 2002, 2003]


def test_what_is_written_is_the_owners_alone(locked, tmp_path):
    old = os.umask(0)
    try:
        fill(tmp_path)
    finally:
        os.umask(old)
    for path in [*tmp_path.iterdir(), *locked.iterdir()]:
        assert mode(path) == 0o600, path
    assert mode(locked) == 0o700


def test_a_locked_library_is_written_to_without_the_passphrase(locked, forgetful):
    sealed.write(locked / "new.night", b"one more")
    try:
        assert sealed.is_sealed(locked / "new.night") and not sealed.readable(locked / "new.night")
    finally:
        (locked / "new.night").unlink()


def test_without_a_passphrase_reading_says_how_to_give_it(locked, forgetful):
    with pytest.raises(sealed.Locked, match="DREAMLAMP_PASSPHRASE"):
        held(locked)


def test_a_wrong_passphrase_is_one_line(locked, forgetful, monkeypatch):
    monkeypatch.setenv(sealed.PASSPHRASE, "something else")
    with pytest.raises(sealed.Locked, match="does not open") as error:
        held(locked)
    assert "\n" not in str(error.value)


def test_the_passphrase_may_come_over_a_file_descriptor_and_is_read_once(
    locked, forgetful, monkeypatch
):
    read, write = os.pipe()
    os.write(write, WORDS.encode() + b"\n")
    os.close(write)
    monkeypatch.setenv(sealed.PASSPHRASE_FD, str(read))
    assert held(locked) == NIGHTS and sealed.passphrase() == WORDS
    os.close(read)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9, 1.0])
def test_a_torn_or_changed_file_is_named_in_one_line(locked, tmp_path, at):
    name = "3F2A-00001.night"
    data = bytearray((locked / name).read_bytes())
    for key in (sealed.KEY, sealed.PUBLIC):
        (tmp_path / key).write_bytes((locked / key).read_bytes())
    cut = max(len(sealed.MAGIC), int(len(data) * at) - 1)
    for damaged in (data[:cut], data[:cut] + bytes([data[cut] ^ 1]) + data[cut + 1 :]):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(sealed.Damaged, match=name) as error:
            sealed.read(tmp_path / name)
        assert "\n" not in str(error.value)


def test_no_key_beside_sealed_files_is_said(locked, tmp_path):
    (tmp_path / "a.night").write_bytes((locked / "3F2A-00001.night").read_bytes())
    with pytest.raises(sealed.Locked, match="backup"):
        sealed.read(tmp_path / "a.night")


class Cut(BaseException):
    """The power goes."""


class Fuse:
    """Blows at the n-th rename, before or after it was done."""

    def __init__(self, monkeypatch, n: int, after: bool) -> None:
        self.left, self.after, self.replace = n, after, Path.replace
        monkeypatch.setattr(Path, "replace", lambda *paths: self(*paths))

    def __call__(self, old: Path, new: Path) -> None:
        if self.after or self.left:
            self.replace(old, new)
        self.left -= 1
        if self.left < 0:
            raise Cut


@pytest.fixture
def quick(monkeypatch):
    """A passphrase that costs nothing to try: the key as it is, with the word before it."""
    import pyrage

    class Plain:
        @staticmethod
        def encrypt(data, said):
            return said.encode() + b":" + data

        @staticmethod
        def decrypt(data, said):
            if not data.startswith(said.encode() + b":"):
                raise pyrage.DecryptError
            return data[len(said) + 1 :]

    monkeypatch.setattr(pyrage, "passphrase", Plain)


@pytest.mark.parametrize("after", [False, True])
def test_a_conversion_cut_at_any_rename_loses_nothing_and_is_gone_on_with(
    tmp_path, quick, forgetful, monkeypatch, after
):
    monkeypatch.setenv(sealed.PASSPHRASE, WORDS)
    for n in range(2 + len(NIGHTS)):
        folder = tmp_path / f"{n}"
        folder.mkdir()
        fill(folder)
        for convert in (sealed.lock, sealed.unlock):
            with monkeypatch.context() as m, pytest.raises((Cut, AssertionError)):
                Fuse(m, n, after)
                convert(folder, WORDS)
                raise AssertionError("there were fewer renames")
            assert held(folder) == NIGHTS
            assert not list(folder.glob("*.night.night"))
            convert(folder, WORDS)
            assert held(folder) == NIGHTS
        assert not list(folder.glob("*.new")) and not list(folder.glob("library.*"))
        assert sealed.status(folder)["clear"] == len(NIGHTS)


def test_a_damaged_night_stops_the_unlocking_and_costs_no_other(tmp_path, quick, forgetful):
    fill(tmp_path)
    sealed.lock(tmp_path, WORDS)
    bad = tmp_path / "3F2A-00002.night"
    bad.write_bytes(bad.read_bytes()[:-1])
    with pytest.raises(sealed.Damaged, match="00002"):
        sealed.unlock(tmp_path, WORDS)
    assert (tmp_path / sealed.KEY).exists()
    bad.unlink()
    sealed.unlock(tmp_path, WORDS)
    assert held(tmp_path) == {k: v for k, v in NIGHTS.items() if k != bad.name}


def test_another_passphrase_neither_locks_again_nor_unlocks(tmp_path, quick, forgetful):
    fill(tmp_path)
    sealed.lock(tmp_path, WORDS)
    for convert in (sealed.lock, sealed.unlock):
        with pytest.raises(sealed.Locked):
            convert(tmp_path, "another")
    assert held(tmp_path) == NIGHTS and sealed.locked(tmp_path)


def test_two_at_once_are_told_apart(tmp_path):
    with (
        sealed.alone(tmp_path),
        pytest.raises(DreamlampError, match="at work"),
        sealed.alone(tmp_path),
    ):
        pass


# --- sync into a locked library -----------------------------------------------------------------


def bring(target, folder: Path) -> list[sync.Result]:
    return asyncio.run(sync.sync(Line(target, random.Random(1), 0, 10**9), folder))


def test_a_sync_needs_no_passphrase_and_seals_what_it_fetched(
    tmp_path, quick, forgetful, monkeypatch
):
    sealed.lock(tmp_path, WORDS)
    monkeypatch.setattr(sealed, "_opened", {})
    target = target_of(5000, 1)
    assert [r.state for r in bring(target, tmp_path)] == ["complete", "partial"]
    assert all(map(sealed.is_sealed, sealed.files(tmp_path)))
    assert [r.state for r in bring(target, tmp_path)] == ["kept", "kept"]
    target.log.held[4] += b"\x09" * 500  # the open night grew: nobody can read what was there
    _, grown = bring(target, tmp_path)
    assert grown.fetched == len(target.log.held[4])
    monkeypatch.setenv(sealed.PASSPHRASE, WORDS)
    assert [*held(tmp_path).values()] == [target.log.held[1], target.log.held[4]]
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("*older*"))
    target.log.held[4] += b"\x09" * 500  # now somebody can
    assert bring(target, tmp_path)[1].fetched == 500


def test_notes_hold_what_a_sync_must_know_and_no_byte_of_the_night(tmp_path, quick, forgetful):
    sealed.lock(tmp_path, WORDS)
    bring(target_of(5000, 1), tmp_path)
    for path in tmp_path.glob("*.json"):
        known = {"lamp", "sha256", "stored_sha256", "bytes", "entry", "clocks"}
        assert set(json.loads(path.read_text())) == known


@pytest.mark.parametrize("harm", [lambda d: d[:-1], lambda d: d[:300] + b"?" + d[301:]])
def test_a_sealed_night_that_came_to_harm_is_not_said_to_be_held(tmp_path, quick, forgetful, harm):
    sealed.lock(tmp_path, WORDS)
    sealed._opened.clear()
    target = target_of(5000, 1)
    bring(target, tmp_path)
    target.log.marked.clear()  # as if the link had gone before the lamp heard of it
    assert [r.state for r in bring(target, tmp_path)] == ["kept", "kept"]
    assert target.log.marked == {1}
    target.log.marked.clear()
    night = tmp_path / "3F2A-00001.night"
    night.write_bytes(harm(night.read_bytes()))
    first, _ = bring(target, tmp_path)
    assert first.state == "complete" and first.fetched == len(target.log.held[1])
    assert target.log.marked == {1} and not list(tmp_path.glob("*older*"))
    sealed._identity(tmp_path, WORDS)
    assert sealed.read(night) == target.log.held[1]


# --- the command --------------------------------------------------------------------------------


def test_the_command_locks_reads_and_unlocks(tmp_path, quick, forgetful, monkeypatch):
    fill(tmp_path)
    (tmp_path / "3F2A-00001.html").write_text("a page")
    monkeypatch.setenv(sealed.PASSPHRASE, WORDS)

    def run(*words: str) -> str:
        done = CliRunner().invoke(main, ["library", *words, "--library", str(tmp_path)])
        assert done.exit_code == 0, done.output
        return " ".join(done.output.split())

    assert "is not locked: 0 sealed, 4 not." in run("status")
    said = run("lock")
    assert "4 files sealed" in said and "1 lie there: remove them" in said
    assert json.loads(run("status", "--json"))["sealed"] == 4 and held(tmp_path) == NIGHTS
    assert "4 files opened" in run("unlock") and "0 files opened" in run("unlock")
    assert not list(tmp_path.glob("library.*"))
