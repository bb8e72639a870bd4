"""An ADS1292R at register level, behind the simulated SPI bus, and the head it is glued to.

Opcodes, register access only after SDATAC, the three parts of a frame, DRDY per sample, no FIFO:
a sample is overwritten after 8 ms. Inputs by CH2SET: electrodes, shorted (noise alone), test
(a square wave of 1 mV, 1 Hz, if CONFIG2 asks for it); the gain of CH2SET; the rate of CONFIG1.
Lead-off while the finger (here: the head) is off, if LOFF_SENS and the comparators ask for it.
Facts: TI SBAS502. `eeg.bin` comes from the host: int16, little-endian, 125 a second from world
time 0 on, in 1/16 uV; without it there is noise. Made up: an offset of the electrodes that drifts,
noise of the chip of 0.5 uV rms. A sample takes `front_us` of the world, by a clock of the chip's
own, and up to 1 ms until its edge is heard. Not modelled: channel 1, respiration, motion.

DRDY's interrupt is soft, as on the ESP32: while the chip is blocked (a flash erase, a collection)
the edges pass and queue up to eight, and the handler runs for each of them afterwards, on the
newest sample. (In an erase the chip itself is deaf and remembers one: the queue is the harder.)

The world's events: `sensor_reset` (a dip of its supply: registers as at power-up, stopped),
`bus_fault` (MISO floats: every frame is rubbish), `bus_stuck` (no DRDY until RESET goes low).
"""

from array import array

import world
from micropython import const

_PERIOD_MS = const(8)
_BLOCK = const(1024)  # samples read at once
_COUNTS_Q8 = const(333)  # counts of 1/16 uV at gain 6: 1.3 x 256
_MILLIVOLT = const(20798)
_ID = const(0x73)
_QUEUE = const(8)
_GAINS = b"\x06\x01\x02\x03\x04\x08\x0c"
_RESET = b"\x73\x02\x80\x10\x00\x00\x00\x00\x00\x00\x02\x0c"


class Ads1292r:
    """`transfer(out, into)` is all the bus can do; `select`, `reset` are its pins."""

    def __init__(self):
        self.handler = None  # of DRDY's falling edge
        self.lost = 0  # samples that nobody fetched, since it was started
        self.taken = 0
        self._samples = array("h", [0] * _BLOCK)
        self._block = -1
        self._noise = world.seed & 0xFFFF | 1
        self._fetched = True
        self._stuck = False
        self._frame = bytearray(9)
        self.reset()
        world.listeners.append(self._hear)

    def _hear(self, event, _args):
        if event == "sensor_reset":
            self.reset()
        elif event == "bus_stuck":
            self._stuck = True

    def pull_reset(self):
        """RESET, the pin, goes low."""
        self._stuck = False
        self.reset()

    def reset(self):
        self.regs = bytearray(_RESET)
        if "ads1292" in world.defects:
            self.regs[0] = 0x53
        self.running = False
        self.continuous = True  # RDATAC is what it wakes up with
        self._command = b""
        self._out = b""
        world.ticker = None
        try:
            self._file = open(world.folder + "/eeg.bin", "rb")
        except OSError:
            self._file = None

    # --- time ---------------------------------------------------------------------------------

    def start(self):
        self.running = True
        self._period_us = max(1000, world.front_us >> (self.regs[1] & 7))
        if "slow_front" in world.defects:  # another clock than the 512 kHz of its own
            self._period_us = self._period_us * 5 >> 2
        self._ms, self._us = world.now_ms, self._noise % 1000  # when the next sample is there
        self._pass(1)
        self._fetched = True
        world.ticker = self

    def stop(self):
        self.running = False
        world.ticker = None

    def tick(self):
        """Samples fell due; of those for which the chip was blocked only the last is left."""
        passed = max(0, ((world.now_ms - self._ms) * 1000 - self._us) // self._period_us)
        self._pass(passed)
        self.lost += passed + (not self._fetched)
        self._fetched = False
        self._convert(self._ms // _PERIOD_MS)
        self._pass(1)
        if self.handler and not self._still():
            self.handler(None)
            while passed and passed < _QUEUE:  # those that queued; most find nothing new
                passed -= 1
                self.handler(None)

    def _pass(self, samples):
        us = self._us + samples * self._period_us
        self._ms += us // 1000
        self._us = us % 1000
        self.due_ms = self._ms + (self._us + self._noise % 1000) // 1000

    def _still(self):
        return self._stuck or "stuck_drdy" in world.defects

    def drdy(self):
        """The pin's level: low from a sample's end until it is read."""
        return 1 if self._fetched or not self.running or self._still() else 0

    def _convert(self, at):
        """Put the frame of sample number `at` of the world together."""
        noise = self._noise = self._noise * 1103 + 12345 & 0x7FFFF
        value = (noise >> 7 & 15) + (noise >> 11 & 15) + (noise >> 15 & 15) - 22  # some 0.4 uV
        regs = self.regs
        mux = regs[5] & 15
        off = 0
        if "noisy_front" in world.defects:
            value *= 16
        if mux == 5:
            wave = _MILLIVOLT if at // 63 & 1 else -_MILLIVOLT
            if "weak_reference" in world.defects:  # as told by one a third too high
                wave -= wave >> 2
            value += wave if regs[2] & 3 == 3 else 0
        elif mux == 0 and not world.finger:
            off = 0x0C if regs[6 + 1] & 0x0C and regs[2] & 0x40 else 0
            value = 0x7FFFFF
        elif mux == 0:
            value += 400000 + (at >> 4 & 0x7FF) + (self._signal(at) * _COUNTS_Q8 >> 8)
        gain = _GAINS[regs[5] >> 4 & 7]
        if regs[5] & 0x80 or not regs[2] & 0x20:  # powered down, or without its reference
            value = 0
        elif gain != 6:
            value = value * gain // 6
        value = max(-0x800000, min(0x7FFFFF, value))
        frame = self._frame
        frame[0] = 0xC0 | off >> 1
        frame[1] = (off & 1) << 7
        frame[6] = value >> 16 & 255
        frame[7] = value >> 8 & 255
        frame[8] = value & 255

    def _signal(self, at):
        if not self._file:
            return 0
        block = at // _BLOCK
        if block != self._block:
            self._block = block
            for i in range(_BLOCK):
                self._samples[i] = 0
            self._file.seek(block * 2 * _BLOCK)
            self._file.readinto(self._samples)
        return self._samples[at % _BLOCK]

    # --- the bus ------------------------------------------------------------------------------

    def select(self, low):
        """CS falls or rises: a command ends with it."""
        if low:
            self._command = b""
            self._out = self._frame if self.continuous and self.running else b""
            self._at = 0

    def write(self, data):
        self._command += data
        first = self._command[0]
        if first == 0x11:
            self.continuous = False
        elif first == 0x10:
            self.continuous = True
        elif first == 0x08:
            self.start()
        elif first == 0x0A:
            self.stop()
        elif first == 0x06:
            self.reset()
        elif not self.continuous and len(self._command) >= 2:
            register, n = first & 0x1F, (self._command[1] & 0x1F) + 1
            if first & 0xE0 == 0x20:
                self._out = bytes(self.regs[register : register + n])
                self._at = 0
            elif first & 0xE0 == 0x40:
                for i in range(min(n, len(self._command) - 2)):
                    if register + i not in (0, 8):  # identity and lead-off are read only
                        self.regs[register + i] = self._command[2 + i]
                self.regs[2] |= 0x80
                self.regs[3] |= 0x10

    def read(self, buf):
        if world.now_ms < world.fault_until_ms:
            for i in range(len(buf)):
                self._noise = self._noise * 1103 + 12345 & 0x7FFFF
                buf[i] = self._noise >> 7 & 255
            self._fetched = True
            return
        if "miso_low" in world.defects or "miso_high" in world.defects:
            for i in range(len(buf)):
                buf[i] = 255 if "miso_high" in world.defects else 0
            self._fetched = True
            return
        if self._out is self._frame and len(buf) == 9:
            frame = self._frame  # a slice would be an object each
            buf[0], buf[1], buf[2] = frame[0], frame[1], frame[2]
            buf[3], buf[4], buf[5] = frame[3], frame[4], frame[5]
            buf[6], buf[7], buf[8] = frame[6], frame[7], frame[8]
            self._fetched = True
            self.taken += 1
            return
        for i in range(len(buf)):
            buf[i] = self._out[self._at] if self._at < len(self._out) else 0
            self._at += 1
