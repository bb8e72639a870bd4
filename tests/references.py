"""Other people's implementations, run by the tests that hold ours against them.

Only the one file of each that computes is loaded: the packages around them load half of
scientific Python (setup.sh installs them without what they need; see tools/references.txt).
"""

import importlib.util
import sys
import types
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest


def _file(package: str, name: str) -> Path:
    try:
        return Path(distribution(package).locate_file(name))
    except PackageNotFoundError:
        pytest.skip(f"{package} is not here: run tools/setup.sh to have ours held against it")


def yasa_hypno():
    """The module `yasa.hypno`: `Hypnogram` and its `sleep_statistics`."""
    folder = _file("yasa", "yasa")
    if "yasa" not in sys.modules:
        package = types.ModuleType("yasa")
        package.__path__ = [str(folder)]
        sys.modules["yasa"] = package
    return importlib.import_module("yasa.hypno")


def pyactigraphy_sri():
    """pyActigraphy's Sleep Regularity Index of a pandas Series."""
    file = _file("pyActigraphy", "pyActigraphy/sleep/scoring/sri.py")
    spec = importlib.util.spec_from_file_location("pyactigraphy_sri", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.sri
