"""The local server lets in whoever has the address, and no other page's doing."""

import http.client
import re
from urllib.parse import urlencode

import pytest
from dreamlamp import consent, dawnplan, library, sealed, web
from dreamlamp.journal import Journal
from dreamlamp.sleeper import sleeper
from lamp import wire
from nightmaker import as_lived, keep
from served import Near, Served, nobody


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    keep(as_lived(sleeper(1, loop=True)), folder)
    made = Served(folder, nobody)
    made.folder = folder
    yield made
    made.stop()


class Browser:
    """Plain requests, with headers as one likes."""

    def __init__(self, served):
        self.port, self.home = served.server.port, f"127.0.0.1:{served.server.port}"
        self.token = served.url.partition("?token=")[2]
        self.cookie = f"{served.server.cookie}={served.server.pass_}"

    def ask(self, path, form=None, method=None, **headers):
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        sent = {
            "Host": self.home,
            "Cookie": self.cookie,
            "Origin": f"http://{self.home}",
            **headers,
        }
        body = form if isinstance(form, bytes | None) else urlencode(form)
        if body:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        sent = {key: value for key, value in sent.items() if value is not None}
        line.request(method or ("GET" if form is None else "POST"), path, body, sent)
        answer = line.getresponse()
        answer.text = answer.read().decode()
        line.close()
        return answer


@pytest.fixture
def browser(served):
    return Browser(served)


def test_the_token_becomes_a_cookie_and_leaves_the_address(browser):
    answer = browser.ask(f"/?token={browser.token}", Cookie=None)
    assert answer.status == 303 and answer.headers["Location"] == "/"
    cookie = answer.headers["Set-Cookie"]
    assert browser.cookie in cookie and "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert browser.token not in cookie
    assert browser.ask("/").status == 200


@pytest.mark.parametrize("path", ["/", "/journal", "/night/last", "/lamp", "/nowhere"])
@pytest.mark.parametrize(
    "headers",
    [{"Cookie": None}, {"Cookie": "dreamlamp=x"}, {"Host": "evil.example"},
     {"Host": "127.0.0.1:1"}, {"Host": "localhost.evil.example"}],
)  # fmt: skip
def test_nothing_is_shown_to_who_was_not_let_in(browser, path, headers):
    answer = browser.ask(path, **headers)
    assert answer.status == 403 and "SYNTHETIC" not in answer.text
    assert browser.ask(path + "?token=wrong", **headers).status == 403


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:1"])
def test_a_change_that_another_page_asks_for_is_not_done(browser, served, origin):
    answer = browser.ask("/journal", {"text": "planted"}, Origin=origin)
    assert answer.status == 403 and Journal(served.folder).all() == []


def test_every_answer_forbids_scripts_frames_and_keeping(browser):
    for answer in (browser.ask("/"), browser.ask("/nowhere"), browser.ask("/", Cookie=None)):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script" not in policy
        assert "frame-ancestors 'none'" in policy and answer.headers["Cache-Control"] == "no-store"
        assert "<script" not in answer.text


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/journal", {"text": "x" * (web.BODY_MAX + 1)}, 413),
        ("/journal", {"text": ""}, 400),
        ("/journal", {"text": "a", "mood": "9"}, 400),
        ("/journal", {"text": "a", "mood": "one"}, 400),
        ("/journal", {"text": "a", "night": "last", "event": "99"}, 400),
        ("/journal", b"\xff\xfe=%zz&&&", 400),
        ("/journal/2026-01-01-none", {"do": "delete", "sure": "yes"}, 400),
        ("/journal/..%2f3F2A-00007", {"do": "delete", "sure": "yes"}, 400),
        ("/lamp/shine", {}, 200),
        ("/nowhere", {}, 404),
        ("/", {}, 405),
    ],
)
def test_what_makes_no_sense_is_a_page_that_says_so(browser, served, path, form, status):
    answer = browser.ask(path, form or b"")
    assert answer.status == status and "<html" in answer.text and "Traceback" not in answer.text
    assert Journal(served.folder).all() == [] and list(served.folder.glob("*.night"))


@pytest.mark.parametrize("name", ["none", "..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "3F2A"])
def test_a_night_is_one_of_the_library_or_none(browser, name):
    answer = browser.ask(f"/night/{name}")
    assert answer.status == (200 if name == "3F2A" else 404) and "root:" not in answer.text


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {"Cookie": "own=\xff"}, 403),
        ("/journal?words=%00sea", {}, 200),
        ("/night/" + "a" * 300, {}, 500),  # longer than a file's name may be
    ],
)
def test_a_fault_answers_with_a_page_under_the_same_rules(browser, path, headers, status, capfd):
    headers = {k: v.replace("own", browser.cookie) for k, v in headers.items()}
    answer = browser.ask(path, **headers)
    assert answer.status == status and "<html" in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert ("Traceback" in capfd.readouterr().err) == (status == 500)


def test_what_a_dreamer_writes_is_text(browser, served):
    evil = "<script>alert(1)</script>\"'{{ 7 }}"
    sent = browser.ask("/journal", {"text": evil, "tags": evil})
    page = (
        browser.ask(sent.headers["Location"]).text
        + browser.ask(f"/journal?words={evil[1:7]}").text
    )
    assert "<script" not in page and "&lt;script&gt;" in page
    for entry in Journal(served.folder).all():
        Journal(served.folder).delete(entry)


# --- a lamp near by


@pytest.fixture
def near(tmp_path):
    """The pages, and the firmware's own server and night behind them."""
    lamp = Near()
    made = Served(tmp_path, lamp.connect)
    browser = Browser(made)
    browser.lamp, browser.folder = lamp, tmp_path
    yield browser
    made.stop()


FIT = {q.key: "yes" if q.wanted else "no" for q in consent.QUESTIONS}


def test_a_mode_is_written_and_what_the_lamp_says_is_shown(near):
    assert "Nothing is kept" in near.ask("/lamp/mode", {"mode": "act"}).text  # no consent yet
    assert near.lamp.lamp.night.mode == wire.OBSERVE
    page = near.ask("/lamp/mode", {"mode": "off"}).text
    assert near.lamp.lamp.night.mode == wire.OFF and "says the same" in page
    assert 'value="off" checked' in page


def test_a_dawn_is_planned_kept_for_the_next_sync_and_taken_back(near):
    form = {"at": "06:45", "days": "mon-sun", "level": "50", "smart": "10", "do": "set"}
    page = near.ask("/lamp/dawn", form).text
    assert re.search(r"at 06:45; \d+ mornings", page) and near.lamp.clock.date > 1_700_000_000
    assert dawnplan.kept(near.folder, "3F2A").at == "06:45"
    assert "No dawn is planned" in near.ask("/lamp/dawn", {"do": "none"}).text
    assert dawnplan.kept(near.folder, "3F2A") is None
    for wrong in ({"at": "25:00"}, {"days": "someday"}, {"level": "0"}, {"smart": "-1"}):
        assert "Nothing is kept" in near.ask("/lamp/dawn", {**form, **wrong}).text
    assert near.lamp.lamp.settings.get("dawn", b"")[4:] == b""


def test_what_reads_back_otherwise_is_said(near):
    near.lamp.deaf = True
    page = near.ask("/lamp/mode", {"mode": "off"}).text
    assert "reads back" in page and "Nothing is kept for later" in page


def test_a_wind_down_shines_and_can_be_ended(near):
    assert "dark in 20 min" in near.ask("/lamp/wind-down", {"level": "30", "min": "20"}).text
    assert near.lamp.lamp.night.mind.wake.active()
    assert "It goes dark" in near.ask("/lamp/dark", {}).text


def test_consent_wants_every_answer_as_it_has_to_be_and_a_yes(near):
    assert "Every question" in near.ask("/consent", {"agree": "yes"}).text
    assert "not ticked" in near.ask("/consent", FIT).text
    for question in consent.QUESTIONS:
        other = {"yes": "no", "no": "yes"}[FIT[question.key]]
        page = near.ask("/consent", {**FIT, question.key: other, "agree": "yes"}).text
        assert question.reason.split(",")[0] in page
    assert near.lamp.lamp.settings.get("consent", 0) == 0
    near.ask("/consent", {**FIT, "agree": "yes", "third": "yes"})
    assert near.lamp.lamp.settings.get("consent", 0) == wire.POLICY | wire.POLICY_THIRD
    assert "is withdrawn" in near.ask("/consent", {**FIT, "adult": "no", "agree": "yes"}).text
    assert near.lamp.lamp.settings.get("consent", 0) == 0
    near.ask("/consent", {**FIT, "agree": "yes"})
    assert near.lamp.lamp.settings.get("consent", 0) == wire.POLICY
    assert "withdrawn" in near.ask("/lamp/withdraw", {}).text
    assert near.lamp.lamp.settings.get("consent", 0) == 0


def test_the_question_is_asked_and_its_answer_kept_beside_the_night(browser, served):
    assert browser.ask("/").text.count('name="epoch"') == 1
    path = served.folder / "3F2A-00007.night"
    epoch = next(e.epoch for e in library.read(path).events)
    sent = browser.ask("/answer/3F2A-00007", {"epoch": epoch, "said": "no"})
    assert sent.status == 303 and library.read(path).note["morning"] == {str(epoch): "no"}
    assert 'value="no" aria-pressed="true"' in browser.ask("/").text
    for wrong in (
        {"epoch": "x", "said": "no"},
        {"epoch": epoch, "said": "?"},
        {"epoch": 3, "said": "no"},
    ):
        assert browser.ask("/answer/3F2A-00007", wrong).status == 400


def test_two_servers_have_two_cookies(served, tmp_path):
    other = Served(tmp_path, nobody)
    try:
        stranger = Browser(other)
        assert stranger.cookie.split("=")[0] != Browser(served).cookie.split("=")[0]
        assert stranger.ask("/", Cookie=Browser(served).cookie).status == 403
    finally:
        other.stop()


def test_a_locked_journal_is_read_and_written_sealed(tmp_path, monkeypatch):
    Journal(tmp_path).add("The xylophone.")
    sealed.lock(tmp_path, "words enough")
    served = Served(tmp_path, nobody)
    try:
        browser = Browser(served)
        assert "xylophone" in browser.ask("/journal").text
        browser.ask("/journal", {"text": "The marimba."})
    finally:
        served.stop()
    assert len(Journal(tmp_path).all()) == 2
    for file in tmp_path.iterdir():
        assert b"xylophone" not in file.read_bytes() and b"marimba" not in file.read_bytes()
