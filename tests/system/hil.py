"""What a real lamp can be asked, by its cable, without harm to its nights or settings.

    make hil PORT=/dev/ttyUSB0

test_hil.py lets it ask a virtual board. What needs a hand (a press, a finger, another radio's
pairing) or power cuts to the millisecond is left to the virtual lamp. Takes some minutes: a
broken update is tried and must be taken back. No night may be going on.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time

import pytest
import serial
from click.testing import CliRunner
from dreamlamp import (
    cable,
    cli,
    consent,
    dials,
    doctor,
    flash,
    library,
    link,
    replay,
    sync,
    update,
)
from dreamlamp.line import Refusal
from dreamlamp.remote import connect
from lamp import VERSION, wire

PORT = os.environ.get("DREAMLAMP_PORT", "")
TOUCHED = (wire.KEY_RESCUES, wire.KEY_CEILING, wire.KEY_MODE, wire.KEY_CONSENT, wire.KEY_DAWN)


@pytest.fixture(scope="module")
def port():
    assert PORT, "name the lamp's port: make hil PORT=/dev/ttyUSB0"
    found = flash.standing(PORT)
    assert not (found and found.recording), "a night is going on: ask in the morning"
    return PORT


@pytest.fixture
def restored(port):
    """Whatever a test sets is set back."""

    async def held(line):
        return {k: await line.request(wire.GET, bytes((k,))) for k in TOUCHED}

    async def put_back(line):
        for key, value in before.items():
            await line.request(wire.SET, bytes((key,)) + value)

    before = ask(port, held)
    yield
    ask(port, put_back)


def ask(port, do):
    async def once():
        async with flash.lamp_at(port) as line:
            return await do(line)

    return asyncio.run(once())


def test_it_runs_this_firmware_and_the_doctor_finds_nothing_bad(port):
    facts = ask(port, doctor.ask)
    assert facts.system.firmware == VERSION
    assert [f for f in doctor.examine(facts) if f.state == doctor.BAD] == []


def run(*words):
    return CliRunner().invoke(cli.main, [str(word) for word in words])


def figures(*words):
    done = run(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def boots(port):
    return ask(port, lambda line: line.request(wire.HELLO))[7:9]


def test_the_doctors_commands_pass_it(port):
    assert not [f for f in figures("doctor", "--port", port)["findings"] if f["state"] == "bad"]
    done = run("doctor", "--port", port, "--wiring", "--json")  # None: it wants a finger
    assert not [c for c in json.loads(done.stdout)["checks"] if c["ok"] is False], done.output
    ask(port, lambda line: line.request(wire.HELLO))  # and it runs again


def test_a_setting_is_kept_over_a_reset(port, restored):
    ask(port, lambda line: dials.write(line, wire.KEY_RESCUES, 3))
    before = boots(port)
    with connect(port) as remote:
        flash.restart(remote)
    assert ask(port, lambda line: dials.read(line, wire.KEY_RESCUES)) == 3
    assert boots(port) != before


def test_the_reset_pin_starts_it_anew(port):
    before = boots(port)
    with serial.serial_for_url(port) as line:
        try:
            line.dtr = False
            line.rts = True
            time.sleep(0.1)
            line.rts = False
        except OSError:
            pytest.skip("NO PINS: this port has neither DTR nor RTS")
    assert boots(port) != before


def test_settings_are_refused_by_both_ends_where_they_make_no_sense(port, restored):
    assert figures("config", "set", "ceiling", "40", "--port", port) == {"ceiling": 40}
    assert figures("config", "list", "--port", port)["ceiling"] == 40
    assert "1 to 100" in run("config", "set", "ceiling", "101", "--port", port).stderr

    async def past_this_end(line):
        for key, number in ((wire.KEY_CEILING, 0), (wire.KEY_KIT, 3), (wire.KEY_BOARD, 9)):
            with pytest.raises(Refusal, match="bad request"):
                await line.request(wire.SET, bytes((key, number)))

    ask(port, past_this_end)


def test_it_acts_only_with_a_consent(port, restored):
    async def act(line):
        await dials.write(line, wire.KEY_MODE, 1)
        await dials.keep_consent(line, consent.withdrawn())
        with pytest.raises(Refusal, match="consent"):
            await dials.write(line, wire.KEY_MODE, 2)
        assert await dials.mode(line) == "observe"
        await dials.keep_consent(line, consent.record(int(time.time())))
        await dials.write(line, wire.KEY_MODE, 2)
        assert await dials.mode(line) == "act"
        await dials.keep_consent(line, consent.withdrawn())
        assert await dials.mode(line) == "observe"

    ask(port, act)


def test_light_comes_and_goes_by_hand_and_a_dawn_is_planned(port, restored):
    async def shine(line):
        await dials.light(line, 10)
        await asyncio.sleep(1)
        await dials.light(line, 0)

    ask(port, shine)
    assert len(figures("config", "set", "wake", "07:00", "--port", port)["wake"]) == 14
    assert figures("config", "set", "wake", "off", "--port", port) == {"wake": []}


def test_whom_it_lets_in_is_listed(port):
    assert {bond.slot for bond in ask(port, link.bonds)} <= set(range(8))


def nights(port, folder):
    """Each night on the lamp, by name."""
    results = ask(port, lambda line: sync.sync(line, folder))
    assert {r.state for r in results} <= {"complete", "kept", "partial"}
    return {p.stem: p.read_bytes() for p in folder.glob("*.night")}


def test_each_night_comes_home_by_the_cable_again_and_again_and_replays(port, tmp_path):
    first = nights(port, tmp_path / "first")
    assert nights(port, tmp_path / "first") == first == nights(port, tmp_path / "second")
    for name in first:
        verdict = replay.replay(library.read(tmp_path / "first" / f"{name}.night"))
        assert verdict.ok or verdict.firmware != ".".join(map(str, VERSION))


def test_a_sync_goes_on_at_the_byte_it_had(port, tmp_path):
    whole = nights(port, tmp_path / "whole")
    if not whole:
        pytest.skip("NO NIGHT: this lamp has recorded none yet")

    def cut(entry, have):
        if have:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        ask(port, lambda line: sync.sync(line, tmp_path / "cut", cut))
    assert nights(port, tmp_path / "cut") == whole


def test_each_file_on_it_is_this_firmwares(port):
    assert update.update(port) is None


def test_mpremote_itself_lists_its_files(port):
    said = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", port, "fs", "ls", ":/"],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert "main.py" in said and "choose.mpy" in said
    with connect(port) as remote:
        flash.restart(remote)


def test_a_broken_update_is_taken_back_by_the_lamp_itself_and_the_nights_stay(port, tmp_path):
    before = nights(port, tmp_path / "before")
    with connect(port) as remote:
        files = flash.firmware(flash.check(remote))
        flash.restart(remote)
    broken = {path[3:]: data for path, data in files.items() if path.startswith("/a/")}
    del broken["lamp/main.mpy"]
    broken["lamp/main.py"] = b"raise RuntimeError('broken')"
    ask(port, lambda line: line.request(wire.HELLO))
    assert not update.update(port, files=broken).proven
    assert update.update(port) is None  # the old one is there, and the mark is clean
    assert nights(port, tmp_path / "after") == before
    assert not ask(port, doctor.ask).system.mark & (doctor.TRIAL | doctor.LOST)


def test_nonsense_on_the_line_does_not_keep_it_from_answering(port):
    async def babble():
        line = cable.Cable(port)
        await line.open()
        await line._put(b"#" + b"f" * 500 + b"\r" + bytes(range(32, 127)) * 4 + b"\r#\r")
        await line.close()

    asyncio.run(babble())
    assert ask(port, lambda line: line.request(wire.HELLO))
