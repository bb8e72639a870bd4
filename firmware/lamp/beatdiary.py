"""What the heart kit's night writes down besides: each epoch's beats, and the first minute's
samples as they came, so that `heart` can be replayed from them. Knows the records, not the story.
"""

import struct
from array import array

from . import codec, wire
from .compat import const
from .diary import Diary

_PPG_SAMPLES = const(3000)  # one minute at 50 Hz
_PPG_BLOCK = const(96)  # samples a frame: at 18 bits each they still fit 255 bytes


class BeatDiary(Diary):
    """A Diary with beats behind each epoch."""

    def __init__(self, log):
        Diary.__init__(self, log)
        self.ppg = array("i", [0] * _PPG_BLOCK)
        self.ppg_n = 0
        self.ppg_sent = _PPG_SAMPLES
        self.ppg_marks = 0

    def fit(self, beats):
        """Code an epoch's beats, and drop those for which a frame has no room: what is judged is
        what is written. `epoch` must follow before anything else is written."""
        self.fitted = codec.pack_beats(beats, beats.n, self.frame, wire.Epoch.SIZE)

    def begin_minute(self):
        """Keep the samples from here on, for a minute."""
        self.ppg_sent = self.ppg_n = self.ppg_marks = 0

    def end_minute(self):
        """Keep no more of them; what waits is dropped, for its epoch will not be logged."""
        self.ppg_sent = _PPG_SAMPLES
        self.ppg_n = 0

    def keep(self, index, buf, n, marks, lost):
        """Keep `n` raw samples of `buf` of epoch `index`; a break in them ends the minute early.

        `marks` stay true to the sample: they open a frame of their own.
        """
        if self.ppg_sent >= _PPG_SAMPLES:
            return
        if lost:
            self._flush(index)
            self.end_minute()
            return
        if marks or self.ppg_marks or self.ppg_n + n > _PPG_BLOCK:  # a marked burst stands alone
            self._flush(index)
            self.ppg_marks = marks
        for i in range(n):
            self.ppg[self.ppg_n + i] = buf[i]
        self.ppg_n += n

    def _flush(self, index):
        if self.ppg_n:
            self._pack(wire.PPG_LAYOUT, index, self.ppg_sent, self.ppg_n, self.ppg_marks)
            size = struct.calcsize(wire.PPG_LAYOUT)
            self._append(wire.PPG, codec.pack_samples(self.ppg, self.ppg_n, self.frame, size))
        self.ppg_sent += self.ppg_n
        self.ppg_n = self.ppg_marks = 0
