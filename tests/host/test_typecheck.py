"""`make check` knows the chip: a name that its MicroPython lacks is an error."""

import shutil
from pathlib import Path

import pytest

from tools import typecheck

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("machine.Pin.NO_SUCH_PIN", "esp32.no_such_function()", "bluetooth.BLE().no_such_method()")


@pytest.mark.skipif(not typecheck.STUBS.is_dir(), reason="no stubs of the chip: run `make setup`")
def test_a_name_that_the_chip_lacks_is_an_error(tmp_path, capfd):
    shutil.copytree(ROOT / "firmware" / "lamp", tmp_path / "lamp")
    board = tmp_path / "lamp" / "board.py"
    seeded = "".join(f"    {name}\n" for name in NAMES)
    board.write_text(f"{board.read_text()}\n\ndef seeded():\n{seeded}")
    assert typecheck.lamp(str(tmp_path), str(tmp_path / "cache")) != 0
    said = capfd.readouterr().out
    for name in NAMES:
        assert name.split(".")[-1].rstrip("()") in said, said
    assert len(said.splitlines()) == len(NAMES), said


@pytest.mark.skipif(not typecheck.STUBS.is_dir(), reason="no stubs of the chip: run `make setup`")
def test_so_it_is_in_what_starts_the_firmware(tmp_path, capfd):
    shutil.copytree(ROOT / "firmware" / "boot", tmp_path / "boot")
    assert typecheck.boot(str(tmp_path / "boot"), str(tmp_path / "cache")) == 0
    chooser = tmp_path / "boot" / "choose.py"
    chooser.write_text(f"{chooser.read_text()}\n\ndef seeded():\n    {NAMES[0]}\n")
    assert typecheck.boot(str(tmp_path / "boot"), str(tmp_path / "cache")) != 0
    assert "NO_SUCH_PIN" in capfd.readouterr().out
