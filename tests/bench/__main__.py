"""make bench BENCH=name [DATA=DIR] [TRAIN=0]: run one bench, print its table, write its JSON.

A bench is a file of this folder with `run(data, train) -> dict`: `data` the folder of recordings
(None if the bench set NEEDS_DATA = False and there is none), `train` False to score with committed
models only. It prints its table itself; the dict is written to build/bench/<name>.json.
"""

import importlib
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "firmware"), str(ROOT / "host")]


def find_data() -> Path | None:
    """$DATA, $DREAMLAMP_DATA or ../shared/data: the first that is set and exists."""
    for given in (os.environ.get("DATA"), os.environ.get("DREAMLAMP_DATA")):
        if given:
            return Path(given) if Path(given).is_dir() else None
    default = ROOT.parent / "shared" / "data"
    return default if default.is_dir() else None


def main() -> int:
    names = sorted(f.stem for f in Path(__file__).parent.glob("[a-z]*.py"))
    if len(sys.argv) != 2 or sys.argv[1] not in names:
        print(f"usage: make bench BENCH=name, where name is one of: {', '.join(names)}")
        return 2
    bench = importlib.import_module(f"tests.bench.{sys.argv[1]}")
    data = find_data()
    if data is None and getattr(bench, "NEEDS_DATA", True):
        print("No recordings found: give DATA=DIR or set $DREAMLAMP_DATA (layout: README, Data).")
        return 2
    result = bench.run(data, os.environ.get("TRAIN", "1") != "0")
    out = ROOT / "build" / "bench" / f"{sys.argv[1]}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    print(f"figures: {out.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
