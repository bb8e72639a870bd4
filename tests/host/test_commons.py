"""The commons: only what is signed and consented to, nothing that runs, nothing outside."""

import json
import os
import re
import shutil
from html.parser import HTMLParser

import pytest
from dreamlamp import bundle, commons
from dreamlamp.errors import DreamlampError

HOSTILE = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>{{ 7 * 7 }}{% include 'x' %}",
    "javascript:alert(1)",
    "'-alert(1)-'",
)


def shared(folder, text="A stair.", name=None, key=None, **more):
    """A signed dream in `folder`; (its name, its secret)."""
    secret = key or bundle.fresh_key()
    night = more.pop("night", None)
    data = bundle.sign(bundle.dream({"text": text, **more}, "CC0-1.0", night), secret)
    (folder / (name or f"{bundle.name_of(data)[:16]}.dream")).write_bytes(data)
    return bundle.name_of(data), secret


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "dreams"
    made.mkdir()
    return made


def site_of(folder, title="Dreams"):
    found = commons.gather(folder)
    commons.build(found, folder.parent / "site", title)
    return folder.parent / "site", found


def test_dreams_of_many_become_pages_and_a_copy_counts_once(folder):
    name, _ = shared(folder, "I flew over the harbour.", tags=["flying"], mood=4)
    other, _ = shared(folder, "A lift without doors.")
    shutil.copy(next(folder.iterdir()), folder / "copy.dream")
    (folder / "readme.txt").write_text("hello")
    site, found = site_of(folder)
    assert sorted(d.name for d in found.dreams) == sorted([name, other]) and found.aside == 1
    page = (site / f"{name}.html").read_text()
    assert "I flew over the harbour." in page and "mood 4 of 5" in page and "CC0-1.0" in page
    assert f'href="{name}.html"' in (site / "index.html").read_text()


def test_a_withdrawal_counts_only_with_the_key_of_its_dream(folder):
    kept, _ = shared(folder, "Stays.")
    gone, secret = shared(folder, "Goes.", name="gone.dream")
    forged = bundle.sign(bundle.withdrawal(kept), bundle.fresh_key())
    (folder / "forged.withdrawal").write_bytes(forged)
    true = bundle.sign(bundle.withdrawal(gone), secret)
    (folder / "true.withdrawal").write_bytes(true)
    site, found = site_of(folder)
    assert [d.name for d in found.dreams] == [kept] and found.withdrawn == ["gone.dream"]
    assert not any("Goes." in file.read_text() for file in site.iterdir())


def test_a_dream_that_is_withdrawn_later_leaves_the_site_at_the_next_building(folder):
    name, secret = shared(folder)
    site, _ = site_of(folder)
    assert (site / f"{name}.html").exists()
    (folder / "back.withdrawal").write_bytes(bundle.sign(bundle.withdrawal(name), secret))
    site_of(folder)
    assert not (site / f"{name}.html").exists()


def test_what_is_refused_is_named_with_why(folder):
    content = bundle.dream({"text": "No yes was said."}, "CC0-1.0")
    content.pop("consent")
    (folder / "a.dream").write_bytes(bundle.sign(content, bundle.fresh_key()))
    (folder / "b.dream").write_bytes(b"x" * (bundle.SIZE_MAX + 1))
    (folder / "c.dream").mkdir()
    os.mkfifo(folder / "d.dream")
    elsewhere = folder.parent / "elsewhere"
    shared(folder.parent, "Somewhere else.", name="elsewhere")
    (folder / "e.dream").symlink_to(elsewhere)
    shared(folder, name="f.dream")
    changed = (folder / "f.dream").read_bytes().replace(b"stair", b"chair")
    (folder / "f.dream").write_bytes(changed)
    (folder / "g\x1b[2J\n[red].dream").write_bytes(b"{}")
    found = commons.gather(folder)
    assert found.dreams == [] and found.withdrawn == []
    why = dict(found.refused)
    assert "no consent" in why["a.dream"] and "larger" in why["b.dream"]
    assert {"c.dream", "d.dream", "e.dream"} <= set(why) and "signature" in why["f.dream"]
    assert all(name.isprintable() for name in why)


class Seen(HTMLParser):
    """The tags, attributes and targets of a page, as a browser reads them."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.targets = set(), set(), set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.targets |= {value for name, value in attrs if name in ("href", "src", "action")}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_dream_is_text_and_nothing_else(folder, text):
    name, _ = shared(folder, text + "\n" + text, tags=[text])
    site, _ = site_of(folder, title=text)
    for file in site.glob("*.html"):
        seen = Seen()
        page = file.read_text()
        seen.feed(page)
        assert not seen.tags & {"img", "svg", "iframe", "object", "base"}
        assert ("{{ 7 * 7 }}" in page) == ("{{ 7 * 7 }}" in text)
        assert not [name for name in seen.attributes if name.startswith("on")]
        assert seen.targets <= {
            "#main", "index.html", "dreams.js", "search.js", f"{name}.html"
        }  # fmt: skip
    data = (site / "dreams.js").read_text()
    assert "<" not in data and data.isascii()
    (row,) = json.loads(data.split("=", 1)[1].strip().rstrip(";"))
    assert row["tags"] == [text]


def test_nothing_is_written_outside_and_nothing_of_others_is_replaced(folder):
    shared(folder, name="..%2f..%2fescape.dream")
    shared(folder, "../../escape", name="-rf.dream", tags=["../../x"])
    before = set(folder.parent.iterdir())
    site, _ = site_of(folder)
    assert set(folder.parent.iterdir()) - before == {site}
    names = {file.name for file in site.iterdir()}
    assert all(re.fullmatch(r"[0-9a-f]{64}\.html|[a-z]+\.(html|js)|\.[a-z-]+", n) for n in names)
    other = folder.parent / "photos"
    other.mkdir()
    (other / "one.jpg").write_text("mine")
    with pytest.raises(DreamlampError, match="something else"):
        commons.build(commons.gather(folder), other, "Dreams")
    assert (other / "one.jpg").read_text() == "mine"
    (site / ".git").mkdir()  # a site that is published from where it is built
    with pytest.raises(DreamlampError, match=r"\.git"):
        site_of(folder)
    assert (site / ".git").is_dir() and (site / "index.html").is_file()


def test_a_building_that_fails_leaves_the_old_site(folder, monkeypatch):
    shared(folder, "First.")
    site, _ = site_of(folder)
    before = {file.name: file.read_text() for file in site.iterdir()}
    shared(folder, "Second.")
    monkeypatch.setattr(commons, "asset", lambda name: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError):
        site_of(folder)
    assert {file.name: file.read_text() for file in site.iterdir()} == before
    assert {p.name for p in folder.parent.iterdir()} == {"dreams", "site"}


def test_many_dreams_take_several_pages_and_the_search_has_all(folder):
    key = bundle.fresh_key()
    for n in range(commons.PAGE + 1):
        shared(folder, f"Dream number {n}.", key=key)
    site, found = site_of(folder)
    assert len(found.dreams) == commons.PAGE + 1
    assert (site / "page-2.html").read_text().count('class="card"') == 1
    assert (site / "dreams.js").read_text().count('"file"') == commons.PAGE + 1
