"""The real esptool at the virtual chip's loader: what it finds, refuses, writes and erases.

At a pty, which has no reset pins: BOOT is held by hand (`rom.wake`) and EN pressed (`press_en`).
That esptool resets the board by itself is in test_flashed.py.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import sys
import threading

import pytest
import serial
from click.testing import CliRunner
from dreamlamp import board, chip, cli, flash, image, remote, sim, sleeper, update
from dreamlamp.remote import BoardError
from test_image import FILES, published

HEART = sleeper.sleeper(3)


@contextlib.contextmanager
def held_in_boot(folder, **made):
    world = sim.World(folder / "world", HEART, sim.Scenario())
    board.bare(world.folder, stock=True)
    with board.plugged(world, **made) as (lamp, uart):
        lamp.hold(True)
        uart.rom.wake()
        yield world, lamp, uart


def press_en(lamp, uart):
    uart.rom.sleep()
    lamp.hold(False)


@pytest.mark.parametrize(
    "name, flash_mb, why",
    [
        ("ESP32-S2", 4, "no Bluetooth"),
        ("ESP32-S3", 8, "pins"),
        ("ESP32-C3", 4, "one core"),
        ("ESP32", 2, "2 MB of flash"),
    ],
)
def test_a_chip_no_lamp_can_be_made_of_is_refused(tmp_path, name, flash_mb, why):
    with held_in_boot(tmp_path, chip=name, flash_mb=flash_mb) as (_, _, uart):
        before = bytes(uart.rom.flash)
        with pytest.raises(BoardError, match=why):
            flash.flash(uart.device, published(), {})
        assert uart.rom.flash == before


def test_what_is_written_lies_where_it_belongs_and_the_rest_is_as_it_was(tmp_path):
    parts = image.parts(published(), FILES)
    with held_in_boot(tmp_path) as (world, lamp, uart):
        assert chip.identify(uart.device) == "ESP32-D0WD-V3"
        nights, nvs = image.PLACE["nights"], image.PLACE["nvs"]
        for place in (nights, nvs):
            uart.rom.flash[place.offset : place.offset + place.size] = os.urandom(place.size)
        before = bytes(uart.rom.flash)
        shares = []
        chip.write(uart.device, parts, shares.append, erase=False)
        after = bytes(uart.rom.flash)
        for offset, part in parts.items():
            assert after[offset : offset + len(part)] == part
        for place in (nights, nvs):
            there = slice(place.offset, place.offset + place.size)
            assert after[there] == before[there]
        assert shares and shares[-1] == 1
        press_en(lamp, uart)
        assert (world.folder / "vfs.bin").read_bytes() == parts[image.PLACE["vfs"].offset]
        assert (world.folder / "table.bin").read_bytes() == image.table()


def test_erase_takes_nights_and_settings_too(tmp_path):
    with held_in_boot(tmp_path) as (world, lamp, uart):
        nights, settings = world.folder / "flash.bin", world.folder / "nvs.json"
        nights.write_bytes(b"\x55" * image.PLACE["nights"].size)
        settings.write_text("{}")
        uart.rom.wake()
        chip.write(uart.device, image.parts(published(), FILES), lambda share: None, erase=True)
        press_en(lamp, uart)
        assert set(nights.read_bytes()) == {0xFF} and not settings.exists()


def test_a_byte_that_the_flash_does_not_take_is_found(tmp_path, monkeypatch):
    with held_in_boot(tmp_path) as (_, _, uart):
        erase = uart.rom._erase

        def worn(at, size):
            erase(at, size)
            uart.rom.flash = Worn(uart.rom.flash)

        monkeypatch.setattr(uart.rom, "_erase", worn)
        with pytest.raises(BoardError, match="reads back differently"):
            chip.write(uart.device, image.parts(published(), FILES), lambda share: None, False)


class Worn(bytearray):
    """A flash of which one bit is stuck."""

    def __setitem__(self, place, content):
        super().__setitem__(place, content)
        if isinstance(place, slice):
            super().__setitem__(0x10100, self[0x10100] ^ 1)


# --- the port ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flashed(tmp_path_factory):
    """The world of a flashed board."""
    world = sim.World(tmp_path_factory.mktemp("port") / "world", HEART, sim.Scenario())
    board.bare(world.folder)
    with board.plugged(world) as (_, uart):
        flash.flash(uart.device, None, {})
    return world


@pytest.fixture(scope="module")
def lamp(flashed):
    """Its line."""
    with board.plugged(flashed) as (_, uart):
        yield uart


async def hello(port):
    async with flash.lamp_at(port) as line:
        return line.name


@contextlib.contextmanager
def over_tcp(device):
    """A port of this computer that carries the bytes of `device`, as ser2net and its like do."""
    server = socket.create_server(("127.0.0.1", 0))
    fd = os.open(device, os.O_RDWR | os.O_NOCTTY)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                threading.Thread(target=hear, args=[client], daemon=True).start()
                with contextlib.suppress(OSError):
                    while data := client.recv(4096):
                        os.write(fd, data)

    def hear(client):
        with contextlib.suppress(OSError):
            while True:
                client.sendall(os.read(fd, 4096))

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"socket://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()


def test_a_port_may_be_a_device_a_socket_or_rfc2217(lamp):
    assert asyncio.run(hello(lamp.device)) == "0001"
    assert asyncio.run(hello(lamp.url)) == "0001"
    with over_tcp(lamp.device) as url:
        assert asyncio.run(hello(url)) == "0001"


@pytest.mark.parametrize(
    "port, why",
    [
        ("/dev/ttyNone9", "there is no /dev/ttyNone9: plug the board in"),
        ("COM93", "there is no COM93|cannot open COM93"),
        ("socket://127.0.0.1:9", "cannot open socket://127.0.0.1:9"),
        ("rfc2217://127.0.0.1:9", "cannot open rfc2217://127.0.0.1:9"),
        ("carrier://pigeon", "cannot open carrier://pigeon"),
    ],
)
@pytest.mark.parametrize("by", ["esptool", "mpremote"])
def test_a_port_that_does_not_open_says_what_to_try(port, why, by):
    with pytest.raises(BoardError, match=why):
        if by == "esptool":
            chip.identify(port)
        else:
            remote.Remote(port)


def test_a_busy_port_and_a_forbidden_one_say_what_to_try(lamp, monkeypatch):
    with (
        serial.Serial(lamp.device, exclusive=True),
        pytest.raises(BoardError, match="close what else uses it"),
    ):
        remote.Remote(lamp.device)
    monkeypatch.setattr(remote.os, "access", lambda *_: False)
    with pytest.raises(BoardError, match="dialout"):
        raise remote.hint(lamp.device, OSError("Permission denied"))


# --- what a lamp has to lose ---------------------------------------------------------------------


@pytest.fixture
def erasing(tmp_path, monkeypatch):
    """`erasing(port, *more, say=)`: run `flash --erase`; esptool must not be reached."""
    (tmp_path / "ESP32_GENERIC.bin").write_bytes(published())
    monkeypatch.setattr(chip, "TOOL", [sys.executable, "-c", "raise SystemExit('esptool runs')"])
    command = ["flash", "--image", str(tmp_path / "ESP32_GENERIC.bin"), "--erase"]
    return lambda *more, say="": CliRunner().invoke(cli.main, [*command, *more], input=say)


def test_nothing_is_erased_unasked(lamp, erasing):
    asked = erasing(lamp.device, say="n\n")
    assert asked.exit_code == 1 and "Erase 0 nights (0 not synced)" in asked.stderr
    assert "esptool" not in asked.output
    assert "esptool runs" in erasing(lamp.device, say="y\n").output
    assert "esptool runs" in erasing(lamp.device, "--yes").output
    assert "nothing is known" in erasing("/dev/ttyNone9", say="n\n").stderr


def test_a_lamp_that_records_is_left_alone(flashed, tmp_path, erasing):
    shutil.copytree(flashed.folder, tmp_path / "world")
    world = sim.World(tmp_path / "world", HEART, flashed.scenario)
    (world.folder / "state.json").unlink(missing_ok=True)
    with board.plugged(world, events=((3000, "button", 300),)) as (_, uart):
        for _ in range(20):
            found = flash.standing(uart.device)
            if found and found.recording:
                break
        assert found == flash.Standing(recording=True, nights=1, unsynced=0)
        refused = erasing(uart.device, "--yes")
        assert refused.exit_code == 1 and "flash it in the morning" in refused.stderr
        with pytest.raises(BoardError, match="update it in the morning"):
            update.update(uart.device)
        assert flash.standing(uart.device).recording
        assert "esptool runs" in erasing(uart.device, "--yes", "--now").output
