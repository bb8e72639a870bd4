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
from ..compat import const

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


class Ads1292r:
    """`spi` in mode 1, at most 1 MHz; pins `cs`, `drdy`, `rst`.

    After `read_into`: `marks`, `lost` (samples missing before this burst); always: `faults` and
    `errno`, `part` (-1 until the chip answered). `led` and `temp_c` are 0: it has neither.
    """

    kind = "eeg"
    rate_hz = 125

    def __init__(self, spi, cs, drdy, rst):
        self._spi = spi
        self._cs = cs
        self._drdy = drdy
        self._rst = rst
        self._frame = bytearray(9)
        self._one = bytearray(1)
        self._ring = array("i", [0] * _RING)  # marks << 24 | sample
        self._lost = array("H", [0] * _RING)  # samples missing before the one at that place
        self._in = self._out = 0
        self._full = False  # until all of it was read: one break, not one a sample
        self._due = time.ticks_ms()  # when the next sample is expected
        self._missing = 0  # before the next sample
        self._bad = 0  # frames in a row
        self._next = 0  # marks of the next sample
        self.marks = self.lost = self.faults = self.errno = self.led = self.temp_c = 0
        self.part = -1
        self._up = False
        self._awake = False
        self._retry_at = time.ticks_ms()
        drdy.irq(self._fetch, 2)  # falling

    def wake(self):
        """Start sampling; a chip that does not answer is tried again by `read_into`."""
        self._awake = True
        self._due = self._retry_at = time.ticks_ms()  # from now on what is missing is lost

    def sleep(self):
        """Stop sampling."""
        self._awake = self._up = False
        self._rst.value(0)

    def read_into(self, buf):
        """Fill `buf` with what was fetched, up to the next break or other marks; the count. Never
        raises."""
        self.marks = self.lost = n = 0
        if not self._awake:
            return 0
        now = time.ticks_ms()
        if not self._up:
            if time.ticks_diff(now, self._retry_at) >= 0:
                self._set_up(_SETUP)
            return 0
        if self._bad > _SICK or time.ticks_diff(now, self._due) > _SILENT_MS:
            self._fault()
            return 0
        out = self._out
        ready = (self._in - out) % _RING - 1  # the newest waits for the one after it
        while n < ready and n < len(buf):
            x = self._ring[out]
            if self._lost[out] or x >> 24 != self.marks:
                if n:
                    break
                self.lost = self._lost[out]
                self.marks = x >> 24
            buf[n] = x & 0xFFFFFF
            n += 1
            out = (out + 1) % _RING
        self._out = out
        if n >= ready:
            self._full = False
        return n

    # --- inside ---------------------------------------------------------------------------------

    def _fetch(self, _pin):
        """A sample is ready. Allocates nothing: an interrupt may come in the midst of anything.

        After a stall the interrupts that queued come all at once: DRDY says which finds a sample.
        """
        if not self._up or self._drdy.value():
            return
        now = time.ticks_ms()
        frame = self._frame
        self._cs.value(0)
        self._spi.readinto(frame)
        self._cs.value(1)
        late = time.ticks_diff(now, self._due)
        gone = (late + 1) // _PERIOD_MS  # rather one too many, which the next sample will tell
        if gone > 0:
            self._missing += gone
            late -= gone * _PERIOD_MS
        elif late < _EARLY_MS and self._lost[self._in - 1]:
            self._lost[self._in - 1] -= 1
            late = 0
        due = _PERIOD_MS - late
        if late < 0 or not self._in & 3:  # two clocks, up to 3 % apart: follow, slowly if later
            due += min(1, late)
        self._due = time.ticks_add(now, due)
        following = (self._in + 1) % _RING
        if frame[0] & 0xF0 != _STATUS or frame[2] or frame[1] & 0x1F or late < _EARLY_MS:
            self._missing += 1
            self._next = wire.M_FAULT
            self._bad += 1
            self.faults += 1
        elif self._full or following == self._out:
            self._full = True
            self._missing += 1
        else:
            at = self._in
            # LOFF_STAT is split over two bytes of the status word
            if (frame[0] << 1 | frame[1] >> 7) & _OFF:
                self._next |= wire.M_LEADOFF
            # two's complement to offset binary
            x = (frame[6] ^ 0x80) << 16 | frame[7] << 8 | frame[8]
            self._ring[at] = self._next << 24 | x
            lost = self._lost[at] = min(self._missing, 65535)
            self._missing -= lost
            self._next = self._bad = 0
            self._in = following

    def _send(self, data):
        self._cs.value(0)
        self._spi.write(data)
        self._cs.value(1)

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
        self._missing += time.ticks_diff(now, self._due) // _PERIOD_MS
        self._due = time.ticks_add(now, _PERIOD_MS)
        self._bad = 0
        self._up = True
        return True

    def _register(self, register):
        self._cs.value(0)
        self._spi.write(bytes((_RREG | register, 0)))
        self._spi.readinto(self._one)
        self._cs.value(1)
        return self._one[0]

    def _fault(self):
        self.faults += 1
        self.errno = _EIO
        self.marks = self._next = wire.M_FAULT
        self._up = False
        self._retry_at = time.ticks_add(time.ticks_ms(), _RETRY_MS)
