"""In a real Chromium: the morning's pages, the report, a commons. Nothing loads, nothing leaks.

Skipped where there is no Chromium (tools/setup.sh installs Debian's).
"""

import shutil

import pytest
from dreamlamp import bundle, commons, library, report, web
from dreamlamp.journal import Journal
from dreamlamp.sleeper import sleeper
from nightmaker import as_lived, keep
from served import Near, Served, nobody

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PHONE = {"width": 390, "height": 844}
LIVED = as_lived(sleeper(1, loop=True))

if not CHROMIUM:
    pytest.skip(
        "NO CHROMIUM: the pages were not tried; apt-get install chromium", allow_module_level=True
    )
playwright = pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as made:
        browser = made.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def phone(chromium):
    """A page that remembers what it asked for and what went wrong."""
    context = chromium.new_context(viewport=PHONE)
    page = context.new_page()
    page.asked, page.wrong = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda said: page.wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("dialog", lambda dialog: page.wrong.append(dialog.message) or dialog.dismiss())
    yield page
    context.close()


def fits(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_report_needs_nothing_fits_a_phone_and_prints_to_one_page(phone, tmp_path):
    path = keep(LIVED, tmp_path, source={"heart": "synthetic", "name": "seed 1"})
    page = tmp_path / "night.html"
    report.write(library.read(path), page)
    phone.goto(page.as_uri())
    assert phone.inner_text("h1") and fits(phone)
    assert phone.asked == [page.as_uri()] and phone.wrong == []
    paper = phone.pdf(prefer_css_page_size=True, print_background=True)
    assert paper.count(b"/Type /Page\n") == 1


def test_a_commons_searches_offline_and_runs_nothing_of_a_dream(phone, tmp_path):
    curve = {"step_min": 15, "heart_bpm": [4, None, -2], "score": [0, 10, 120],
             "stage": ["wake", "rem", "deep"]}  # fmt: skip
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    for text, night in (
        ("I flew over the Harbóur.", curve),
        ("A lift without doors.", None),
        (evil, None),
    ):
        data = bundle.sign(
            bundle.dream({"text": text, "tags": [text[:60]]}, "CC0-1.0", night), bundle.fresh_key()
        )
        (tmp_path / f"{bundle.name_of(data)}.dream").write_bytes(data)
    site = tmp_path / "site"
    commons.build(commons.gather(tmp_path), site, "Dreams")
    phone.goto((site / "index.html").as_uri())
    assert phone.locator(".card").count() == 3 and fits(phone)
    phone.fill("#words", "harbour fle")
    assert phone.inner_text("#found") == "1 dream"
    phone.fill("#words", "<img")
    assert phone.inner_text("#found") == "1 dream" and "onerror" in phone.inner_text(".card")
    phone.fill("#words", "")
    phone.check("#curve")
    phone.click(".card a")
    assert "Harbóur" in phone.inner_text(".dream") and fits(phone)
    assert phone.locator("svg.curve rect").count() == 3
    phone.goto((site / "index.html").as_uri())
    phone.click("text=onerror")
    assert "<script>" in phone.inner_text(".dream")
    assert all(url.startswith(site.as_uri()) for url in phone.asked)
    assert phone.wrong == []


@pytest.fixture
def served(tmp_path):
    keep(LIVED, tmp_path, source={"heart": "synthetic", "name": "seed 1"})
    made = Served(tmp_path, nobody)
    yield made
    made.stop()


def test_the_morning_page_leads_from_the_night_to_the_dream_and_back(phone, served, tmp_path):
    assert phone.goto(served.home).status == 403
    phone.wrong.clear()  # Chromium calls a 403 an error
    phone.goto(served.url)
    assert phone.url == served.home + "/" and fits(phone)
    assert phone.locator(".stages svg").is_visible()
    phone.click("text=Write down what you dreamt")
    phone.fill("#text", "The stair <b>again</b>.")
    phone.select_option("#mood", "1")
    phone.fill("#tags", "stair, night")
    phone.click("text=Keep it")
    assert phone.input_value("#text") == "The stair <b>again</b>." and fits(phone)
    assert phone.locator("svg.curve rect").count() == 20
    (entry,) = Journal(tmp_path).all()
    assert entry.mood == 1 and entry.event["name"] == "loop" and entry.tags == ["stair", "night"]
    phone.goto(served.home + "/journal?words=again")
    assert phone.locator(".card h3").count() == 1
    phone.click(".card h3 a")
    phone.check("[name=sure]")
    phone.click("text=Delete this dream")
    assert Journal(tmp_path).all() == []
    assert {url.split("/")[2] for url in phone.asked} == {served.home.split("/")[2]}
    assert phone.wrong == []


def test_another_page_can_change_nothing(phone, served, tmp_path):
    phone.goto(served.url)
    foreign = tmp_path / "foreign.html"
    foreign.write_text(
        f'<form method="post" action="{served.home}/journal"><textarea name="text">planted'
        "</textarea><button>go</button></form>"
    )
    phone.goto(foreign.as_uri())
    with phone.expect_navigation() as landed:
        phone.click("button")
    assert landed.value.status == 403 and Journal(tmp_path).all() == []


def test_without_a_lamp_it_says_so_and_keeps_nothing_for_later(phone, served):
    phone.goto(served.url)
    phone.click("text=The lamp")
    phone.click("text=Ask the lamp")
    assert "Nothing is kept for later" in phone.inner_text("[role=alert]") and fits(phone)


def test_a_dawn_is_set_by_hand_and_the_lamp_says_the_same(phone, tmp_path):
    near = Near()
    made = Served(tmp_path, near.connect)
    try:
        phone.goto(made.url)
        phone.click("text=The lamp")
        phone.click("text=Ask the lamp")
        phone.fill("#at", "06:45")
        phone.click("text=Plan these dawns")
        assert "says the same" in phone.inner_text("[role=status]") and fits(phone)
        assert near.lamp.settings.get("dawn") and phone.wrong == []
    finally:
        made.stop()


def test_the_file_that_hands_the_address_over_leads_in_and_nobody_else_reads_it(phone, tmp_path):
    (tmp_path / "private").mkdir()
    served = Served(tmp_path, nobody)
    try:
        file = web.handed_over(served.url, tmp_path / "private")
        assert served.server.token not in file
        phone.goto(file)
        phone.wait_for_url(served.home + "/")
        assert phone.locator("h1").first.inner_text() and phone.wrong == []
        (held,) = (tmp_path / "private").iterdir()
        assert held.stat().st_mode & 0o077 == 0
    finally:
        served.stop()
