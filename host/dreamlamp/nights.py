"""A night as the lamp logged it: bytes -> epochs, beats, events, and where on the clock they lie.

Frames are read as wire.py lays them out. A frame whose CRC is wrong is stepped over byte by byte
until the next whole one, and the bytes lost are counted; frame kinds this host does not know are
counted, never guessed. Clock time comes from CLOCK frames or from what the syncing host noted;
where neither exists it is unknown, and said so. Knows no radio.
"""

import binascii
import struct
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from math import isqrt, log10

import numpy as np
from lamp import codec, eegloops, names, wire

from . import clocks, hindsight
from .clocks import Clock
from .errors import DreamlampError

COLUMNS = (
    "index", "flags", "stage", "quality", "confidence", "p_w", "p_n3", "p_r", "hr_bpm_x10",
    "rmssd_ms", "score", "cycle", "hold", "lag_s", "base_bpm", "light", "led", "temp_c", "beats",
)  # fmt: skip
AROUSAL_DB = 10 * log10(2) / 8 / 2 / eegloops.GAIN  # of its series, the mean of two bands
BEATS_MAX = 128
SAMPLES_MAX = 255


class BadNight(DreamlampError):
    """The bytes are no night this host can read."""


@dataclass(frozen=True)
class Frame:
    kind: int
    payload: bytes
    offset: int


@dataclass(frozen=True)
class Boot:
    """A NIGHT or BOOT frame: what the lamp was when it wrote what follows."""

    night: int
    boot: int
    cause: int
    second: int
    protocol: int
    major: int
    minor: int
    patch: int
    kit: int
    mode: int
    rate_x100: int
    rescues: int
    policy: int
    ceiling: int
    shift: int
    nights: int
    allowed: int
    full_lux: int
    spent: int
    epoch: int

    @property
    def firmware(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True)
class Event:
    code: int
    epoch: int
    second: int
    a: int
    b: int
    c: int

    @property
    def name(self) -> str:
        known = self.code < len(names.EVENT)
        return names.EVENT[self.code] if known else f"event {self.code}"


class Beats:
    """Beats of one epoch as codec unpacks them; the arrays are as long as there are beats."""

    def __init__(self, size: int = BEATS_MAX):
        self.n = 0
        self.t_ms = array("h", [0] * size)
        self.ibi_ms = array("H", [0] * size)
        self.flag = bytearray(size)


@dataclass(frozen=True)
class Ppg:
    """A burst of the recorded minute, for replaying `heart`."""

    epoch: int
    first: int
    marks: int
    samples: array


@dataclass
class Night:
    """One night. `epochs` maps each name of COLUMNS to a numpy array over the epochs."""

    raw: bytes
    boots: list[Boot]  # one for each stretch of the night
    epochs: dict[str, np.ndarray]
    beats: list[Beats]
    events: list[Event] = field(default_factory=list)
    clocks: list[Clock] = field(default_factory=list)
    ppg: list[Ppg] = field(default_factory=list)
    end: int = 0
    unknown: int = 0  # frames of a kind this host does not know
    lost_bytes: int = 0  # bytes in no whole frame
    frames: list[Frame] = field(default_factory=list)  # all of them, in their order
    note: dict = field(default_factory=dict)  # what the syncing host wrote beside it
    # of the EEG kit, wire.Epoch.eeg of each epoch; no columns without one
    bands: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    raw_eeg: Callable[[], bytes] = bytes  # gives its raw sectors (rawsignal.decode)

    @property
    def id(self) -> int:
        return self.boots[0].night

    @property
    def kit(self) -> str:
        known = self.boots[0].kit < len(names.KIT)
        return names.KIT[self.boots[0].kit] if known else f"kit {self.boots[0].kit}"

    def __len__(self) -> int:
        return len(self.epochs["index"])

    @property
    def arousal_db(self) -> np.ndarray:
        """Of the EEG kit: alpha and beta of each epoch over the sleeper's usual ones, the mean of
        both in dB, as `lamp/eegloops.py` adds them up; nan where one or the other is unknown."""
        base = self.epochs["base_bpm"] * 10.0
        if self.kit != "eeg":
            return np.full(len(base), np.nan)
        now = eegloops.GAIN * (self.bands[:, 2].astype(float) + self.bands[:, 4])
        known = (base > 0) & (now > 0)
        return np.where(known, (now - base) * AROUSAL_DB, np.nan)

    @cached_property
    def hindsight(self) -> hindsight.Reading:
        """The stages as this host reads them; of the EEG kit what the lamp said."""
        return (hindsight.read if self.kit == "heart" else hindsight.at_once)(self.epochs)

    @cached_property
    def stages(self) -> list[str]:
        """The hypnogram, in hindsight."""
        return _named(self.hindsight.stage)

    @cached_property
    def at_once(self) -> list[str]:
        """What the lamp said as each epoch ended, and decided by."""
        return _named(self.epochs["stage"])

    def clock_of(self, boot: int) -> Clock | None:
        """The clock reading that counts for power-up number `boot`."""
        return clocks.agreed([c for c in self.clocks if c.boot == boot])

    @cached_property
    def starts_s(self) -> list[tuple[float, bool]]:
        """Of each stretch in `boots`: (seconds into the night, whether that is certain).

        A power cut leaves a hole; its length is known only if a clock was read before and
        after it. Otherwise it counts as nothing and what follows is uncertain.
        """
        first = self.boots[0]
        known = [(0.0, True)]
        for last, boot in pairwise(self.boots):
            at, certain = known[-1]
            before, after = self.clock_of(first.boot), self.clock_of(boot.boot)
            end = at + (boot.epoch - last.epoch) * wire.EPOCH_S
            if boot.boot == last.boot:
                known.append((at + boot.second - last.second, certain))
                continue
            away = None
            if before and after:
                away = clocks.away_s(before, first.second + end, after, boot.second)
            known.append((end, False) if away is None else (end + away, True))
        return known

    @cached_property
    def seconds(self) -> np.ndarray:
        """Seconds from the start of the night to that of each epoch."""
        index = self.epochs["index"]
        stretch = np.searchsorted([b.epoch for b in self.boots], index, side="right") - 1
        starts = np.array([at for at, _ in self.starts_s])
        births = np.array([b.epoch for b in self.boots])
        return starts[stretch] + (index - births[stretch]) * wire.EPOCH_S

    @property
    def length_s(self) -> float:
        """Seconds from the start of the night to the end of its last epoch."""
        return float(self.seconds[-1]) + wire.EPOCH_S if len(self) else 0.0

    def second_of(self, event: Event) -> float:
        """Seconds from the start of the night to `event`."""
        stretch = [k for k, b in enumerate(self.boots) if b.epoch <= event.epoch or k == 0][-1]
        into = (event.epoch - self.boots[stretch].epoch) * wire.EPOCH_S + event.second
        return self.starts_s[stretch][0] + into

    @cached_property
    def dated(self) -> tuple[float, bool] | None:
        """Unix time of the night's start and whether it is certain; None if nothing tells it.

        Uncertain, it is the latest possible: a hole of unknown length lies before the reading.
        """
        found = None
        for boot, (at, certain) in zip(self.boots, self.starts_s):
            clock = self.clock_of(boot.boot)
            if clock and (certain or not found):
                found = clock.born_s + boot.second - at, certain
            if found and found[1]:
                break
        return found

    def moment(self, second: float) -> datetime | None:
        """The time on the wall at `second` of the night, with its UTC offset."""
        if self.dated is None:
            return None
        return clocks.local(self.dated[0] + second, self._readings)

    def began(self) -> datetime | None:
        """Clock time of the night's start, with its UTC offset; None if nothing tells it."""
        return self.moment(0)

    @property
    def clock_change(self) -> tuple[float, int] | None:
        """(second of the night, minutes) of a change to or from summer time within it."""
        if self.dated is None:
            return None
        start = self.dated[0]
        found = clocks.change(start, start + self.length_s, self._readings)
        return found and (found[0] - start, found[1])

    @cached_property
    def _readings(self) -> list[Clock]:
        """The clock readings that count: of each power-up one."""
        boots = {boot.boot for boot in self.boots}
        return [clock for boot in sorted(boots) if (clock := self.clock_of(boot))]


def _named(codes: np.ndarray) -> list[str]:
    return [names.STAGE.get(int(code), "unscored") for code in codes]


def frames(raw: bytes, night: int) -> tuple[list[Frame], int]:
    """The whole frames of a night's bytes, and how many bytes lay in none."""
    found, lost, at = [], 0, 0
    while at < len(raw):
        frame = _frame_at(raw, at, night)
        if frame is None:
            lost += 1
            at += 1
        else:
            found.append(frame)
            at += len(frame.payload) + wire.FRAME_OVERHEAD
    return found, lost


def _frame_at(raw: bytes, at: int, night: int) -> Frame | None:
    if at + wire.FRAME_OVERHEAD > len(raw):
        return None
    size = raw[at + 1]
    end = at + 2 + size
    if end + 4 > len(raw) or not raw[at]:
        return None
    (crc,) = struct.unpack_from("<I", raw, end)
    if _crc(raw[at:end], night) != crc:
        return None
    return Frame(raw[at], raw[at + 2 : end], at)


def framed(kind: int, payload: bytes, night: int) -> bytes:
    """A frame as the lamp writes it."""
    head = bytes((kind, len(payload))) + payload
    return head + struct.pack("<I", _crc(head, night))


def _crc(head: bytes, night: int) -> int:
    return binascii.crc32(head, binascii.crc32(struct.pack("<H", night)))


def decode(raw: bytes, night: int, note: dict | None = None) -> Night:
    """Read a night's bytes; `BadNight` if they hold none."""
    whole, lost = frames(raw, night)
    if not whole or whole[0].kind != wire.NIGHT:
        raise BadNight(f"night {night}: {len(raw)} bytes that do not begin a night")
    made = Night(raw, [], {}, [], note=dict(note or {}), lost_bytes=lost, frames=whole)
    rows: list[tuple[int, ...]] = []
    bands: dict[int, bytes] = {}
    for frame in whole:
        try:
            if frame.kind == wire.BANDS:
                bands.update([read_bands(frame.payload)])
            else:
                _take(made, rows, frame)
        except (ValueError, IndexError, struct.error) as error:
            raise BadNight(
                f"night {night}: frame {frame.kind} at byte {frame.offset} is whole and makes no "
                f"sense ({error}): use the dreamlamp that came with that lamp's firmware"
            ) from None
    table = np.array(rows, dtype=np.int64).reshape(len(rows), len(COLUMNS))
    made.epochs = {name: table[:, i].copy() for i, name in enumerate(COLUMNS)}
    if made.boots[0].kit == wire.KIT_EEG:
        held = b"".join(bands.get(row[0], bytes(wire.EEG_BANDS)) for row in rows)
        made.bands = np.frombuffer(held, np.uint8).reshape(len(rows), wire.EEG_BANDS)
    if made.boots[0].protocol != wire.PROTOCOL:
        raise BadNight(
            f"night {night} speaks protocol {made.boots[0].protocol}, this host "
            f"{wire.PROTOCOL}: use the dreamlamp that came with that firmware"
        )
    return made


def _take(made: Night, rows: list, frame: Frame) -> None:
    """Put one frame where it belongs."""
    payload = frame.payload
    if frame.kind in (wire.NIGHT, wire.BOOT):
        made.boots.append(Boot(*struct.unpack_from(wire.BOOT_LAYOUT, payload)))
    elif frame.kind == wire.EPOCH:
        row, beats = read_epoch(payload)
        rows.append(row)
        made.beats.append(beats)
    elif frame.kind == wire.EVENT:
        made.events.append(Event(*struct.unpack_from(wire.EVENT_LAYOUT, payload)))
    elif frame.kind == wire.CLOCK:
        made.clocks.append(Clock(*struct.unpack_from(wire.CLOCK_LAYOUT, payload)))
    elif frame.kind == wire.PPG:
        made.ppg.append(_read_ppg(payload))
    elif frame.kind == wire.END:
        made.end = payload[0]
    elif frame.kind != wire.BASELINE:
        made.unknown += 1


def read_epoch(payload: bytes) -> tuple[tuple[int, ...], Beats]:
    """An EPOCH frame's payload -> (its values in the order of COLUMNS, its beats)."""
    epoch = wire.Epoch()
    epoch.unpack_from(payload, 0)
    beats = Beats()
    beats.n = codec.unpack_beats(payload, wire.Epoch.SIZE, len(payload), beats)
    _measure(beats, epoch)  # what follows from the beats is not in the record
    return tuple(getattr(epoch, name) for name in COLUMNS), beats


def read_bands(payload: bytes) -> tuple[int, bytes]:
    """A BANDS frame's payload -> (index of the epoch that follows, its bands)."""
    index, *bands = struct.unpack_from(wire.BANDS_LAYOUT, payload)
    return index, bytes(bands)


def _measure(beats: Beats, epoch: wire.Epoch) -> None:
    """Fill `hr_bpm_x10`, `rmssd_ms` and `beats` as `heart.summarise` does.

    It leaves out the rates of the 5 s bins, which are most of that work and which no reader of
    a log wants; a test holds the two together.
    """
    ibi, flag = beats.ibi_ms, beats.flag
    good = [i for i in range(beats.n) if flag[i] == wire.NN]
    total = sum(ibi[i] for i in good)
    steps = [ibi[i] - ibi[i - 1] for i in good if i and flag[i - 1] == wire.NN]
    epoch.beats = beats.n
    epoch.hr_bpm_x10 = 600000 * len(good) // total if total else 0
    squares = sum(step * step for step in steps)
    epoch.rmssd_ms = min(255, isqrt(squares // len(steps))) if steps else 0


def _read_ppg(payload: bytes) -> Ppg:
    epoch, first, count, marks = struct.unpack_from(wire.PPG_LAYOUT, payload)
    samples = array("i", [0] * SAMPLES_MAX)
    start = struct.calcsize(wire.PPG_LAYOUT)
    n = codec.unpack_samples(payload, start, len(payload), samples)
    if n != count:
        raise BadNight(f"a PPG frame of epoch {epoch} holds {n} samples and says {count}")
    return Ppg(epoch, first, marks, samples[:n])
