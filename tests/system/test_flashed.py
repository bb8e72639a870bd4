"""A board's whole life on the virtual one: flashed, a night, an update, a broken one, a doctor.

mpremote is the real one; what it writes is what boots.
"""

import asyncio
import dataclasses
import shutil
import subprocess
import sys
import time

import pytest
import serial
from dreamlamp import board, flash, library, link, places, replay, sim, sleeper, wholenight
from dreamlamp.air import Air
from dreamlamp.remote import BoardError, connect

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
        assert done.files > 20 and done.name == "0001"
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
    with board.plugged(world) as (lamp, uart), connect(uart.device):
        assert any("corrupted" in line for line in lamp.said)


def test_places_of_a_checkout():
    assert places.checkout() and (places.simulator() / "start.py").is_file()
