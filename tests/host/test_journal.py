"""The journal: private files, entries from events, search, and the offer after a bad dream."""

import json
import os
import stat
from datetime import date, datetime, timedelta

import pytest
from dreamlamp import journal, nights, rescript, sealed
from dreamlamp.journal import Journal, JournalError
from lamp import wire
from nightmaker import Maker


@pytest.fixture
def book(tmp_path):
    return Journal(tmp_path / "library")


def at(day, hour=7):
    return datetime(2026, 3, day, hour).astimezone()


def test_an_entry_comes_back_as_it_was_written(book):
    made = book.add("Flying.\r\nThen falling.", at(2), tags=[" Flying ", "sea", "flying"], mood=4)
    (found,) = book.all()
    assert found == made and found.text == "Flying.\nThen falling."
    assert found.tags == ["flying", "sea"] and found.day == "2026-03-02"
    assert book.find("last") == book.find(made.id) == book.find(made.id[-4:]) == made


def test_only_its_owner_can_read_it(book):
    old = os.umask(0)
    try:
        made = book.add("Secret.")
        book.keep(made)
    finally:
        os.umask(old)
    assert stat.S_IMODE(book.folder.stat().st_mode) == 0o700
    (file,) = book.folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "said", [{"mood": 0}, {"mood": 6}, {"vividness": 5}, {"lucidity": -1}, {"text": "  "}]
)
def test_what_no_scale_has_is_refused_and_nothing_is_written(book, said):
    with pytest.raises(JournalError):
        book.add(**{"text": "a dream", **said})
    assert book.all() == []


def test_search_finds_beginnings_phrases_accents_and_what_comes_first(book):
    book.add("The café by the sea, and the sea again.", at(1), tags=["water"])
    book.add("A house on fire. Far off, the sea.", at(2), tags=["fire"])
    book.add("A stair.", at(3), tags=["house"])
    found = [entry.day[-1] for entry, _ in book.search("sea")]
    assert found == ["1", "2"]
    assert [e.day[-1] for e, _ in book.search("cafe hous")] == []
    assert [e.day[-1] for e, _ in book.search("cafe")] == ["1"]
    assert [e.day[-1] for e, _ in book.search('"on fire"')] == ["2"]
    assert {e.day[-1] for e, _ in book.search("hous")} == {"2", "3"}
    assert [e.day[-1] for e, _ in book.search("sea", tag="fire")] == ["2"]


@pytest.mark.parametrize("words", ['"', "a OR", "text:", "NEAR(", "*", "'; DROP", '""', "^", "("])
def test_no_word_is_taken_for_a_command_of_the_index(book, words):
    book.add("Plain.")
    assert isinstance(book.search(words), list)


def test_a_sealed_journal_leaves_no_open_word_on_disk_even_after_a_search(tmp_path):
    book = Journal(tmp_path)
    book.add("The xylophone in the attic.", tags=["marimba"])
    sealed.lock(tmp_path, "words enough")
    book.add("The xylophone in the cellar.", tags=["marimba"])
    assert len(book.search("xylophone")) == 2 and book.all()[0].tags == ["marimba"]
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert b"xylophone" not in file.read_bytes() and b"marimba" not in file.read_bytes()


def test_deleting_leaves_nothing(book):
    made = book.add("Gone tomorrow.")
    book.delete(made)
    assert list(book.folder.iterdir()) == [] and book.search("gone") == []


def test_an_edit_that_fails_leaves_the_entry_as_it_was(book, monkeypatch):
    made = book.add("Before.")
    monkeypatch.setattr(sealed.os, "fsync", lambda _: (_ for _ in ()).throw(OSError("full")))
    made.text = "After."
    with pytest.raises(OSError):
        book.keep(made)
    assert book.find().text == "Before."


def test_a_file_that_is_no_entry_is_named(book):
    book.add("Fine.")
    (book.folder / "2026-01-01-aaaa.journal").write_text('{"id": 1}')
    with pytest.raises(JournalError, match="2026-01-01-aaaa"):
        book.all()


def test_an_entry_from_an_event_carries_the_minutes_round_it():
    made = Maker().boot().clock()
    for index in range(60):
        made.epoch(beats=list(range(0, 30000, 900)), score=index * 2, stage=wire.R)
        if index == 30:
            made.event(wire.LOOP, 0, 116, 100, wire.CYCLE)
    night = nights.decode(made.end().raw(), 7)
    event, trace = journal.trace_of(night, "loop", 30 * 31)
    assert event == {"name": "loop", "second": 930}
    assert len(trace["score"]) == len(trace["hr_bpm_x10"]) == 20
    middle = -trace["from_s"] // trace["step_s"]
    assert trace["score"][middle] == 62 and trace["stage"][middle] == "R"
    assert 640 < trace["hr_bpm_x10"][middle] < 690
    json.dumps([event, trace])
    assert journal.trace_of(night, "loop", 1e6)[1]["score"] == []


# --- after a bad dream that returns


def test_the_offer_comes_once_and_only_for_a_bad_dream_that_returned(book):
    first = book.add("The stair again.", at(1), tags=["stair"], mood=1)
    assert rescript.offer(book, first) == []
    pleasant = book.add("A stair in the sun.", at(2), tags=["stair"], mood=5)
    assert rescript.offer(book, pleasant) == []
    again = book.add("The stair, the stair.", at(3), tags=["stair"], mood=2)
    assert [e.id for e in rescript.offer(book, again)] == [first.id]
    third = book.add("Stair.", at(4), tags=["stair", "nightmare"])
    assert rescript.offer(book, book.find(again.id)) == []
    assert rescript.offer(book, third) == []


def test_a_dream_of_last_year_is_no_return_and_nightmare_alone_is_no_common_tag(book):
    book.add("Old stair.", at(1) - timedelta(365), tags=["stair", "nightmare"])
    book.add("Something else.", at(1), tags=["sea", "nightmare"])
    now = book.add("Stair.", at(2), tags=["stair", "nightmare"])
    assert rescript.offer(book, now) == []


def test_an_entry_can_name_the_dream_that_it_repeats(book):
    first = book.add("They wait behind the door.", at(1), mood=1)
    second = book.add("They wait.", at(2), mood=1, again=first.id)
    third = book.add("Behind the door.", at(3), mood=1, again=second.id)
    assert {e.id for e in rescript.offer(book, third)} == {first.id, second.id}


def test_the_course_counts_returns_on_both_sides_of_the_rewriting(book):
    for day in (1, 5, 9):
        last = book.add("Stair.", at(day), tags=["stair"], mood=1)
    assert rescript.course(book, last) is None
    rescript.write(book, last, "The stair leads to a garden.", date(2026, 3, 10))
    rescript.rehearsed(book, last, date(2026, 3, 11))
    rescript.rehearsed(book, last, date(2026, 3, 11))
    rescript.rehearsed(book, last, date(2026, 3, 12))
    book.add("Stair.", at(20), tags=["stair"], mood=2)
    found = rescript.course(book, book.find(last.id), date(2026, 3, 30))
    assert (found.before, found.after, found.days_after, found.rehearsed) == (3, 1, 20, 2)
    assert "returned once" in found.sentence() and "too short" not in found.sentence()
    early = rescript.course(book, book.find(last.id), date(2026, 3, 14))
    assert early.after == 0 and "too short" in early.sentence()
