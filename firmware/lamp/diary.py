"""What a night writes down: each method packs one record of wire.py and appends its frame.

Every record is durable when its method returns. What only a heart brings is beatdiary's. Knows the
records, not the story.
"""

import struct

from . import VERSION, wire


class Diary:
    """Frames into `log` (nightlog.NightLog); one buffer, born here, serves them all."""

    def __init__(self, log):
        self.log = log
        self.frame = bytearray(255)
        self.fitted = wire.Epoch.SIZE  # end of the beats that wait in it

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
        """Take an epoch's beats: here there are none."""

    def begin_minute(self):
        """A night began: here its first samples are nothing special."""

    def end_minute(self):
        """Its epochs are numbered anew."""

    def keep(self, index, buf, n, marks, lost):
        """Samples of epoch `index`: the log may keep them."""
        self.log.keep(index, buf, n, marks, lost)

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

    def _pack(self, layout, *values):
        struct.pack_into(layout, self.frame, 0, *values)

    def _append(self, kind, size):
        self.log.append(kind, self.frame, size)
