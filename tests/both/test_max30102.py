"""The pulse sensor's driver on the simulated chip (MicroPython only)."""

import gc
import sys
from array import array

if sys.implementation.name != "micropython":
    from unittest import SkipTest

    raise SkipTest("the simulated chip runs under MicroPython")

sys.path.insert(0, next(p for p in sys.path if p.endswith("firmware")) + "/sim")

import time

import machine
import world
from lamp import wire
from lamp.drivers.max30102 import Max30102

BUF = array("i", [0] * 32)


class Buses:
    """Counts the buses that were asked for."""

    def __init__(self):
        self.made = 0

    def __call__(self):
        self.made += 1
        world.stuck = False
        return machine.I2C(0, freq=100000)


def sensor(part=0x15, awake=True):
    """A world of its own, and a driver on its sensor."""
    world.listeners.clear()
    world.sensor, world.finger, world.heat_c = part, True, 33
    world.fault_until_ms = world.motion_until_ms = 0
    world.stuck = False
    machine._sensor = None
    driver = Max30102(Buses())
    if awake:
        driver.wake()
        driver.read_into(BUF)
    return driver


def take(driver, ms):
    """Read every 200 ms for `ms` -> samples got."""
    n, end = 0, world.now_ms + ms
    while world.now_ms < end:
        time.sleep_ms(min(200, end - world.now_ms))
        n += driver.read_into(BUF)
    return n


def test_ten_seconds_are_five_hundred_samples():
    driver = sensor()
    n = take(driver, 10000)
    assert abs(n - 500) <= 1, n
    assert (driver.lost, driver.faults) == (0, 0)


def test_the_led_is_led_to_half_scale_and_stays():
    driver = sensor()
    take(driver, 20000)
    led = driver.led
    assert 90000 < BUF[0] < 172000, BUF[0]
    take(driver, 20000)
    assert driver.led == led


def test_a_change_of_led_is_marked():
    driver = sensor()
    driver.led = 200
    driver.wake()
    marks = 0
    for _burst in range(100):
        time.sleep_ms(200)
        driver.read_into(BUF)
        marks |= driver.marks
    assert marks & wire.M_LED and driver.led < 80, driver.led


def test_a_finger_off_is_dark():
    driver = sensor()
    take(driver, 6000)
    on = BUF[0]
    world.happen("finger_off")
    take(driver, 1000)
    assert BUF[0] < on // 20, (BUF[0], on)


def test_what_overflowed_is_counted():
    for gap_ms in (700, 1200, 3000, 60000, 200000):
        driver = sensor()
        n = take(driver, 2000)
        time.sleep_ms(gap_ms)
        n += driver.read_into(BUF)
        assert driver.marks & wire.M_LOST
        came = (2000 + gap_ms) // 20
        assert abs(n + driver.lost - came) <= 2, (gap_ms, n, driver.lost)


def test_equal_pointers_full_or_empty_are_told_apart():
    driver = sensor()
    take(driver, 1000)
    time.sleep_ms(641)
    assert driver.read_into(BUF) == 32 and driver.lost <= 1
    assert driver.read_into(BUF) == 0


def test_a_short_bus_fault_loses_nothing():
    driver = sensor()
    n = take(driver, 2000)
    world.happen("bus_fault", 300)
    n += take(driver, 2000)
    assert driver.faults and driver.errno == 116
    assert abs(n - 200) <= 3, n


def test_what_a_long_bus_fault_cost_is_counted():
    driver = sensor()
    n, lost = take(driver, 2000), 0
    world.happen("bus_fault", 5000)
    end = world.now_ms + 8000
    while world.now_ms < end:
        time.sleep_ms(200)
        n += driver.read_into(BUF)
        lost += driver.lost
        assert driver.marks & wire.M_LOST or not driver.lost
    assert lost > 150 and abs(n + lost - 500) <= 15, (n, lost)


def test_a_burst_that_fails_half_way_is_counted_as_lost():
    driver = sensor()
    n, lost, start = take(driver, 2000), 0, world.now_ms
    bus, reads = driver._bus, [0]

    class Breaks:
        """The third transfer fails: the first 16 samples of 30 are read and gone."""

        writeto_mem = bus.writeto_mem

        def readfrom_mem_into(self, address, register, buf):
            reads[0] += 1
            if reads[0] == 3:
                raise OSError(110)
            bus.readfrom_mem_into(address, register, buf)

    driver._bus = Breaks()
    time.sleep_ms(600)
    n = driver.read_into(BUF)
    assert n == 0 and driver.errno == 110
    for _burst in range(3):
        time.sleep_ms(200)
        n += driver.read_into(BUF)
        lost += driver.lost
    assert lost in (16, 17) and abs(n + lost - (world.now_ms - start) // 20) <= 2, (n, lost)


def test_after_three_faults_the_bus_is_made_anew():
    driver = sensor()
    take(driver, 1000)
    world.happen("bus_stuck")
    n = take(driver, 4000)
    assert driver._make_bus.made == 2 and n > 100, n


def test_a_reset_sensor_is_set_up_again():
    driver = sensor()
    take(driver, 2000)
    world.happen("sensor_reset")
    n, lost, marks = 0, 0, 0
    end = world.now_ms + 4000
    while world.now_ms < end:
        time.sleep_ms(200)
        n += driver.read_into(BUF)
        lost += driver.lost
        marks |= driver.marks
    assert marks & wire.M_FAULT and marks & wire.M_LOST
    assert abs(n + lost - 200) <= 3, (n, lost)


def test_an_absent_sensor_is_tried_until_it_comes():
    driver = sensor(part=0)
    assert take(driver, 5000) == 0
    assert driver.errno == 19 and driver.part == -1
    world.sensor = 0x15
    assert take(driver, 5000) > 150


def test_another_chip_is_told_by_its_part_number():
    driver = sensor(part=0x11)
    assert take(driver, 3000) == 0 and driver.part == 0x11


def built_wrong(*defects):
    """What a driver makes of a lamp with these defects in ten seconds: itself, samples got."""
    world.defects = defects
    try:
        driver = sensor()
        return driver, take(driver, 10000)
    finally:
        world.defects = ()


def test_a_bus_without_pull_ups_is_counted_as_faults_and_stops_nothing():
    driver, n = built_wrong("no_pull_up")
    assert n == 0 and driver.part == -1
    assert driver.errno == 116 and driver.faults > 5


def test_an_interrupt_that_never_moves_costs_no_sample():
    for defect in ("stuck_int", "loose_int", "no_int_pull_up"):
        driver, n = built_wrong(defect)
        assert abs(n - 500) <= 1 and driver.faults == 0, defect


def test_a_dead_led_gives_samples_that_look_like_no_finger():
    driver, n = built_wrong("dead_led")
    assert abs(n - 500) <= 1 and driver.faults == 0
    assert BUF[0] < 800 * driver.led and driver.led == 0x1F


def test_swapped_colours_still_give_a_finger_at_half_scale():
    _driver, n = built_wrong("swapped")
    assert abs(n - 500) <= 1 and 90000 < BUF[0] < 172000


def test_a_hot_die_stops_the_light():
    driver = sensor()
    world.happen("heat", 45)
    take(driver, 10000)
    assert driver.hot and driver.temp_c == 45
    assert machine._sensor.regs[9] & 0x80
    world.happen("heat", 33)
    assert take(driver, 90000) > 500 and not driver.hot


def test_bursts_allocate_nothing():
    driver = sensor()
    take(driver, 60000)
    world.listeners.clear()
    gc.collect()
    gc.disable()
    worst = 0
    read = driver._bus.readfrom_mem_into

    class Quiet:
        """The bus, but what the chip's stand-in allocates does not count."""

        spent = 0
        writeto_mem = driver._bus.writeto_mem

        def readfrom_mem_into(self, address, register, buf):
            before = gc.mem_alloc()
            read(address, register, buf)
            Quiet.spent += gc.mem_alloc() - before

    driver._bus = Quiet()
    for _burst in range(20):
        time.sleep_ms(200)
        Quiet.spent = 0
        before = gc.mem_alloc()
        driver.read_into(BUF)
        worst = max(worst, gc.mem_alloc() - before - Quiet.spent)
    gc.enable()
    assert worst == 0, worst
