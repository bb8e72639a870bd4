"""The journal, sharing and the commons as they are typed."""

import json

import click.testing
import pytest
from click.testing import CliRunner
from dreamlamp import bundle, cli
from dreamlamp.journal import Journal
from dreamlamp.sleeper import sleeper
from nightmaker import as_lived, keep

ANSWERS = """
cut = ["Anna"]
keep = ["Lisbon"]
licence = "CC-BY-4.0"
tags = true
feelings = true
curve = true
consent = "I agree"
"""


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "library"
    made.mkdir()
    keep(as_lived(sleeper(1, loop=True)), made, source={"heart": "synthetic", "name": "seed 1"})
    return made


def run(*args, said=None):
    return CliRunner().invoke(cli.main, [str(a) for a in args], input=said)


def dream(folder, text="I ran from Anna up to Lisbon.", *more):
    done = run("journal", "add", text, "--library", folder, "--json", *more)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_an_empty_journal_says_how_it_begins(folder):
    listed = run("journal", "list", "--library", folder)
    assert listed.exit_code == 0 and "journal add" in listed.output
    assert json.loads(run("journal", "list", "--library", folder, "--json").stdout) == []


def test_a_dream_is_kept_found_changed_shown_and_deleted(folder):
    made = dream(folder, "The stair again.", "--event", "1", "--mood", "1", "--tag", "stair")
    assert made["event"]["name"] == "loop" and made["night"] == "3F2A-00007"
    (found,) = json.loads(run("journal", "search", "stai", "--library", folder, "--json").stdout)
    assert found["id"] == made["id"]
    assert "stair" in run("journal", "list", "--library", folder).output
    shown = run("journal", "show", "--library", folder).output
    assert "five minutes" in shown and "heart" in shown
    assert run("journal", "edit", "last", "--mood", "2", "--library", folder).exit_code == 0
    assert Journal(folder).find().mood == 2 and Journal(folder).find().text == "The stair again."
    assert run("journal", "delete", made["id"], "--library", folder, said="n\n").exit_code == 1
    assert run("journal", "delete", made["id"], "--library", folder, "--yes").exit_code == 0
    assert Journal(folder).all() == []


def test_the_offer_is_one_sentence_after_the_return(folder):
    dream(folder, "The stair.", "--mood", "1", "--tag", "stair")
    again = ("journal", "add", "Stair.", "--mood", "1", "--tag", "stair", "--library", folder)
    assert "if you like" in run(*again).output.replace("\n", " ").lower()
    assert "rescript" not in run(*again).output
    done = run("journal", "rescript", "--text", "A garden.", "--library", folder)
    assert done.exit_code == 0 and "has not returned" in done.stdout.replace("\n", " ")
    assert "doctor" in done.stderr.replace("\n", " ")


def test_sharing_without_a_terminal_wants_a_file_of_answers(folder, tmp_path):
    dream(folder)
    done = run("share", "--library", folder, "--to", tmp_path)
    assert done.exit_code == 1 and "nobody is here to answer" in done.stderr
    assert not list(tmp_path.glob("*.dream"))


def test_a_dream_goes_from_the_journal_to_the_commons_and_back(folder, tmp_path):
    made = dream(folder, "I ran from Anna up to Lisbon.", "--event", "1", "--mood", "2")
    answers, shared = tmp_path / "answers.toml", tmp_path / "shared"
    answers.write_text(ANSWERS)
    common = ("--library", folder, "--answers", answers)
    shown = json.loads(run("share", *common, "--preview").stdout)
    assert shown["dream"]["text"] == "I ran from […] up to Lisbon." and not shared.exists()
    given = json.loads(run("share", *common, "--to", shared, "--json").stdout)
    assert given["content"] == shown
    read = bundle.read((shared / given["file"].rsplit("/")[-1]).read_bytes())
    assert read.dream == shown["dream"] and read.night == shown["night"]
    assert "given away" in run("share", "--list", "--library", folder).output

    built = json.loads(run("commons", "build", shared, "--json").stdout)
    assert built["dreams"] == [read.name] and built["refused"] == []
    done = run("unshare", made["id"][-4:], "--library", folder, "--to", shared)
    assert done.exit_code == 0 and "cannot be called back" in done.stderr
    (shared / "junk.dream").write_text("junk")
    done = run("commons", "build", shared, "--strict")
    assert done.exit_code == 1 and "0 dreams, 1 withdrawn, 1 refused" in done.stdout
    assert "junk.dream: it is damaged" in done.stderr


@pytest.mark.parametrize(("last", "left"), [("I agree", 1), ("yes", 0), ("", 0)])
def test_the_dialogue_asks_about_each_word_and_shows_all_of_it_before(
    folder, tmp_path, monkeypatch, last, left
):
    monkeypatch.setattr(click.testing._NamedTextIOWrapper, "isatty", lambda self: True)
    dream(folder, "I ran from Anna up to Lisbon with a red kite.", "--tag", "kite")
    said = ["y", "n", "red kite", "", "1", "n", "n", last]  # Anna, Lisbon, more, licence ...
    to = tmp_path / "out"
    done = run("share", "--library", folder, "--to", to, said="\n".join(said) + "\n")
    text = "I ran from […] up to Lisbon with a […]."
    assert text in done.stderr and '"words": "I dreamt this' in done.stderr.replace("\n", " ")
    made = list(to.glob("*.dream"))
    assert len(made) == left and done.exit_code == (0 if left else 1), done.stderr
    for path in made:
        read = bundle.read(path.read_bytes())
        assert read.dream == {"text": text} and read.licence == "CC0-1.0"


def test_an_event_that_the_night_has_not_is_refused_and_no_entry_kept(folder):
    done = run("journal", "add", "Where?", "--event", "99", "--library", folder)
    assert done.exit_code == 1 and "why 3F2A-00007" in done.stderr and Journal(folder).all() == []


def test_the_whole_journal_leaves_as_one_file_for_its_owner_alone(folder, tmp_path):
    made = dream(folder, "Élan.", "--event", "1", "--mood", "3")
    file = tmp_path / "dreams.json"
    assert run("journal", "export", file, "--library", folder).exit_code == 0
    (found,) = json.loads(file.read_text())
    made.pop("returned_from")
    assert found == made and file.stat().st_mode & 0o077 == 0
