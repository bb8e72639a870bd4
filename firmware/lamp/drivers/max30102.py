"""MAX30102 pulse sensor: FIFO bursts of infrared samples into the caller's buffer.

IR alone, 200 Hz averaged by 4 = 50 Hz, 18 bits. Registers and bits: MAX30102 data sheet 19-7740
rev 1. Survives and counts every I2C fault. Knows no product.
"""

import time

from .. import wire
from ..compat import const, micropython, ptr8, ptr32

_ADDRESS = const(0x57)
_STATUS = const(0x00)
_ENABLE = const(0x02)
_FIFO = const(0x04)
_DATA = const(0x07)
_MODE = const(0x09)
_LED_IR = const(0x0D)
_TEMP = const(0x1F)
_TEMP_ON = const(0x21)
_PART = const(0xFF)
_RESET = const(0x40)
_SHUTDOWN = const(0x80)
_MULTI_LED = const(0x07)
_A_FULL = const(0x80)
_PART_MAX30102 = const(0x15)
_PART_MAX30100 = const(0x11)  # what cheap boards often are: half the FIFO, another register map

_DEPTH = const(32)
_BURST = const(16)  # 48 bytes: with the older ESP-IDF driver a sick bus may block 0.1 s a byte
_SAMPLE_MS = const(20)
_OVERFLOW_MAX = const(31)  # the counter's ceiling: from there the clock counts better

_HALF_SCALE = const(131072)
_LED_START = const(0x1F)  # 6.2 mA
_LED_MIN = const(4)
_LED_MAX = const(0xC8)  # 40 mA
_NO_FINGER = const(800)  # counts per LED step below which nothing is on the sensor (finger: 3000)
_SERVO = const(100)  # samples, 2 s, between two looks
_TEMP_EVERY = const(1500)  # samples, 30 s
_TEMP_MS = const(60)  # a conversion takes 29 ms
_TOO_HOT_C = const(41)  # of the die, which lies on skin
_COOL_MS = const(60000)
_RETRY_MS = const(1000)

# register, value: IR in the first slot, rollover, interrupt (and A_FULL) at 17 waiting samples
_SETUP = b"\x08\x5f\x0a\x2b\x0c\x00\x11\x02\x12\x00\x02\x80\x04\x00\x05\x00\x06\x00"


@micropython.viper
def unpack(raw: ptr8, n: int, out: ptr32, at: int) -> int:
    """Decode n samples of 3 bytes into `out` from place `at`; their sum (below 2**22)."""
    i: int = 0
    total: int = 0
    while n > 0:
        value: int = (raw[i] << 16 | raw[i + 1] << 8 | raw[i + 2]) & 0x3FFFF
        out[at] = value
        total += value
        i += 3
        at += 1
        n -= 1
    return total


class Max30102:
    """`make_bus()` gives a fresh I2C bus: it is asked again when three transfers in a row failed.

    After `read_into`: `marks`, `lost` (samples missing before this burst); always: `led`
    (register), `temp_c` (die), `faults` and `errno` (I2C, since construction), `part` (-1 until a
    sensor answered), `hot` (stopped to spare the skin).
    """

    kind = "ppg"
    rate_hz = 50

    def __init__(self, make_bus):
        self._make_bus = make_bus
        self._bus = make_bus()
        self._head = bytearray(7)  # status 1 .. read pointer in one transfer
        self._raw = bytearray(3 * _BURST)
        self._views = [memoryview(self._raw)[: 3 * n] for n in range(_BURST + 1)]
        self._one = bytearray(1)
        self._two = bytearray(2)
        self.marks = self.lost = self.faults = self.errno = self.temp_c = 0
        self.led = _LED_START
        self.part = -1
        self.hot = False
        self._awake = False
        self._up = False
        self._in_row = 0
        self._next = 0  # marks of the burst after this one
        self._servo_in = _SERVO
        self._temp_in = _SERVO
        self._temp_due = False
        self._retry_at = self._seen_at = time.ticks_ms()
        self._left = 0  # samples left in the FIFO at `_seen_at`
        self._fresh = True  # nothing is missing before the first sample
        self._doubt = False  # a transfer failed: samples may be gone that nobody counted

    def wake(self):
        """Start sampling; a sensor that does not answer is tried again by `read_into`."""
        self._awake = True
        self._up = False
        self._fresh = True
        self._retry_at = time.ticks_ms()

    def sleep(self):
        """Stop sampling, LED dark."""
        self._awake = False
        if self._up:
            try:
                self._write(_MODE, _SHUTDOWN)
            except OSError as error:
                self._fault(error)
        self._up = False

    def read_into(self, buf):
        """Fill `buf` (array 'i', 32) with what has come since; the count. Never raises."""
        self.marks, self._next = self._next, 0
        self.lost = 0
        if not self._awake:
            return 0
        try:
            if not self._up and not self._set_up():
                return 0
            n = self._drain(buf)
            self._in_row = 0
            return n
        except OSError as error:
            self._fault(error)
            return 0

    # --- inside ---------------------------------------------------------------------------------

    def _write(self, register, value):
        self._one[0] = value
        self._bus.writeto_mem(_ADDRESS, register, self._one)

    def _read(self, register, buf):
        self._bus.readfrom_mem_into(_ADDRESS, register, buf)

    def _fault(self, error):
        self.faults += 1
        self.errno = error.errno or -1
        self._next |= wire.M_FAULT
        self._doubt = True
        self._in_row += 1
        if self._in_row >= 3:
            self._in_row = 0
            try:
                self._bus = self._make_bus()
            except OSError:
                pass  # the old one is as good: the next fault tries again

    def _set_up(self):
        """Bring the chip from any state to sampling; False while it is too early to try."""
        now = time.ticks_ms()
        if time.ticks_diff(now, self._retry_at) < 0:
            return False
        self._retry_at = time.ticks_add(now, _RETRY_MS)
        self._read(_PART, self._one)
        self.part = self._one[0]
        if self.part != _PART_MAX30102:
            self._next |= wire.M_FAULT
            return False
        self._write(_MODE, _RESET)
        time.sleep_ms(1)
        self._read(_STATUS, self._two)  # PWR_RDY holds the interrupt until it is read
        for i in range(0, len(_SETUP), 2):
            self._write(_SETUP[i], _SETUP[i + 1])
        self._write(_LED_IR, self.led)
        self._write(_MODE, _MULTI_LED)
        now = time.ticks_ms()
        if not self._fresh:
            self._miss(time.ticks_diff(now, self._seen_at) // _SAMPLE_MS + self._left)
        self._fresh = self._doubt = False
        self._seen_at, self._left = now, 0
        self._temp_due = False
        self._up = True
        return True

    def _miss(self, n):
        if n > 0:
            self.lost += n
            self.marks |= wire.M_LOST

    def _drain(self, buf):
        head = self._head
        self._read(_STATUS, head)
        now = time.ticks_ms()
        if head[_ENABLE] != _A_FULL:  # it lost its settings: its supply dipped
            self._up, self._retry_at = False, now  # that of the last set-up may be days old
            self._next |= wire.M_FAULT
            return 0
        waiting = (head[4] - head[6]) & (_DEPTH - 1)
        if waiting == 0 and (head[5] or head[0] & _A_FULL):
            waiting = _DEPTH  # equal pointers: empty or full
        if head[5] or self._doubt:
            self._account(head[5], waiting, now)
        n = 0
        total = 0
        while n < waiting and n < len(buf):
            burst = min(_BURST, waiting - n, len(buf) - n)
            self._read(_DATA, self._views[burst])
            total += unpack(self._raw, burst, buf, n)
            n += burst
        self._seen_at, self._left = now, waiting - n
        if n:
            self._servo(total // n, n)
            self._thermometer(n)
        return n

    def _account(self, counter, waiting, now):
        """The FIFO ran over, or a burst failed half way: say how many samples are gone."""
        gone = counter
        if counter >= _OVERFLOW_MAX or self._doubt:
            came = time.ticks_diff(now, self._seen_at) // _SAMPLE_MS + self._left
            gone = max(counter, came - waiting)
        self._doubt = False
        if gone > 1 or counter:  # one is the clocks' own difference
            self._miss(gone)

    def _servo(self, mean, n):
        """Lead a finger's light back to half scale, by half at most, when it left 35-65 %."""
        self._servo_in -= n
        if self._servo_in > 0:
            return
        self._servo_in = _SERVO
        if mean < _NO_FINGER * self.led:
            return
        if _HALF_SCALE * 7 // 10 <= mean <= _HALF_SCALE * 13 // 10:
            return
        led = self.led * _HALF_SCALE // mean
        led = max(_LED_MIN, self.led // 2, min(_LED_MAX, self.led * 3 // 2, led))
        if led != self.led:
            self._write(_LED_IR, led)
            self.led = led
            self._next |= wire.M_LED

    def _thermometer(self, n):
        """Measure the die each half minute; stop where it would be too warm on skin."""
        self._temp_in -= n
        if self._temp_in > 0:
            return
        if not self._temp_due:
            self._write(_TEMP_ON, 1)
            self._temp_due = True
            self._temp_in = _TEMP_MS // _SAMPLE_MS
            return
        self._temp_due = False
        self._temp_in = _TEMP_EVERY
        self._read(_TEMP, self._one)
        temp_c = self._one[0]
        self.temp_c = temp_c - 256 if temp_c > 127 else temp_c
        self.hot = self.temp_c > _TOO_HOT_C
        if self.hot:
            self._write(_MODE, _SHUTDOWN)
            self._up = False
            self._next |= wire.M_FAULT
            self._temp_in = _SERVO
            self._retry_at = time.ticks_add(time.ticks_ms(), _COOL_MS)
