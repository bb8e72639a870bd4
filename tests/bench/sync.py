"""Whole sync sessions under loss, cuts and kills; payload share and speed against a bare loop.

SESSIONS (environment, default 1000) and SEED; a session is one night brought home whole,
however often host or lamp went away: 1 % of the notifications are lost above the link, and of ten
sessions four are cut once or twice, one loses its lamp, and one in forty its host (SIGKILL).
Figures: payload_ratio (night's bytes per byte of ATT values in both directions),
resent_bytes_max (bytes of a night that crossed the air twice), throughput_over_bare_notify
(against a firmware loop that does nothing but notify, same air, same client: the median over
syncs of each against the loop just before and just after it). On Bumble's link all three
processes compute as fast as they can, so a busy machine shows: a window of 4 kB is 9 ms there.
The keys under `rootcanal` are from Android's virtual controller, which keeps a radio's pace.
"""

import asyncio
import contextlib
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bleak import BleakClient, BleakScanner
from dreamlamp import link, sync
from dreamlamp.air import Air
from dreamlamp.bleak_bumble import use
from lamp import wire

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from virtual import VirtualLamp, sync_and_die

NEEDS_DATA = False
NIGHT_BYTES = 12_000
SPEED_BYTES = 300_000
ROUNDS = 7
SLOW_BYTES, SLOW_ROUNDS = 60_000, 5  # at some 80 kB/s
TRIES = 12


def run(data: Path | None, train: bool) -> dict:
    use()
    with tempfile.TemporaryDirectory() as folder, on_air(Path(folder)) as air:
        result = speed(air, Path(folder), SPEED_BYTES, ROUNDS) | sessions(air, Path(folder))
    result["rootcanal"] = on_rootcanal()
    for key, value in flat(result):
        print(f"{key:42}{value:>12.4g}" if isinstance(value, float) else f"{key:42}{value:>12}")
    return result


def flat(result: dict, above: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for key, value in result.items():
        rows += flat(value, f"{key}.") if isinstance(value, dict) else [(above + key, value)]
    return rows


@contextlib.contextmanager
def on_air(folder: Path, controller: str = ""):
    """An air, and this process' bleak on it."""
    with Air(controller=controller) as air:
        os.environ["DREAMLAMP_AIR"] = air.address
        os.environ["DREAMLAMP_AIR_KEYS"] = f"{folder}/keys.json"
        yield air


# --- speed ------------------------------------------------------------------------------------


def on_rootcanal() -> dict:
    """The speeds on a controller of other people; {} where its wheel has no binary."""
    try:
        from rootcanal.binaries import get_package_binary_resource_path as binary
    except ImportError:
        print("rootcanal is not installed: its rows are left out", file=sys.stderr)
        return {}
    ports = free_ports(4)
    names = ("hci_port", "link_port", "link_ble_port", "test_port")
    command = [binary("rootcanal"), *(f"-{name}={port}" for name, port in zip(names, ports))]
    try:
        rootcanal = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError as error:
        print(f"rootcanal does not run here ({error}): its rows are left out", file=sys.stderr)
        return {}
    try:
        wait_for(ports[0])
        with (
            tempfile.TemporaryDirectory() as folder,
            on_air(Path(folder), f"127.0.0.1:{ports[0]}") as air,
        ):
            return speed(air, Path(folder), SLOW_BYTES, SLOW_ROUNDS)
    finally:
        rootcanal.kill()
        rootcanal.wait()


def free_ports(n: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]


def wait_for(port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise RuntimeError(f"nobody listens at port {port}")


def speed(air: Air, folder: Path, size: int, rounds: int) -> dict:
    """Bytes a second of a sync and of the bare loop, in turn so that both see the same machine."""
    bare, ours, share = [bare_rate(air, size)], [], []
    for i in range(rounds):
        lamp = VirtualLamp(air.lamp, folder / "nvs", size)
        pair(air)  # anew: rootcanal may give the lamp another address each time
        before = air.hands().traffic()
        n, seconds = asyncio.run(sync_speed(folder / f"speed{i}"))
        lamp.stop()
        ours.append(n / seconds)
        share.append(n / att_bytes(before, air.hands().traffic()))
        bare.append(bare_rate(air, size))
    ratios = [2 * o / (b + a) for o, b, a in zip(ours, bare, bare[1:])]
    return {
        "bare_notify_kb_s": median(bare) / 1000,
        "sync_kb_s": median(ours) / 1000,
        "throughput_over_bare_notify": median(ratios),
        "payload_ratio": min(share),
    }


def bare_rate(air: Air, size: int) -> float:
    lamp = VirtualLamp(air.lamp, main="bare")
    try:
        return asyncio.run(bare_speed(size))
    finally:
        lamp.stop()


def att_bytes(before: dict, after: dict) -> int:
    """Bytes of values written and notified in between, of Dreamlamp's service."""
    names = (wire.CONTROL_UUID, wire.DATA_UUID, "written")
    return sum(after[k][1] - before.get(k, [0, 0])[1] for k in names)


async def bare_speed(size: int) -> float:
    got, done = [], asyncio.Event()

    def notified(_, value: bytearray) -> None:
        got.append((time.perf_counter(), len(value)))
        if len(got) * 244 >= size:
            done.set()

    device = await BleakScanner.find_device_by_name("bare")
    async with BleakClient(device) as client:
        (characteristic,) = [c for s in client.services for c in s.characteristics if notifies(c)]
        await client.start_notify(characteristic, notified)
        await client.write_gatt_char(characteristic, struct.pack("<I", size), response=True)
        await asyncio.wait_for(done.wait(), 60)
    return sum(n for _, n in got[1:]) / (got[-1][0] - got[0][0])


def notifies(characteristic) -> bool:
    return characteristic.uuid.startswith("5e1ffffe")


async def sync_speed(library: Path) -> tuple[int, float]:
    """Bytes of the night and seconds from its first byte to its last."""
    times: list[float] = []
    async with link.connect() as line:
        results = await sync.sync(line, library, lambda *_: times.append(time.perf_counter()))
    return results[0].bytes, times[-1] - times[0]


def pair(air: Air) -> None:
    asyncio.run(link.find())
    air.hands().press(3000)
    asyncio.run(link.pair())


# --- sessions -----------------------------------------------------------------------------------


class Session:
    """One night's way home, with what happens to it on the way."""

    def __init__(self, air: Air, folder: Path, chance: random.Random, number: int) -> None:
        self.air, self.folder, self.number = air, folder, number
        self.library = folder / f"session{number}"
        share = chance.random()
        self.cuts = sorted(chance.randrange(NIGHT_BYTES) for _ in range(chance.randint(1, 2)))
        self.cuts = self.cuts if share < 0.4 else []
        self.interruptions = max(1, len(self.cuts))
        self.lamp_dies = chance.randrange(NIGHT_BYTES) if 0.4 <= share < 0.5 else None
        self.host_dies = chance.randrange(NIGHT_BYTES) if 0.5 <= share < 0.525 else None

    def progress(self, entry: sync.Entry, have: int) -> None:
        if self.cuts and have > self.cuts[0]:
            self.cuts.pop(0)
            self.air.hands().cut()
        if self.lamp_dies is not None and have > self.lamp_dies:
            self.lamp_dies = None
            self.lamp.stop()
            self.lamp = start(self.air, self.folder)

    def run(self, lamp: VirtualLamp) -> tuple[bytes | None, int, VirtualLamp]:
        """The night as it arrived (None: lost), bytes sent in vain a cut, the lamp now."""
        self.lamp = lamp
        before = self.air.hands().traffic().get(wire.DATA_UUID, [0, 0])
        if self.host_dies is not None:
            sync_and_die(self.library, self.host_dies)
        night = None
        for _ in range(TRIES):
            try:
                night = asyncio.run(self.bring()).path.read_bytes()
                break
            except link.LinkLost:
                continue
        after = self.air.hands().traffic()[wire.DATA_UUID]
        number, total = after[0] - before[0], after[1] - before[1]
        vain = total - number * wire.DATA_HEADER_SIZE - len(night or b"")
        return night, vain // self.interruptions, self.lamp

    async def bring(self) -> sync.Result:
        async with link.connect() as line:
            return (await sync.sync(line, self.library, self.progress))[0]


def start(air: Air, folder: Path) -> VirtualLamp:
    return VirtualLamp(air.lamp, folder / "nvs", NIGHT_BYTES)


def sessions(air: Air, folder: Path) -> dict:
    from nights import made  # bench_lamp's, found through `virtual`

    count = int(os.environ.get("SESSIONS", 1000))
    chance = random.Random(int(os.environ.get("SEED", 1)))
    air.hands().lose(0.01, chance.randrange(1 << 30))
    expected = bytes(made(1, NIGHT_BYTES))
    lamp, lost, wrong, resent = start(air, folder), 0, 0, 0
    began = time.monotonic()
    for number in range(count):
        night, vain, lamp = Session(air, folder, chance, number).run(lamp)
        lost += night is None
        wrong += sum(a != b for a, b in zip(night or b"", expected)) if night else 0
        wrong += abs(len(night) - len(expected)) if night else 0
        resent = max(resent, vain)
    lamp.stop()
    return {
        "sessions": count,
        "nights_lost": lost,
        "bytes_wrong": wrong,
        "resent_bytes_max": resent,
        "notifications_dropped": air.hands().traffic()["dropped"][0],
        "session_s_mean": (time.monotonic() - began) / count,
    }
