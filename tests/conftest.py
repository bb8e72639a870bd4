"""A test that needs an interpreter this machine cannot have is left out, aloud."""

import pytest
from dreamlamp import sim

from tools import micropython


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
