"""What the EEG kit costs a chip, and how many samples it loses: rows of the cost bench.

The front end has no FIFO. Whatever keeps the chip from running Python for 8 ms loses a sample, so
losses are counted, in virtual time, while stated costs are charged: 45 ms a sector erased and 0.7
ms a page (interrupts are deaf then, whatever the firmware does), 10 ms a garbage collection, each
transfer its bits. Computing delays no fetch: it is bytecode, between whose lines an interrupt
comes, and pieces of viper well under 8 ms. What the chip counts is of the whole time it was on, so
a little more than the night's log tells. Raw EEG is not logged here.
"""

import io
import json
import sys
from pathlib import Path

from dreamlamp import build, nights, sim, sleeper
from dreamlamp.air import Air
from lamp import names, wire
from lamp.nightlog import NightLog

from tests.bench import _costcount as count
from tests.bench import _costrun as whole_lamp
from tests.bench import _costscripts as scripts

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "firmware" / "sim"))
from flash import Flash, Sectors  # noqa: E402

RATE_HZ, SAMPLES = 125, 3750  # of an epoch
HOURS = 8
# The stated rates. In a night alone: a sector of features in 80 epochs costs 5 samples, a
# collection 1. While nights are fetched there are four collections a second (a night takes 4 s).
LOST_PER_HOUR, LOST_PER_HOUR_SYNC = 20, 18_000
SHORT, LONG = 34, 46  # epochs: the windows are full

_SCRIPT = """
import gc, sys
sys.path[:0] = [%(made)r, %(made)r + "/sim"]
from array import array
from lamp import night
from lamp.rawlog import RawLog

%(parts)s
BURST, BURSTS = 15, 250
seed = 7
noise = array("i")
for i in range(1500):
    seed = (seed * 1103 + 12345) & 0xFFFFF
    noise.append((1 << 23) + (seed >> 8) - 2048)
buf = array("i", [0] * 32)

def burst(k):
    at = k * BURST %% 1485
    for i in range(BURST):
        buf[i] = noise[at + i]

settings = Settings()
settings["kit"] = %(kit)d
story = night.Night(RawLog(Flash(), 0), settings, 125, 1, 1)
story.begin()
story.clock_set(1772402400, 60)
"""

_RUN = """
epochs, what = int(sys.argv[1]), sys.argv[2]
for k in range(epochs * BURSTS):
    burst(k)
    if what == "night":
        story.feed(buf, BURST, 0, 0, (k + 1) * 30 // BURSTS)
    elif what == "samples":
        story.heart.feed(buf, BURST, 0, 0)
"""

_HEAP = """
samples = epochs = 0
STEADY, LAST = %(steady)d, %(last)d
for k in range(LAST * BURSTS):
    burst(k)
    now_s = (k + 1) * 30 // BURSTS
    index = story.epoch.index
    if index >= STEADY:
        gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    story.feed(buf, BURST, k == 50, 0, now_s)
    after = gc.mem_alloc()
    gc.enable()
    if index >= STEADY:
        if story.epoch.index != index:
            epochs += after - before
        else:
            samples += after - before
print(samples, epochs, (LAST - STEADY) * BURSTS * BURST, LAST - STEADY)
"""


def script(what: str, bits: int, **more: int) -> str:
    """`run` or `heap` for the firmware built for `bits`."""
    made = build.compiled(bits, ROOT / "build" / "firmware", ROOT / "firmware" / "sim")
    text = _SCRIPT + {"run": _RUN, "heap": _HEAP}[what]
    given = {"made": str(made), "kit": names.KIT.index("eeg"), **more}
    given["parts"] = scripts.parts(what == "heap")
    return build.squeezed().speak(text % given)


def heap(steady: int = 40, last: int = 44) -> dict:
    """Bytes of heap a sample and an epoch, on 32 bits."""
    in_samples, in_epochs, samples, epochs = count.heap(
        script("heap", 32, steady=steady, last=last)
    )
    return {
        "heap_bytes_per_sample": in_samples / samples,
        "heap_bytes_per_epoch": in_epochs / epochs,
    }


def costs(us: float) -> dict:
    """Microseconds of a 240 MHz core a sample and an epoch, `us` an instruction."""
    text = script("run", 64)
    idle, samples, night = (
        count.each(text, SHORT, LONG, what) for what in ("nothing", "samples", "night")
    )
    return {
        "us_per_sample": (samples - idle) / SAMPLES * us,
        "us_per_epoch": (night - samples) * us,
        **whole_lamp.cost("eeg").rows(us),
        "cpu_percent_of_it_night": (night - idle) * us / 30 / 10_000,
    }


def lived(folder: Path, recording, charged: dict, scenario: sim.Scenario) -> dict:
    """What a night alone lost, as the chip counts it and as the log tells it."""
    folder.mkdir(parents=True)
    world = sim.World(folder / "world", recording, scenario)
    scenario.costs = {**charged, "stop_at_s": int(world.wakes_s)}
    with Air() as air:
        world.open_to(air.lamp)
        with sim.Lamp(world) as lamp:
            lamp.ended.wait()
    return told(folder / "world")


def told(world: Path) -> dict:
    """Of the newest night on a virtual lamp's flash: samples lost, and the epochs that say so."""
    state = json.loads((world / "state.json").read_text())
    log = NightLog(Sectors(Flash(io.BytesIO((world / "flash.bin").read_bytes()))))
    raw: list[bytes] = []
    log.walk(log.newest, lambda frame, size: raw.append(bytes(frame[:size])))
    night = nights.decode(b"".join(raw), log.newest)
    events = [e for e in night.events if e.code == wire.SAMPLES_LOST]
    marked = (night.epochs["flags"] & wire.F_LOST) > 0
    at = {int(i) for i in night.epochs["index"][marked]}
    return {
        "hours": len(night) / 120,
        "lost": sum(e.a for e in events),
        "lost_of_the_chip": state["eeg_lost"],
        "taken": state["eeg_taken"],
        "epochs": len(night),
        "epochs_marked": int(marked.sum()),
        "epochs_unmarked": sum(e.epoch not in at for e in events),
        "good_percent": float(night.epochs["quality"].mean()),
        "heap_low": state["heap_low"],
    }


def overlapped(folder: Path, charged: dict, stop_s: int, live) -> dict:
    """The same while a computer fetches nights again and again, over a night's beginning.

    The flash is full of older nights, so that sectors are erased; `live` is the cost bench's.
    """
    charged = {**charged, "steady": True, "stop_at_s": stop_s}
    scenario = sim.Scenario(bits=32, kit="eeg", full_flash=True, costs=charged)
    state = live(folder, sleeper.sleeper(1, 2.0), scenario, True)
    return {**told(folder / "world"), "synced_bytes": state["bytes"]}


def rows(folder: Path, us: float, gc_us: int, boot_us: int, live) -> dict:
    """All of the kit's figures; `us` an instruction takes, `live` is the cost bench's."""
    spent = costs(us)
    work = [
        [1000, round(spent["us_per_sample"] * RATE_HZ)],
        [30_000, round(spent["us_per_epoch"])],
    ]
    charged = {"work": work, "gc_us": gc_us, "boot_us": boot_us}
    return {
        **heap(),
        **spent,
        "night": lived(
            folder / "eeg", sleeper.sleeper(1, HOURS), charged, sim.Scenario(bits=32, kit="eeg")
        ),
        "sync": overlapped(folder / "eeg-sync", charged, 240, live),
    }


def show(eeg: dict) -> None:
    print("The EEG kit, which has no FIFO")
    for key in [k for k in eeg if k.startswith(("heap_", "cpu_"))]:
        print(f"  {key:28}{eeg[key]:10.3g}")
    for name, limit in (("night", LOST_PER_HOUR), ("sync", LOST_PER_HOUR_SYNC)):
        row = eeg[name]
        print(
            f"  {name}: {row['lost']} samples lost in {row['hours']:.2f} h, "
            f"{row['lost'] / row['hours']:.1f} an hour (stated: {limit} at most); the chip counts "
            f"{row['lost_of_the_chip']}; {row['epochs_marked']} of {row['epochs']} epochs marked, "
            f"{row['epochs_unmarked']} not; signal good for {row['good_percent']:.1f} %"
        )
