"""Heart and EEG of one sleeper -> one loop score: what both say, or one of them very surely.

Each is judged by its own detector. Seen by both within five minutes, four fifths of either
threshold are enough; seen by one alone it has to be over its threshold by a quarter. Both figures
were set, not chosen: no recording holds a heart and an EEG with a loop in it. An epoch has one
`quality`, so a kit with both has to say which sensor's it is. Knows what its detectors know.
"""

from .compat import const
from .eegloops import EegLoops
from .eegstaging import Stager
from .heartkit import HeartKit
from .loops import Loops, clamp

_BASELINE = const(18)  # bytes of the heart's; the EEG's follow
_TOGETHER = const(10)  # epochs


class BothLoops(Loops):
    """A heart's `Loops` that asks an `EegLoops` before it decides."""

    def __init__(self, baseline=None, shift=0):
        baseline = baseline or b""
        super().__init__(baseline[:_BASELINE], shift)
        self._eeg = EegLoops(baseline[_BASELINE:], shift)
        self._seen = [0, 0]  # score of the heart and of the EEG, the highest of late
        self._age = [0, 0]  # epochs since

    def _decide(self, epoch):
        """Let the other judge the same epoch; the parts are of the one that is surer."""
        score, cycle, hold = epoch.score, epoch.cycle, epoch.hold
        lag_s, base_bpm = epoch.lag_s, epoch.base_bpm
        self._eeg.feed(epoch)
        alone = max(score, epoch.score)
        both = min(self._late(0, score), self._late(1, epoch.score))
        if score > epoch.score:
            epoch.cycle, epoch.hold, epoch.lag_s = cycle, hold, lag_s
        epoch.base_bpm = base_bpm
        epoch.score = clamp(max(both * 5 // 4, alone * 4 // 5), 0, 255)
        return super()._decide(epoch)

    def _late(self, which, score):
        """The highest score of the last five minutes."""
        self._age[which] += 1
        if score >= self._seen[which] or self._age[which] > _TOGETHER:
            self._seen[which], self._age[which] = score, 0
        return self._seen[which]

    def learn(self):
        return super().learn() + self._eeg.learn()


class BothKit:
    """The heart's kit with the EEG's stager (mind.own)."""

    ear, diary, log = HeartKit.ear, HeartKit.diary, HeartKit.log
    stager = Stager
    loops = BothLoops
