"""The lamp's judgement of a night: epochs in, stage, loop score and light out.

A pure function of the epochs it is fed and the settings it was born with, all of which the log
holds: `dreamlamp replay` runs this very class over a night and must reach the same integers.
Knows no clock, no log, no chip.
"""

from . import wire
from .compat import CPYTHON
from .wake import DOSE_X10, NO_MORE, Wake

# What a mind is born with, in the order of the log's boot frame. All are small ints but the
# baseline, which is bytes; each has its default here and nowhere else. A default is what stands in
# for a value that was lost: that which gives the least light.
DEFAULTS = {
    "kit": wire.KIT_HEART,
    "mode": wire.OBSERVE,
    "rescues": NO_MORE,  # so far this night
    "consent": 0,  # version of the policy consented to
    "ceiling": 1,  # of the light, CIE L*
    "shift": 50,  # of the loop threshold, from the morning's answers
    "nights": 0,  # recorded before this one
    "allowed": 1,  # rescues a night
    "full_lux": 6500,  # at the pillow at full light; the calibration's figure
    "spent": DOSE_X10,  # of the night's light so far, lux s x10
    "baseline": b"",
}
# and what a new lamp has instead, written at its first start
FRESH = {"rescues": 0, "spent": 0, "learned": 0, "shift": 0, "ceiling": 60, "full_lux": 254}


class Mind:
    """Stage, loop and light of each epoch in turn.

    `settings` is anything with get(key, default): NVS on the lamp, the boot frame in a replay;
    `night` is the night's id, `kit` the one that the lamp started as; 0: what the settings say.
    """

    def __init__(self, settings, night=0, kit=0):
        born = {key: settings.get(key, default) for key, default in DEFAULTS.items()}
        born["kit"] = kit or born["kit"]
        self.born = born
        parts = own(born["kit"])
        self.stager = parts.stager()
        self.loops = parts.loops(born["baseline"], born["shift"])
        if born["baseline"] and not self.loops.nights:
            born["nights"] = 0  # they were another kit's: this one has watched none
        self.wake = Wake(
            born["mode"],
            born["consent"],
            born["ceiling"],
            born["rescues"],
            born["nights"],
            born["allowed"],
            night,  # deals the dark third
            born["full_lux"],
            born["spent"],
        )

    def feed(self, epoch, at_s):
        """Judge `epoch`, which ended at second `at_s` since boot; return an event code or 0.

        The event's three values are `wake.a`, `wake.b`, `wake.c`. How bright the lamp was in the
        epoch is a measure and stands in it already.
        """
        self.stager.feed(epoch)
        kind = self.loops.feed(epoch)
        return self.wake.feed(epoch, kind, at_s)

    def learn(self):
        """Return the baseline for the next night."""
        return self.loops.learn()


def own(kit):
    """What is the kit's own (heartkit.HeartKit, eegkit.EegKit); the other's is not loaded."""
    if CPYTHON and kit == wire.KIT_BOTH:  # no board has both, so no lamp need hold them
        from .bothloops import BothKit

        return BothKit
    if kit & wire.KIT_EEG:
        from .eegkit import EegKit

        return EegKit
    from .heartkit import HeartKit

    return HeartKit
