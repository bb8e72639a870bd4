"""The ESP32-DevKitC lamp: its pins, and the drivers built on them. Knows no product.

`Board(note)` is the object `night.run` is given; DESIGN.md lists its members. The radio is
switched on first: with memory in pieces its stack does not come up (micropython#14293).
"""

import asyncio
import time

import bluetooth
import esp32
import machine

from .drivers.gatt import Gatt
from .drivers.light import Light
from .drivers.max30102 import Max30102
from .settings import Settings

# Not strapping, flash, console or input-only pins where it matters; ADC1; pins that can wake.
SDA, SCL, LAMP, BUTTON, SUPPLY = 21, 22, 25, 32, 35
I2C_HZ = 100000  # 1 m of lead, 4.7 k pull-ups
I2C_TIMEOUT_US = 50000
PWM_HZ = 4000  # flicker of no observable effect needs 3 kHz (IEEE 1789); 14 bits are left
CPU_HZ = 80000000  # the least the radio runs on
WATCHDOG_MS = 20000  # an I2C transfer on a sick bus may block 5 s
DEBOUNCE_MS = 30
LONG_MS = 3000
FORGET_MS = 10000  # the second time, which must begin within
AGAIN_MS = 120000
DIVIDER_X100 = 313  # 100 k over 47 k
SUPPLY_LOW_MV = 4500
PAUSE_MAX_MS = 64000


def make_bus():
    """A fresh I2C bus, after nine clocks that free a sensor stuck within a byte."""
    scl = machine.Pin(SCL, machine.Pin.OPEN_DRAIN, value=1)
    for _clock in range(9):
        scl.value(0)
        time.sleep_us(5)
        scl.value(1)
        time.sleep_us(5)
    return machine.I2C(0, scl=scl, sda=machine.Pin(SDA), freq=I2C_HZ, timeout=I2C_TIMEOUT_US)


class Clock:
    """Seconds and milliseconds since this boot."""

    def __init__(self):
        self._last = time.ticks_ms()
        self._s = 0

    def now_s(self):
        """Whole seconds since boot; asked at least once in six days."""
        past = time.ticks_diff(time.ticks_ms(), self._last) // 1000
        if past:
            self._s += past
            self._last = time.ticks_add(self._last, past * 1000)
        return self._s

    def now_ms(self):
        """Milliseconds since boot, modulo 2**30 (twelve days)."""
        s = self.now_s()
        return (s * 1000 + time.ticks_diff(time.ticks_ms(), self._last)) & 0x3FFFFFFF


class Flash:
    """A raw partition, sector by sector; programming only clears bits.

    A write that the chip refuses is no exception: the log reads back what it wrote.
    """

    def __init__(self, label):
        found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=label)
        if not found:
            raise OSError("no partition %s: flash the lamp's partition table" % label)
        self._partition = found[0]
        self.sectors = self._partition.ioctl(4, 0)
        self.sector_size = self._partition.ioctl(5, 0)

    def read(self, sector, offset, buf):
        try:
            self._partition.readblocks(sector, buf, offset)
        except OSError:
            for i in range(len(buf)):
                buf[i] = 0  # no frame's CRC

    def program(self, sector, offset, data):
        try:
            self._partition.writeblocks(sector, data, offset)
        except OSError:
            pass

    def erase(self, sector):
        try:
            self._partition.ioctl(6, sector)
        except OSError:
            pass


class Button:
    """A push button to ground. The interrupt notes the press; whoever asks first takes it.

    Contacts bounce at both ends of a press: edges closer than DEBOUNCE_MS to another are none.
    """

    def __init__(self, pin):
        self._pin = machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)
        self._down_at = self._last_edge = time.ticks_ms()
        self._down = self.pressed()
        self._press = False  # one that nobody took yet
        self._held_at = time.ticks_add(self._down_at, -AGAIN_MS - 1)
        self._again = False  # the press that lasts is the second one
        self._pin.irq(self._edge, machine.Pin.IRQ_FALLING | machine.Pin.IRQ_RISING)

    def _edge(self, _pin):
        now = time.ticks_ms()
        if not self._bounces(now):
            self._down = not self._down
            if self._down:
                self._press = True
                self._down_at = now
        self._last_edge = now

    def _bounces(self, now):
        """Whether the last edge was just now; the count wraps, so six days ago is not."""
        return 0 <= time.ticks_diff(now, self._last_edge) <= DEBOUNCE_MS

    def pressed(self):
        """Is it down now?"""
        return not self._pin.value()

    def struck(self):
        """True once, at once, for a press; it is then neither short nor long any more."""
        press, self._press = self._press, False
        return press

    def taken(self):
        """True once after a short press, when it is let go."""
        if not self._bounces(time.ticks_ms()):
            self._down = self.pressed()  # should an edge have been missed
        return not self._down and self.struck()

    def held(self):
        """In a press that lasts 1 once, after LONG_MS, and in a second one shortly after it also
        2 once, after FORGET_MS: what leans on a button presses it only once. Else 0."""
        now = time.ticks_ms()
        lasts_ms = time.ticks_diff(now, self._down_at)
        if lasts_ms < LONG_MS or not self.pressed():
            return 0
        if self.struck():
            self._again = 0 <= time.ticks_diff(now, self._held_at) <= AGAIN_MS
            self._held_at = now
            return 1
        mine = time.ticks_diff(self._held_at, self._down_at) >= 0  # not one that `struck` took
        if self._again and mine and lasts_ms >= FORGET_MS:
            self._again = False
            return 2
        return 0


class Power:
    """The 5 V rail behind its divider."""

    def __init__(self, pin):
        self._adc = machine.ADC(machine.Pin(pin), atten=machine.ADC.ATTN_11DB)

    def supply_mv(self):
        try:
            return self._adc.read_uv() // 1000 * DIVIDER_X100 // 100
        except OSError:  # not calibrated
            return self._adc.read_u16() * 3100 // 65535 * DIVIDER_X100 // 100

    def usb_present(self):
        return self.supply_mv() >= SUPPLY_LOW_MV


class Watchdog:
    """Once started, it restarts the chip when nobody feeds it for WATCHDOG_MS."""

    def __init__(self):
        self._chip = None

    def start(self):
        self._chip = machine.WDT(timeout=WATCHDOG_MS)

    def feed(self):
        if self._chip:
            self._chip.feed()


class Board:
    """Everything on the lamp, dark and asleep. `safe` says that the button was held at boot.

    `note(board, error)` is called when a task that was spawned fails.
    """

    def __init__(self, note):
        self._note = note
        self._tasks = []
        self.ble = bluetooth.BLE()
        self.ble.active(True)
        machine.freq(CPU_HZ)
        self.light = Light(machine.PWM(machine.Pin(LAMP), freq=PWM_HZ, duty_u16=0))
        self.reset_cause = machine.reset_cause()
        self.watchdog = Watchdog()
        self.button = Button(BUTTON)
        self.safe = bool(self.button.pressed())
        self.clock = Clock()
        self.power = Power(SUPPLY)
        self.settings = Settings(esp32.NVS("lamp"))
        self.flash = Flash("nights")
        self.sensor = Max30102(make_bus)
        self.link = Gatt(self.ble, self.settings)

    def darken(self):
        """What else to do for darkness when a task dies; `night.run` puts its own here."""

    def spawn(self, function, *args):
        """Keep the coroutine `function(*args)` running beside the others.

        When it fails: dark, noted, and after a pause started again. The pause doubles, so that
        a fault that stays does not wear out the storage of its notes.
        """
        self._tasks.append(asyncio.create_task(self._keep(function, args)))

    async def _keep(self, function, args):
        pause_ms = 1000
        while True:
            try:
                return await function(*args)
            except Exception as error:
                try:
                    self.light.set(0)
                    self.darken()
                    self._note(self, error)
                except Exception:  # out of memory, say: the task is more than its epitaph
                    pass
            await asyncio.sleep_ms(pause_ms)
            pause_ms = min(2 * pause_ms, PAUSE_MAX_MS)
