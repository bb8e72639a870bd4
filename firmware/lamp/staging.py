"""The heart kit's stager: wake, light, deep and REM, or unscored. Causal, integers only.

`forest` on the features of the heart alone; where motion is measured a second set of trees adds to
the first. Knows no beats, no log and no clock but the epoch's index.
"""

from . import stagemodel, wire
from .compat import const
from .forest import Forest
from .stagefeatures import Features

SMOOTH = const(2)  # of rates made of beats; see stagefeatures
STILL = const(60)  # bins (5 min) of one and the same rate: a machine or a desk, not a heart
STAGES = (wire.W, wire.N2, wire.N3, wire.R)  # in the model's order


class Stager(Forest):
    """One night's staging by the heart. `feed(epoch)` once per epoch, in order."""

    def __init__(self, smooth=SMOOTH, model=stagemodel):
        super().__init__(Features(smooth), model, STAGES)

    def abstains(self, flags):
        """Besides: a rate no heart keeps."""
        return Forest.abstains(self, flags) or self.features.same >= STILL
