"""What esptool and mpflash are called with, and how their failures read; both are stand-ins."""

import hashlib
import json
import re
import subprocess
import sys

import pytest
from dreamlamp import chip, fetched, flash, image, pins, places
from dreamlamp.errors import DreamlampError
from dreamlamp.remote import BoardError
from test_image import published

ESPTOOL = """
import json, pathlib, shutil, sys
here = pathlib.Path({here!r})
log = here / "calls.json"
calls = json.loads(log.read_text()) if log.exists() else []
calls.append(sys.argv[1:])
log.write_text(json.dumps(calls))
for name in sys.argv[1:]:
    if name.endswith(".bin"):
        shutil.copy(name, here)
print({said!r})
sys.exit({status})
"""
ESP32 = "Chip type:          ESP32-D0WD-V3 (revision v3.1)\nDetected flash size: 4MB\n"


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Put a stand-in in esptool's place: tool(said, status) -> its calls so far."""

    def put(said="", status=0):
        script = tmp_path / "esptool.py"
        script.write_text(ESPTOOL.format(here=str(tmp_path), said=said, status=status))
        monkeypatch.setattr(chip, "TOOL", [sys.executable, str(script)])
        return lambda: json.loads((tmp_path / "calls.json").read_text())

    return put


def test_the_chip_is_asked_for_before_anything_is_written(tool):
    calls = tool(ESP32)
    assert chip.identify("COM3") == "ESP32-D0WD-V3"
    assert calls() == [["--port", "COM3", "--after", "no-reset", "flash-id"]]


@pytest.mark.parametrize(
    "said, why",
    [
        ("Chip type: ESP32-S2 (revision v1.0)\nDetected flash size: 4MB", "no Bluetooth"),
        ("Chip type: ESP32-S3 (revision v0.2)\nDetected flash size: 8MB", "pins"),
        ("Chip type: ESP32-C3 (revision v0.4)\nDetected flash size: 4MB", "one core"),
        ("Chip type: ESP32-P4 (revision v0.1)\nDetected flash size: 4MB", "ESP32-DevKitC"),
        ("Chip type: ESP32-D0WDQ6 (revision v1.0)\nDetected flash size: 2MB", "2 MB of flash"),
        ("nothing", "hold the button BOOT"),
    ],
)
def test_a_board_no_lamp_can_be_made_of_is_refused_with_the_reason(tool, said, why):
    tool(said)
    with pytest.raises(BoardError, match=why):
        chip.identify("COM3")


def test_only_what_is_written_is_erased(tool, tmp_path):
    calls = tool("Writing at 0x00010000 [====>    ] 50.0%\nHash of data verified.")
    parts = image.parts(published(), {"/main.py": b"x"})
    shares = []
    chip.write("COM3", parts, shares.append, erase=False)
    [call] = calls()
    assert call[:8] == ["--port", "COM3", "--chip", "esp32", "--baud", "460800", "--after",
                        "hard-reset"]  # fmt: skip
    assert call[8] == "write-flash" and call[9::2] == ["0x1000", "0x8000", "0x10000", "0x200000"]
    for offset, data in parts.items():
        assert (tmp_path / f"{offset:#x}.bin").read_bytes() == data
    assert shares == [0.5]
    chip.write("COM3", parts, shares.append, erase=True)
    assert calls()[-1][9] == "--erase-all"


@pytest.mark.parametrize(
    "said, try_this",
    [
        ("A fatal error occurred: Failed to connect to ESP32: No serial data received.", "BOOT"),
        (
            "A fatal error occurred: Could not open /dev/ttyUSB9, port is busy",
            "plug the board",
        ),
        ("A fatal error occurred: MD5 of file does not match data in flash!", "shorter cable"),
        ("A fatal error occurred: something new", "something new"),
    ],
)
def test_each_failure_says_what_to_try(tool, said, try_this):
    tool(said, 2)
    with pytest.raises(BoardError, match=try_this):
        chip.identify("/dev/ttyUSB9")


def test_an_image_for_another_chip_stops_before_the_port_is_touched(tool):
    tool(ESP32)
    with pytest.raises(DreamlampError, match="another chip"):
        flash.flash("/dev/nowhere", published(chip=9), {})


MPFLASH = """
import os, pathlib, sys
download, option, version, *rest = sys.argv[1:]
assert download == "download" and option == "--version", sys.argv
assert rest == ["--board", "ESP32_GENERIC"], sys.argv
folder = pathlib.Path(os.environ["MPFLASH_FIRMWARE"]) / "esp32"
folder.mkdir(exist_ok=True)
(folder / "ESP32_GENERIC-SPIRAM-v{{version}}.bin".format(version=version)).write_bytes(b"another")
(folder / "ESP32_GENERIC-v{{version}}.bin".format(version=version)).write_bytes({image!r})
"""


@pytest.fixture
def mpflash(tmp_path, monkeypatch):
    script = tmp_path / "mpflash.py"
    script.write_text(MPFLASH.format(image=published()))
    monkeypatch.setattr(fetched, "TOOL", [sys.executable, str(script)])


def test_a_fetched_image_is_used_only_if_its_hash_is_the_one_that_was_named(mpflash, tmp_path):
    digest = hashlib.sha256(published()).hexdigest()
    folder = tmp_path / "images"
    with pytest.raises(BoardError, match=f"--sha256 {digest}"):
        fetched.image("1.27.0", folder=folder)  # nobody vouches for this one
    assert fetched.image("1.27.0", digest, folder) == published()
    with pytest.raises(BoardError, match="thrown away"):
        fetched.image("1.27.0", "0" * 64, folder)
    assert fetched.held(folder, "1.27.0") is None


def test_the_image_that_is_fetched_unasked_has_a_pinned_hash(mpflash, tmp_path, monkeypatch):
    assert re.fullmatch("[0-9a-f]{64}", fetched.HASHES[fetched.VERSION])
    with pytest.raises(BoardError, match=f"not {fetched.HASHES[fetched.VERSION]}: .* thrown away"):
        fetched.image(folder=tmp_path)  # the stand-in brings something else
    monkeypatch.setitem(fetched.HASHES, fetched.VERSION, hashlib.sha256(published()).hexdigest())
    assert fetched.image(folder=tmp_path) == published()


def test_mpflash_itself_knows_what_it_is_asked():
    pytest.importorskip("mpflash", reason="NO MPFLASH: pip install 'dreamlamp[download]'")
    asked = fetched.asking("1.28.0")
    done = subprocess.run([*asked, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "Usage: " in done.stdout, done.stderr
    assert all(option in done.stdout for option in asked if option.startswith("--"))


def test_without_a_network_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(fetched, "TOOL", [sys.executable, "-c", "raise SystemExit('offline')"])
    with pytest.raises(BoardError, match="--image FILE"):
        fetched.image("1.28.0", folder=tmp_path / "images")


def test_the_chooser_asks_the_button_that_the_firmware_has():
    text = (places.boot() / "choose.py").read_text()
    [pin] = re.findall(r"^BUTTON = (\d+)", text, re.M)
    assert int(pin) == pins.PINS[pins.REFERENCE]["BUTTON"]
