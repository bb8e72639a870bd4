"""What a real lamp can be asked without harm to its nights: `make hil PORT=/dev/ttyUSB0`.

Without $DREAMLAMP_PORT the same tests ask a virtual board that was just flashed.
"""

import asyncio
import dataclasses
import os

import pytest
from dreamlamp import board, cable, dials, doctor, flash, library, sim, sleeper, sync, update
from dreamlamp.remote import connect
from lamp import VERSION, wire

HEART = sleeper.sleeper(3)


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    if os.environ.get("DREAMLAMP_PORT"):
        yield os.environ["DREAMLAMP_PORT"]
        return
    short = dataclasses.replace(HEART, beats_ms=HEART.beats_ms[:100])
    world = sim.World(tmp_path_factory.mktemp("board") / "world", short, sim.Scenario())
    board.bare(world.folder)
    with board.plugged(world) as (_, uart):
        flash.flash(uart.device, None, {})
        yield uart.device


def ask(port, do):
    async def once():
        async with flash.lamp_at(port) as line:
            return await do(line)

    return asyncio.run(once())


def test_it_runs_this_firmware_and_the_doctor_finds_nothing_bad(port):
    facts = ask(port, doctor.ask)
    assert facts.system.firmware == VERSION
    assert [f for f in doctor.examine(facts) if f.state == doctor.BAD] == []


def test_a_setting_is_kept_over_a_reset_and_put_back(port):
    before = ask(port, lambda line: dials.read(line, wire.KEY_RESCUES))
    try:
        ask(port, lambda line: dials.write(line, wire.KEY_RESCUES, 3))
        with connect(port) as remote:
            remote.reset()
        assert ask(port, lambda line: dials.read(line, wire.KEY_RESCUES)) == 3
    finally:
        ask(port, lambda line: dials.write(line, wire.KEY_RESCUES, before))


def test_each_night_comes_home_by_the_cable_and_is_verified(port, tmp_path):
    held = library.Library(tmp_path / "nights")
    results = ask(port, lambda line: sync.sync(line, held.folder))
    assert {r.state for r in results} <= {"complete", "kept", "partial"}


def test_each_file_on_it_is_this_firmwares(port):
    assert update.update(port) is None


def test_nonsense_on_the_line_does_not_keep_it_from_answering(port):
    async def babble():
        line = cable.Cable(port)
        await line.open()
        await line._put(b"#" + b"f" * 500 + b"\r" + bytes(range(32, 127)) * 4 + b"\r#\r")
        await line.close()

    asyncio.run(babble())
    assert ask(port, lambda line: line.request(wire.HELLO))
