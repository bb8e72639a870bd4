"""Where the files are that are no modules: in a checkout, or as a wheel brought them."""

from pathlib import Path

import platformdirs

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def checkout() -> bool:
    """Whether this package runs from its repository."""
    return (ROOT / "firmware" / "sim" / "start.py").is_file()


def _brought(name: str) -> Path:
    return ROOT / "firmware" / name if checkout() else HERE / "firmware" / name


def simulator() -> Path:
    return _brought("sim")


def boot() -> Path:
    """What starts the firmware on a board."""
    return _brought("boot")


def built() -> Path:
    """Where compiled firmware is kept."""
    if checkout():
        return ROOT / "build" / "firmware"
    return platformdirs.user_cache_path("dreamlamp") / "firmware"
