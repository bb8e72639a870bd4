"""What only a night by EEG needs: one file when it is built, and not loaded in another's."""

from .diary import Diary
from .eeg import Eeg
from .eegloops import EegLoops
from .eegstaging import Stager
from .rawlog import RawLog


class EegKit:
    """The kit's own of each kind; each is a class, in the other kit's place."""

    ear = Eeg
    diary = Diary
    log = RawLog
    stager = Stager
    loops = EegLoops
