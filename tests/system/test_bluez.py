"""bleak's own BlueZ backend, untouched, on a private D-Bus: a Linux user's `dreamlamp sync`."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bleak import BleakClient
from bleak.exc import BleakGATTProtocolError, BleakGATTProtocolErrorCode
from dreamlamp import link, sync
from dreamlamp.air import Air
from lamp import wire
from virtual import VirtualLamp

NIGHT_BYTES = 30_000
HERE = Path(__file__).parent
BUS = """<busconfig><type>system</type><listen>unix:path={folder}/bus</listen>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/>
<allow own="*"/><allow user="*"/></policy></busconfig>"""
DAEMON = shutil.which("dbus-daemon")
pytestmark = pytest.mark.skipif(
    not DAEMON, reason="LOUD: no dbus-daemon; on Debian: apt-get install dbus"
)


@pytest.fixture
def air():
    with Air() as air:
        yield air


@pytest.fixture
def bluez(air, tmp_path, monkeypatch):
    """A bus with an org.bluez on it; $DREAMLAMP_AIR is not set: to the host all this is real."""
    config = tmp_path / "bus.conf"
    config.write_text(BUS.format(folder=tmp_path))
    address = f"unix:path={tmp_path}/bus"
    command = [DAEMON, f"--config-file={config}", "--nofork", "--nopidfile", "--print-address"]
    bus = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    bus.stdout.readline()
    keys = {"DREAMLAMP_AIR": air.address, "DREAMLAMP_AIR_KEYS": str(tmp_path / "keys.json")}
    path = os.pathsep.join(p for p in sys.path if p)
    mini = subprocess.Popen(
        [sys.executable, HERE / "minibluez.py", address],
        env={**os.environ, **keys, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert mini.stdout.readline() == "ready\n"
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    monkeypatch.delenv("DREAMLAMP_AIR", raising=False)
    yield
    for process in (mini, bus):
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def lamp(air, bluez, tmp_path):
    lamp = VirtualLamp(air.lamp, tmp_path / "nvs", NIGHT_BYTES, 3000)
    yield lamp
    lamp.stop()


def dreamlamp(*words: object) -> subprocess.CompletedProcess:
    path = os.pathsep.join(p for p in sys.path if p)
    return subprocess.run(
        [sys.executable, "-m", "dreamlamp.cli", *map(str, words)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def paired(air, lamp):
    """A lamp that let this computer in."""
    asyncio.run(link.find())
    air.hands().press(3000)
    asyncio.run(link.pair())
    return lamp


def test_a_linux_user_pairs_and_syncs_with_one_command_and_later_without_pairing(
    air, lamp, tmp_path
):
    library = tmp_path / "library"
    early = dreamlamp("sync", "--pair", "--library", library)
    assert early.returncode == 1 and "button for three seconds" in early.stderr
    refused = dreamlamp("sync", "--library", library)
    assert refused.returncode == 1 and "button for three seconds" in refused.stderr
    air.hands().press(3000)
    first = dreamlamp("sync", "--pair", "--library", library, "--json")
    assert first.returncode == 0, first.stderr
    assert [night["state"] for night in json.loads(first.stdout)] == ["complete", "complete"]
    again = dreamlamp("sync", "--library", library, "--json")
    assert [night["state"] for night in json.loads(again.stdout)] == ["kept", "kept"]
    for night in library.glob("*.night"):
        assert sync.bad_bytes(night.read_bytes(), int(night.stem.split("-")[1])) == 0
    assert not list(library.glob("*.part"))


def test_the_backend_under_test_is_bleaks_own_with_its_quirks(paired):
    async def client():
        async with BleakClient(await link.find()) as lamp:
            with pytest.warns(UserWarning):
                assert lamp.mtu_size == 23
            assert not lamp.services.get_service("00001801-0000-1000-8000-00805f9b34fb")
            control = lamp.services.get_characteristic(wire.CONTROL_UUID)
            assert control.max_write_without_response_size == 244
            with pytest.raises(BleakGATTProtocolError) as caught:
                await lamp.read_gatt_char(control)
            assert caught.value.code == BleakGATTProtocolErrorCode.READ_NOT_PERMITTED
            return type(lamp._backend).__module__

    assert asyncio.run(client()) == "bleak.backends.bluezdbus.client"


def test_a_dropped_link_goes_on_at_the_byte_it_had(air, paired, tmp_path):
    cuts = []

    def progress(entry, have):
        if have > 10_000 and not cuts:
            cuts.append(have)
            air.hands().cut()

    async def pull():
        async with link.connect() as line:
            return await sync.sync(line, tmp_path, progress)

    with pytest.raises(link.LinkLost):
        asyncio.run(pull())
    (part,) = tmp_path.glob("*.part")
    had = part.stat().st_size
    assert had > 10_000
    first, _ = asyncio.run(pull())
    assert first.fetched == first.bytes - had and first.bad_bytes == 0


def test_a_bond_that_the_lamp_forgot_is_made_anew(air, paired, tmp_path):
    paired.stop()
    (tmp_path / "nvs").unlink()
    again = VirtualLamp(air.lamp, tmp_path / "nvs", 3000)
    try:
        refused = dreamlamp("sync", "--library", tmp_path / "library")
        assert refused.returncode == 1 and len(refused.stderr.strip().splitlines()) == 1
        air.hands().press(3000)
        done = dreamlamp("sync", "--pair", "--library", tmp_path / "library")
        assert done.returncode == 0, done.stderr
    finally:
        again.stop()
