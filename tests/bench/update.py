"""Power cuts in every operation of a shortened update (tests/system/update_cuts.py)."""

import tempfile
from pathlib import Path

from tests.system.test_update_cuts import tried

NEEDS_DATA = False


def run(data: Path | None, train: bool) -> dict:
    """Cut everywhere, on both builds; a cut without a firmware that runs is an error."""
    result = {}
    for bits in (64, 32):
        with tempfile.TemporaryDirectory() as folder:
            cuts, done = tried(Path(folder), bits, stride=1, first=0)
        result[f"{bits} bits"] = {"cuts": cuts, "tried": done}
        print(f"{bits} bits: {done} of {cuts} cuts (operation x tear), a firmware runs after each")
    return result
