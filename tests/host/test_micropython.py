"""Every file of tests/both passes on 64-bit and on 32-bit MicroPython."""

from pathlib import Path

import pytest
import run_upy

from tools import micropython

FILES = sorted((Path(__file__).parent.parent / "both").glob("test_*.py"))


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_it_passes_under_micropython(bits, file):
    try:
        micropython.find(bits)
    except micropython.Missing as error:
        pytest.skip(f"LOUD: {error}")
    status, said = run_upy.run(bits, file)
    print(said)
    assert status == 0, said
