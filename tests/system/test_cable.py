"""The lamp's own console driver at one end of a bad line, pyserial at the other."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import threading
import tty
from pathlib import Path

import pytest
from dreamlamp import cable, library, replay, sim, sleeper, sync
from dreamlamp.air import Air
from dreamlamp.line import LampError, LinkLost
from dreamlamp.uart import Uart
from lamp import wire
from virtual import VirtualLamp, beginning

NIGHT_BYTES = 30_000
PIPE = subprocess.PIPE


class Wire:
    """A line to a lamp's console, as a TCP port; `harm(data, n)` is what becomes of bytes.

    `n` is how many bytes went before in that direction. A harm that returns None pulls the plug.
    """

    def __init__(
        self, lamp: subprocess.Popen, harm=lambda data, n: data, ask=lambda data, n: data
    ):
        self.lamp, self.harm, self.ask = lamp, harm, ask
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = f"socket://127.0.0.1:{self.door.getsockname()[1]}"
        self.client: socket.socket | None = None
        self.sent = self.asked = 0
        for task in (self._say, self._hear):
            threading.Thread(target=task, daemon=True).start()

    def _say(self) -> None:
        assert self.lamp.stdout
        while data := self.lamp.stdout.read1(777):
            kept = self.harm(data, self.sent)
            self.sent += len(data)
            with contextlib.suppress(OSError):
                if kept is None:
                    self.unplug()
                elif self.client:
                    self.client.sendall(kept)

    def unplug(self) -> None:
        client, self.client = self.client, None
        if client:
            client.shutdown(socket.SHUT_RDWR)

    def _hear(self) -> None:
        assert self.lamp.stdin
        while True:
            self.client, _ = self.door.accept()
            with contextlib.suppress(OSError, AttributeError):
                while data := self.client.recv(4096):
                    kept = self.ask(data, self.asked)
                    self.asked += len(data)
                    self.lamp.stdin.write(kept)
                    self.lamp.stdin.flush()


@pytest.fixture(params=[64, 32])
def lamp(request, tmp_path):
    try:
        lamp = VirtualLamp(
            "-", tmp_path / "nvs", NIGHT_BYTES, 3000, bits=request.param, stdin=PIPE, stdout=PIPE
        )
    except Exception as error:
        pytest.skip(f"LOUD: {error}")
    yield lamp.process
    lamp.stop()


async def pull(port: str, library: Path) -> list[sync.Result]:
    async with cable.connect(port) as line:
        assert len(line.name) == 4
        return await sync.sync(line, library)


def whole(library: Path) -> bool:
    from nights import made  # bench_lamp's, found through `virtual`

    held = {p.name: p.read_bytes() for p in library.glob("*.night")}
    return held == {
        "3F2A-00001.night": bytes(made(1, NIGHT_BYTES)), "3F2A-00002.night": bytes(made(2, 3000))
    }  # fmt: skip


def test_nights_come_whole_among_what_the_lamp_prints(lamp, tmp_path):
    wired = Wire(lamp)
    results = asyncio.run(pull(wired.port, tmp_path))
    assert whole(tmp_path) and [r.resent for r in results] == [0, 0]
    assert [r.state for r in asyncio.run(pull(wired.port, tmp_path))] == ["kept", "kept"]


def noise(chance: random.Random, share: float):
    """Flips, drops and inserts; F5 and # among them, for these begin what is looked for."""

    def harm(data: bytes, _: int) -> bytes:
        out = bytearray()
        for byte in data:
            if chance.random() >= share:
                out.append(byte)
            elif chance.random() < 0.7:
                out += chance.choice((b"", b"\xf5", b"#", b"\xf5\x02\xff", chance.randbytes(3)))
                out.append(byte ^ 1 << chance.randrange(8))
        return bytes(out)

    return harm


def test_noise_both_ways_costs_time_and_no_byte(lamp, tmp_path, monkeypatch):
    monkeypatch.setattr(sync, "SILENCE_S", 0.2)
    monkeypatch.setattr("dreamlamp.line.ANSWER_S", (0.5,) * 20)
    wired = Wire(lamp, noise(random.Random(1), 0.0005), noise(random.Random(2), 0.002))
    results = asyncio.run(pull(wired.port, tmp_path))
    assert whole(tmp_path) and results[0].bad_bytes == 0


def test_the_plug_is_pulled_at_any_byte_and_the_sync_goes_on_from_there(lamp, tmp_path):
    chance, pulls = random.Random(3), 0

    def harm(data: bytes, n: int) -> bytes | None:
        return None if n < at <= n + len(data) else data

    at = 0
    wired = Wire(lamp, harm)
    for _ in range(12):
        at = wired.sent + chance.randrange(200, 6000)
        with contextlib.suppress(LinkLost):
            asyncio.run(pull(wired.port, tmp_path))
            break
        pulls += 1
    at = 0
    results = asyncio.run(pull(wired.port, tmp_path))
    assert pulls > 3 and whole(tmp_path) and results[0].fetched < NIGHT_BYTES


def test_a_lamp_whose_power_goes_is_said_to_be_gone(lamp, tmp_path):
    wired = Wire(lamp)

    async def die():
        async with cable.connect(wired.port) as line:
            os.kill(lamp.pid, signal.SIGKILL)
            lamp.wait()
            wired.unplug()
            await line.request(wire.HELLO)

    with pytest.raises(LinkLost, match="plug it in"):
        asyncio.run(die())


def test_a_python_prompt_is_told_from_a_lamp(tmp_path, monkeypatch):
    monkeypatch.setattr(cable, "WHO_S", 0.02)
    echo = subprocess.Popen(
        ["sh", "-c", "while read line; do printf '%s\\r\\n>>> ' \"$line\"; done"],
        stdin=PIPE, stdout=PIPE,
    )  # fmt: skip
    wired = Wire(echo, ask=lambda data, n: data.replace(b"\r", b"\n"))
    with pytest.raises(LampError, match="Python prompt"):
        asyncio.run(pull(wired.port, tmp_path))
    echo.kill()


def test_a_port_that_is_none_names_those_there_are(tmp_path):
    with pytest.raises(LampError, match="there are:"):
        asyncio.run(pull(str(tmp_path / "ttyUSB9"), tmp_path))


def test_a_real_tty_works_too(tmp_path):
    master, slave = os.openpty()
    tty.setraw(slave)
    lamp = VirtualLamp("-", tmp_path / "nvs", NIGHT_BYTES, 3000, stdin=master, stdout=master)
    try:
        asyncio.run(pull(os.ttyname(slave), tmp_path))
        assert whole(tmp_path)
    finally:
        lamp.stop()
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize("bits", [64, 32])
def test_a_night_of_the_whole_firmware_comes_by_cable_and_replays(tmp_path, bits):
    heart = sleeper.sleeper(3)
    short = beginning(heart, 15 * 60)
    world = sim.World(tmp_path / "world", short, sim.Scenario(bits=bits))
    with Air() as air, Uart() as uart:
        world.open_to(air.lamp)
        with sim.Lamp(world, uart=uart) as lamp:
            lamp.wait_until(world.over_s)
            (first,) = asyncio.run(pull(uart.device, tmp_path / "a"))
            (second,) = asyncio.run(pull(uart.url, tmp_path / "b"))
    assert first.path.read_bytes() == second.path.read_bytes()
    night = library.read(first.path)
    assert len(night) >= 28 and night.lost_bytes == 0 and night.began()
    assert replay.replay(night).ok
