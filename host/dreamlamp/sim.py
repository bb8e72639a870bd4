"""A virtual lamp: the firmware's own files under MicroPython, on simulated silicon.

Makes the WORLD directory (DESIGN.md, "The silicon that is simulated") from a recording and a
scenario, and keeps the lamp's process alive as the mains would: started again after a power
cut, a reset or a bite of the watchdog. What is simulated is the chip, the sensor, the finger's
optics and the air; the firmware is the one that is flashed.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from binascii import crc32
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from lamp import names, wire

from . import build, headset, places, stored
from .errors import DreamlampError
from .recordings import Recording
from .uart import Uart

# What the ESP32 leaves (DESIGN.md, RAM), words of 64 bits being twice as long; the simulator's own
# share comes on top.
HEAP_KB = {32: 96, 64: 192}  # free, once the radio is up
TABLES = {32: 131 / 128, 64: 259 / 256}  # of the garbage collector, beside what it hands out
CUT, RESET, BITTEN = 42, 43, 44  # exit statuses of start.py after which the chip starts again
CONSOLE_KEPT = 65536  # bytes of an unfinished line
RESTARTS = 8  # in a row without a minute of world time between them: it is broken
LEAD_S = 60  # world time at which the recording begins
VISIT_S = 1800  # later, where a host is to set the lamp's clock first: free time runs fast
WORN_S, BUTTON_S = 45, 15  # before the recording: the finger comes, the button begins the night
NIGHTS_WATCHED = 30  # before this one: more than any of the lamp's limits asks for
CHOSEN = {"ceiling": 60, "full_lux": 254, "shift": 0}  # by the owner of a lamp with a past
SETTLE_S = 30  # from the last beat to the morning's button
FREE_SECTORS = 2  # of 384, when a night begins on a full flash; a night takes 14
UNWORN_S = 61 * 60  # an hour without a finger ends a night
BESIEGED_S = 3600  # longer than any morning's sync
AFTER_S = 180  # of free-running time after the night, so that its end is certain to be behind


class NoMicroPython(DreamlampError):
    """Nothing here can run the virtual lamp."""


class LampDied(DreamlampError):
    """The virtual lamp's process ended by itself."""


@dataclass
class Scenario:
    """What happens in the night; times in seconds after the recording's start."""

    seed: int = 1
    bits: int = 64
    kit: str = "heart"  # or "eeg": electrodes on a head, the unit on its cell
    usb: list[tuple[float, float]] = field(default_factory=list)  # plugged in from .. to
    settings: dict[str, int | bytes] = field(default_factory=dict)
    starts: str = "button"  # or "wear": ten minutes of it
    ends: str = "button"  # or "unworn": an hour of it
    finger_off: list[tuple[float, float]] = field(default_factory=list)
    power_cuts: list[tuple[float, float]] = field(default_factory=list)  # (when, how long)
    visit: bool = False  # a host sets the clock in the evening
    full_flash: bool = False  # of earlier nights that no host ever fetched
    costs: dict = field(default_factory=dict)  # what else world.json says (DESIGN.md)
    faults: list[tuple] = field(
        default_factory=list
    )  # of its parts: (when, event, ...) of world.py
    besieged: bool = False  # a stranger takes the lamp's connection whenever it is offered
    presses: list[tuple[float, float]] = field(
        default_factory=list
    )  # of the button: when, how long


def settings_for(mode: str, consent: bool = False) -> dict[str, int | bytes]:
    """What the lamp's memory holds: in mode act, or with a consent, enough nights watched."""
    held: dict[str, int | bytes] = {"mode": names.MODE.index(mode)}
    if consent or mode == "act":
        held["nights"] = NIGHTS_WATCHED
    if consent:
        held["consent"] = wire.POLICY
    return held


def simulated(settings: dict[str, int | bytes]) -> list[str]:
    """What of the right to act is made up in a lamp born with these settings, in sentences."""
    if not settings.get("nights"):
        return []
    earlier = f"SIMULATED: {settings['nights']!r} earlier nights of baseline and observing"
    if settings.get("consent"):
        return [f"{earlier}, and the sleeper's consent."]
    return [f"{earlier}. No consent is simulated."]


@contextmanager
def claimed(folder: Path, marker: str) -> Iterator[None]:
    """Have `folder` to ourselves; refuse one with files in it that bears no `marker` of ours."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / marker).is_file():
        raise DreamlampError(
            f"{folder} holds files that this command did not make: name an empty or a new folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / marker).open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DreamlampError(
                f"a virtual lamp lives in {folder} already: end it, or name another folder"
            ) from None
        yield


class World:
    """The directory in which a virtual lamp lives."""

    def __init__(self, folder: Path, recording: Recording, scenario: Scenario):
        self.folder = folder
        self.scenario = scenario
        self.lead_s = VISIT_S if scenario.visit else LEAD_S
        self.wakes_s = self.lead_s + recording.seconds + SETTLE_S
        self.over_s = self.wakes_s + (UNWORN_S if scenario.ends == "unworn" else 0) + 5
        self.fast_until_s = int(self.over_s) + AFTER_S
        _fits(recording, scenario.kit)
        folder.mkdir(parents=True, exist_ok=True)
        self.source = {**recording.source(scenario.kit), "simulated": simulated(scenario.settings)}
        about = [self.source, crc32(recording.beats_ms.tobytes()), asdict(scenario)]
        kept = self._kept(json.dumps(about, default=bytes.hex))
        (folder / "source.json").write_text(json.dumps(self.source))
        settings = {"kit": names.KIT.index(scenario.kit), **scenario.settings}
        if scenario.full_flash:  # no new lamp, which would choose them itself
            settings = {**CHOSEN, **settings}
        if scenario.kit == "eeg":
            (folder / "eeg.bin").write_bytes(_head(recording, self.lead_s, scenario.seed))
        else:
            beats = _with_evening(recording.beats_ms) + self.lead_s * 1000
            (folder / "beats.bin").write_bytes(beats.astype("<u4").tobytes())
            (folder / "pulse.bin").write_bytes(finger_pulse())
        if not kept:
            (folder / "nvs.json").write_text(json.dumps({"lamp": _stored(settings)}))
        self.older = _fill(folder / "flash.bin") if scenario.full_flash else 0  # nights on it

    def _kept(self, about: str) -> bool:
        """Whether this very night lives here already; what another left behind is removed."""
        same = self.folder / "made_of.json"
        if same.is_file() and same.read_text() == about:
            return True
        for left in self.folder.iterdir():
            if left.is_file() and not left.name.startswith("."):
                left.unlink()
        same.write_text(about)
        return False

    def open_to(self, port: int, realtime: bool = False) -> None:
        """Write world.json: the lamp's radio is at `port` of this computer."""
        spec = {
            "seed": self.scenario.seed,
            "outside": ["127.0.0.1", port],
            "realtime": realtime,
            "events": self.events(),
            **({"eeg": True, "sensor": 0} if self.scenario.kit == "eeg" else {}),
            **self.scenario.costs,
        }
        if not realtime:
            spec["fast_until_s"] = self.fast_until_s
        (self.folder / "world.json").write_text(json.dumps(spec, indent=1))

    def events(self) -> list[list]:
        """[ms, name, ...] of the whole night, in order."""
        plan, lead = self.scenario, self.lead_s
        found: list[list] = [[0, "finger_off"], [_ms(lead - WORN_S), "finger_on"]]
        if plan.kit == "eeg":
            found.insert(0, [0, "usb", 0])
        for start, end in plan.usb:
            found += [[_ms(lead + start), "usb", 1], [_ms(lead + end), "usb", 0]]
        if plan.starts == "button":
            found.append([_ms(lead - BUTTON_S), "button", 300])
        for start, end in plan.finger_off:
            found += [[_ms(lead + start), "finger_off"], [_ms(lead + end), "finger_on"]]
        found += [[_ms(lead + at), "power_cut", _ms(away)] for at, away in plan.power_cuts]
        found += [[_ms(lead + at), "button", _ms(lasts)] for at, lasts in plan.presses]
        found += [[_ms(lead + at), *what] for at, *what in plan.faults]
        if plan.besieged:
            found.append([_ms(lead), "stranger", _ms(self.over_s + BESIEGED_S)])
        if plan.ends == "button":
            found.append([_ms(self.wakes_s), "button", 300])
        found.append([_ms(self.wakes_s + 2), "finger_off"])
        return sorted(found, key=lambda event: event[0])


def _fill(flash: Path) -> int:
    """Fill the lamp's flash but for a few sectors; return how many nights are on it."""
    fill = [sys.executable, str(places.simulator() / "fill.py"), str(flash), str(FREE_SECTORS)]
    done = subprocess.run(fill, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])


def _ms(second: float) -> int:
    return round(second * 1000)


def _fits(recording: Recording, kit: str) -> None:
    """Refuse a recording that has nothing for this kit's sensor."""
    without = recording.powers is None and recording.eeg is None
    if kit == "eeg" and without and not recording.synthetic:
        raise DreamlampError(
            f"{recording.name} holds no EEG: name an EDF file that does, a file of band powers, "
            "or none for a synthetic sleeper"
        )
    if kit == "heart" and not recording.beats_ms.size:
        raise DreamlampError(f"{recording.name} holds EEG and no beats: choose the kit eeg")


def _head(recording: Recording, lead_s: int, seed: int) -> bytes:
    """The signal of a head from the moment the unit is plugged in, awake before the recording."""
    early = headset.powers_of(["W"] * (lead_s // wire.EPOCH_S), seed)
    late = headset.powers_of(["W"] * 3, seed)
    if recording.eeg is not None:
        parts = headset.signal(early, seed), recording.eeg, headset.signal(late, seed)
        return np.concatenate(parts).tobytes()
    powers = recording.powers
    if powers is None:
        powers = headset.powers_of(recording.stages or [], seed)
        powers = headset.with_bursts(powers, [at / 1000 for at in recording.loops_ms])
    return headset.signal(np.concatenate([early, powers, late]), seed).tobytes()


def _with_evening(beats_ms: np.ndarray) -> np.ndarray:
    """The recording's beats, and before them some at its first pace: the finger is on already."""
    pace = float(np.median(np.diff(beats_ms[:60])))
    early = beats_ms[0] - np.arange(1, (WORN_S - 5) * 1000 / pace) * pace
    return np.concatenate([np.round(early[::-1]).astype(np.int64), beats_ms])


def finger_pulse() -> bytes:
    """One pulse of light absorbed in a finger, foot to foot, 256 values: two gaussians.

    The systolic wave and the reflected one behind it, the usual two-component model of a finger
    pulse; widths and places are plausible, not measured.
    """
    x = np.arange(256) / 256
    wave = np.exp(-(((x - 0.22) / 0.09) ** 2)) + 0.38 * np.exp(-(((x - 0.52) / 0.14) ** 2))
    wave -= np.linspace(wave[0], wave[-1], 256)
    wave = np.clip(wave, 0, None)
    return np.round(255 * wave / wave.max()).astype(np.uint8).tobytes()


def _stored(settings: dict[str, int | bytes]) -> dict[str, str]:
    """Settings as the simulated NVS keeps them."""
    return {key: stored.packed(value).hex() for key, value in settings.items()}


class Lamp:
    """The lamp's process, started again as often as the chip would start.

    `world_s` is the last world time it told; `told` is called with it. With a `uart` its console
    is at that line's other end. Use as a context.
    """

    def __init__(
        self,
        world: World,
        told: Callable[[float], None] = lambda world_s: None,
        uart: Uart | None = None,
    ):
        self.world, self.told, self.uart = world, told, uart
        self.world_s = 0.0
        self.heard_s = time.monotonic()
        self.said: list[str] = []  # what the firmware printed, for the errors
        self.starts = 0
        self.fruitless = 0  # start after which world time last went on
        self.process: subprocess.Popen | None = None
        self.stdin: IO[bytes] | None = None
        self.hears = False  # whether Ctrl-C on its console interrupts
        self.struck = False  # whether one did since this start
        self.stopping = False
        self.released = threading.Event()  # the reset pin is high
        self.released.set()
        self.ended = threading.Event()
        self.keeper = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> "Lamp":
        self.first = command(self.world)  # here, so that whoever asks hears why it cannot be
        self.keeper.start()
        return self

    def __exit__(self, *_) -> None:
        self.stopping = True
        self.released.set()
        if self.process:
            self.process.terminate()
        self.keeper.join(10)

    def interrupt(self) -> None:
        """Ctrl-C on the console."""
        if self.process:
            self.struck = True
            self.process.send_signal(signal.SIGINT)

    def hold(self, down: bool) -> None:
        """Pull the reset pin low, or let go of it."""
        if not down:
            self.released.set()
        elif self.released.is_set() and self.process:
            self.released.clear()
            self.process.kill()

    def wait_until(self, world_s: float, timeout_s: float = 900) -> None:
        """Return once world time has passed `world_s`."""
        clock = threading.Event()
        for _ in range(int(timeout_s / 0.05)):
            if self.world_s >= world_s:
                return
            if self.ended.is_set():
                raise LampDied("the virtual lamp ended: " + self.last_words())
            clock.wait(0.05)
        raise LampDied(f"the virtual lamp stood still at {self.world_s:.0f} s of its night")

    def now_s(self) -> float:
        """World time now, if it keeps the real clock's pace since it was last told."""
        return self.world_s + time.monotonic() - self.heard_s

    def last_words(self) -> str:
        plain = build.squeezed().explain("\n".join(self.said[-6:]))
        return plain.replace("\n", " / ") or "it said nothing"

    def _keep(self) -> None:
        status, starting = CUT, self.first
        while status in (CUT, RESET, BITTEN) and not self.stopping:
            self.starts += 1
            process = subprocess.Popen(
                starting,
                stdin=subprocess.PIPE if self.uart else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=self.uart is not None,  # whose Ctrl-C is the console's alone
            )
            self.stdin, self.hears, self.struck = process.stdin, False, False
            self.process = process  # from now on a Ctrl-C reaches it
            if self.uart:
                self.uart.lamp = self
            console = threading.Thread(target=self._listen, args=[process], daemon=True)
            console.start()
            assert process.stderr
            for line in process.stderr:
                self._hear(line.decode(errors="replace").strip())
            console.join()
            status = process.wait()
            if not self.released.is_set():
                self.released.wait()
                self._was_reset("")
                status = RESET
            elif self.struck and not self.stopping and status not in (0, CUT, RESET, BITTEN):
                # a Ctrl-C in the midst of a garbage collection, or of its end
                self._was_reset("raw")
                status = RESET
            if self.starts - self.fruitless > RESTARTS:
                break
            if status in (CUT, RESET, BITTEN) and not self.stopping:
                starting = command(self.world)
        self.ended.set()

    def _was_reset(self, prompt: str) -> None:
        """Write the state.json that a killed process could not; the next begins at `prompt`."""
        state = {"world_ms": _ms(self.now_s())}
        file = self.world.folder / "state.json"
        if file.is_file():
            state = {**json.loads(file.read_text()), **state}
        fired = sum(event[0] <= state["world_ms"] for event in self.world.events())
        file.write_text(json.dumps({**state, "cause": 1, "prompt": prompt, "fired": fired}))

    def _listen(self, process: subprocess.Popen) -> None:
        """Carry what the lamp prints to its line and, by lines, to `said`."""
        assert process.stdout
        rest = b""
        while data := process.stdout.read1(4096):  # type: ignore[attr-defined]
            if self.uart:
                self.uart.say(data)
            *lines, rest = (rest + data)[-CONSOLE_KEPT:].split(b"\n")
            self.said += [line.decode(errors="replace").strip() for line in lines if line.strip()]

    def _hear(self, line: str) -> None:
        if line.startswith("world "):
            self.world_s = int(line.split()[1]) / 1000
            self.heard_s = time.monotonic()
            self.fruitless = self.starts
            self.told(self.world_s)
        elif line.startswith("hears "):
            self.hears = line.endswith("1")
        elif line:
            self.said.append(line)


def command(world: World) -> list[str]:
    """How the lamp's process is started."""
    bits = world.scenario.bits
    micropython = places.micropython()
    try:
        found = micropython.find(bits)
    except micropython.Missing as error:
        raise NoMicroPython(str(error)) from None
    made = build.compiled(bits, places.built(), places.simulator())
    start = str(made / "sim" / "start.py")
    ask = "--share-eeg" if world.scenario.kit == "eeg" else "--share"
    share = subprocess.run([*found, start, ask], capture_output=True, text=True)
    if not share.stdout.strip().isdigit():
        raise DreamlampError(f"the simulator does not start: {share.stdout} {share.stderr}")
    heap = f"heapsize={round((HEAP_KB[bits] * 1024 + int(share.stdout)) * TABLES[bits])}"
    flashed = (world.folder / "vfs.bin").is_file()
    firmware = [] if flashed else [os.fspath(made)]
    return [*found, "-X", heap, start, os.fspath(world.folder.resolve()), *firmware]
