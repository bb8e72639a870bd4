"""The local server lets in whoever has the address, and no other page's doing."""

import http.client
from urllib.parse import urlencode

import pytest
from dreamlamp import sealed, web
from dreamlamp.journal import Journal
from dreamlamp.sleeper import sleeper
from nightmaker import as_lived, keep
from served import Served, nobody


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
