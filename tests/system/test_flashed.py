"""A board's whole life on the virtual one: flashed, a night, an update, a broken one, a doctor.

mpremote is the real one; what it writes is what boots.
"""

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import struct
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
    library,
    link,
    places,
    replay,
    sim,
    sleeper,
    stored,
    sync,
    update,
    wholenight,
)
from dreamlamp.air import Air
from dreamlamp.remote import BoardError
from lamp import wire

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
    (again.folder / "state.json").unlink(missing_ok=True)  # world time begins anew
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


@pytest.fixture(scope="module")
def lived(flashed, tmp_path_factory):
    """A flashed world in which a night was recorded for a host it knows; the synced night."""
    folder = tmp_path_factory.mktemp("lived")
    world = copy_of(flashed, folder)
    with Air() as air, asyncio.Runner() as loop:
        wholenight.unpack(world, air, loop)
        world.open_to(air.lamp)
        with sim.Lamp(world) as lamp:
            host = wholenight._Host(world, lamp, folder / "nights", lambda *_: None, None)
            lamp.wait_until(world.over_s)
            [synced] = loop.run(host.visit())
    assert "/a/" not in lamp.last_words()
    return world, synced.path


def test_a_night_is_recorded_on_what_was_flashed(lived):
    night = library.read(lived[1])
    assert abs(night.length_s / 60 - MINUTES) < 2
    assert replay.replay(night).ok


@contextlib.contextmanager
def at_home(lived, folder, monkeypatch, before=lambda world: None, cause=1, **how):
    """A lamp that has lived, at a cable and in the air of the host that it knows."""
    world = copy_of(lived[0], folder)
    before(world)
    (world.folder / "state.json").write_text(json.dumps({"cause": cause}))
    with Air() as air:
        monkeypatch.setenv("DREAMLAMP_AIR", air.address)
        monkeypatch.setenv("DREAMLAMP_AIR_KEYS", str(world.folder / "host.json"))
        with board.plugged(world, air.lamp, fast_s=FAST_S, **how) as (lamp, uart):
            yield lamp, uart


def comes_home(folder):
    """What the lamp holds, fetched by a host that pairs with nobody."""

    async def visit():
        async with link.connect() as line:
            return await sync.sync(line, folder)

    return [result.path.read_bytes() for result in asyncio.run(visit())]


def test_night_bond_and_settings_outlive_a_broken_update_and_a_good_one(
    lived, tmp_path, monkeypatch
):
    night = lived[1].read_bytes()
    with at_home(lived, tmp_path, monkeypatch) as (_, uart):
        run = CliRunner().invoke(
            cli.main, ["config", "set", "ceiling", "41", "--port", uart.device]
        )
        assert run.exit_code == 0, run.output
        broken = firmware_with("night", "raise ValueError('no heart')")
        assert not update.update(uart.device, files=broken).proven
        assert comes_home(tmp_path / "rolled back") == [night]
        assert update.update(uart.device, files={**firmware_with(), "lamp/new.txt": b""}).proven
        assert comes_home(tmp_path / "updated") == [night]
        run = CliRunner().invoke(cli.main, ["config", "get", "ceiling", "--json"])
        assert json.loads(run.stdout) == {"ceiling": 41}, run.output


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


def test_a_file_system_that_does_not_mount_is_flashed_anew_and_night_and_bond_stay(
    lived, tmp_path, monkeypatch
):
    def harm(world):
        vfs = bytearray((world.folder / "vfs.bin").read_bytes())
        vfs[: 2 * 4096] = b"\x00" * 8192
        (world.folder / "vfs.bin").write_bytes(vfs)

    with at_home(lived, tmp_path, monkeypatch, before=harm) as (lamp, uart):
        done = flash.flash(uart.device, None, {})
        assert any("corrupted" in line for line in lamp.said)
        assert done.files == len(flash.firmware("x64"))
        assert comes_home(tmp_path / "nights") == [lived[1].read_bytes()]


def test_safe_mode_is_reached_by_cable_and_by_radio_and_gives_its_nights_away(
    lived, tmp_path, monkeypatch
):
    async def looked(line):
        state = struct.unpack(wire.HELLO_LAYOUT, await line.request(wire.HELLO))[5]
        return state, {f.name: f for f in doctor.examine(await doctor.ask(line))}

    async def by_cable(port):
        async with cable.connect(port) as line:
            return await looked(line)

    async def by_radio():
        async with link.connect() as line:
            return await looked(line)

    events = ((0, "button", 5000),)
    with at_home(lived, tmp_path, monkeypatch, events=events) as (lamp, uart):
        lamp.wait_until(FAST_S - 30)
        for state, found in (asyncio.run(by_cable(uart.device)), asyncio.run(by_radio())):
            assert state == wire.SAFE
            assert "records nothing" in found["safe mode"].says and found["safe mode"].do
        assert comes_home(tmp_path / "nights") == [lived[1].read_bytes()]
        with serial.serial_for_url(uart.url) as pins:  # its next start is an ordinary one
            pins.dtr, pins.rts = False, True
            pins.rts = False
        assert asyncio.run(by_radio())[0] != wire.SAFE


def test_places_of_a_checkout():
    assert places.checkout() and (places.simulator() / "start.py").is_file()


def test_the_doctor_finds_the_same_by_cable_and_by_radio(lived, tmp_path, monkeypatch):
    """Every section has something wrong in it."""

    def harm(world):
        file = world.folder / "nvs.json"
        nvs = json.loads(file.read_text())
        text = b"Traceback\n  in feed\nValueError: no heart"
        said = {"strikes": 1, "crashes": 2, "crash0": b"OSError: old", "crash1": text}
        nvs["lamp"] |= {key: stored.packed(value).hex() for key, value in said.items()}
        nvs["boot"]["ab"] = doctor.LOST
        file.write_text(json.dumps(nvs))

    with at_home(
        lived, tmp_path, monkeypatch, harm, defects=("stuck_int", "dead_led"), cause=3
    ) as (lamp, uart):
        lamp.wait_until(FAST_S - 30)
        answers = []
        for way in (["--port", uart.device], []):
            done = CliRunner().invoke(cli.main, ["doctor", *way, "--json"])
            assert done.exit_code == 1, done.output
            answers.append(json.loads(done.stdout))
    states = [{f["name"]: f["state"] for f in said["findings"]} for said in answers]
    assert states[0] == states[1]
    wrong = {name for name, state in states[0].items() if state != "fine"}
    assert wrong == {"reset cause", "crashes in a row", "last update", "clock", "last errors",
                     "interrupt", "infrared LED"}  # fmt: skip
    for said in answers:
        held = said["facts"]
        assert held["state"] == "idle" and held["system"]["heap_low"] > 0
        assert held["flash"]["newest"] == 1 and held["flash"]["bad"] == 0
        assert ["no heart" in held["crashes"][0], held["crashes"][1]] == [True, "OSError: old"]
        assert all(f["do"] for f in said["findings"] if f["state"] != "fine")


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


def test_a_night_is_not_broken_off_by_an_update_unless_told_and_then_goes_on(flashed, tmp_path):
    async def held(port):
        async with cable.connect(port) as line:
            _, *entry = struct.unpack("<B" + wire.NIGHT_ENTRY[1:], await line.request(3, b"\0"))
            return entry

    world = copy_of(flashed, tmp_path)
    events = ((20000, "button", 300),)
    with board.plugged(world, fast_s=FAST_S, events=events) as (lamp, uart):
        lamp.wait_until(60)
        command = ["update", uart.device]
        refused = CliRunner().invoke(cli.main, command)
        assert refused.exit_code == 1 and "--now" in refused.stderr, refused.output
        before = asyncio.run(held(uart.device))
        assert before[3] == wire.ENTRY_OPEN and mark_of(world) == 0
        assert update.update(uart.device, files=dict(firmware_with(), new=b""), busy=True).proven
        after = asyncio.run(held(uart.device))
    assert (after[0], *after[3:]) == (before[0], *before[3:]) and after[2] > before[2]


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
