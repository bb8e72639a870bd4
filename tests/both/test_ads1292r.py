"""The EEG front end's driver on the simulated chip (MicroPython only)."""

import gc
import sys
from array import array

if sys.implementation.name == "micropython":
    gc.threshold(4096)  # as the lamp's main.py does while code is loaded
else:
    from unittest import SkipTest

    raise SkipTest("the simulated chip runs under MicroPython")

sys.path.insert(0, next(p for p in sys.path if p.endswith("firmware")) + "/sim")

import time

import machine
import watched
import world
from lamp import wire
from lamp.drivers.ads1292r import Ads1292r, give, keep
from lamp.eeg import Eeg

BUF = array("i", [0] * 64)


def front(phase=1, *defects, us=8000):
    """A world of its own, and a driver on its front end, which takes `us` for a sample."""
    world.front_us = us
    world.eeg, world.finger, world.ticker, world.defects = True, True, None, defects
    world.fault_until_ms = 0
    world.listeners.clear()
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
    assert 1250 - 26 <= n <= 1250 and 12 <= lost <= 16  # until it was set up
    assert marks == 0
    assert machine._front.lost == driver.faults == 0


def test_a_converter_whose_clock_is_three_percent_off_is_a_head_and_loses_nothing():
    for us in (7760, 7840, 8000, 8030, 8160, 8240):
        driver = front(us=us)
        machine._front._signal = lambda at: (at * 37 & 63) - 32 << 4
        eeg, epoch = Eeg(125), wire.Epoch()
        take(driver, 1000)
        n, lost, began = 0, 0, world.now_ms
        for _ in range(6):
            end = world.now_ms + 30000
            while world.now_ms < end:
                time.sleep_ms(100)
                got = driver.read_into(BUF)
                eeg.feed(BUF, got, driver.marks, driver.lost)
                n, lost = n + got, lost + driver.lost
            eeg.close(epoch, 30000)
            assert epoch.quality > 95 and epoch.flags == wire.F_WORN, (us, epoch.quality)
            eeg.next_epoch(30000)
            epoch.clear(0)
        assert lost == machine._front.lost == driver.faults == 0, us
        assert abs(n - (world.now_ms - began) * 1000 // us) < 15, us  # 100 ms are not read yet


def test_what_a_stall_costs_is_counted_to_the_sample():
    for us in (7840, 8000, 8080, 8160):
        driver = front(us=us)
        take(driver, 1000)
        for stall_ms in (45, 17, 10):  # a flash erase, a collection or two, at every read
            before = machine._front.lost
            _n, lost, _ = take(driver, 20000, stall_ms)
            lost += take(driver, 400)[1]
            assert lost == machine._front.lost - before, (us, stall_ms)
        assert driver.faults == 0 and machine._front.lost > 400


def test_a_dip_and_a_stall_of_any_length_is_counted_as_lost_by_the_clock():
    driver = front()
    n, lost, began = 0, 0, world.now_ms
    for dip in (("sensor_reset",), ("bus_fault", 5000), ("bus_stuck",), (3,), (700,)):
        if len(dip) == 1 and type(dip[0]) is int:
            time.charge_us(dip[0] * 1000000)  # blocked
        else:
            world.happen(*dip)
        got = take(driver, 9000)
        n, lost = n + got[0], lost + got[1]
        assert abs(n + lost - (world.now_ms - began) // 8) < 20, (dip, n, lost)
    time.sleep_ms(5000)  # nobody reads
    got = take(driver, 1000)
    assert abs(n + lost + got[0] + got[1] - (world.now_ms - began) // 8) < 20
    driver.sleep()
    time.sleep_ms(60000)
    driver.wake()
    assert take(driver, 1000)[1] < 40  # asleep it lost nothing


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


def test_interrupts_that_queued_during_a_stall_bring_no_sample_twice():
    driver = front()
    take(driver, 1000)
    taken, lost = machine._front.taken, machine._front.lost
    time.charge_us(45000)  # five edges, one sample
    gone = machine._front.lost - lost
    assert machine._front.taken - taken == 1 and gone in (4, 5)
    _n, told, _ = take(driver, 3000)
    assert (told, driver.faults) == (gone, 0) and machine._front.lost - lost == gone


def test_the_chip_is_set_to_what_the_night_needs_and_only_after_sdatac():
    front()
    regs = machine._front.regs
    assert regs[1] == 0x00  # 125 a second
    assert regs[2] == 0xE0  # reference, comparators of the leads, no test signal
    assert regs[4] & 0x80 and regs[5] == 0x00  # channel 1 off, channel 2 gain 6, electrodes
    assert regs[6] & 0x20 and regs[7] == 0x0C  # bias driven, leads of channel 2 watched
    assert regs[9] & 2 and regs[10] & 1  # must be set
    chip = machine._front  # continuous again, it takes no register
    chip.select(True)
    chip.write(b"\x41\x00\x02")
    assert regs[1] == 0x00


def test_samples_are_channel_twos_at_gain_six_with_their_sign():
    driver = front()
    chip = machine._front
    chip._signal = lambda at: 16000 if at & 1 else -16000  # 1 mV up and down
    take(driver, 1000)
    time.sleep_ms(100)
    n = driver.read_into(BUF)
    assert n >= 8
    values = sorted(BUF[:n])
    swing = (values[-1] - values[0]) * 4808 // 100000  # uV, 48.08 nV a count
    assert 1990 <= swing <= 2010
    assert 1 << 23 < (values[0] + values[-1]) // 2 < (1 << 23) + 500000  # the electrodes' offset


def test_rubbish_on_the_wire_is_no_sample_and_is_counted():
    driver = front()
    take(driver, 1000)
    time.sleep_ms(100)
    driver.read_into(BUF)
    good, kept = BUF[0], machine._front.taken
    world.fault_until_ms = world.now_ms + 400
    n, lost, marks = take(driver, 1000)
    assert lost == 50 and driver.faults == 50 and marks & wire.M_FAULT
    assert 65 <= n <= 80 and machine._front.taken - kept == n
    assert abs(BUF[0] - good) < 5000


def test_a_wire_that_stays_bad_has_the_chip_set_up_anew_until_it_is_good():
    driver = front()
    take(driver, 1000)
    starts = Calls(driver, "_set_up")
    world.fault_until_ms = world.now_ms + 5000
    n, _lost, marks = take(driver, 4800)
    assert n == 0 and marks & wire.M_FAULT and starts.n >= 2
    assert take(driver, 4000)[0] > 200


def test_a_chip_that_fell_back_to_its_own_registers_is_set_up_anew():
    driver = front()
    take(driver, 1000)
    chip = machine._front
    chip.regs[1] = 2  # 500 a second: what a dip of the supply leaves where START is tied high
    chip.start()
    n, _lost, marks = take(driver, 3000)
    assert chip.regs[1] == 0 and marks & wire.M_FAULT and n < 250
    assert take(driver, 2000)[1] == 0


def test_a_drdy_that_stands_still_until_a_reset_costs_a_second_or_two():
    driver = front()
    take(driver, 1000)
    world.happen("bus_stuck")
    n, _lost, marks = take(driver, 4000)
    assert marks & wire.M_FAULT and 200 < n < 450
    dead = front(1, "stuck_drdy")
    assert take(dead, 3000)[0] == 0 and dead.faults >= 2


def test_another_part_a_dead_wire_and_a_stuck_one_bring_no_sample():
    for defect in ("ads1292", "miso_low", "miso_high"):
        driver = front(1, defect)
        n, _lost, marks = take(driver, 3000)
        assert n == 0 and driver.faults >= 2 and marks & wire.M_FAULT, defect
        assert driver.part == -1


class Calls:
    """Counts the calls of a driver's method."""

    def __init__(self, driver, name):
        self.n, self.method = 0, getattr(driver, name)
        setattr(driver, name, self)

    def __call__(self, *args):
        self.n += 1
        return self.method(*args)


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
    assert sum(driver.read_into(BUF) for _ in range(3)) == 126
    time.sleep_ms(80)
    assert driver.read_into(BUF) == 1  # the newest had waited for its successor
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
    assert watched.allocated(driver.read_into, BUF) == 0


def test_fetching_a_sample_allocates_nothing():
    driver = front()
    take(driver, 1000)
    chip, world.ticker = machine._front, None
    driver._get = Wire().readinto  # the simulator's allocates
    driver._fetch(None)
    gc.collect()
    gc.disable()
    grown = 0
    for late in (0, 45, 400):  # in time, after a stall, late beyond all measure
        world.now_ms += late
        for _ in range(3):
            chip._fetched = False
            before = gc.mem_alloc()
            driver._fetch(None)
            grown += gc.mem_alloc() - before
    gc.enable()
    assert grown == 0


class Wire:
    def readinto(self, buf):
        buf[0], buf[6] = 0xC0, 0x80


# what the state of the driver holds, in its order
IN, OUT, FULL, DUE, MISSING, BAD, NEXT, LOST, MARKS = range(9)


def plain_keep(frame, now, s, ring, lost):
    """`keep` without machine words."""
    late = time.ticks_diff(now, s[DUE])
    gone = max(0, (late + 1) // 8)
    s[MISSING] += gone
    late -= 8 * gone
    if late < -4 and lost[s[IN] - 1]:
        lost[s[IN] - 1] -= 1
        late = 0
    slower = min(1, late) if late < 0 or s[IN] % 4 == 0 else 0
    s[DUE] = time.ticks_add(now, 8 - late + slower)
    if frame[0] >> 4 != 12 or frame[2] or frame[1] % 32 or late < -4:
        s[MISSING] += 1
        s[BAD] += 1
        s[NEXT] = wire.M_FAULT
        return 1
    if s[FULL] or (s[IN] + 1) % 128 == s[OUT]:
        s[FULL] = 1
        s[MISSING] += 1
        return 0
    if (frame[0] * 2 + frame[1] // 128) & 12:
        s[NEXT] |= wire.M_LEADOFF
    value = frame[6] * 65536 + frame[7] * 256 + frame[8]
    ring[s[IN]] = s[NEXT] << 24 | (value + (1 << 23)) % (1 << 24)
    lost[s[IN]] = min(s[MISSING], 65535)
    s[MISSING] -= lost[s[IN]]
    s[NEXT] = s[BAD] = 0
    s[IN] = (s[IN] + 1) % 128
    return 0


def plain_give(s, ring, lost, out, most):
    """`give` without machine words."""
    ready, n = (s[IN] - s[OUT]) % 128 - 1, 0
    s[LOST] = s[MARKS] = 0
    while n < min(ready, most):
        if lost[s[OUT]] or ring[s[OUT]] >> 24 != s[MARKS]:
            if n:
                break
            s[LOST], s[MARKS] = lost[s[OUT]], ring[s[OUT]] >> 24
        out[n] = ring[s[OUT]] % (1 << 24)
        s[OUT], n = (s[OUT] + 1) % 128, n + 1
    if n >= ready:
        s[FULL] = 0
    return n


class Dice:
    def __init__(self):
        self.x = 1

    def roll(self, n):
        self.x = self.x * 1103 + 12345 & 0x7FFFF
        return (self.x >> 6) % n


def test_machine_words_keep_and_give_what_plain_integers_do():
    roll = Dice().roll
    begun = (1 << 30) - 40000  # the count wraps on the way
    sides = [
        (array("i", [0] * 9), array("i", [0] * 128), array("H", [0] * 128), array("i", [0] * 32))
        for _ in range(2)
    ]
    for s, _ring, _lost, _out in sides:
        s[DUE] = now = begun
    seen = set()
    for turn in range(4000):
        step = 8
        if roll(12) == 0:
            step = (0, 2, 5, 7, 9, 12, 50, 700, 600000)[roll(9)]
        now = time.ticks_add(now, step)
        frame = bytearray((0xC0 + (roll(40) == 0), 0, 0, 0, 0, 0, roll(256), roll(256), roll(256)))
        if roll(30) == 0:
            frame[roll(3)] ^= 1 << roll(8)
        told = [f(frame, now, *side[:3]) for f, side in zip((keep, plain_keep), sides)]
        assert told[0] == told[1], turn
        if turn % 1000 < 800 and roll(15) == 0:  # nobody reads for a while
            n = [f(*side, 32 if turn & 1 else 7) for f, side in zip((give, plain_give), sides)]
            assert n[0] == n[1], turn
        assert sides[0] == sides[1], turn
        s = sides[0][0]
        seen.update(("told", told[0], "full", s[FULL], "lost", s[LOST] > 0, "marks", s[MARKS]))
    assert {0, 1, wire.M_FAULT, wire.M_LEADOFF} <= seen
