"""A commons: a static, searchable site out of a folder of shared dreams, with no server to trust.

Every file of the folder is taken for hostile: it is opened without following links, never larger
than a bundle may be, verified, escaped, and gives no name to anything on disk. What is refused is
said, with why. Knows no journal.
"""

import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import bundle
from .bundle import Bundle, BundleRefused, Withdrawal
from .errors import DreamlampError
from .templates import asset, fill

SUFFIXES = (".dream", ".withdrawal")
MARKER = ".dreamlamp-commons"  # in a folder that may be replaced
OURS = re.compile(  # the names of what `pages` makes
    r"[0-9a-f]{64}\.html|index\.html|page-\d+\.html|(dreams|search)\.js|" + re.escape(MARKER)
)
PAGE = 100  # dreams on a page of the list
TITLE, REST = 80, 260  # characters
ROW = {"wake": 0, "rem": 25, "light": 50, "deep": 75}
SENTENCE = re.compile(r"\S.{6,}?[.!?…](?=\s)")
# Nothing is loaded but the site's own two scripts; the style stands in the page. `file:` for
# browsers to which a folder opened from the disk is not 'self'.
POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'"
)
SAID = (
    ("mood", "mood {} of 5"),
    ("vividness", "vividness {} of 4"),
    ("lucidity", "lucidity {} of 4"),
)


@dataclass
class Found:
    """What a folder held. `refused` are (file, why); file names are escaped for a terminal."""

    dreams: list[Bundle] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    aside: int = 0  # files that are neither


def gather(folder: Path, told: Callable[[float], None] = lambda share: None) -> Found:
    """Read every bundle and withdrawal of `folder`; each dream once, in the order of its hash."""
    if not folder.is_dir():
        raise DreamlampError(f"{folder} is no folder: name the one that holds the shared dreams")
    found, kept, back = Found(), dict[str, tuple[str, Bundle]](), set[Withdrawal]()
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    for n, entry in enumerate(entries):
        told((n + 1) / len(entries))
        if not entry.name.endswith(SUFFIXES):
            found.aside += 1
            continue
        shown = ascii(entry.name)[1:-1][:120]
        try:
            read = bundle.read(_bytes(entry.path))
        except BundleRefused as why:
            found.refused.append((shown, str(why)))
            continue
        if isinstance(read, Withdrawal):
            back.add(read)
        else:
            kept.setdefault(read.name, (shown, read))
    for name, (shown, dream) in sorted(kept.items()):
        if Withdrawal(name, dream.key) in back:
            found.withdrawn.append(shown)
        else:
            found.dreams.append(dream)
    return found


def _bytes(path: str) -> bytes:
    """What a regular file holds, if that is no more than a bundle may hold."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise BundleRefused(f"it cannot be opened ({error.strerror})") from None
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise BundleRefused("it is no file")
        if about.st_size > bundle.SIZE_MAX:
            raise BundleRefused(f"it is larger than {bundle.SIZE_MAX // 1024} kB")
        return os.read(handle, bundle.SIZE_MAX + 1)
    finally:
        os.close(handle)


def build(found: Found, site: Path, title: str) -> None:
    """Write the site of `found` to `site`, whole or not at all, in place of an earlier one."""
    if site.exists() and not site.is_dir():
        raise DreamlampError(f"{site} is no folder: name an empty or a new one")
    held = {file.name for file in site.iterdir()} if site.exists() else set()
    others = sorted(name for name in held if MARKER not in held or not OURS.fullmatch(name))
    if others:
        raise DreamlampError(
            f"{site} holds something else ({ascii(others[0])[1:-1]}), which would go with the old "
            "site: name an empty or a new folder"
        )
    site.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".commons-", dir=site.parent))
    try:
        made.chmod(0o755)
        for name, text in pages(found, title):
            (made / name).write_text(text, encoding="utf-8")
        if site.exists():
            shutil.rmtree(site)
        made.replace(site)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def pages(found: Found, title: str) -> Iterator[tuple[str, str]]:
    """(name, text) of each file of the site; names are of our making or hashes."""
    common = {"policy": POLICY}
    rows = [_row(dream) for dream in found.dreams]
    count = max(1, -(-len(rows) // PAGE))
    for n in range(count):
        name = f"page-{n + 1}.html" if n else "index.html"
        part = rows[n * PAGE : (n + 1) * PAGE]
        yield name, fill(
            "commons_index.html", title=title, dreams=part, page=n + 1, pages=count,
            count=len(rows), **common,
        )  # fmt: skip
    for dream, row in zip(found.dreams, rows):
        yield row["file"], fill(
            "commons_dream.html", dream=row, curve=_curve(dream.night), licence=dream.licence,
            licence_says=bundle.LICENCES[dream.licence], hash=dream.name, **common,
        )  # fmt: skip
    keys = ("file", "title", "text", "tags", "curve")
    data = json.dumps([{key: row[key] for key in keys} for row in rows])  # in ASCII
    data = data.replace("<", r"\u003c")
    yield "dreams.js", f'"use strict";\nconst DREAMS = {data};\n'
    yield "search.js", asset("search.js")
    yield MARKER, ""


def _row(made: Bundle) -> dict:
    """What the pages say of a dream."""
    text = made.dream["text"]
    title, rest = _title(text)
    said = [form.format(made.dream[key]) for key, form in SAID if key in made.dream]
    return {
        "file": f"{made.name}.html", "title": title, "text": text, "said": said,
        "rest": rest[:REST], "tags": made.dream.get("tags", []), "curve": bool(made.night),
    }  # fmt: skip


def _title(text: str) -> tuple[str, str]:
    """The first sentence or line, or as many words as fit; and what follows."""
    first, _, _ = text.partition("\n")
    if found := SENTENCE.match(first):
        first = found.group()
    if len(first) <= TITLE:
        return first, text[len(first) :].strip()
    cut = first.rfind(" ", TITLE // 2, TITLE)
    cut = cut if cut > 0 else TITLE
    return first[:cut] + " …", text[cut:].strip()


def _curve(night: dict | None) -> dict | None:
    """The drawing of a night's curve: bars of 10 x 20, points of the heart, words for both."""
    if not night:
        return None
    stages, heart = night["stage"], night["heart_bpm"]
    bars = [
        {"stage": stage, "x": 10 * i, "y": ROW[stage]}
        for i, stage in enumerate(stages)
        if stage in ROW
    ]
    span = max(10, *(abs(v) for v in heart if v is not None), 0)
    lines: list[list[str]] = [[]]
    for i, value in enumerate(heart):
        if value is None:
            lines.append([])
        else:
            lines[-1].append(f"{10 * i + 5},{50 - round(45 * value / span)}")
    hours = len(stages) * bundle.STEP_MIN / 60
    share = {s: round(100 * stages.count(s) / len(stages)) for s in ROW}
    label = ", ".join(f"{name} {percent} %" for name, percent in share.items())
    return {
        "width": 10 * len(stages), "bars": bars, "lines": [" ".join(p) for p in lines if p],
        "span": span, "label": f"A night of {hours:.1f} hours: {label}",
    }  # fmt: skip
