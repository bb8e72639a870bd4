"""A board's whole life on the virtual one: flashed, a night, an update, a broken one, a doctor.

mpremote is the real one; what it writes is what boots.
"""

import asyncio
import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import serial
from click.testing import CliRunner
from dreamlamp import (
    board,
    cable,
    cli,
    doctor,
    flash,
    image,
    library,
    link,
    places,
    replay,
    sim,
    sleeper,
    stored,
    update,
    wholenight,
)
from dreamlamp.air import Air
from dreamlamp.line import Refusal
from dreamlamp.remote import BoardError
from lamp import wire
from test_image import published

ROOT = Path(__file__).resolve().parents[2]
MINUTES = 25
HEART = sleeper.sleeper(3)
SHORT = dataclasses.replace(HEART, beats_ms=HEART.beats_ms[HEART.beats_ms < MINUTES * 60000])


def new_world(folder):
    world = sim.World(folder, SHORT, sim.Scenario())
    board.bare(folder)
    return world


@pytest.fixture(scope="module")
def flashed(tmp_path_factory):
    """A world whose board was bare and has been flashed."""
    world = new_world(tmp_path_factory.mktemp("board") / "world")
    with board.plugged(world) as (_, uart):
        done = flash.flash(uart.device, None, {"mode": 1, "kit": 1})
        assert done.files > 8 and done.name == "0001"
    return world


def copy_of(world, folder):
    shutil.copytree(world.folder, folder / "world")
    again = sim.World(folder / "world", SHORT, world.scenario)
    (again.folder / "state.json").unlink()  # world time begins anew
    return again


def test_mpremote_itself_lists_what_was_flashed(flashed, tmp_path):
    world = copy_of(flashed, tmp_path)
    with board.plugged(world) as (_, uart):
        for port in (uart.device, uart.url):
            said = subprocess.run(
                [sys.executable, "-m", "mpremote", "connect", port, "fs", "ls", ":/a/lamp"],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            ).stdout
            assert "night.mpy" in said and "stagetrees.bin" in said


def test_a_night_is_recorded_on_what_was_flashed(flashed, tmp_path):
    world = copy_of(flashed, tmp_path)
    with Air() as air, asyncio.Runner() as loop:
        wholenight.unpack(world, air, loop)
        world.open_to(air.lamp)
        with sim.Lamp(world) as lamp:
            host = wholenight._Host(world, lamp, tmp_path / "nights", lambda *_: None, None)
            lamp.wait_until(world.over_s)
            [synced] = loop.run(host.visit())
    assert "/a/" not in lamp.last_words()
    night = library.read(synced.path)
    assert abs(night.length_s / 60 - MINUTES) < 2
    assert replay.replay(night).ok


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
    """The real esptool writes it (over RFC 2217, which costs most of a minute of waiting)."""
    world = sim.World(tmp_path / "world", SHORT, sim.Scenario())
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


def test_a_board_without_the_partition_for_nights_is_refused(tmp_path):
    world = sim.World(tmp_path / "world", SHORT, sim.Scenario())
    board.bare(world.folder, stock=True)
    with (
        board.plugged(world) as (_, uart),
        pytest.raises(BoardError, match="no partition for the nights"),
    ):
        flash.flash(uart.device, None, {})


def test_the_flashed_board_advertises_and_its_reset_pin_starts_it_anew(
    flashed, tmp_path, monkeypatch
):
    world = copy_of(flashed, tmp_path)
    with Air() as air, asyncio.Runner() as loop:
        monkeypatch.setenv("DREAMLAMP_AIR", air.address)
        monkeypatch.setenv("DREAMLAMP_AIR_KEYS", str(tmp_path / "host.json"))
        with board.plugged(world, air.lamp) as (lamp, uart):
            assert loop.run(link.find()).name == "Dreamlamp 0001"
            with serial.serial_for_url(uart.url) as line:
                line.dtr = False
                line.rts = True
                line.rts = False
                for _ in range(100):
                    time.sleep(0.1)
                    if lamp.starts == 2:
                        break
            assert lamp.starts == 2
            assert loop.run(link.find()).name == "Dreamlamp 0001"


def test_a_file_system_that_does_not_mount_is_complained_of_and_flashed_anew(flashed, tmp_path):
    world = copy_of(flashed, tmp_path)
    vfs = bytearray((world.folder / "vfs.bin").read_bytes())
    vfs[: 2 * 4096] = b"\x00" * 8192
    (world.folder / "vfs.bin").write_bytes(vfs)
    with board.plugged(world) as (lamp, uart):
        done = flash.flash(uart.device, None, {})
        assert any("corrupted" in line for line in lamp.said)
        assert done.files == len(flash.firmware("x64"))


def test_places_of_a_checkout():
    assert places.checkout() and (places.simulator() / "start.py").is_file()


# --- updates -------------------------------------------------------------------------------------

FAST_S = 90  # after each start: the minute of a trial takes a second


def firmware_with(name="", source=""):
    """This firmware, one file of it replaced by a source that MicroPython compiles itself."""
    files = {
        path.removeprefix("/a/"): data
        for path, data in flash.firmware("x64").items()
        if path.startswith("/a/")
    }
    if name:
        del files[f"lamp/{name}.mpy"]
        files[f"lamp/{name}.py"] = source.encode()
    return files


def mark_of(world):
    return json.loads((world.folder / "nvs.json").read_text())["boot"]["ab"]


def test_an_update_proves_itself_and_keeps_nights_and_settings(flashed, tmp_path):
    world = copy_of(flashed, tmp_path)
    nights = os.urandom(4096) * 4
    (world.folder / "flash.bin").write_bytes(nights.ljust(0x180000, b"\xff"))
    with board.plugged(world, fast_s=FAST_S) as (_, uart):
        files = {**firmware_with(), "lamp/new.txt": b"newer"}
        done = update.update(uart.device, files=files)
        assert done.proven and done.slot == "b"
        assert update.update(uart.device, files=files) is None  # it is there already
    assert mark_of(world) == 1
    kept = json.loads((world.folder / "nvs.json").read_text())["lamp"]
    assert kept["mode"] == stored.packed(1).hex()
    assert (world.folder / "flash.bin").read_bytes()[:16384] == nights


@pytest.mark.parametrize(
    "name, source, says",
    [
        ("main", "raise RuntimeError('broken')", ""),
        ("main", "import time\ndef main():\n while True:\n  time.sleep(1)", ""),
        ("night", "raise ValueError('no heart')", "no heart"),
    ],
    ids=["does not import", "hangs", "crashes"],
)
def test_a_broken_update_is_rolled_back_without_help(flashed, tmp_path, name, source, says):
    world = copy_of(flashed, tmp_path)
    with board.plugged(world, fast_s=FAST_S) as (_, uart):
        done = update.update(uart.device, files=firmware_with(name, source))
        assert not done.proven and done.slot == "a" and says in done.crash
    assert mark_of(world) & 7 == doctor.LOST


def test_a_held_button_ends_a_trial_at_once(flashed, tmp_path):
    world = copy_of(flashed, tmp_path)
    nvs = json.loads((world.folder / "nvs.json").read_text())
    nvs["boot"]["ab"] = doctor.TRIAL  # of a slot b that is empty
    (world.folder / "nvs.json").write_text(json.dumps(nvs))
    events = ((500, "button", 4000),)
    with board.plugged(world, fast_s=20, events=events) as (lamp, uart):
        asyncio.run(update.outcome(uart.device, 1, lambda *_: None))
        assert lamp.starts == 1
    assert mark_of(world) == doctor.LOST
