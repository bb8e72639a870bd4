"""Runs the lamp's own pure files over a logged night: the same integers, the same decisions.

Every epoch's measures and beats go through the very `mind.Mind` that ran on the lamp, born with
what the boot frame says, and each stage, posterior, score and event it comes to is compared with
the log. `heart` itself runs once more over the minute of raw samples that the night begins with.
What the light did (`light`) is a measure of the lamp, not a decision; here it is only checked
that it never shone without a reason.

The one file of the host that runs more of `lamp` than `wire` and `codec`.
"""

import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from lamp import eegloops, heart, loops, mind, wire
from lamp.wake import Wake

from .nights import AROUSAL_DB, COLUMNS, Boot, Event, Night, decode, read_bands, read_epoch

DECIDED = (
    "stage", "confidence", "p_w", "p_n3", "p_r", "score", "cycle", "hold", "lag_s", "base_bpm",
)  # fmt: skip
MIND_EVENTS = (
    wire.LOOP, wire.RESCUE, wire.REFUSED_RESCUE, wire.SETTLED, wire.WOKE, wire.NO_RESPONSE,
    wire.LIGHT_OFF,
)  # fmt: skip
IN_THE_BOOT_FRAME = {"consent": "policy"}  # setting: its name there, where they differ

EPOCH_MS = wire.EPOCH_S * 1000
SPAN_EPOCHS = 4  # more than the recorded minute touches


@dataclass
class Verdict:
    """What the replay found. `ok` only if every decision was reached again."""

    epochs: int = 0
    decisions: int = 0  # values compared
    wrong: Counter = field(default_factory=Counter)  # field: how often it differed
    first: dict[str, str] = field(default_factory=dict)  # field: where first, and how
    heart_beats: int = 0  # beats of the recorded minute compared
    firmware: str = ""
    damaged_bytes: int = 0  # of the log; nothing behind the first of them is compared

    @property
    def ok(self) -> bool:
        return not self.wrong and self.epochs > 0

    def compare(self, name: str, where: str, logged: Any, replayed: Any) -> None:
        self.decisions += 1
        if logged != replayed:
            self.wrong[name] += 1
            self.first.setdefault(name, f"{where}: logged {logged}, replayed {replayed}")

    def sentence(self) -> str:
        if self.damaged_bytes:
            return (
                f"the log is damaged ({self.damaged_bytes} bytes); up to there, {self.epochs} "
                f"epochs in: {self._compared()}"
            )
        return self._compared()

    def _compared(self) -> str:
        if self.ok:
            heart_too = f", {self.heart_beats} beats from raw samples" if self.heart_beats else ""
            return (
                f"replay: {self.decisions} decisions of {self.epochs} epochs bit-identical"
                + heart_too
            )
        if not self.epochs:
            return "replay: no epoch to replay"
        fields = ", ".join(f"{name} {count}x" for name, count in self.wrong.most_common())
        return f"replay: {sum(self.wrong.values())} decisions differ ({fields})"

    def as_json(self) -> dict:
        return {
            "ok": self.ok, "epochs": self.epochs, "decisions": self.decisions,
            "wrong": dict(self.wrong), "first": self.first, "heart_beats": self.heart_beats,
            "damaged_bytes": self.damaged_bytes,
        }  # fmt: skip


class Born:
    """Settings as the boot and baseline frames hold them, for `Mind`."""

    def __init__(self, boot: Boot, baseline: bytes):
        self.boot, self.baseline = boot, baseline

    def get(self, key: str, default: Any) -> Any:
        if key == "baseline":
            return self.baseline
        return getattr(self.boot, IN_THE_BOOT_FRAME.get(key, key))


def replay(night: Night) -> Verdict:
    """Go through the night once more."""
    damaged = night.lost_bytes
    if damaged:
        night = decode(night.raw[: _whole(night)], night.id)
    run = _Run(night)
    run.verdict.damaged_bytes = damaged
    for frame in night.frames:
        run.take(frame.kind, frame.payload)
    _replay_heart(night, run.verdict)
    return run.verdict


def inside(night: Night, wanted: set[int]) -> dict[int, dict[str, Any]]:
    """What the judges held in mind after each epoch of `wanted`, which no record holds.

    `chain` is the best chain of returns and `usual` the sleeper's usual one, in bpm or, of EEG, in
    dB; their ratio `times_usual` is held against `times_wanted`, `held` (bpm or dB x epochs)
    against `held_wanted`.
    """
    run, found = _Run(night), {}
    for frame in night.frames:
        run.take(frame.kind, frame.payload)
        if frame.kind == wire.EPOCH and run.mind and run.epoch.index in wanted:
            judges = run.mind.loops, run.mind.wake
            found[run.epoch.index] = {**_of_loops(judges[0], run.floor), **_of_wake(judges[1])}
    return found


def _of_loops(own: loops.Loops, floor: int) -> dict[str, Any]:
    usual = loops._FLOOR_LEAST + floor / 4096  # bpm x10
    of_eeg = isinstance(own, eegloops.EegLoops)
    unit, kind = (AROUSAL_DB, "db") if of_eeg else (0.1, "bpm")
    least, most, hold = own.limits
    limit = least + ((most - least) * (own.rem >> 8) >> 8)
    return {
        f"chain_{kind}": round(own._peak * unit, 1),
        f"usual_{kind}": round(usual * unit, 2),
        "times_usual": round(own._peak / usual, 2),
        "times_wanted": round(limit * own.threshold / 1000, 2),
        "held": round(own._held * unit, 1),
        "held_wanted": round(hold * own.threshold / 100 * unit, 1),
        "rem_like": round(own.rem / 65280, 2),
        "threshold_percent": own.threshold,
        "baseline_nights": own.nights,
    }


def _of_wake(own: Wake) -> dict[str, Any]:
    return {
        "asleep_min": own.slept / 2,
        "since_rescue_min": own.since / 2,
        "dark_min": own.dark / 2,
        "spent_lux_min": round(own.spent / 600, 1),
        "rescue_lux_min": round(own.cost_x10 / 600, 1),
        "rescues": own.rescues,
        "allowed": own.allowed,
        "nights": own.nights,
    }


def _whole(night: Night) -> int:
    """Bytes up to the first damage."""
    end = 0
    for frame in night.frames:
        if frame.offset != end:
            break
        end += len(frame.payload) + wire.FRAME_OVERHEAD
    return end


class _Run:
    """The state of a replay: the mind of this stretch, and what it should have logged next."""

    def __init__(self, night: Night):
        self.verdict = Verdict(firmware=night.boots[0].firmware)
        self.lights = [*night.epochs["light"].tolist(), 0]
        self.count = 0  # epochs so far
        self.boot: Boot = None  # type: ignore[assignment]  # the first frames set these two
        self.mind: mind.Mind = None  # type: ignore[assignment]
        self.lit = False  # by what no mind decides about, or until just now
        self.epoch = wire.Epoch()
        self.floor = 0
        self.bands: dict[int, bytes] = {}  # of the epoch that follows, by its index
        self.expected: tuple[int, ...] | None = None

    def take(self, kind: int, payload: bytes) -> None:
        if kind in (wire.NIGHT, wire.BOOT):
            self._stretch(Boot(*struct.unpack_from(wire.BOOT_LAYOUT, payload)))
        elif kind == wire.BASELINE and self.boot:
            self.mind = mind.Mind(Born(self.boot, payload), self.boot.night)
        elif kind == wire.BANDS:
            self.bands = dict([read_bands(payload)])
        elif kind == wire.EPOCH and self.mind:
            self._nothing_owed()
            self._epoch(payload)
        elif kind == wire.EVENT and self.mind:
            self._event(Event(*struct.unpack_from(wire.EVENT_LAYOUT, payload)))
        elif kind == wire.END:
            self._nothing_owed()

    def _stretch(self, boot: Boot) -> None:
        if self.boot and boot.boot != self.boot.boot:
            self.expected = None  # the power went between an epoch and its event
        self._nothing_owed()
        self.boot = boot

    def _epoch(self, payload: bytes) -> None:
        row, beats = read_epoch(payload)
        logged = dict(zip(COLUMNS, row))
        epoch, where = self.epoch, f"epoch {logged['index']}"
        self._before(epoch, logged)
        heart.summarise(beats, epoch)
        self._light(logged["light"], where)
        event = self._feed(epoch, logged["index"])
        for name in DECIDED:
            self.verdict.compare(name, where, logged[name], self._as_logged(name))
        self.verdict.compare("flags", where, logged["flags"], epoch.flags)
        wake = self.mind.wake
        self.expected = (event, logged["index"], wake.a, wake.b, wake.c) if event else None
        self.verdict.epochs += 1
        self.count += 1

    def _before(self, epoch: wire.Epoch, logged: dict[str, int]) -> None:
        """The epoch as the sensor left it, before any judge had seen it."""
        epoch.clear(logged["index"])
        epoch.flags = logged["flags"] & ~wire.F_GATE
        epoch.eeg[:] = self.bands.get(logged["index"], bytes(wire.EEG_BANDS))
        for name in ("quality", "light", "led", "temp_c"):
            setattr(epoch, name, logged[name])

    def _feed(self, epoch: wire.Epoch, index: int) -> int:
        """Let the mind judge it at the second at which it did.

        The ramp's level is what the next epoch began with: the lamp's ticks are not replayed.
        """
        wake = self.mind.wake
        if wake.run or wake.ramp.goal or wake.ramp.level:
            wake.ramp.level = self.lights[self.count + 1] * 100
        ended_s = self.boot.second + (index - self.boot.epoch + 1) * wire.EPOCH_S
        self.floor = self.mind.loops._floor  # what it is judged by; then it learns
        return self.mind.feed(epoch, ended_s)

    def _light(self, light: int, where: str) -> None:
        """Light without a rescue or a ramp behind it is a fault whatever else agrees."""
        reason = self.mind.wake.run or self.mind.wake.active() or self.lit
        self.verdict.compare("light", where, bool(light and not reason), False)
        self.lit = self.lit and light > 0

    def _as_logged(self, name: str) -> int:
        value = getattr(self.epoch, name)
        return value & ~1 if name == "lag_s" else value  # travels in units of 2 s

    def _event(self, event: Event) -> None:
        if event.code == wire.LIGHT_ASKED and not event.c:
            self.mind.wake.ask(event.a, event.b)
        elif (event.code, bool(event.c)) in ((wire.LIGHT_ASKED, True), (wire.DAWN, False)):
            self.lit = True
        if event.code not in MIND_EVENTS:
            return
        if event.code == wire.LIGHT_OFF and event.epoch > self.epoch.index:
            born = self.boot.second + (event.epoch - self.boot.epoch) * wire.EPOCH_S
            self.lit = self.lit or self.mind.wake.active()
            self.mind.wake.off(born + event.second)  # the button, or a host: not the mind's own
            return
        found = (event.code, event.epoch, event.a, event.b, event.c)
        self.verdict.compare("event", f"epoch {event.epoch}", found, self.expected)
        self.expected = None

    def _nothing_owed(self) -> None:
        if self.expected:
            where = f"epoch {self.expected[1]}"
            self.verdict.compare("event", where, None, self.expected)
        self.expected = None


def _replay_heart(night: Night, verdict: Verdict) -> None:
    """Raw samples of the first minute through `heart`: the beats that were logged."""
    if not night.ppg:
        return
    again = heart.Heart(night.boots[0].rate_x100 // 100)
    found: list[tuple[int, int, int]] = []
    epochs = 0
    for burst in night.ppg:
        again.feed(burst.samples, len(burst.samples), burst.marks, 0)
        if again.now_ms() >= EPOCH_MS:  # times are short ints, from the epoch's start
            found += _beats_of(again.beats, epochs * EPOCH_MS)
            again.next_epoch(EPOCH_MS)
            epochs += 1
    found += _beats_of(again.beats, epochs * EPOCH_MS)
    written = _first_stretch(night)
    logged = _logged_beats(night, written)
    if written < SPAN_EPOCHS and (len(night.boots) > 1 or not night.end):
        found = found[: len(logged)]  # the epoch of the rest was not, or never, written
    for i, beat in enumerate(found):
        verdict.compare("heart", f"beat {i}", logged[i] if i < len(logged) else None, beat)
    verdict.heart_beats = len(found)


def _first_stretch(night: Night) -> int:
    """How many epochs the heart that began the night wrote; after a boot it is another's."""
    if len(night.boots) > 1:
        return min(len(night), night.boots[1].epoch)
    return len(night)


def _logged_beats(night: Night, written: int) -> list[tuple[int, int, int]]:
    """(ms since the night's start, interval, flag) of each logged beat of its first minutes."""
    held = night.beats[: min(written, SPAN_EPOCHS)]
    return [beat for k, beats in enumerate(held) for beat in _beats_of(beats, k * EPOCH_MS)]


def _beats_of(beats: Any, start_ms: int) -> list[tuple[int, int, int]]:
    held = range(beats.n)
    return [(beats.t_ms[i] + start_ms, beats.ibi_ms[i], beats.flag[i]) for i in held]
