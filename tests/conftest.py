"""The longest files come first; a test that needs what this machine cannot have is left out."""

import os

import pytest
from dreamlamp import sim

from tools import micropython

# Half a minute and more, most of it waiting: begun late, one of them would run on alone.
LONG = (
    "test_hil", "test_eeg_night", "test_eeg_losses", "test_flashed", "test_silicon", "test_sync",
    "test_wheel", "test_build_one", "test_act", "test_night", "test_rom", "test_dawn_night",
    "test_strangers",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """Sort them so; then the other virtual lamps, then the rest."""

    def rank(item):
        if item.path.stem in LONG:
            return LONG.index(item.path.stem)
        return len(LONG) + (item.path.parent.name != "system")

    items.sort(key=rank)


@pytest.fixture(autouse=True, scope="module")
def own_air():
    """A night on the virtual air leaves its address in the environment; the next file has none."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def left_out():
    try:
        return (yield)
    except (micropython.Missing, sim.NoMicroPython) as why:
        pytest.skip(f"NO MICROPYTHON: {why}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    return (yield from left_out())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    return (yield from left_out())
