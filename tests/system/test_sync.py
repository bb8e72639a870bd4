"""A lamp's real radio files under MicroPython, the air, and unmodified bleak: whole syncs."""

import asyncio
import contextlib
import hashlib
import json
import shutil
import signal
import time
from pathlib import Path

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakError
from click.testing import CliRunner, Result
from dreamlamp import link, sync
from dreamlamp.air import Air
from dreamlamp.bleak_bumble import Client, Scanner
from dreamlamp.cli import main
from lamp import wire
from virtual import VirtualLamp, sync_and_die

NIGHT_BYTES = 60_000


@pytest.fixture
def air(monkeypatch, tmp_path):
    with Air() as air:
        monkeypatch.setenv("DREAMLAMP_AIR", air.address)
        monkeypatch.setenv("DREAMLAMP_AIR_KEYS", str(tmp_path / "keys" / "host.json"))
        yield air


@pytest.fixture
def lamp(air, tmp_path):
    """A lamp, its button not yet touched."""
    lamp = VirtualLamp(air.lamp, tmp_path / "nvs", NIGHT_BYTES, 3000)
    yield lamp
    lamp.stop()


@pytest.fixture
def paired(air, lamp):
    """A lamp that knows this host."""
    asyncio.run(link.find())
    air.hands().press(3000)
    asyncio.run(link.pair())
    return lamp


async def pull(library: Path, progress=lambda entry, have: None) -> list[sync.Result]:
    async with link.connect() as line:
        return await sync.sync(line, library, progress)


def once(at: int, act):
    """A progress callback that calls `act` when the first night has come so far."""
    done = []

    def progress(entry, have):
        if have > at and not done:
            done.append(have)
            act()

    return progress


def test_unmodified_bleak_code_finds_connects_and_reads(lamp):
    async def client():
        found = await BleakScanner.discover(timeout=1, return_adv=True, backend=Scanner)
        ((device, data),) = found.values()
        assert data.local_name == device.name == "Dreamlamp 3F2A"
        assert data.service_uuids == [wire.SERVICE_UUID]
        async with BleakClient(device, backend=Client) as lamp:
            assert {c.uuid for s in lamp.services for c in s.characteristics} >= {
                wire.CONTROL_UUID,
                wire.DATA_UUID,
            }
            return await lamp.read_gatt_char("00002a28-0000-1000-8000-00805f9b34fb")

    assert asyncio.run(client()).split(b".")[0] == str(wire.PROTOCOL).encode()


def test_a_night_arrives_byte_for_byte_and_is_not_fetched_twice(paired, tmp_path):
    first, _ = asyncio.run(pull(tmp_path))
    assert (first.state, first.resent, first.bad_bytes) == ("complete", 0, 0)
    assert first.fetched == first.bytes > NIGHT_BYTES - wire.FRAME_MAX
    data = first.path.read_bytes()
    about = json.loads(first.path.with_suffix(".json").read_text())
    assert hashlib.sha256(data).hexdigest() == about["sha256"]
    assert about["lamp"] == "3F2A" and about["clocks"][0]["now_s"] == 100
    assert [r.state for r in asyncio.run(pull(tmp_path))] == ["kept", "kept"]
    assert not list(tmp_path.glob("*.part"))


def whole_bytes(results: list[sync.Result]) -> int:
    return sum(r.bytes for r in results)


def whole(results: list[sync.Result]) -> bool:
    """Every night is there and is what its frames say."""
    return all(
        r.path.stat().st_size == r.bytes and r.bad_bytes == 0 and r.state == "complete"
        for r in results
    )


def test_a_dropped_link_goes_on_at_the_byte_it_had(air, paired, tmp_path):
    hands = air.hands()
    with pytest.raises(link.LinkLost):
        asyncio.run(pull(tmp_path, once(20_000, hands.cut)))
    (part,) = tmp_path.glob("*.part")
    had = part.stat().st_size
    assert 20_000 < had < NIGHT_BYTES
    results = asyncio.run(pull(tmp_path))
    assert whole(results) and results[0].fetched == results[0].bytes - had
    sent = hands.traffic()[wire.DATA_UUID]
    assert sent[1] - sent[0] * wire.DATA_HEADER_SIZE <= whole_bytes(results) + sync.WINDOW


def test_lost_notifications_are_asked_for_again(air, paired, tmp_path):
    hands = air.hands()
    hands.lose(0.05)
    results = asyncio.run(pull(tmp_path))
    assert whole(results)
    assert hands.traffic()["dropped"][0] > 3


def test_a_killed_host_goes_on_at_the_byte_it_had(air, paired, tmp_path):
    assert sync_and_die(tmp_path, 20_000) == -signal.SIGKILL
    (part,) = tmp_path.glob("*.part")
    had = part.stat().st_size
    results = asyncio.run(pull(tmp_path))
    assert whole(results) and results[0].fetched == results[0].bytes - had


def test_a_killed_lamp_is_synced_when_it_is_back(air, paired, tmp_path):
    with pytest.raises(link.LinkLost):
        asyncio.run(pull(tmp_path, once(20_000, paired.stop)))
    (part,) = tmp_path.glob("*.part")
    had = part.stat().st_size
    again = VirtualLamp(air.lamp, tmp_path / "nvs", NIGHT_BYTES, 3000)
    try:
        results = asyncio.run(pull(tmp_path))
    finally:
        again.stop()
    assert whole(results) and results[0].fetched == results[0].bytes - had


# --- the lock -----------------------------------------------------------------------------------


def test_a_lamp_whose_button_nobody_held_lets_nobody_in(air, lamp, tmp_path):
    with pytest.raises(link.NotPaired, match="hold the lamp's button"):
        asyncio.run(pull(tmp_path))
    with pytest.raises(link.NotPaired, match="did not let"):
        asyncio.run(link.pair())
    with pytest.raises(link.LampError, match="hold"):  # it may have hung up by now
        asyncio.run(pull(tmp_path))
    assert not list(tmp_path.glob("*.night"))


def test_a_stranger_may_try_to_pair_once_in_two_seconds(lamp):
    async def hammer() -> int:
        tries, end = 0, time.monotonic() + 6
        while time.monotonic() < end:
            line = link.Link(await link.find(), pair=True)
            with contextlib.suppress(BleakError):
                await line.open()
                await line.client.disconnect()
            await link.forget(line)
            tries += 1
        return tries

    assert 1 <= asyncio.run(hammer()) <= 4


def test_a_bond_outlives_a_restart_of_both(air, paired, tmp_path):
    paired.stop()
    again = VirtualLamp(air.lamp, tmp_path / "nvs", 3000)
    try:
        assert whole(asyncio.run(pull(tmp_path)))
    finally:
        again.stop()


def test_one_opening_of_the_window_lets_one_host_in(air, paired, tmp_path, monkeypatch):
    monkeypatch.setenv("DREAMLAMP_AIR_KEYS", str(tmp_path / "keys" / "stranger.json"))
    with pytest.raises(link.NotPaired):
        asyncio.run(link.pair())


def test_a_stranger_with_the_owners_address_does_not_cost_him_the_bond(
    air, paired, tmp_path, monkeypatch
):
    owner = tmp_path / "keys" / "host.json"
    thief = tmp_path / "keys" / "thief.json"
    shutil.copy(f"{owner}.address", f"{thief}.address")
    monkeypatch.setenv("DREAMLAMP_AIR_KEYS", str(thief))
    with pytest.raises(link.NotPaired):
        asyncio.run(link.pair())
    monkeypatch.setenv("DREAMLAMP_AIR_KEYS", str(owner))
    assert whole(asyncio.run(pull(tmp_path)))


def test_bonds_are_listed_and_a_revoked_one_comes_no_more(paired, tmp_path):
    async def revoke():
        async with link.connect() as line:
            (bond,) = await link.bonds(line)
            await link.revoke(line, bond)

    asyncio.run(revoke())
    with pytest.raises(link.LampError):
        asyncio.run(pull(tmp_path))
    assert not list(tmp_path.glob("*.night"))


def command(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_bonds_are_listed_and_taken_back_by_name_and_all_at_once(
    air, paired, tmp_path, monkeypatch
):
    (mine,) = json.loads(command("bonds", "--json").stdout)["held"]
    assert mine["this_computer"] and mine["slot"] == 0
    owner = tmp_path / "keys" / "host.json"
    assert mine["address"] == json.loads(Path(f"{owner}.address").read_text())
    friend = tmp_path / "keys" / "friend.json"
    monkeypatch.setenv("DREAMLAMP_AIR_KEYS", str(friend))
    air.hands().press(3000)
    asyncio.run(link.pair())
    first, second = command("bonds").stdout.splitlines()
    assert mine["address"] in first and "this computer" not in first and "this computer" in second
    unknown = command("bonds", "--revoke", "00:00:00:00:00:01")
    assert unknown.exit_code == 1 and mine["address"] in unknown.stderr
    assert mine["address"] in command("bonds", "--revoke", mine["address"].lower()).stdout
    monkeypatch.setenv("DREAMLAMP_AIR_KEYS", str(owner))
    refused = command("bonds")
    assert refused.exit_code == 1 and "button" in refused.stderr
    monkeypatch.setenv("DREAMLAMP_AIR_KEYS", str(friend))
    assert len(json.loads(command("bonds", "--revoke-all", "--json").stdout)["revoked"]) == 1
    assert command("bonds").exit_code == 1
    air.hands().press(3000)
    asyncio.run(link.pair())  # nothing stale is in the way
    assert whole(asyncio.run(pull(tmp_path / "library")))
