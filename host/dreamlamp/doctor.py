"""What ails a lamp, and what to do about it: a table of checks over what it says of itself.

The lamp measures (firmware/lamp/checkup.py, by cable or radio alike), the words and the limits
are here. A check is a function of the facts it names, marked with `@check(section, name)`; it
returns None where all is well or a `Trouble`. Where its section could not be asked it is skipped.
"""

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from lamp import wire

from . import build
from .line import Line, Refusal

CELL_MV, PLUGGED_MV = 1500, 3700  # as firmware/lamp/board.py has them
TORN_MV = 6000  # of an EEG kit's divider: USB is never as much
FINE, CURIOUS, BAD, SKIPPED = "fine", "warning", "bad", "skipped"
CAUSES = {1: "power came", 2: "reset", 3: "watchdog", 4: "deep sleep", 5: "soft reset"}
TRIAL, LOST = 2, 4  # bits of the update's mark (firmware/boot/choose.py)
CRASHES = 4
STRIKES = 3  # firmware/lamp/main.py
HEAP_LOW = 4000  # bytes: less was free at some time
IDF_LOW = 8000
DRIFT_S_A_DAY = 9  # 100 ppm: a crystal keeps 20
SUPPLY_MV = (4500, 5500)
WORN_SECTORS = 3
SECTORS_A_NIGHT = 15  # `make bench BENCH=log`
ENDURANCE = 100_000  # erases of a sector, as makers of such flash state
MAX30102, MAX30100 = 0x15, 0x11
DARK_MAX = 2000  # counts without any LED: more is light from elsewhere
LIT_MIN = 300  # counts an LED adds even with nothing on the sensor


class System(NamedTuple):
    """CHECK_SYSTEM."""

    firmware: tuple[int, int, int]
    micropython: tuple[int, int, int]
    cause: int
    strikes: int
    mark: int
    kit: int
    boot: int
    uptime_s: int
    told_at_s: int
    told_unix_s: int
    heap_free: int
    heap_low: int
    idf_free: int
    idf_low: int
    supply_mv: int
    crashes: int


class Sensor(NamedTuple):
    """CHECK_SENSOR."""

    sda: int
    scl: int
    int_before: int
    int_after: int
    part: int
    devices: int
    faults: int
    errno: int
    led: int
    die_c: int
    hot: int
    dark: int
    red: int
    infrared: int


class Flash(NamedTuple):
    """CHECK_FLASH."""

    programs: int
    bytes: int
    erases: int
    faults: int
    evicted: int
    lost: int
    rot: int
    torn: int
    sectors: int
    nights: int
    unsynced: int
    files: int
    files_free: int
    bad: int
    newest: int


@dataclass
class Facts:
    """All that was asked; a section that could not be is None."""

    system: System
    sensor: Sensor | None
    flash: Flash
    crashes: list[str]
    now: float  # Unix time at which `system` was asked
    state: int  # wire.IDLE, RECORDING or SAFE


@dataclass
class Trouble:
    """What is wrong and what to do about it."""

    says: str
    do: str
    state: str = BAD


@dataclass
class Finding:
    section: str
    name: str
    state: str
    says: str = ""
    do: str = ""


Check = Callable[..., Trouble | None]
CHECKS: list[tuple[str, str, Check]] = []


def check(section: str, name: str) -> Callable[[Check], Check]:
    """Put a function into the table: it is given the facts' `section` (or all, for `all`)."""

    def put(function: Check) -> Check:
        CHECKS.append((section, name, function))
        return function

    return put


async def ask(line: Line, now: Callable[[], float] = time.time) -> Facts:
    """The lamp's answers."""

    async def part(number: int, layout: str) -> tuple:
        return struct.unpack(layout, await line.request(wire.CHECKUP, bytes((number,))))

    state = struct.unpack(wire.HELLO_LAYOUT, await line.request(wire.HELLO))[5]
    raw = await part(wire.CHECK_SYSTEM, wire.CHECK_SYSTEM_LAYOUT)
    asked = now()
    system = System(raw[:3], raw[3:6], *raw[6:])
    try:
        sensor = Sensor(*await part(wire.CHECK_SENSOR, wire.CHECK_SENSOR_LAYOUT))
    except Refusal as refusal:
        if refusal.status != wire.BUSY and system.kit != wire.KIT_EEG:
            raise
        sensor = None  # a night is recorded, or its electrodes are looked at with --wiring alone
    flash = Flash(*await part(wire.CHECK_FLASH, wire.CHECK_FLASH_LAYOUT))
    crashes = []
    for age in range(CRASHES):
        try:
            text = await line.request(wire.CHECKUP, bytes((wire.CHECK_CRASH + age,)))
        except Refusal:
            break
        crashes.append(build.squeezed().explain(text.decode(errors="replace")))
    return Facts(system, sensor, flash, crashes, asked, state)


def examine(facts: Facts) -> list[Finding]:
    """Every check of the table, in its order."""
    found = []
    for section, name, function in CHECKS:
        given = facts if section == "all" else getattr(facts, section)
        if given is None:
            eeg = facts.system.kit == wire.KIT_EEG
            why = (
                "`dreamlamp doctor --wiring`, by its cable" if eeg else "a night is being recorded"
            )
            found.append(Finding(section, name, SKIPPED, why))
            continue
        trouble = function(given)
        if trouble:
            found.append(Finding(section, name, trouble.state, trouble.says, trouble.do))
        else:
            found.append(Finding(section, name, FINE))
    return found


# --- the lamp as a whole -------------------------------------------------------------------------


@check("system", "reset cause")
def _cause(s: System) -> Trouble | None:
    if s.cause == 3:
        return Trouble(
            "it was started by its watchdog: it had hung",
            "look at the last errors below; update the firmware if it happens again",
            CURIOUS,
        )
    return None


@check("all", "safe mode")
def _safe(facts: Facts) -> Trouble | None:
    if facts.state != wire.SAFE:
        return None
    if facts.system.strikes >= STRIKES:
        return Trouble(
            "it crashed three times in a row, so it records nothing until it ran for ten minutes",
            "`dreamlamp sync` now, for the nights are there; then `dreamlamp update`",
        )
    return Trouble(
        "its button was held when it started, so it records nothing",
        "unplug it and plug it in again, hands off; `dreamlamp doctor --wiring` if nobody held it",
    )


@check("system", "crashes in a row")
def _strikes(s: System) -> Trouble | None:
    if not s.strikes:
        return None
    return Trouble(
        f"{s.strikes} crashes without ten good minutes between them; after 3 it records nothing",
        "`dreamlamp update`; if it goes on, `dreamlamp flash` (the nights stay)",
        BAD if s.strikes >= STRIKES else CURIOUS,
    )


@check("system", "last update")
def _update(s: System) -> Trouble | None:
    if s.mark & TRIAL:
        return Trouble("a new firmware is on trial", "wait a minute and ask again", CURIOUS)
    if s.mark & LOST:
        return Trouble(
            "the last update did not prove itself: the lamp went back to the firmware before",
            "look at the last errors below, and update again when there is a newer one",
            CURIOUS,
        )
    return None


@check("system", "memory")
def _memory(s: System) -> Trouble | None:
    low = min(s.heap_free, s.heap_low)
    if low >= HEAP_LOW and s.idf_low >= IDF_LOW:
        return None
    return Trouble(
        f"at worst {low} bytes of Python's heap and {s.idf_low} of the radio's were free",
        "restart the lamp in the evening; report it with `dreamlamp doctor --json`",
        CURIOUS,
    )


@check("system", "supply")
def _supply(s: System) -> Trouble | None:
    if s.kit == wire.KIT_EEG:
        if CELL_MV < s.supply_mv < PLUGGED_MV:
            return None
        if not CELL_MV < s.supply_mv < TORN_MV:
            return Trouble(
                f"{s.supply_mv / 1000:.1f} V at the 5 V pin cannot be: nobody can tell whether "
                "USB is in, and nothing is recorded",
                "look at A1's three wires, R8 and R9 (hardware/README.md)",
            )
        return Trouble(
            f"{s.supply_mv / 1000:.1f} V at the 5 V pin: USB is in, and nothing is recorded",
            "take the electrodes off before anything is plugged in; pull the plug to record",
        )
    if SUPPLY_MV[0] <= s.supply_mv <= SUPPLY_MV[1]:
        return None
    return Trouble(
        f"{s.supply_mv / 1000:.1f} V instead of 5 V",
        "take another USB supply (1 A) and a short cable; then measure the divider at VSENSE",
    )


@check("all", "clock")
def _clock(facts: Facts) -> Trouble | None:
    s = facts.system
    if not s.told_unix_s:
        return Trouble("nobody has told it the time since power came", "`dreamlamp sync`", CURIOUS)
    past = s.uptime_s - s.told_at_s
    off = s.told_unix_s + past - facts.now
    if past < 3600 or abs(off) - 2 <= DRIFT_S_A_DAY * past / 86400:
        return None
    return Trouble(
        f"it is {off:+.0f} s off, {past / 3600:.0f} h after it was told",
        "sync every evening; more than 9 s a day is a bad crystal or a computer's wrong clock",
        CURIOUS,
    )


@check("all", "last errors")
def _errors(facts: Facts) -> Trouble | None:
    if not facts.crashes:
        return None
    last = facts.crashes[0].strip().splitlines()[-1:] or ["unreadable"]
    return Trouble(
        f"{facts.system.crashes} since it was made; the last: {last[0]}",
        "harmless if it is old; else report it with `dreamlamp doctor --json`",
        CURIOUS,
    )


# --- the flash -----------------------------------------------------------------------------------


@check("flash", "flash wear")
def _wear(f: Flash) -> Trouble | None:
    if f.faults < WORN_SECTORS and f.rot < WORN_SECTORS and not f.bad:
        return None
    return Trouble(
        f"{f.faults} writes did not stick, {f.bad} sectors take no more and {f.rot} frames had "
        "rotted since power came",
        "fetch the nights now (`dreamlamp sync`) and put another board in",
        BAD if f.faults or f.bad else CURIOUS,
    )


@check("flash", "nights not fetched")
def _nights(f: Flash) -> Trouble | None:
    if f.lost:
        return Trouble(f"{f.lost} unfetched nights had to make room", "`dreamlamp sync` daily")
    if f.unsynced > 20:
        return Trouble(f"{f.unsynced} nights wait to be fetched", "`dreamlamp sync`", CURIOUS)
    return None


@check("flash", "file system")
def _files(f: Flash) -> Trouble | None:
    if f.files_free >= 128 << 10:
        return None
    return Trouble(
        f"only {f.files_free >> 10} kB are free: an update would not fit",
        "`dreamlamp flash` with the image it was made with; the nights stay",
    )


# --- the sensor ----------------------------------------------------------------------------------


@check("sensor", "pull-ups")
def _pull_ups(s: Sensor) -> Trouble | None:
    wires = [name for name, level in (("SDA", s.sda), ("SCL", s.scl)) if not level]
    if not wires:
        return None
    return Trouble(
        f"{' and '.join(wires)} do not idle high",
        "the breakout has no pull-ups to 3.3 V, or the wire is off: solder 4.7 k to 3.3 V",
    )


@check("sensor", "on the bus")
def _present(s: Sensor) -> Trouble | None:
    if s.part >= 0:
        return None
    other = f"; {s.devices} other device(s) do" if s.devices else ""
    return Trouble(
        f"no sensor answers at 57h (error {s.errno}){other}",
        "check 3V3, GND, SDA and SCL, in this order, at the sensor's end of the lead",
    )


@check("sensor", "part")
def _part(s: Sensor) -> Trouble | None:
    if s.part in (-1, MAX30102):
        return None
    if s.part == MAX30100:
        return Trouble(
            "it is a MAX30100, not a MAX30102: another register map, half the buffer",
            "take a board whose chip says MAX30102",
        )
    return Trouble(f"part {s.part:02X}h is no MAX30102", "take a board whose chip says MAX30102")


@check("sensor", "interrupt")
def _interrupt(s: Sensor) -> Trouble | None:
    if s.part != MAX30102 or s.int_after:
        return None
    return Trouble(
        "INT stays low though its cause was read: the wire touches ground, or the pin is dead",
        "the lamp works without it; unsolder INT, or check it for a short to GND",
        CURIOUS,
    )


@check("sensor", "light from elsewhere")
def _dark(s: Sensor) -> Trouble | None:
    if s.part != MAX30102 or s.dark <= DARK_MAX:
        return None
    return Trouble(
        f"{s.dark} counts with both LEDs dark",
        "cover the sensor, and its solder side, against light",
        CURIOUS,
    )


@check("sensor", "infrared LED")
def _infrared(s: Sensor) -> Trouble | None:
    if s.part != MAX30102 or s.infrared - s.dark >= LIT_MIN:
        return None
    return Trouble(
        f"it adds {s.infrared - s.dark} counts, a live one hundreds even without a finger",
        "check VLED (3.3 V); if it is there, the LED is dead: take another breakout",
    )


@check("sensor", "faults")
def _faults(s: Sensor) -> Trouble | None:
    if s.faults < 10:
        return None
    return Trouble(
        f"{s.faults} transfers failed since power came, the last with error {s.errno}",
        "shorten or twist the lead (1 m at most), and press the crimps home",
        CURIOUS,
    )


@check("sensor", "warmth")
def _warm(s: Sensor) -> Trouble | None:
    if not s.hot:
        return None
    return Trouble(f"{s.die_c} C: it stopped to spare the skin", "let it cool; check for a short")


def words(facts: Facts) -> dict[str, str]:
    """The plain facts, for people."""
    system, flash = facts.system, facts.flash
    version = ".".join(map(str, system.firmware))
    each = flash.newest * SECTORS_A_NIGHT / flash.sectors
    return {
        "firmware": f"{version} in /{'ab'[system.mark & 1]}",
        "MicroPython": ".".join(map(str, system.micropython)),
        "started": f"{CAUSES.get(system.cause, '?')}, the {system.boot}. time, "
        f"{system.uptime_s // 60} min ago",
        "memory": f"{system.heap_free} bytes free, {system.heap_low} at worst",
        "flash": f"{flash.nights} nights, {flash.newest} since it was made: about {each:.0f} "
        f"erases a sector of {ENDURANCE}; {flash.erases} since power came, {flash.bad} bad",
    }
