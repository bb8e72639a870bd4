"""The index: what it answers, that it is only a cache, and that what is deleted is gone."""

import json
import os
import sqlite3
from datetime import date

import pytest
from click.testing import CliRunner
from dreamlamp import cli, index, library, sealed
from dreamlamp.index import Wanted
from dreamlamp.journal import Journal
from dreamlamp.library import Library
from lamp import wire
from nightmaker import CODES, Maker, keep

DAY_S = 86400
EVENING = 1772402400  # 2026-03-01 23:00 at UTC+1


def a_night(number, evening=0, epochs=20, loop=False, clock=True):
    made = Maker(number).boot()
    if clock:
        made.clock(second=90, unix_s=EVENING + evening * DAY_S)
    for i in range(epochs):
        made.epoch(stage=CODES["R" if i % 4 == 0 else "N2"], score=10)
    if loop:
        made.event(wire.LOOP, 5, 120, 100, wire.CYCLE)
    return made.end().raw()


@pytest.fixture
def folder(tmp_path):
    keep(a_night(1, 0), tmp_path, 1, source={"heart": "synthetic", "name": "seed 1"})
    keep(a_night(2, 1, epochs=200, loop=True), tmp_path, 2)
    keep(a_night(3, 9, epochs=60), tmp_path, 3, source={"heart": "recording", "name": "x"})
    keep(a_night(4, clock=False), tmp_path, 4)
    guest = keep(a_night(5, 2), tmp_path, 5)
    for file in library.belongings(guest):
        file.rename(file.with_name("anna@" + file.name))
    return tmp_path


def numbers(folder, **wanted):
    with index.opened(Library(folder)) as known:
        return [int(row["name"][-5:]) for row in known.nights(Wanted(**wanted))]


@pytest.mark.parametrize(
    "wanted, found",
    [
        ({}, [1, 2, 3, 4]),
        ({"since": date(2026, 3, 2)}, [2, 3]),
        ({"until": date(2026, 3, 2)}, [1, 2]),
        ({"longer_min": 30}, [2, 3]),
        ({"shorter_min": 30}, [1, 3, 4]),
        ({"loops": True}, [2]),
        ({"loops": False}, [1, 3, 4]),
        ({"source": "lamp"}, [2, 4]),
        ({"synthetic": True}, [1]),
        ({"synthetic": False, "loops": False}, [3, 4]),
        ({"lamp": "nobody"}, []),
        ({"person": "anna"}, [5]),
        ({"person": None}, [1, 2, 5, 3, 4]),
        ({"sort": "tst", "reverse": True}, [2, 3, 1, 4]),
    ],
)
def test_a_filter_finds_the_nights_it_asks_for(folder, wanted, found):
    assert numbers(folder, **wanted) == found


def test_a_night_that_began_after_midnight_belongs_to_the_evening_before(tmp_path):
    keep(Maker(1).boot().clock(unix_s=EVENING + 3 * 3600).epoch().end().raw(), tmp_path, 1)
    assert numbers(tmp_path, since=date(2026, 3, 1), until=date(2026, 3, 1)) == [1]


def test_weeks_hold_the_means_of_their_nights(folder):
    with index.opened(Library(folder)) as known:
        weeks = {row["week"]: dict(row) for row in known.by_week()}
    assert {week: row["nights"] for week, row in weeks.items()} == {
        "2026-02-23": 1, "2026-03-02": 1, "2026-03-09": 1,
    }  # fmt: skip
    assert weeks["2026-03-02"]["loops"] == 1 and weeks["2026-03-02"]["tst"] == 100


def test_only_what_changed_is_read_again(folder, monkeypatch):
    read = []
    real = library.read
    monkeypatch.setattr(library, "read", lambda path: read.append(path.stem) or real(path))
    numbers(folder)
    assert len(read) == 5
    numbers(folder)
    assert len(read) == 5
    library.annotate(folder / "3F2A-00002.night", source={"heart": "virtual", "name": "v"})
    assert numbers(folder, source="virtual") == [2] and len(read) == 6
    (folder / "3F2A-00001.night").unlink()
    assert numbers(folder) == [2, 3, 4] and len(read) == 6


@pytest.mark.parametrize(
    "bytes_there", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 9000]
)
def test_a_spoilt_index_is_made_anew(folder, bytes_there):
    numbers(folder)
    (folder / index.FILE).write_bytes(bytes_there)
    assert numbers(folder) == [1, 2, 3, 4]


def test_an_index_of_another_version_is_made_anew(folder, monkeypatch):
    numbers(folder)
    base = sqlite3.connect(folder / index.FILE)
    base.execute("UPDATE nights SET loops = 7")
    base.commit()
    assert len(numbers(folder, loops=True)) == 4
    monkeypatch.setattr(index, "SCHEMA", "another")
    assert numbers(folder, loops=True) == [2]


def test_a_library_that_cannot_be_written_to_is_listed_all_the_same(folder, monkeypatch):
    real = os.open
    refuse = lambda path, *a: real("/nowhere/x", *a) if "sqlite" in str(path) else real(path, *a)  # noqa: E731
    monkeypatch.setattr(os, "open", refuse)
    assert numbers(folder) == [1, 2, 3, 4] and not (folder / index.FILE).exists()


def test_a_night_that_cannot_be_read_is_named_and_hides_no_other(folder):
    (folder / "3F2A-00002.night").write_bytes(b"\0" * 50)
    with index.opened(Library(folder)) as known:
        ((name, why),) = known.unreadable()
    assert name == "3F2A-00002" and "sync it again" in why
    assert numbers(folder) == [1, 3, 4]


def test_many_nights_are_read_by_several_processes_to_the_same_end(folder, monkeypatch):
    alone = numbers(folder)
    with index.opened(Library(folder)) as known:
        rows = [tuple(row) for row in known.nights()]
    (folder / index.FILE).unlink()
    monkeypatch.setattr(index, "MANY", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with index.opened(Library(folder)) as known:
        assert [tuple(row) for row in known.nights()] == rows
    assert numbers(folder) == alone


def test_nothing_of_a_deleted_night_is_left_on_the_disk(folder):
    secret = "a name that stands nowhere else"
    path = folder / "3F2A-00002.night"
    library.annotate(path, source={"heart": "recording", "name": secret})
    run = lambda *a: CliRunner().invoke(cli.main, [*a, "--library", str(folder)])  # noqa: E731
    assert run("report", "2").exit_code == 0 and run("nights").exit_code == 0
    assert any(secret.encode() in file.read_bytes() for file in folder.iterdir())
    assert secret.encode() in (folder / index.FILE).read_bytes()
    assert run("weeks").exit_code == 0
    asked = run("delete", "2")
    assert asked.exit_code == 1 and path.exists()  # nobody said yes
    done = json.loads(run("delete", "2", "--yes", "--json").stdout)
    assert len(done["deleted"]) == 4 and not (folder / "weeks.html").exists()
    assert not [file for file in folder.iterdir() if secret.encode() in file.read_bytes()]
    assert not list(folder.glob("*00002*")) and numbers(folder) == [1, 3, 4]
    assert not list(folder.glob("index.sqlite-*"))


def test_a_locked_librarys_index_rests_sealed_and_answers_as_before(folder, monkeypatch):
    monkeypatch.setenv(sealed.PASSPHRASE, "horse")
    before = numbers(folder)
    assert (
        CliRunner().invoke(cli.main, ["library", "lock", "--library", str(folder)]).exit_code == 0
    )
    assert not (folder / index.FILE).exists()
    assert numbers(folder) == before and sealed.is_sealed(folder / index.FILE)
    (folder / index.FILE).write_bytes(sealed.MAGIC + b"cut short")
    assert numbers(folder) == before
    assert (
        CliRunner().invoke(cli.main, ["delete", "2", "--yes", "--library", str(folder)]).exit_code
        == 0
    )
    assert numbers(folder) == [1, 3, 4] and sealed.is_sealed(folder / index.FILE)
    assert (
        CliRunner().invoke(cli.main, ["library", "unlock", "--library", str(folder)]).exit_code
        == 0
    )
    assert numbers(folder) == [1, 3, 4] and not sealed.is_sealed(folder / index.FILE)


def test_no_page_in_the_clear_is_left_beside_a_sealed_night(folder, monkeypatch):
    monkeypatch.setenv(sealed.PASSPHRASE, "horse")
    run = lambda *a: CliRunner().invoke(cli.main, [*a, "--library", str(folder)])  # noqa: E731
    assert run("library", "lock").exit_code == 0
    done = run("report", "2")
    assert done.exit_code == 0 and "locked" in done.output and not list(folder.glob("*.html"))
    assert run("report", "2", "-o", str(folder / "x.html")).exit_code == 0
    assert (folder / "x.html").exists()


def test_a_dream_keeps_its_words_and_loses_the_trace_of_a_deleted_night(folder):
    book = Journal(folder)
    trace = {"from_s": 0, "hr_bpm_x10": [580], "score": [120]}
    book.add("I fell.", night="3F2A-00002", event={"name": "loop"}, trace=trace)
    book.add("I flew.", night="3F2A-00001", event={"name": "loop"}, trace=trace)
    done = CliRunner().invoke(cli.main, ["delete", "2", "--yes", "--library", str(folder)])
    assert done.exit_code == 0 and "its trace in 1 dream\n" in done.output
    left = {dream.text: dream.trace for dream in book.all()}
    assert left == {"I fell.": None, "I flew.": trace}
