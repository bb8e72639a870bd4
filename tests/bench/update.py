"""Power cuts in every operation of shortened updates, a good one and three that are broken, from
the first byte written to the proof or the way back (tests/system/update_cuts.py)."""

import tempfile
from pathlib import Path

from tests.system.test_update_cuts import tried

NEEDS_DATA = False


def run(data: Path | None, train: bool) -> dict:
    """Cut everywhere, on both builds; a cut without a firmware that runs is an error."""
    result = {}
    for bits, old in ((64, "a"), (32, "b")):
        with tempfile.TemporaryDirectory() as folder:
            cuts, done, twice = tried(Path(folder), bits, old, stride=1, first=0)
        result[f"{bits} bits"] = {"cuts": cuts, "tried": done, "cut again": twice}
        print(
            f"{bits} bits: {done} of {cuts} cuts (operation x tear), {twice} of them followed by "
            "another; a firmware runs after each"
        )
    return result
