"""What the lamp knows of its own health, for a host that asks (wire.CHECKUP) and has the words.

Loaded when asked and let go of again: it costs no memory in a night. Only the sensor's part
disturbs anything: it takes the sensor for a second, its LEDs dark, red and infrared in turn.
"""

import gc
import os
import struct
import sys
import time

import esp32
import machine

from . import VERSION, board, wire
from .compat import const

_SENSOR_INT = const(27)
_ADDRESS = const(0x57)
_LED = const(0x1F)  # 6.2 mA
_SAMPLES = const(12)  # of each light; the first three are let go
_SAMPLE_MS = const(22)


def fill(lamp, server, part, out):
    """Write one part into `out`; its length, or minus a status."""
    if part == wire.CHECK_SYSTEM:
        return put(out, wire.CHECK_SYSTEM_LAYOUT, system(lamp, server.night))
    if part == wire.CHECK_SENSOR:
        return put(out, wire.CHECK_SENSOR_LAYOUT, sensor(lamp))
    if part == wire.CHECK_FLASH:
        return put(out, wire.CHECK_FLASH_LAYOUT, flash(server.log))
    return crash(lamp.settings, part - wire.CHECK_CRASH, out)


def put(out, layout, values):
    struct.pack_into(layout, out, 0, *values)
    return struct.calcsize(layout)


def system(lamp, night):
    settings = lamp.settings
    try:
        mark = esp32.NVS("boot").get_i32("ab")
    except OSError:
        mark = 0
    gc.collect()
    heaps = esp32.idf_heap_info(esp32.HEAP_DATA)
    told = night.told or (0, 0)
    return (
        VERSION
        + tuple(sys.implementation.version[:3])
        + (lamp.reset_cause, settings.get("strikes", 0), mark & 255, settings.get("kit", 1))
        + (night.boot, lamp.clock.now_s(), told[0], told[1])
        + (gc.mem_free(), min(lamp.heap_low, gc.mem_free()))
        + (sum([heap[1] for heap in heaps]), sum([heap[3] for heap in heaps]))
        + (lamp.power.supply_mv(), settings.get("crashes", 0) & 0xFFFF)
    )


def flash(log):
    ring = log.ring
    nights = unsynced = 0
    for entry in log.entries():
        nights += 1
        unsynced += not entry[3] & (wire.ENTRY_SYNCED | wire.ENTRY_OPEN)
    files = os.statvfs("/")
    return (
        (ring.programs, ring.bytes, ring.erases, ring.faults, ring.evicted, ring.lost)
        + (log.rot, log.torn, ring.flash.sectors, nights, unsynced)
        + (files[0] * files[2], files[0] * files[3])
    )


def crash(settings, age, out):
    """The text of a crash, `age` 0 the last; NOT_FOUND where there are no more."""
    from .main import CRASHES

    n = settings.get("crashes", 0) - 1 - age
    text = settings.get("crash%d" % (n % CRASHES)) if 0 <= age < CRASHES and n >= 0 else None
    if text is None:
        return -wire.NOT_FOUND
    text = text[-len(out) :]
    out[: len(text)] = text
    return len(text)


def sensor(lamp):
    """The wires as plain inputs against the chip's own pull-downs; the part; light."""
    driver = lamp.sensor
    pin = machine.Pin
    idle = [pin(n, pin.IN, pin.PULL_DOWN).value() for n in (board.SDA, board.SCL)]
    interrupt = pin(_SENSOR_INT, pin.IN, pin.PULL_UP)
    bus = board.make_bus()
    part, found, light = -1, 0, (0, 0, 0)
    before = after = interrupt.value()
    try:
        found = len(bus.scan())
        part = bus.readfrom_mem(_ADDRESS, 0xFF, 1)[0]
        bus.readfrom_mem(_ADDRESS, 0, 2)  # an unread status holds the interrupt
        after = interrupt.value()
        light = (mean(bus, 0, 0), mean(bus, _LED, 0), mean(bus, 0, _LED))
    except OSError:
        pass
    driver.wake()  # the next read sets it up again
    return (
        (idle[0], idle[1], before, after, part, found, driver.faults & 0xFFFF, driver.errno)
        + (driver.led, driver.temp_c, driver.hot)
        + light
    )


def mean(bus, red, infrared):
    """Mean counts with the LEDs at these currents, in the slot of the one that is lit."""
    slot = 1 if red else 2
    for register, value in (
        (0x09, 0x40), (0x08, 0x50), (0x0A, 0x2B), (0x0C, red), (0x0D, infrared),
        (0x11, slot), (0x12, 0), (0x04, 0), (0x05, 0), (0x06, 0), (0x09, 0x07),
    ):  # fmt: skip
        bus.writeto_mem(_ADDRESS, register, bytes((value,)))
        if register == 0x09:
            time.sleep_ms(2)
    time.sleep_ms(_SAMPLES * _SAMPLE_MS)
    raw = bus.readfrom_mem(_ADDRESS, 0x07, 3 * _SAMPLES)
    total = 0
    for i in range(9, len(raw), 3):
        total += (raw[i] << 16 | raw[i + 1] << 8 | raw[i + 2]) & 0x3FFFF
    return total // (_SAMPLES - 3)
