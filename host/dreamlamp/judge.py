"""The lamp's own judges, run here: over beats that no lamp has seen, or anew with other settings.

`transcribe` makes a night of a recording, with the very frames the lamp would have logged, so
that everything which reads nights reads it too and a replay reaches the same integers. `again`
judges a night once more with `Settings` of one's choice, as a study wants it. Knows no file.
"""

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import pairwise

import numpy as np
from lamp import heart, loops, mind, staging, wire
from lamp.beatdiary import BeatDiary

from .errors import DreamlampError
from .nights import Beats, Event, Night, framed
from .recordings import Recording
from .replay import DECIDED

BREAK_MS = 4000  # nothing for so long is a break, as in `heart`
EPOCH_MS = wire.EPOCH_S * 1000
JUDGED = (
    wire.LOOP, wire.RESCUE, wire.REFUSED_RESCUE, wire.SETTLED, wire.WOKE, wire.NO_RESPONSE,
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """How to judge; the defaults are the lamp's. See `lamp/loops.py` and `lamp/staging.py`."""

    shift: int = 0  # of the loop threshold, percent, -20 to 50
    smooth: int = staging.SMOOTH  # of the rates the stager reads
    cycle_n: int = loops.CYCLE_N  # threshold in sleep least like REM, tenths of the floor
    cycle_r: int = loops.CYCLE_R  # and in sleep most like it
    hold_limit: int = loops.HOLD_LIMIT  # bpm x10 x epochs
    learned: bool = True  # begin with the baseline that the lamp had, not with none

    def as_dict(self) -> dict:
        return asdict(self)


_limits = threading.Lock()  # the judges read them from their class


@contextmanager
def _in_force(settings: Settings) -> Iterator[None]:
    with _limits:
        before = loops.Loops.limits
        try:
            loops.Loops.limits = settings.cycle_n, settings.cycle_r, settings.hold_limit
            yield
        finally:
            loops.Loops.limits = before


def again(night: Night, settings: Settings) -> Night:
    """The same night with the stages, scores and loops of other settings; no light in it.

    What the light did is left out: a lamp that judged otherwise would have shone otherwise.
    """
    if night.kit == "eeg":
        raise DreamlampError(
            f"night {night.id} is of the EEG kit: here only hearts are judged anew"
        )
    epochs = {name: values.copy() for name, values in night.epochs.items()}
    events = [e for e in night.events if e.code not in JUDGED]
    born = {boot.epoch: k for k, boot in enumerate(night.boots)}
    baselines = _baselines(night)
    epoch = wire.Epoch()
    stager, detector = staging.Stager(), loops.Loops()
    with _in_force(settings):
        for i, index in enumerate(night.epochs["index"].tolist()):
            if i == 0 or index in born:
                stager = staging.Stager(settings.smooth)
                known = baselines[born.get(index, 0)] if settings.learned else b""
                detector = loops.Loops(known or None, settings.shift)
            epoch.clear(index)
            epoch.flags = int(night.epochs["flags"][i]) & ~(wire.F_GATE | wire.F_LIGHT)
            epoch.quality = int(night.epochs["quality"][i])
            heart.summarise(night.beats[i], epoch)
            stager.feed(epoch)
            kind = detector.feed(epoch)
            for name in DECIDED:
                epochs[name][i] = getattr(epoch, name)
            epochs["flags"][i] = epoch.flags
            epochs["light"][i] = 0
            if kind:
                event = Event(wire.LOOP, index, wire.EPOCH_S, epoch.score, 100, kind)
                events.append(event)
    events.sort(key=lambda e: (e.epoch, e.second))
    return replace(night, epochs=epochs, events=events)


def _baselines(night: Night) -> list[bytes]:
    """What the detector was born with in each stretch."""
    found: list[bytes] = []
    for frame in night.frames:
        if frame.kind in (wire.NIGHT, wire.BOOT):
            found.append(b"")
        elif frame.kind == wire.BASELINE and found:
            found[-1] = frame.payload
    return found


class _Pages:
    """Where the diary writes: frames one after another, in memory."""

    def __init__(self, night: int):
        self.open_id = self.newest = night
        self.frames: list[bytes] = []

    def append(self, kind: int, payload, size: int) -> bool:
        self.frames.append(framed(kind, bytes(payload[:size]), self.open_id))
        return True

    def append_late(self, night: int, kind: int, payload, size: int) -> bool:
        return self.append(kind, payload, size)


def transcribe(recording: Recording, number: int, began: datetime | None = None) -> bytes:
    """The bytes of night `number`: what a lamp would have logged of these beats.

    `began` (with its offset from UTC) is the clock at the recording's start; None leaves the
    clock unknown. Nothing is invented: half minutes without a beat count as not worn.
    """
    pages = _Pages(number)
    diary = BeatDiary(pages)
    judge = mind.Mind({"mode": wire.OBSERVE, **mind.FRESH}, number)
    diary.boot(wire.NIGHT, judge.born, 0, 0, 0, 0, 0)
    if began:
        offset = began.utcoffset()
        minutes = 0 if offset is None else round(offset.total_seconds() / 60)
        diary.clock(0, 0, round(began.timestamp()), minutes)
    epoch = wire.Epoch()
    index = 0
    for index, beats in enumerate(epochs_of(recording.beats_ms), 1):
        epoch.clear(index - 1)
        diary.fit(beats)
        covered = sum(i for i, f in zip(beats.ibi_ms, beats.flag[: beats.n]) if f == wire.NN)
        epoch.quality = min(100, 100 * covered // EPOCH_MS)
        epoch.flags = wire.F_WORN if beats.n else 0
        heart.summarise(beats, epoch)
        event = judge.feed(epoch, index * wire.EPOCH_S)
        diary.epoch(epoch)
        if event:
            found = judge.wake
            diary.event(event, epoch.index, wire.EPOCH_S, found.a, found.b, found.c)
    pages.append(wire.END, struct.pack("<BH", wire.END_BUTTON, index), 3)
    return b"".join(pages.frames)


def epochs_of(times: np.ndarray) -> Iterator[Beats]:
    """The beats of each 30 s, flagged as `heart` flags them."""
    ibi = np.diff(times, prepend=times[0] - 2 * BREAK_MS)
    edges = np.searchsorted(times, np.arange(0, times[-1] + EPOCH_MS + 1, EPOCH_MS))
    for k, (low, high) in enumerate(pairwise(edges.tolist())):
        beats = Beats()
        for i in range(low, min(high, low + len(beats.flag))):
            normal = heart.IBI_MIN_MS <= ibi[i] <= heart.IBI_MAX_MS
            first = ibi[i] > BREAK_MS
            beats.t_ms[beats.n] = int(times[i]) - k * EPOCH_MS
            beats.ibi_ms[beats.n] = 0 if first else int(ibi[i])
            beats.flag[beats.n] = wire.FIRST if first else wire.NN if normal else wire.ARTEFACT
            beats.n += 1
        yield beats
