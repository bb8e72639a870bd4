"""ADS1292R front end: 125 EEG samples a second from channel 2, fetched one by one.

The chip has no FIFO: a sample not fetched within 8 ms is overwritten. An interrupt on DRDY
fetches it into a ring; what a flash erase or the radio kept it from fetching, and what a chip that
is set up anew does not give, is counted by the clock and told as lost. Gain 6, so 48.08 nV a
count; samples are given in offset binary, 24 bits. Registers and opcodes: TI SBAS502. Knows no
product.
"""

import time
from array import array

from .. import wire
from ..compat import const, micropython, ptr8, ptr16, ptr32

_WAKEUP, _RESET, _START, _RDATAC, _SDATAC = b"\x02", b"\x06", b"\x08", b"\x10", b"\x11"
_RREG = const(0x20)
_WREG = const(0x40)
_ID = const(0x73)
_CONFIG1 = const(1)
# CONFIG1 125 SPS; CONFIG2 reference on, lead-off comparators on; LOFF 22 nA, direct current;
# CH1SET off and shorted; CH2SET gain 6, electrodes; RLD on, from channel 2; LOFF_SENS channel 2
_SETUP = b"\x00\xe0\x14\x81\x00\x2c\x0c"
_PERIOD_MS = const(8)
_RING = const(128)  # one second
_RESP = b"\x49\x01\x02\x03"  # RESP1, RESP2
_STATUS = const(0xC0)  # the first byte's top nibble is 1100; 13 bits at its end are 0
_EARLY_MS = const(-4)  # a chip that lost its registers samples at 500 a second
_SICK = const(60)  # bad frames in a row: it is set up anew
_OFF = const(0x0C)  # of LOFF_STAT: IN2N, IN2P
_RETRY_MS = const(1000)
_SETTLE_MS = const(1000)  # of the reference
_SILENT_MS = const(200)  # without DRDY: the chip is gone
_EIO = const(5)
_TICKS = const(0x3FFFFFFF)
_HALF = const(0x20000000)

# where the state keeps what; none is ever negative
_IN = const(0)  # where the next sample goes
_OUT = const(1)
_FULL = const(2)  # 1: until all of it was read: one break, not one a sample
_DUE = const(3)  # when the next sample is expected
_MISSING = const(4)  # before the next sample
_BAD = const(5)  # frames in a row
_NEXT = const(6)  # marks of the next sample
_LOST = const(7)  # before the burst that was given last
_MARKS = const(8)  # of it


@micropython.viper
def keep(frame: ptr8, now: int, s: ptr32, ring: ptr32, lost: ptr16) -> int:
    """Put what was fetched at `now` into the ring and count by the clock what was not; 1: it is
    no sample."""
    place = s[_IN]
    late = ((now - s[_DUE] + _HALF) & _TICKS) - _HALF
    gone = late + 1 >> 3  # rather one too many, which the next sample will tell
    missing = s[_MISSING]
    if gone > 0:
        missing += gone
        late -= gone << 3
    elif late < _EARLY_MS:
        before = place - 1 & _RING - 1
        told = int(lost[before])
        if told:
            lost[before] = told - 1
            late = 0
    due = _PERIOD_MS - late
    if late < 0 or (place & 3) == 0:  # two clocks, up to 3 % apart: follow, slowly if later
        due += late if late < 1 else 1
    s[_DUE] = now + due & _TICKS
    status = int(frame[0])
    leads = int(frame[1])
    bad = int(frame[2]) | leads & 0x1F | (status & 0xF0 ^ _STATUS)
    if bad or late < _EARLY_MS:
        s[_MISSING] = missing + 1
        s[_NEXT] = int(wire.M_FAULT)
        s[_BAD] += 1
        return 1
    following = place + 1 & _RING - 1
    if s[_FULL] or following == s[_OUT]:
        s[_FULL] = 1
        s[_MISSING] = missing + 1
        return 0
    marks = s[_NEXT]
    if (status << 1 | leads >> 7) & _OFF:  # LOFF_STAT is split over two bytes of the status word
        marks |= int(wire.M_LEADOFF)
    # two's complement to offset binary
    x = (int(frame[6]) ^ 0x80) << 16 | int(frame[7]) << 8 | int(frame[8])
    ring[place] = marks << 24 | x
    told = missing if missing < 65535 else 65535
    lost[place] = told
    s[_MISSING] = missing - told
    s[_NEXT] = 0
    s[_BAD] = 0
    s[_IN] = following
    return 0


@micropython.viper
def give(s: ptr32, ring: ptr32, lost: ptr16, out: ptr32, most: int) -> int:
    """Copy up to `most` samples, up to the next break or other marks; the count."""
    place = s[_OUT]
    ready = (s[_IN] - place & _RING - 1) - 1  # the newest waits for the one after it
    marks = 0
    n = 0
    s[_LOST] = 0
    while n < ready and n < most:
        x = ring[place]
        gone = int(lost[place])
        if gone or x >> 24 != marks:
            if n:
                break
            s[_LOST] = gone
            marks = x >> 24
        out[n] = x & 0xFFFFFF
        n += 1
        place = place + 1 & _RING - 1
    s[_OUT] = place
    s[_MARKS] = marks
    if n >= ready:
        s[_FULL] = 0
    return n


class Ads1292r:
    """`spi` in mode 1, at most 1 MHz; pins `cs`, `drdy`, `rst`.

    After `read_into`: `marks`, `lost` (samples missing before this burst); always: `faults` and
    `errno`, `part` (-1 until the chip answered). `led` and `temp_c` are 0: it has neither.
    """

    kind = "eeg"
    rate_hz = 125

    def __init__(self, spi, cs, drdy, rst):
        self._spi = spi
        self._rst = rst
        self._frame = bytearray(9)
        self._one = bytearray(1)
        self._ring = array("i", [0] * _RING)  # marks << 24 | sample
        self._lost = array("H", [0] * _RING)  # samples missing before the one at that place
        self._s = array("i", [0] * 9)
        # bound once: an interrupt a sample asks for them
        self._ready, self._select, self._get = drdy.value, cs.value, spi.readinto
        self.marks = self.lost = self.faults = self.errno = self.led = self.temp_c = 0
        self.part = -1
        self._up = False
        self._awake = False
        self._retry_at = time.ticks_ms()
        drdy.irq(self._fetch, 2)  # falling

    def wake(self):
        """Start sampling; a chip that does not answer is tried again by `read_into`."""
        self._awake = True
        self._retry_at = now = time.ticks_ms()
        self._s[_DUE] = now  # type: ignore[call-overload]  # from now on what is missing is lost

    def sleep(self):
        """Stop sampling."""
        self._awake = self._up = False
        self._rst.value(0)

    def read_into(self, buf):
        """Fill `buf` with what was fetched, up to the next break or other marks; the count. Never
        raises."""
        self.marks = self.lost = 0
        if not self._awake:
            return 0
        now, s = time.ticks_ms(), self._s
        if not self._up:
            if time.ticks_diff(now, self._retry_at) >= 0:
                self._set_up(_SETUP)
            return 0
        if s[_BAD] > _SICK or time.ticks_diff(now, s[_DUE]) > _SILENT_MS:
            self._fault()
            return 0
        n = give(s, self._ring, self._lost, buf, len(buf))
        self.lost, self.marks = s[_LOST], s[_MARKS]
        return n

    # --- inside ---------------------------------------------------------------------------------

    def _fetch(self, _pin):
        """A sample is ready. Allocates nothing: an interrupt may come in the midst of anything.

        After a stall the interrupts that queued come all at once: DRDY says which finds a sample.
        """
        if not self._up or self._ready():
            return
        now, frame = time.ticks_ms(), self._frame
        self._select(0)
        self._get(frame)
        self._select(1)
        if keep(frame, now, self._s, self._ring, self._lost):  # type: ignore[arg-type]
            self.faults += 1

    def _send(self, data):
        self._select(0)
        self._spi.write(data)
        self._select(1)

    def _set_up(self, setup):
        """Reset, identify, write the registers, start; True if the chip answered."""
        self._rst.value(0)
        time.sleep_ms(10)
        self._rst.value(1)
        time.sleep_ms(100)
        self._send(_SDATAC)  # before any register access
        if self._register(0) != _ID:
            self._fault()
            return False
        self.part = _ID
        for i in range(len(setup)):
            self._send(bytes((_WREG | _CONFIG1 + i, 0, setup[i])))
        self._send(_RESP)  # bits that must be set
        for i in range(len(setup)):
            if self._register(_CONFIG1 + i) != setup[i]:
                self._fault()
                return False
        self._send(_START)
        self._send(_RDATAC)
        now = time.ticks_ms()
        s = self._s
        s[_MISSING] += time.ticks_diff(now, s[_DUE]) // _PERIOD_MS
        s[_DUE] = time.ticks_add(now, _PERIOD_MS)  # type: ignore[call-overload]
        s[_BAD] = 0
        self._up = True
        return True

    def _register(self, register):
        self._select(0)
        self._spi.write(bytes((_RREG | register, 0)))
        self._get(self._one)
        self._select(1)
        return self._one[0]

    def _fault(self):
        self.faults += 1
        self.errno = _EIO
        self.marks = self._s[_NEXT] = wire.M_FAULT
        self._up = False
        self._retry_at = time.ticks_add(time.ticks_ms(), _RETRY_MS)
