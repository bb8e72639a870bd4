"""What a night writes down: each method packs one record of wire.py and appends its frame.

Every record is durable when its method returns. Knows the records, not the story; the first
minute's raw samples are kept so that `heart` can be replayed from them.
"""

import struct
from array import array

from . import VERSION, codec, wire
from .compat import const

_PPG_SAMPLES = const(3000)  # one minute at 50 Hz
_PPG_BLOCK = const(96)  # samples a frame: at 18 bits each they still fit 255 bytes


class Diary:
    """Frames into `log` (nightlog.NightLog); one buffer, born here, serves them all."""

    def __init__(self, log):
        self.log = log
        self.frame = bytearray(255)
        self.fitted = 0  # end of the beats that wait in it
        self.ppg = array("i", [0] * _PPG_BLOCK)
        self.ppg_n = 0
        self.ppg_sent = _PPG_SAMPLES
        self.ppg_marks = 0

    def boot(self, kind, born, boot, cause, second, rate_hz, index):
        """A stretch of the night begins (`kind` NIGHT or BOOT): all that a replay must know.

        `born` is mind.Mind.born; the baseline follows in a frame of its own.
        """
        self._pack(
            wire.BOOT_LAYOUT,
            self.log.open_id,
            boot,
            cause,
            second,
            wire.PROTOCOL,
            *VERSION,
            born["kit"],
            born["mode"],
            rate_hz * 100,
            born["rescues"],
            born["consent"],
            born["ceiling"],
            born["shift"],
            born["nights"],
            born["allowed"],
            born["full_lux"],
            born["spent"],
            index,
        )
        self._append(kind, struct.calcsize(wire.BOOT_LAYOUT))
        baseline = born["baseline"]
        self.frame[: len(baseline)] = baseline
        self._append(wire.BASELINE, len(baseline))

    def fit(self, beats):
        """Code an epoch's beats, and drop those for which a frame has no room: what is judged is
        what is written. `epoch` must follow before anything else is written."""
        self.fitted = codec.pack_beats(beats, beats.n, self.frame, wire.Epoch.SIZE)

    def epoch(self, epoch):
        """One epoch, and the beats that were fitted; the bands before it, where there are any."""
        if epoch.eeg[0]:
            frame = self.frame  # not by `_pack`: a spread of six is a list on the heap
            frame[0], frame[1] = epoch.index & 255, epoch.index >> 8
            for k in range(wire.EEG_BANDS):  # shorter than the Epoch, so no beat is hit
                frame[2 + k] = epoch.eeg[k]
            self._append(wire.BANDS, struct.calcsize(wire.BANDS_LAYOUT))
        epoch.pack_into(self.frame, 0)
        self._append(wire.EPOCH, self.fitted)

    def event(self, code, index, second, a=0, b=0, c=0):
        """Something happened `second` seconds into epoch `index`."""
        self._pack(wire.EVENT_LAYOUT, code, index, min(max(second, 0), 255), a, b, c)
        self._append(wire.EVENT, struct.calcsize(wire.EVENT_LAYOUT))

    def clock(self, boot, second, unix_s, offset_min):
        """At `second` of `boot` it was `unix_s`; dates the open night, or the newest one."""
        self._pack(wire.CLOCK_LAYOUT, boot, second, unix_s, offset_min)
        self.log.append_late(
            self.log.newest, wire.CLOCK, self.frame, struct.calcsize(wire.CLOCK_LAYOUT)
        )

    def end(self, reason):
        """The night is over."""
        self.log.close(reason)

    # --- the raw minute -------------------------------------------------------------------------

    def begin_ppg(self):
        """Keep the samples from here on, for a minute."""
        self.ppg_sent = self.ppg_n = self.ppg_marks = 0

    def end_ppg(self):
        """Keep no more of them; what waits is dropped, for its epoch will not be logged."""
        self.ppg_sent = _PPG_SAMPLES
        self.ppg_n = 0

    def keep_ppg(self, index, buf, n, marks, lost):
        """Keep `n` raw samples of `buf` of epoch `index`; a break in them ends the minute early.

        `marks` stay true to the sample: they open a frame of their own.
        """
        if self.ppg_sent >= _PPG_SAMPLES:
            self.log.keep(index, buf, n, marks, lost)
            return
        if lost:
            self._flush_ppg(index)
            self.end_ppg()
            return
        if marks or self.ppg_marks or self.ppg_n + n > _PPG_BLOCK:  # a marked burst stands alone
            self._flush_ppg(index)
            self.ppg_marks = marks
        for i in range(n):
            self.ppg[self.ppg_n + i] = buf[i]
        self.ppg_n += n

    def _flush_ppg(self, index):
        if self.ppg_n:
            self._pack(wire.PPG_LAYOUT, index, self.ppg_sent, self.ppg_n, self.ppg_marks)
            size = struct.calcsize(wire.PPG_LAYOUT)
            self._append(wire.PPG, codec.pack_samples(self.ppg, self.ppg_n, self.frame, size))
        self.ppg_sent += self.ppg_n
        self.ppg_n = self.ppg_marks = 0

    def _pack(self, layout, *values):
        struct.pack_into(layout, self.frame, 0, *values)

    def _append(self, kind, size):
        self.log.append(kind, self.frame, size)
