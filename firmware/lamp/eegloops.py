"""Bands of EEG so far -> loop score: bursts of alpha and beta that return, or that stay.

`loops.Loops` on another series. An epoch's arousal is its alpha and beta power in eighths of an
octave, added up; its returns and holds are judged as a heart's are, against the sleeper's own
usual ones. A movement that drove the signal off its scale is a burst, too: what it spoilt is not
in the bands. There is one value in 30 s, so nothing that returns sooner than every 90 s is told
apart. Knows no samples, no light and no clock but the epoch's index.
"""

from . import wire
from .compat import const
from .loops import Loops

_ALPHA = const(2)
_BETA = const(4)
GAIN = const(3)  # an eighth of an octave in the units of loops.py: 3 dB of both bands are 48
_MOVED = const(60)  # a movement, above the level: the most that a return is worth
_BINS = const(3)  # of 10 s


class EegLoops(Loops):
    """One night's watch over the bands. `feed(epoch)` once per epoch, in order.

    `limits` were chosen, to 2 % (a score is whole percent), by tests/bench/eegloops.py on the
    nights that eegmodel.py lists.
    """

    limits = (123, 123, 312)
    layout = 2

    def _bins(self, epoch):
        """Take the epoch in as three bins of one value; True if it held a spectrum."""
        now = 0
        if epoch.flags & wire.F_WORN and epoch.eeg[_ALPHA]:
            now = GAIN * (epoch.eeg[_ALPHA] + epoch.eeg[_BETA])
        if epoch.flags & wire.F_SATURATED and self._level:
            now = max(now, (self._level >> 4) + _MOVED)
        self._peak = self._gap = 0
        for _ in range(_BINS):
            self._bin(now)
        return now > 0

    def _level_of(self, epoch):
        return self._one
