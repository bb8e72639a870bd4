"""What only a night by the heart needs: one file when it is built, and not loaded in another's."""

from .beatdiary import BeatDiary
from .heart import Heart
from .loops import Loops
from .nightlog import NightLog
from .staging import Stager


class HeartKit:
    """The kit's own of each kind; each is a class, in the other kit's place."""

    ear = Heart
    diary = BeatDiary
    log = NightLog
    stager = Stager
    loops = Loops
