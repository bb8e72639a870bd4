"""The EEG front end's driver on the simulated chip (MicroPython only)."""

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
from lamp.drivers.ads1292r import Ads1292r

BUF = array("i", [0] * 64)


def front(phase=1):
    """A world of its own, and a driver on its front end."""
    world.eeg, world.finger, world.ticker = True, True, None
    machine._front = None
    pins = [machine.Pin(n, machine.Pin.OUT, value=1) for n in (13, 4, 26)]
    driver = Ads1292r(machine.SPI(2, baudrate=1000000, polarity=0, phase=phase), *pins)
    driver.wake()
    driver.read_into(BUF)
    return driver


def take(driver, ms, stall_ms=0):
    """Read every 200 ms for `ms` -> samples got, samples told as lost, marks seen."""
    n = lost = marks = 0
    end = world.now_ms + ms
    while world.now_ms < end:
        time.sleep_ms(200)
        if stall_ms:
            time.charge_us(stall_ms * 1000)
        while True:
            got = driver.read_into(BUF)
            n, lost, marks = n + got, lost + driver.lost, marks | driver.marks
            if not got:
                break
    return n, lost, marks


def test_ten_seconds_are_twelve_hundred_and_fifty_samples():
    driver = front()
    n, lost, marks = take(driver, 10000)
    assert 1250 - 26 <= n <= 1250 and lost == 0
    assert marks == wire.M_LOST  # the first burst joins nothing
    assert machine._front.lost == driver.faults == 0


def test_what_a_stall_costs_is_counted_to_the_sample():
    driver = front()
    take(driver, 1000)
    before = machine._front.lost
    n, lost, _ = take(driver, 20000, stall_ms=45)  # a flash erase at every read
    assert lost == machine._front.lost - before > 300
    assert abs(n + lost - 125 * 245 * 82 // 1000) < 60


def test_a_break_begins_a_burst_of_its_own():
    driver = front()
    take(driver, 1000)
    time.sleep_ms(100)
    time.charge_us(50000)
    time.sleep_ms(100)
    first = driver.read_into(BUF)
    assert 10 <= first <= 14 and driver.lost == 0
    second = driver.read_into(BUF)
    assert 10 <= second <= 16 and 4 <= driver.lost <= 6


def test_a_lead_that_is_off_is_marked():
    driver = front()
    assert not take(driver, 1000)[2] & wire.M_LEADOFF
    world.finger = False
    n, lost, marks = take(driver, 5000)
    assert marks & wire.M_LEADOFF and n > 600 and not lost
    world.finger = True
    assert take(driver, 1000)[1] == 0


def test_who_does_not_read_for_a_while_loses_what_is_counted_and_finds_one_break():
    driver = front()
    take(driver, 1000)
    time.sleep_ms(2600)  # the ring holds one second
    assert sum(driver.read_into(BUF) for _ in range(3)) == 127
    time.sleep_ms(80)
    assert 8 <= driver.read_into(BUF) <= 12 and 190 <= driver.lost <= 210
    n, lost, _ = take(driver, 4000)
    assert n > 480 and not lost


def test_a_chip_that_is_absent_or_wrongly_clocked_is_a_fault_and_tried_again():
    driver = front(phase=0)
    assert driver.read_into(BUF) == 0 and driver.part == -1
    assert take(driver, 3000)[0] == 0
    assert driver.faults >= 3 and driver.errno


def test_a_chip_that_loses_its_supply_is_set_up_again():
    driver = front()
    take(driver, 1000)
    machine._front.reset()
    n, _lost, marks = take(driver, 4000)
    assert n > 250 and marks & wire.M_FAULT


def test_reading_allocates_nothing():
    driver = front()
    take(driver, 1000)
    time.sleep_ms(200)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    driver.read_into(BUF)
    after = gc.mem_alloc()
    gc.enable()
    assert after == before
