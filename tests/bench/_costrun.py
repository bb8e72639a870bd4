"""What a lamp executes in a quiet recorded night: all of it, counted.

The built `night.run` on the built `Board`: driver, story, log, light, button, divider, radio and
console at rest, asyncio's loop round them. Under them are stand-ins of the chip that answer from a
tape. What the chip does in C they do in C (a bound `BytesIO.tell` is a clock), at a C call's
price; what of them is Python is counted by itself and taken off. While asyncio waits, the ESP32
comes back at every tick of FreeRTOS and after every interrupt to ask each ThreadSafeFlag, which
is Python (extmod/modselect.c and MICROPY_EVENT_POLL_HOOK of MicroPython); the unix port naps there
instead, so these looks are counted one by one and added.

Wall time is not in it: bits take 0.07 ms a sample on SPI (0.9 % of the time) and 2.5 ms a burst on
I2C (2.5 %), whatever a core does meanwhile. Nor are ESP-IDF's own instructions (the radio's stack,
interrupts up to MicroPython's door), nor collections: hardly anything here allocates.
"""

from dataclasses import dataclass

from dreamlamp import build
from lamp import names, wire

from tests.bench import _costcount as count
from tests.bench import _costscripts as scripts

TICK_MS = 10  # FreeRTOS at 100 Hz, ESP-IDF's default, which MicroPython keeps
SHORT, LONG = 34, 40  # epochs: the windows are full
LOOKS = 4000
CPU_HZ = 80_000_000  # board.CPU_HZ

_CHIP = """
import io, sys
sys.path[:0] = [%(made)r]
import time as real
from array import array
from micropython import schedule
KIT = %(kit)d
TICK_MS = %(tick_ms)d

class Thing: pass

def at(n):
    "Its `tell` is n, at the price of a call into C."
    held = io.BytesIO()
    held.seek(n)
    return held

chip = Thing()
chip.now = 1000
clock = at(chip.now)
# asyncio's queue in C stamps by the real clock, which its other one must be ahead of
ahead = real.ticks_ms() + (1 << 20)
wide = at(ahead)
time = Thing()
time.ticks_ms = clock.tell
time.ticks_add, time.ticks_diff = real.ticks_add, real.ticks_diff
time.sleep_ms = time.sleep_us = abs
time.time = at(825700000).tell  # of 2026
time.gmtime = real.gmtime
sys.modules["time"] = time

import asyncio
from asyncio import core
core.ticks = wide.tell

# --- what hangs on the chip ----------------------------------------------------------------------

class Bus:
    "The pulse sensor: so many samples as it is late."
    def readfrom_mem_into(self, address, register, buf):
        chip.reads += 1
        if register == 7:
            chip.taken = tape.readinto(buf) // 3 + chip.taken & 31
            if tape.tell() >= END:
                tape.seek(BEGIN)
        elif len(buf) < 7:
            buf[0] = 0x15 if register == 255 else 33
        else:
            buf[2] = 0x80
            buf[4], buf[6] = (chip.now - chip.began) // 20 & 31, chip.taken
    def writeto_mem(self, address, register, buf):
        chip.began, chip.taken = chip.now, 0

class Pin:
    IN, OUT, OPEN_DRAIN, PULL_UP, IRQ_FALLING, IRQ_RISING = 1, 3, 7, 2, 2, 1
    def __init__(self, n, mode=0, pull=0, value=0):
        self.n = n
        self.value = at(n != 4).tell if mode == 1 else abs  # the button is up, DRDY is low
    def irq(self, handler, trigger):
        if self.n == 4:
            chip.fetch = handler

class ADC:
    ATTN_11DB = 3
    def __init__(self, pin, atten):
        self.read_uv = at(1054000).tell  # a cell

class SPI:
    def __init__(self, *_args, **_more):
        self.readinto, self.write = tape.readinto, len

class PWM:
    def __init__(self, pin, freq, duty_u16):
        self.hz, self.duty_u16 = freq, abs
    def freq(self, hz=0):
        return self.hz

class WDT:
    def __init__(self, timeout):
        self.feed = at(0).tell

machine = Thing()
machine.Pin, machine.ADC, machine.SPI, machine.PWM, machine.WDT = Pin, ADC, SPI, PWM, WDT
machine.I2C = lambda *_args, **_more: Bus()
machine.freq = abs
machine.reset_cause = at(1).tell
sys.modules["machine"] = machine

class BLE:
    def active(self, on=True): return True
    def config(self, key=None, **_more): return 0, bytes(6)
    def irq(self, handler): pass
    def gatts_register_services(self, services): return (1,), (2,), (3,), (4, 5)
    def gatts_write(self, handle, value): pass
    def gatts_set_buffer(self, handle, n): pass
    def gap_advertise(self, us, data, resp_data): pass

bluetooth = Thing()
bluetooth.BLE, bluetooth.UUID = BLE, lambda uuid: bytes(16)
sys.modules["bluetooth"] = bluetooth

class NVS(dict):
    def get_blob(self, key, buf):
        if key not in self:
            raise OSError(-4354)
        blob = self[key]
        buf[: len(blob)] = blob
        return len(blob)
    def set_blob(self, key, blob):
        self[key] = blob
    def commit(self):
        pass

class Partition:
    TYPE_DATA = 1
    @staticmethod
    def find(kind, label):
        return [Partition()]
    def __init__(self):
        self.cells = bytearray(b"\\xff" * 65536)
    def ioctl(self, what, sector):
        if what == 6:
            self.cells[sector %% 16 * 4096 : sector %% 16 * 4096 + 4096] = b"\\xff" * 4096
        return 384 if what == 4 else 4096
    def readblocks(self, sector, buf, offset):
        offset += sector %% 16 * 4096
        buf[:] = memoryview(self.cells)[offset : offset + len(buf)]
    def writeblocks(self, sector, data, offset):
        offset += sector %% 16 * 4096
        self.cells[offset : offset + len(data)] = data

esp32 = Thing()
nvs = NVS()
esp32.NVS, esp32.Partition = lambda name: nvs, Partition
sys.modules["esp32"] = esp32

# --- time passes where asyncio waits -------------------------------------------------------------

class Over(Exception): pass

chip.fetch = None
chip.waits = chip.looks = chip.reads = chip.edges = chip.taken = 0
chip.began = chip.now
chip.tick, chip.edge = chip.now + TICK_MS, chip.now + 8
chip.end = 1 << 60

def wait(queue, ms):
    chip.waits += 1
    if chip.now >= chip.end:
        raise Over
    until = chip.now + ms
    while chip.now < until:
        if chip.fetch and chip.edge <= chip.tick:
            chip.now = chip.edge
            clock.seek(chip.now)
            wide.seek(ahead + chip.now)
            chip.edge += 8
            chip.edges += 1
            if tape.tell() >= END:
                tape.seek(BEGIN)
            schedule(chip.fetch, None)
        else:
            chip.now = chip.tick
            clock.seek(chip.now)
            wide.seek(ahead + chip.now)
            chip.tick += TICK_MS
        chip.looks += 1
"""

_EEG_TAPE = """
import io
# identity and registers as the driver reads them back, then frames
seed = 7
frames = bytearray(b"\\x73\\x00\\xe0\\x14\\x81\\x00\\x2c\\x0c")
BEGIN = len(frames)
for i in range(1500):
    seed = (seed * 1103 + 12345) & 0xFFFFF
    x = (seed >> 8) - 2048
    frames.extend(bytes((0xC0, 0, 0, 0, 0, 0, x >> 16 & 255, x >> 8 & 255, x & 255)))
END = len(frames)
tape = io.BytesIO(frames)
"""

_HEART_TAPE = """
import io
BEGIN, END = 0, 60 * 50 * 3
frames = bytearray()
for x in light:
    frames.extend(bytes((x >> 16, x >> 8 & 255, x & 255)))
tape = io.BytesIO(frames)
"""

_RUN = """
from lamp import board as lamp_board, night
from lamp.settings import Settings

def note(board, error):
    raise error

Settings(nvs).set("kit", KIT)
what, n = sys.argv[2], int(sys.argv[1])
lamp = lamp_board.Board(note)
lamp.watchdog.start()
quiet = Thing()
quiet.ipoll = bytes  # nothing is ever typed
lamp.cable._poll = quiet
ask, core.IOQueue.wait_io_event = core.IOQueue.wait_io_event, wait
buf = array("i", [0] * 32)
if what == "lamp":
    lamp.button._press = True
    chip.end = chip.now + n * 30000
    try:
        asyncio.run(night.run(lamp))
    except Over:
        pass
    story = lamp.link.server.night
    print(chip.waits, chip.looks, story.state, story.epoch.index, story.last[4],
          lamp.sensor.faults)
elif what == "driver":
    lamp.sensor.wake()
    for i in range(n * 300):
        wait(None, 100)
        lamp.sensor.read_into(buf)
elif what == "chip":  # the stand-ins alone, as often as the lamp has them answer
    waits, bus, head, burst = int(sys.argv[3]), Bus(), bytearray(7), bytearray(15)
    chip.fetch = chip.fetch and id
    for i in range(n * 300):
        wait(None, 100)
        if not chip.fetch:
            bus.readfrom_mem_into(87, 0, head)
            bus.readfrom_mem_into(87, 7, burst)
    for i in range(n * (waits - 300)):
        wait(None, 0)
else:
    flag = asyncio.ThreadSafeFlag()
    queue = core._io_queue
    queue.map[id(flag)] = [None, None, flag]
    queue.poller.register(flag, 1)
    for i in range(n):
        if what == "wait":
            ask(queue, 0)
        elif what == "look":
            queue.poller.ipoll(0)
"""


@dataclass
class Cost:
    """Instructions a second of a lamp in a quiet night."""

    driver: float
    waiting: float  # asyncio's looks at its flags, while it waits
    rest: float  # story, log, light, button, divider, console, and asyncio's switching

    @property
    def whole(self) -> float:
        return self.driver + self.waiting + self.rest

    def rows(self, us: float) -> dict:
        """Shares of a core of 240 MHz, whose instruction takes `us`, and of the lamp's own."""
        percent = us / 10_000
        return {
            "cpu_percent_240mhz": self.whole * percent,
            "cpu_percent_80mhz": self.whole * percent * 240_000_000 / CPU_HZ,
            "cpu_percent_of_it_driver": self.driver * percent,
            "cpu_percent_of_it_waiting": self.waiting * percent,
        }


def cost(kit: str) -> Cost:
    """Count the lamp of `kit`."""
    text = script(kit)
    low, high = lived(text, SHORT), lived(text, LONG)
    waits, looks = (high[i] - low[i] for i in range(2))
    epochs = LONG - SHORT
    chip = count.each(text, SHORT, LONG, "chip", waits // epochs)
    lamp, driver = (count.each(text, SHORT, LONG, part) for part in ("lamp", "driver"))
    nothing, wait, look = (count.each(text, LOOKS, 2 * LOOKS, w) for w in ("-", "wait", "look"))
    waiting = (waits * (wait - nothing) + looks * (look - nothing)) / epochs
    driver -= count.each(text, SHORT, LONG, "chip", 300)
    return Cost(*(n / wire.EPOCH_S for n in (driver, waiting, lamp - chip - driver)))


def lived(text: str, epochs: int) -> list[int]:
    """How often asyncio waited and looked in so many epochs of a night that must be a good one."""
    waits, looks, state, index, quality, faults = count.said(text, epochs, "lamp")
    if (state, index, faults) != (wire.RECORDING, epochs - 1, 0) or quality < 90:
        raise AssertionError(f"no quiet night: {state}, {index}, {quality}, {faults}")
    return [waits, looks]


def script(kit: str) -> str:
    """The lamp of `kit` on its stand-ins; arguments: how many epochs, and `lamp` or a part."""
    made = build.compiled(
        64, scripts.ROOT / "build" / "firmware", scripts.ROOT / "firmware" / "sim"
    )
    given = {"made": str(made), "kit": names.KIT.index(kit), "tick_ms": TICK_MS}
    tape = _EEG_TAPE if kit == "eeg" else scripts.FINGER + _HEART_TAPE
    return build.squeezed().speak((tape + _CHIP + _RUN) % given)
