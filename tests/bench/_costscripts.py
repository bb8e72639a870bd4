"""What the cost bench runs under MicroPython: a finger's light through the lamp's built files.

`spoken` turns the scripts into the built firmware's names. The first argument is how many epochs,
the second what to do with the light: nothing (what the script itself costs), the heart's part, the
judgement without log and light, or a whole `Night.feed`; or the same by the floating-point twin.
"""

from pathlib import Path

from dreamlamp import build

ROOT = Path(__file__).resolve().parents[2]

FINGER = """
import gc, json, struct, sys
from array import array
BURST, BURSTS = 12, 125  # an epoch at 50 Hz, as the main loop reads it
SHAPE = (0, 35, 80, 100, 95, 85, 72, 62, 58, 55, 46, 37, 28, 19, 11, 5, 0)

def finger(seconds):
    "Counts of pulses that wander between 0.9 and 1.1 s."
    out, begun, beat = array("i"), 0, 1000
    for ms in range(0, seconds * 1000, 20):
        if ms - begun >= beat:
            begun += beat
            beat = 900 + begun // 7 * 37 %% 200
        at = (ms - begun) * 1600 // beat
        i = at // 100
        out.append(131072 - (SHAPE[i] * 100 + (SHAPE[i + 1] - SHAPE[i]) * (at %% 100)) // 5)
    return out

light = finger(60)
buf = array("i", [0] * 32)

def burst(k):
    at = k * BURST %% (len(light) - BURST)
    for i in range(BURST):
        buf[i] = light[at + i]
"""

# a night's flash and settings
_PARTS = """
class Flash:
    sectors, sector_size = 384, 4096
    def __init__(self):
        self.cells = bytearray(16 * 4096)
        for i in range(len(self.cells)):
            self.cells[i] = 255
    def read(self, sector, offset, buf):
        at = sector %% 16 * 4096 + offset
        %(read)s
    def program(self, sector, offset, data):
        at = sector %% 16 * 4096 + offset
        %(program)s
    def erase(self, sector):
        for i in range(4096):
            self.cells[sector %% 16 * 4096 + i] = 255

class Settings(dict):
    def set(self, key, value):
        self[key] = value
        return True
"""

_LAMP = """
sys.path[:0] = [%(made)r, %(made)r + "/sim"]
from lamp import night
from lamp.heart import Heart
from lamp.loops import Loops
from lamp.nightlog import NightLog
from lamp.staging import Stager
from lamp.wire import Epoch

%(parts)s
heart, stager, loops, epoch = Heart(50), Stager(), Loops(), Epoch()
stages = []

def judge(index):
    epoch.clear(index)
    heart.close(epoch, 30000)
    heart.next_epoch(30000)
    stager.feed(epoch)
    loops.feed(epoch)
    stages.append(epoch.stage)

def beat(index):
    heart.next_epoch(30000)

def feed():
    heart.feed(buf, BURST, 0, 0)
"""

# the stand-in's own work is not the lamp's: by slices it is little, by loops it allocates nothing
_SLICES = {
    "read": "buf[:] = self.cells[at : at + len(buf)]",
    "program": "self.cells[at : at + len(data)] = data",
}
_LOOPS = {
    "read": "for i in range(len(buf)): buf[i] = self.cells[at + i]",
    "program": "for i in range(len(data)): self.cells[at + i] &= data[i]",
}

_TWIN = """
sys.path[:0] = [%(twin)r]
import _floattwin as twin
with open(%(model)r) as file:
    model = json.load(file)
heart, stager, loops = twin.Heart(), twin.Stager(model["trees"], model), twin.Loops()
stages = []

def judge(index):
    rates, rmssd = heart.close(index * 30.0)
    posterior = stager.feed(rates, index)
    loops.feed(rates, posterior)
    weighted = [p * w for p, w in zip(posterior, model["weight"])]
    stages.append(weighted.index(max(weighted)))

def feed():
    heart.feed(buf, BURST)

beat = judge
"""

_RUN = """
epochs, what = int(sys.argv[1]), sys.argv[2]
for k in range(epochs * BURSTS):
    burst(k)
    if what != "nothing":
        feed()
        if (k + 1) %% BURSTS == 0:
            (judge if what == "judge" else beat)(k // BURSTS)
if what == "judge" and len(sys.argv) > 3:
    print(*stages)
"""

_NIGHT = """
epochs = int(sys.argv[1])
story = night.Night(NightLog(Flash()), Settings(), 50, 1, 1)
story.begin()
story.clock_set(1772402400, 60)
for k in range(epochs * BURSTS):
    burst(k)
    story.feed(buf, BURST, 0, 0, (k + 1) * 30 // BURSTS)
"""

_HEAP = """
story = night.Night(NightLog(Flash()), Settings(), 50, 1, 1)
story.begin()
story.clock_set(1772402400, 60)
samples = epochs = 0
STEADY, LAST = 40, 56  # epochs; the windows are full and no sector ends in between
for k in range(LAST * BURSTS):
    burst(k)
    now_s = (k + 1) * 30 // BURSTS
    index = story.epoch.index
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    story.feed(buf, BURST, 0, 0, now_s)
    after = gc.mem_alloc()
    gc.enable()
    if index >= STEADY:
        if story.epoch.index != index:
            epochs += after - before
        else:
            samples += after - before
print(samples, epochs, (LAST - STEADY) * BURSTS * BURST, LAST - STEADY)
"""


def lamp(what: str, bits: int) -> str:
    """The script `run`, `night` or `heap` for the firmware built for `bits`."""
    made = build.compiled(bits, ROOT / "build" / "firmware", ROOT / "firmware" / "sim")
    text = FINGER + _LAMP + {"run": _RUN, "night": _NIGHT, "heap": _HEAP}[what]
    return build.squeezed().speak(text % {"made": str(made), "parts": parts(what == "heap")})


def parts(free: bool) -> str:
    """The stand-ins for flash and settings; `free`: they allocate nothing."""
    return _PARTS % (_LOOPS if free else _SLICES)


def twin(folder: Path, model: Path) -> str:
    """The script `run` for the twin, compiled in `folder`; `model` its tables as JSON."""
    return (FINGER + _TWIN + _RUN) % {"twin": str(folder), "model": str(model)}
