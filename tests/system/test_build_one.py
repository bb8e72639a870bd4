"""The README's section "Build one", line by line, makes a lamp of a bare virtual board.

The real esptool writes it, over RFC 2217, which costs most of a minute of waiting.
"""

import asyncio
import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from dreamlamp import board, cable, cli, flash, image, sim, sleeper, stored
from dreamlamp.air import Air
from dreamlamp.line import Refusal
from lamp import wire
from test_image import published

ROOT = Path(__file__).resolve().parents[2]


def build_one():
    """The commands of the README's section, one list of words each."""
    section = (ROOT / "README.md").read_text().split("## Build one")[1].split("\n## ")[0]
    lines = re.findall(r"^    dreamlamp ([^#\n]+)", section, re.M)
    assert [line.split()[0] for line in lines[:2]] == ["flash", "doctor"] and len(lines) >= 4
    return [shlex.split(line) for line in lines]


def settings_are_kept_and_nonsense_is_refused(port):
    def run(*words):
        return CliRunner().invoke(cli.main, ["config", *words, "--port", port, "--json"])

    done = run("set", "ceiling", "40")
    assert json.loads(done.stdout) == {"ceiling": 40}, done.output
    listed = json.loads(run("list").stdout)
    assert listed["ceiling"] == 40 and listed["board"] == "devkitc" and listed["kit"] == "heart"
    assert len(json.loads(run("set", "wake", "07:00").stdout)["wake"]) == 14
    assert json.loads(run("set", "wake", "off").stdout) == {"wake": []}
    assert "1 to 100" in run("set", "ceiling", "101").stderr
    assert "heart or eeg" in run("set", "kit", "ear").stderr
    assert "no setting" in run("get", "colour").stderr

    async def past_this_end():
        async with cable.connect(port) as line:
            for key, number in ((wire.KEY_CEILING, 0), (wire.KEY_KIT, 3), (wire.KEY_BOARD, 9)):
                with pytest.raises(Refusal, match="bad request"):
                    await line.request(wire.SET, bytes((key, number)))

    asyncio.run(past_this_end())


def test_the_readmes_commands_make_a_lamp_of_a_bare_board(tmp_path, monkeypatch):
    world = sim.World(tmp_path / "world", sleeper.sleeper(3), sim.Scenario())
    board.bare(world.folder, stock=True)
    monkeypatch.setattr(image, "ARCH", "x64")  # the virtual chip's
    monkeypatch.chdir(tmp_path)
    Path("ESP32_GENERIC.bin").write_bytes(published())
    with Air() as air:
        monkeypatch.setenv("DREAMLAMP_AIR", air.address)
        monkeypatch.setenv("DREAMLAMP_AIR_KEYS", str(tmp_path / "host.json"))
        monkeypatch.setenv("DREAMLAMP_LIBRARY", str(tmp_path / "nights"))
        with board.plugged(world, air.lamp) as (_, uart):
            for words in build_one():
                port = uart.url if words[0] == "flash" else uart.device
                words = [port if w == "/dev/ttyUSB0" else w for w in words]
                more = ["--json"] if words[0] == "flash" else []
                done = CliRunner().invoke(cli.main, words + more)
                assert done.exit_code == 0 and "XX" not in done.stdout, (words, done.output)
                if more:
                    said = json.loads(done.stdout)
            assert said["name"] == "0001" and said["heard"]
            assert {f["state"] for f in said["findings"]} == {"fine"}
            for offset, part in image.parts(published(), flash.firmware("x64")).items():
                assert uart.rom.flash[offset : offset + len(part)] == part, hex(offset)
            settings_are_kept_and_nonsense_is_refused(uart.device)
    kept = json.loads((world.folder / "nvs.json").read_text())["lamp"]
    assert kept["kit"] == stored.packed(1).hex() and kept["board"] == stored.packed(1).hex()
