"""Sharing: what leaves is what was shown, two bundles cannot be linked, no byte can be changed."""

import json
import random
import stat
import unicodedata
from dataclasses import replace
from datetime import datetime

import pytest
from dreamlamp import bundle, nights, redact, sealed, share
from dreamlamp.bundle import BundleRefused
from dreamlamp.journal import Journal
from dreamlamp.share import AGREED, Answers, NotShared, Shared
from dreamlamp.sleeper import sleeper
from nightmaker import as_lived

ANSWERS = Answers((), (), "CC0-1.0", tags=True, feelings=True, curve=False, consent=AGREED)
NIGHT = nights.decode(as_lived(sleeper(1, loop=True)), 7)
# equal in all bundles, or one of few values that everybody has
CONSTANT = {"format", "consent.words", "consent.licence", "night.step_min"}
TEXT = "I swam with Anna to Lisbon. Anna sang."


@pytest.fixture
def book(tmp_path):
    return Journal(tmp_path)


def leaves(value, path=""):
    """(path, value) of everything in a bundle, lists as wholes."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path, json.dumps(value)


def given(book, entry, answers=ANSWERS, night=None):
    out = book.folder / "out"
    return Shared(book.folder).give(share.compose(entry, answers, night), answers, entry, out)


def test_what_leaves_is_what_was_composed_and_cut(book):
    entry = book.add(TEXT, tags=["sea", "anna"], mood=4, lucidity=0)
    answers = replace(ANSWERS, cut=("anna",), keep=("Lisbon",))
    path = given(book, entry, answers)
    made = bundle.read(path.read_bytes())
    assert made.dream == {
        "text": "I swam with […] to Lisbon. […] sang.", "tags": ["sea"], "mood": 4, "lucidity": 0
    }  # fmt: skip
    assert made.night is None and made.licence == "CC0-1.0"
    assert set(json.loads(path.read_bytes())) == {
        "format", "consent", "dream", "key", "signature"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cut": ()}, "Anna"),
        ({"cut": ("Anna",)}, "Lisbon"),
        ({"licence": ""}, "licence"),
        ({"cut": TEXT.replace(".", "").split()}, "nothing is left"),
        ({"curve": True}, "night"),
        ({"consent": "yes"}, "I agree"),
    ],
)
def test_an_answer_that_is_missing_stops_everything(book, change, says):
    entry = book.add(TEXT)
    answers = replace(ANSWERS, **{"cut": ("Anna", "Lisbon"), **change})
    with pytest.raises(NotShared, match=says):
        given(book, entry, answers)
    assert not list(book.folder.rglob("*.dream")) and Shared(book.folder).all() == []


def test_two_bundles_of_one_dreamer_have_nothing_in_common_but_the_constant(book):
    first = book.add("The tide went out.", datetime(2026, 3, 1).astimezone(), night="a", mood=1)
    second = book.add(
        "A lift without doors.", datetime(2026, 3, 1).astimezone(), night="b", mood=4
    )
    other = nights.decode(as_lived(sleeper(2)), 7)
    with_curve = replace(ANSWERS, curve=True)
    paths = [given(book, first, with_curve, NIGHT), given(book, second, with_curve, other)]
    one, two = (dict(leaves(json.loads(p.read_bytes()))) for p in paths)
    assert {path for path in one if one[path] == two.get(path)} == CONSTANT
    assert paths[0].stat().st_mtime == paths[1].stat().st_mtime == share.LONG_AGO
    assert not set(paths[0].stem) & set("-_ ") and paths[0].stem != paths[1].stem


def test_the_same_dream_shared_twice_bears_two_keys(book):
    entry = book.add("A stair.")
    one, two = (bundle.read(given(book, entry).read_bytes()) for _ in range(2))
    assert one.key != two.key and one.name != two.name


def test_a_curve_leaves_once_and_says_no_clock_time(book):
    entry = book.add("A stair.", night="3F2A-00007")
    answers = replace(ANSWERS, curve=True)
    made = bundle.read(given(book, entry, answers, NIGHT).read_bytes())
    assert set(made.night) == {"step_min", "heart_bpm", "stage", "score"}
    assert len(made.night["stage"]) == int(NIGHT.length_s // 900)
    assert {v % 2 for v in made.night["heart_bpm"] if v is not None} == {0}
    assert "rem" in made.night["stage"] and max(made.night["score"]) >= 100
    with pytest.raises(NotShared, match="linked"):
        given(book, book.add("A door.", night="3F2A-00007"), answers, NIGHT)


def test_every_byte_that_is_changed_makes_it_no_bundle(book):
    entry = book.add("A stair, élan […] 🙂.", tags=["sea"], mood=3)
    data = given(book, entry).read_bytes()
    rng = random.Random(1)
    for at in range(len(data)):
        for value in {data[at] ^ 1, data[at] ^ 0x20, rng.randrange(256), ord('"')} - {data[at]}:
            with pytest.raises(BundleRefused):
                bundle.read(data[:at] + bytes((value,)) + data[at + 1 :])
        with pytest.raises(BundleRefused):
            bundle.read(data[:at] + data[at + 1 :])
        with pytest.raises(BundleRefused):
            bundle.read(data[:at] + data[at : at + 1] + data[at:])
    for more in (b" ", b"\n", b"\0"):
        with pytest.raises(BundleRefused):
            bundle.read(data + more)


def signed(**changes):
    content = bundle.dream({"text": "A stair."}, "CC0-1.0")
    return bundle.sign({**content, **changes}, bundle.fresh_key())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"consent": None}, "no consent"),
        ({"consent": {"licence": "CC0-1.0"}}, "no consent"),
        ({"consent": {"licence": "CC0-1.0", "words": "whatever"}}, "no consent"),
        ({"consent": {"licence": "all mine", "words": bundle.CONSENT}}, "licence"),
        ({"consent": {"licence": ["CC0-1.0"], "words": bundle.CONSENT}}, "licence"),
        ({"format": "dreamlamp dream 2"}, "newer"),
        ({"author": "me"}, "more than"),
        ({"dream": {"text": "a", "at": "03:00"}}, "more than"),
        ({"dream": {"text": ""}}, "empty"),
        ({"dream": {"text": "x" * (bundle.TEXT_MAX + 1)}}, "too long"),
        ({"dream": {"text": "a\u202eb"}}, "hides"),
        ({"dream": {"text": "a\x1b[2Jb"}}, "hides"),
        ({"dream": {"text": unicodedata.normalize("NFD", "é")}}, "hides"),
        ({"dream": {"text": "a", "mood": True}}, "mood"),
        ({"dream": {"text": "a", "tags": ["x"] * 99}}, "tags"),
        ({"night": {"step_min": 15, "stage": ["rem"], "score": [1], "heart_bpm": []}}, "curve"),
        (
            {"night": {"step_min": 15, "stage": [["rem"]], "score": [1], "heart_bpm": [1]}},
            "stages",
        ),
        ({"night": {"step_min": 1, "stage": ["rem"], "score": [1], "heart_bpm": [1]}}, "steps"),
        ({"dream": "x" * bundle.SIZE_MAX}, "larger"),
    ],
)
def test_a_bundle_that_is_signed_and_not_as_it_should_be_is_refused(changes, says):
    with pytest.raises(BundleRefused, match=says):
        bundle.read(signed(**changes))


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"{}", b"\xff", b"[" * 100_000, b'{"a":' * 50_000, b'{"a":NaN}',
     b'{"format":' + b"9" * 5000 + b"}", b'{"format":"\\ud800"}', b'{"format":1e999}'],
)  # fmt: skip
def test_what_is_no_bundle_is_refused_in_peace(data):
    with pytest.raises(BundleRefused):
        bundle.read(data)


def test_a_withdrawal_is_signed_with_the_key_of_its_bundle(book):
    path = given(book, book.add("A stair."))
    made = bundle.read(path.read_bytes())
    shared = Shared(book.folder)
    back = bundle.read(shared.withdraw(str(path), path.parent).read_bytes())
    assert back == bundle.Withdrawal(made.name, made.key)
    assert shared.all()[0]["withdrawn"] is True
    with pytest.raises(NotShared, match="no such"):
        shared.withdraw("beef", path.parent)


def test_the_keys_are_for_the_owner_alone_and_sealed_with_the_journal(tmp_path):
    entry = Journal(tmp_path).add("A stair.")
    shared = Shared(tmp_path)
    shared.give(share.compose(entry, ANSWERS), ANSWERS, entry, tmp_path / "out")
    (file,) = tmp_path.glob("*.shared")
    assert b"secret" in file.read_bytes()
    sealed.lock(tmp_path, "words enough")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and b"secret" not in file.read_bytes()
    assert shared.all()[0]["entry"] == entry.id


# --- what the rules suggest


def test_names_places_numbers_and_addresses_are_suggested():
    text = (
        "Rain, and rain again. I met Anna Maria in Lisbon. “Stop,” said Tom's dog. On 12.3.2019 "
        "I called +49 171 2345678 and eva@example.org, from www.example.org/me. Zoe ran."
    )
    found = {s.text: s.why for s in redact.suggestions(text)}
    assert found == {
        "Anna Maria": "name", "Lisbon": "place", "Stop": "name", "Tom": "name", "Zoe": "name",
        "12.3.2019": "date", "+49 171 2345678": "telephone",
        "eva@example.org": "address of e-mail", "www.example.org/me": "address on the web",
    }  # fmt: skip


def test_a_cut_takes_every_place_and_no_part_of_another_word():
    assert redact.cut("Ann, ANN and Annabel; Ann\nLee.", ["ann", "Ann Lee"]) == (
        "[…], […] and Annabel; […]."
    )


def test_after_all_suggestions_are_cut_none_is_left():
    text = "I met Anna Maria in Lisbon, at 5 Rue de la Paix. Dr Weber's car. NASA called 1234567."
    left = redact.cut(text, [s.text for s in redact.suggestions(text)])
    assert redact.suggestions(left) == []


def test_answers_come_from_a_file_only_if_all_are_there(tmp_path):
    path = tmp_path / "answers.toml"
    whole = {
        "cut": "['Anna']", "keep": "[]", "licence": "'CC0-1.0'", "tags": "true",
        "feelings": "false", "curve": "false", "consent": "'I agree'",
    }  # fmt: skip
    path.write_text("\n".join(f"{k} = {v}" for k, v in whole.items()))
    assert share.answers_in(path).cut == ("Anna",)
    for missing in whole:
        path.write_text("\n".join(f"{k} = {v}" for k, v in whole.items() if k != missing))
        with pytest.raises(NotShared, match=missing):
            share.answers_in(path)
    for wrong in ("cut = [1]", "curve = 1", "more = 1", "= ="):
        path.write_text(
            "\n".join(f"{k} = {v}" for k, v in whole.items() if k != "cut") + "\n" + wrong
        )
        with pytest.raises(NotShared):
            share.answers_in(path)
