"""The pictures of the README, drawn again: `make screenshots`. Synthetic nights, invented dreams.

Serves and builds the real pages in a folder of their own and looks at them with Chromium.
"""

import shutil
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "host"), str(ROOT / "firmware"), str(ROOT / "tests")]

from click.testing import CliRunner  # noqa: E402
from dreamlamp import bundle, cli, commons  # noqa: E402
from dreamlamp.journal import Journal  # noqa: E402
from dreamlamp.sleeper import sleeper  # noqa: E402
from nightmaker import as_lived, keep  # noqa: E402
from served import Served, nobody  # noqa: E402

SIZE = {"width": 900, "height": 1000}
NIGHTS = 28
SHARED = (
    ("A library under the sea. The books were dry, and every one of them was about the weather.",
     ["sea", "books"], 4, True),
    ("I had to cross a field of pianos before dark. Nobody had told me that they were asleep.",
     ["music"], 3, False),
    ("The stair again, one step too many. This time I sat down on it and waited, and it was gone.",
     ["stair", "recurring"], 3, True),
    ("A lift without doors that asked me for my name. I gave it […]'s, and it laughed.",
     ["lift"], 2, False),
    ("I flew low over the harbour. The boats had faces, and the gulls kept to the left.",
     ["flying", "sea"], 5, True),
)  # fmt: skip


def library(folder: Path) -> None:
    """Four weeks of nights; the last one has a loop, and the journal three dreams."""
    last = datetime(2026, 3, 29, 22, 10).astimezone()
    for n in range(NIGHTS):
        late = timedelta(minutes=37 * (n * 5 % 4) + (70 if n % 7 > 4 else 0))
        began = last - timedelta(days=NIGHTS - 1 - n) + (late if n < NIGHTS - 1 else timedelta())
        raw = as_lived(
            sleeper(n + 1, loop=n == NIGHTS - 1), n + 1, seed=n, unix_s=int(began.timestamp())
        )
        keep(raw, folder, n + 1, source={"heart": "synthetic", "name": f"seed {n + 1}"})
    kept = Journal(folder)
    for days, (text, tags, mood, _) in zip((9, 4, 1), SHARED):
        kept.add(text, last - timedelta(days=days), tags=tags, mood=mood)


def site(folder: Path) -> Path:
    """A commons of invented dreams, one of them with its night's curve."""
    letters = {"w": "wake", "l": "light", "d": "deep", "r": "rem"}
    stages = [letters[c] for c in "wlddlrldlrrlrr"]
    curve = {"step_min": bundle.STEP_MIN, "stage": [s for s in stages for _ in "ab"],
             "heart_bpm": [8, 4, -2, -4, -4, -6, -4, -2, -4, -2, 2, 4, -2, -4, -4, -4, -2, 0, 4, 8,
                           6, 8, 0, -2, 4, 6, 4, 2],
             "score": [0] * 18 + [40, 90, 120, 60] + [10] * 6}  # fmt: skip
    shared = folder / "shared"
    shared.mkdir()
    for text, tags, mood, with_night in SHARED:
        dream = {"text": text, "tags": tags, "mood": mood}
        content = bundle.dream(dream, "CC-BY-4.0", curve if with_night else None)
        data = bundle.sign(content, bundle.fresh_key())
        (shared / f"{bundle.name_of(data)}.dream").write_bytes(data)
    commons.build(commons.gather(shared), folder / "site", "Dreams of a small town")
    return folder / "site" / "index.html"


def main() -> None:
    docs = ROOT / "docs"
    with tempfile.TemporaryDirectory() as made, sync_playwright() as play:
        nights = Path(made) / "nights"
        nights.mkdir()
        library(nights)
        served = Served(nights, nobody)
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport=SIZE)
        page.goto(served.url)
        page.screenshot(path=docs / "morning.png")
        served.stop()
        page.goto(site(Path(made)).as_uri())
        page.screenshot(path=docs / "commons.png")
        if "weeks" in cli.COMMANDS:
            weeks = Path(made) / "weeks.html"
            wanted = ["weeks", "--library", str(nights), "--synthetic", "-o", str(weeks)]
            done = CliRunner().invoke(cli.main, wanted)
            assert done.exit_code == 0, done.exception
            page.goto(weeks.as_uri())
            page.screenshot(path=docs / "weeks.png")
        browser.close()


if __name__ == "__main__":
    main()
