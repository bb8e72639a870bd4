"""Where the files are that are no modules: in a checkout, or as a wheel brought them."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

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


def micropython() -> ModuleType:
    """What finds the interpreters of the virtual lamp (tools/micropython.py)."""
    if not checkout():
        return import_module("dreamlamp.tools.micropython")
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    return import_module("tools.micropython")


def built() -> Path:
    """Where compiled firmware is kept."""
    if checkout():
        return ROOT / "build" / "firmware"
    return platformdirs.user_cache_path("dreamlamp") / "firmware"
