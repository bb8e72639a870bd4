"""The EEG kit's stager: wake, N1, N2, N3 and REM, or unscored. Causal, integers only.

`forest` on the bands of one channel. Knows no samples, no log and no clock but the epoch's index.
"""

from . import eegmodel, wire
from .eegfeatures import Features
from .forest import Forest

STAGES = (wire.W, wire.N1, wire.N2, wire.N3, wire.R)  # in the model's order


class Stager(Forest):
    """One night's staging by EEG. `feed(epoch)` once per epoch, in order."""

    def __init__(self, model=eegmodel):
        super().__init__(Features(), model, STAGES)
