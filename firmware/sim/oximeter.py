"""A MAX30102 at register level, behind the simulated I2C bus.

FIFO of 32 with its pointers, rollover and overflow counter, interrupt status that clears on
read, power-up, reset and shutdown, averaging, sample rates, pulse widths, multi-LED slots, LED
current to counts with saturation at 18 bits, die temperature, and the defects of world.py. Facts:
MAX30102 data sheet 19-7740 rev 1. Assumed where it is silent: with rollover on, the overflow
counter counts what was overwritten. Red is made of infrared: the same level with half the pulse,
as in blood full of oxygen. Not modelled: ambient-light overflow, proximity. Knows no bus and no
firmware.
"""

from array import array

import sleeper
import world
from micropython import const

_PART_ID = const(0x15)
_REVISION = const(0x03)
_A_FULL = const(0x80)
_PPG_RDY = const(0x40)
_PWR_RDY = const(0x01)
_TEMP_RDY = const(0x02)
RATES = (50, 100, 200, 400, 800, 1000, 1600, 3200)
_DEPTH = const(32)
# data sheet: time of one conversion
_TEMPERATURE_MS = const(29)


class Max30102:
    """The chip: `read(register, buf)` and `write(register, data)` are all the bus can do."""

    def __init__(self, part=_PART_ID):
        self.part = part
        self.regs = bytearray(0x22)
        self.light = array("i", bytes(4 * _DEPTH))
        self.red = None
        self.fifo = [array("i", bytes(4 * _DEPTH)) for _slot in range(2)]
        self.clock = array("i", (0, 0))
        sleeper.load()
        world.listeners.append(self._before)
        self._reset()
        self.regs[0] = _PWR_RDY

    def _reset(self):
        for i in range(len(self.regs)):
            self.regs[i] = 0
        self.held = 0
        self.gap_ms_max = 0  # the longest the FIFO waited for its reader
        self.warm_ms = world.NEVER
        self.leds = ()
        self._start()

    def _before(self, name, _args):
        """Something is about to change: take the samples that saw the world as it was."""
        self.sample()
        if name == "sensor_reset":
            self._reset()
            self.regs[0] = _PWR_RDY

    def _start(self):
        """Begin to sample as the registers now say; () of LEDs stands for not at all."""
        regs = self.regs
        mode = regs[9]
        self.leds = ()
        if not mode & 0x80:
            if mode & 7 == 7:
                slots = (regs[0x11] & 7, regs[0x11] >> 4 & 7)
                self.leds = tuple(slot - 1 for slot in slots if slot in (1, 2))
            else:
                self.leds = {2: (0,), 3: (0, 1)}.get(mode & 7, ())
        average = 1 << min(5, regs[8] >> 5)
        self.period_us = 1000000 * average // RATES[regs[10] >> 2 & 7]
        self.read_ms = world.now_ms
        self.clock[0] = world.now_ms + self.period_us // 1000
        self.clock[1] = self.period_us % 1000

    # --- sampling ----------------------------------------------------------------------------

    def sample(self):
        """Take every sample that fell due since the last look."""
        if self.leds:
            while world.now_ms - self.clock[0] >= 60000:
                self._skip(60000000 // self.period_us)
            due_us = (world.now_ms - self.clock[0]) * 1000 - self.clock[1]
            if due_us >= 0:
                self._take(due_us // self.period_us + 1)
        if world.now_ms >= self.warm_ms:
            self.warm_ms = world.NEVER
            self.regs[0x1F] = world.heat_c & 255
            self.regs[0x21] = 0
            self.regs[1] |= _TEMP_RDY

    def _skip(self, n):
        """n samples that nothing will be left of."""
        passed = self.clock[1] + n * self.period_us
        self.clock[0] += passed // 1000
        self.clock[1] = passed % 1000
        self._count(n)

    def _take(self, n):
        regs = self.regs
        rollover = regs[8] & 0x10
        keep = min(n, _DEPTH) if rollover else min(n, _DEPTH - self.held)
        if rollover:
            self._skip(n - keep)
        at = regs[4]
        sleeper.shine(self.light, at, keep, self.clock, self.period_us)
        noise = self.clock[0] + world.seed
        shift = 5 + (regs[10] >> 5 & 3)  # light is stated for range 1, 4096 nA
        mask = 0x3FFFF & ~((1 << 3 - (regs[10] & 3)) - 1)
        for slot in range(len(self.leds)):
            driver = self.leds[slot]
            led = regs[0x0C + driver]
            infrared = driver == (0 if "swapped" in world.defects else 1)
            if infrared and "dead_led" in world.defects:
                led = 0
            light = self.light if infrared else self._redden(at, keep)
            convert(light, self.fifo[slot], at, keep, led, shift, mask, noise + slot)
        self._count(keep)
        if n > keep and not rollover:
            self._skip(n - keep)

    def _redden(self, at, n):
        """The red light of the n samples at `at`; a ring like that of the infrared."""
        if self.red is None:
            self.red = array("i", bytes(4 * _DEPTH))
            self.level = self.light[at]
        for i in range(at, at + n):
            value = self.light[i & 31]
            self.level += (value - self.level) // 64
            self.red[i & 31] = (value + self.level) // 2
        return self.red

    def _count(self, n):
        """n samples came: move the write pointer, overflow, raise the interrupts."""
        regs = self.regs
        if n <= 0:
            return
        over = max(0, self.held + n - _DEPTH)
        self.held = min(_DEPTH, self.held + n)
        regs[5] = min(31, regs[5] + over)
        if regs[8] & 0x10 or not over:
            regs[4] = (regs[4] + n) & 31
        else:
            regs[4] = (regs[4] + n - over) & 31
        regs[6] = (regs[4] - self.held) & 31
        regs[0] |= _PPG_RDY
        if _DEPTH - self.held <= regs[8] & 15:
            regs[0] |= _A_FULL

    # --- the bus ----------------------------------------------------------------------------

    def irq(self):
        """The level of the open-drain interrupt pin."""
        self.sample()
        if "stuck_int" in world.defects:
            return 0
        if "loose_int" in world.defects:
            return 1
        regs = self.regs
        asserted = regs[0] & (regs[2] | _PWR_RDY) or regs[1] & regs[3]
        return 0 if asserted else 1

    def read(self, register, buf):
        """A burst read; the address moves on, except at FIFO_DATA."""
        self.sample()
        if register == 7:
            self._read_fifo(buf)
            return
        for i in range(len(buf)):
            if register == 7:
                self._read_fifo(memoryview(buf)[i:])
                return
            buf[i] = self._get(register)
            register = (register + 1) & 255

    def _get(self, register):
        if register >= 0xFE:
            return _REVISION if register == 0xFE else self.part
        if register >= len(self.regs):
            return 0
        value = self.regs[register]
        if register < 2:
            self.regs[register] = 0
        return value

    def _read_fifo(self, buf):
        regs, width = self.regs, 3 * len(self.leds)
        if not width:
            width = 3
        n = (len(buf) + width - 1) // width
        if width == 3 and n * 3 == len(buf):
            pack(buf, self.fifo[0], regs[6], n)
        else:
            for i in range(len(buf)):
                value = self.fifo[i % width // 3][regs[6] + i // width & 31]
                buf[i] = value >> (16 - 8 * (i % 3)) & 255
        regs[6] = (regs[6] + n) & 31
        self.gap_ms_max = max(self.gap_ms_max, world.now_ms - self.read_ms)
        self.read_ms = world.now_ms
        self.held = max(0, self.held - n)
        regs[5] = 0

    def write(self, register, data):
        """A burst write."""
        self.sample()
        for byte in data:
            self._set(register, byte)
            register += 1

    def _set(self, register, byte):
        regs = self.regs
        if register == 9 and byte & 0x40:
            self._reset()
            return
        if register == 0x21:
            if byte & 1 and self.leds:  # Linux's driver notes: converts only while sampling
                self.warm_ms = world.now_ms + _TEMPERATURE_MS
            return
        if register >= 0x20 or register in (0, 1, 0x1F):
            return
        regs[register] = byte & 31 if 4 <= register <= 6 else byte
        if 4 <= register <= 6:
            self.held = (regs[4] - regs[6]) & 31
        if register in (8, 9, 10, 0x11):
            self._start()


# Bounds: light below 2**18, LED 255 -> below 2**26; the noise product wraps at the machine word
# but only bits 12..17 of it are used, which both words share.
@micropython.viper
def convert(source, fifo, at: int, n: int, led: int, shift: int, mask: int, noise: int):
    """Light at an LED current -> n counts of a ring, with noise of +-16 counts and a ceiling."""
    light = ptr32(source)
    out = ptr32(fifo)
    while n > 0:
        noise = (noise * 69069 + 12345) & 0x3FFFFFFF
        value: int = ((light[at] * led) >> shift) + 40 + ((noise >> 12) & 31)
        if value > 0x3FFFF:
            value = 0x3FFFF
        out[at] = value & mask
        at = (at + 1) & 31
        n -= 1


@micropython.viper
def pack(buf, fifo, at: int, n: int):
    """n samples of a ring as the bus sends them, 3 bytes each, high byte first."""
    out = ptr8(buf)
    source = ptr32(fifo)
    i: int = 0
    while n > 0:
        value: int = source[at]
        out[i] = value >> 16
        out[i + 1] = value >> 8
        out[i + 2] = value
        i += 3
        at = (at + 1) & 31
        n -= 1
