"""The chip's peripherals, in the place of the built-in `machine`: what an ESP32 has of it.

One MAX30102 hangs on the bus (or, in a world with EEG, an ADS1292R on SPI), a button, the
sensor's interrupt, the supply divider and the lamp's gate on the pins of hardware/ (DevKitC). A
name the chip's own module lacks is missing here too. Not modelled: analogue noise, pin drive
strength, sleep modes.
"""

import time

import world
from micropython import const
from oximeter import Max30102

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5

# the world's wiring
_BUTTON = const(32)
_SENSOR_INT = const(27)
_SUPPLY = const(35)
_LAMP = const(25)
_SCL = const(22)
_EEG_CS = const(13)
_EEG_DRDY = const(4)
_EEG_RST = const(26)
ABSENT_PINS = (6, 7, 8, 9, 10, 11, 20, 24, 28, 29, 30, 31)  # flash, or not bonded out
_ENODEV = const(19)
_ETIMEDOUT = const(116)

_sensor = None
_front = None
_freq = 160000000


def chip():
    """The sensor on the I2C bus; None if there is none."""
    global _sensor
    if _sensor is None and world.sensor:
        _sensor = Max30102(world.sensor)
    return _sensor


def front():
    """The EEG front end on SPI; None in a world without EEG."""
    global _front
    if _front is None and world.eeg:
        from electrodes import Ads1292r

        _front = Ads1292r()
    return _front


def reset():
    world.die(world.Reset(world.HARD_RESET))


def soft_reset():
    world.die(world.Reset(world.SOFT_RESET))


def reset_cause():
    return world.cause


def unique_id():
    return bytes((0x24, 0x6F, 0x28, 0, world.seed >> 8 & 255, world.seed & 255))


def freq(hz=None):
    global _freq
    if hz is None:
        return _freq
    if hz not in (20000000, 40000000, 80000000, 160000000, 240000000):
        raise ValueError("frequency must be 20MHz, 40MHz, 80Mhz, 160MHz or 240MHz")
    _freq = hz


class Pin:
    IN, OUT, OPEN_DRAIN = 1, 3, 7
    PULL_DOWN, PULL_UP = 1, 2
    IRQ_RISING, IRQ_FALLING = 1, 2
    WAKE_LOW, WAKE_HIGH = 4, 5

    def __init__(self, pin, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        if pin in ABSENT_PINS or not 0 <= pin < 40:
            raise ValueError("invalid pin")
        if pin >= 34 and mode in (Pin.OUT, Pin.OPEN_DRAIN):
            raise ValueError("pin can only be input")
        self._id = pin
        self._level = 1 if value is None else value
        self._clocks = 0
        self._handler = None

    def init(self, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        self.__init__(self._id, mode, pull, value=value)

    def value(self, level=None):
        if level is None:
            time.charge_us(time.CALL_US)
            return self._read()
        if self._id == _SCL and level and not self._level:
            self._clocks += 1
            if self._clocks >= 9:  # a slave stuck in a byte lets go of SDA
                world.stuck = False
        self._level = 1 if level else 0
        if world.eeg and self._id == _EEG_CS:
            front().select(not level)
        elif world.eeg and self._id == _EEG_RST and not level:
            front().reset()

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def _read(self):
        if self._id == _BUTTON:
            return 0 if world.now_ms < world.button_until_ms else 1
        if self._id == _SENSOR_INT:
            device = chip()
            return device.irq() if device else 1
        return self._level

    def irq(self, handler=None, trigger=3, wake=None):
        self._handler, self._trigger = handler, trigger
        if self._id == _EEG_DRDY and world.eeg:
            front().handler = handler
        if self._id == _BUTTON and self._edge not in world.edges:
            world.edges.append(self._edge)

    def _edge(self, down):
        if self._handler and self._trigger & (Pin.IRQ_FALLING if down else Pin.IRQ_RISING):
            self._handler(self)


class SPI:
    """Mode 1, with the EEG front end on it; a transfer takes its 8 bits a byte."""

    MSB, LSB = 0, 1

    def __init__(self, id=-1, baudrate=500000, *, polarity=0, phase=0, bits=8, firstbit=0,
                 sck=None, mosi=None, miso=None):  # fmt: skip
        self._byte_us = 8000000 // baudrate
        self._wrong = (polarity, phase) != (0, 1) or baudrate > 1000000  # the chip reads rubbish

    def write(self, buf):
        time.charge_us(len(buf) * self._byte_us)
        if world.eeg and not self._wrong:
            front().write(bytes(buf))

    def readinto(self, buf, write=0):
        time.charge_us(len(buf) * self._byte_us)
        if world.eeg and not self._wrong:
            front().read(buf)


class I2C:
    """A bus at `freq`, with one chip on it; a transfer takes its 9 bits a byte."""

    def __init__(self, id=-1, *, scl=None, sda=None, freq=400000, timeout=50000):
        self._byte_us = 9000000 // freq
        self._timeout_us = timeout

    def _start(self, address, n):
        """Spend the time of n bytes; the chip addressed, or the error the bus gives."""
        if world.now_ms < world.fault_until_ms or world.stuck:
            time.charge_us(self._timeout_us)
            raise OSError(_ETIMEDOUT)
        time.charge_us(n * self._byte_us)
        device = chip()
        if device is None or address != 0x57:
            raise OSError(_ENODEV)
        return device

    def scan(self):
        time.charge_us(112 * self._byte_us)
        return [0x57] if chip() and not world.stuck else []

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        self._start(addr, 3 + len(buf)).read(memaddr, buf)

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        buf = bytearray(nbytes)
        self.readfrom_mem_into(addr, memaddr, buf)
        return bytes(buf)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self._start(addr, 2 + len(buf)).write(memaddr, buf)


SoftI2C = I2C


class PWM:
    """One pin's duty; every change goes to light.log."""

    def __init__(self, dest, *, freq=5000, duty_u16=32768):
        self._freq = freq
        self._duty = -1
        self.duty_u16(duty_u16)

    def init(self, *, freq=5000, duty_u16=32768):
        self.__init__(None, freq=freq, duty_u16=duty_u16)

    def freq(self, hz=None):
        if hz is None:
            return self._freq
        self._freq = hz

    def duty_u16(self, duty=None):
        if duty is None:
            return self._duty
        if not 0 <= duty <= 65535:
            raise ValueError("duty_u16 must be from 0 to 65535")
        if duty != self._duty:
            self._duty = duty
            world.log_light(duty)

    def deinit(self):
        self.duty_u16(0)


class ADC:
    """The supply divider, 100 k over 47 k: 5.0 V of USB, 4.0 V of a battery without it."""

    ATTN_0DB, ATTN_2_5DB, ATTN_6DB, ATTN_11DB = 0, 1, 2, 3
    WIDTH_9BIT, WIDTH_10BIT, WIDTH_11BIT, WIDTH_12BIT = 9, 10, 11, 12

    def __init__(self, pin, *, atten=0):
        self._pin = pin._id

    def read_uv(self):
        supply_mv = 5000 if world.usb else 4000
        return supply_mv * 47 // 147 * 1000 if self._pin == _SUPPLY else 0

    def read_u16(self):
        return self.read_uv() // 1000 * 65535 // 3100


class WDT:
    """Unfed for `timeout` ms it resets the chip; it cannot be stopped."""

    def __init__(self, id=0, timeout=5000):
        self._timeout = timeout
        self.feed()

    def feed(self):
        world.guard(world.now_ms + self._timeout)


class RTC:
    """Date and time since power-up; 2000-01-01 there."""

    def datetime(self, when=None):
        if when is not None:
            raise NotImplementedError("the lamp never sets its clock")
        t = time.gmtime()
        return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0)
