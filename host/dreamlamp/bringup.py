"""The checks of a lamp that was just built: what each reads, what it should, what to do if not.

Small scripts are run at the board's own prompt, straight on its pins and registers, so a fault of
the firmware is not mistaken for one of the wiring. Registers and bits: MAX30102 data sheet 19-7740
rev 1. Knows no serial port: `run(script)` gives what a script printed.
"""

import ast
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from lamp import names

from . import stored
from .pins import DIVIDER_X100, PINS, REFERENCE

Run = Callable[[str], str]
Told = Callable[[str, float], None]
PART, OLD_PART = 0x15, 0x11
RATE_HZ = 50
LOW_LED, HIGH_LED = 0x0F, 0x1E  # 3 and 6 mA
DEAD, FINGER = 4, 800  # counts per step of LED current: nothing lights; a finger lies on it
PULSE_S = 8
SURE = 1.1  # how much more pulse one colour has to have
SUPPLY_MV = (4500, 5400)
SAG_MV = 20  # less than this at full light, and no current flows
DRIFT = 0.05
COUNT = 14  # checks of a lamp that is well
SHINE_UP_S = 3
PRESS_S = 8  # less than the line waits for an answer

PRELUDE = """
import esp32, machine, time
from machine import Pin
pin = {pins}
def idle(name):
    return Pin(pin[name], Pin.IN, Pin.PULL_DOWN).value()
def write(register, value):
    bus.writeto_mem(87, register, bytes((value,)))
def read(register, n=1):
    return bus.readfrom_mem(87, register, n)
def begin(red, infrared):
    write(9, 64)
    time.sleep_ms(5)
    read(0, 2)
    for register, value in ((8, 80), (10, 43), (12, red), (13, infrared), (9, 3)):
        write(register, value)
    for register in (4, 5, 6):
        write(register, 0)
def take(ms):
    global took
    began = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), began) < ms:
        time.sleep_ms(100)
        head = read(4, 3)
        n = head[0] - head[2] & 31
        while n:
            few = min(n, 8)
            print(read(7, 6 * few).hex())
            n -= few
    took = time.ticks_diff(time.ticks_ms(), began)
def supply():
    adc = machine.ADC(Pin(pin['VSENSE']), atten=machine.ADC.ATTN_11DB)
    return sum(adc.read_uv() for _ in range(32)) // 32000 * {divider} // 100
def press(ms):
    button = Pin(pin['BUTTON'], Pin.IN, Pin.PULL_UP)
    began = time.ticks_ms()
    while button.value():
        if time.ticks_diff(time.ticks_ms(), began) > ms:
            return 0
        time.sleep_ms(10)
    return 1
def light(up_s, full_s):
    lamp = machine.PWM(Pin(pin['LAMP']), freq=4000, duty_u16=0)
    try:
        for i in range(1, 101):
            lamp.duty_u16(i * i * i * 65535 // 1000000)
            time.sleep_ms(up_s * 10)
        lit = supply()
        for _ in range(full_s):
            time.sleep(1)
            print('.')
        return lit
    finally:
        lamp.duty_u16(0)
bus = machine.I2C(0, scl=Pin(pin['SCL']), sda=Pin(pin['SDA']), freq=100000)
"""


@dataclass
class Check:
    """One line of the answer. `ok` is None where it could not be told."""

    name: str
    ok: bool | None
    reading: str
    expected: str
    advice: str = ""  # empty when all is well

    def as_json(self) -> dict:
        return asdict(self)


def kit_of(run: Run) -> str:
    """The kit that the board's memory is set to; the heart kit where nothing is set."""
    script = (
        "import esp32\nbuf = bytearray(16)\ntry:\n"
        "    n = esp32.NVS('lamp').get_blob('kit', buf)\nexcept OSError:\n    n = 0\n"
        "print(bytes(buf[:n]))"
    )
    held = stored.unpacked(ast.literal_eval(run(script).strip().splitlines()[-1]))
    return names.KIT[held] if isinstance(held, int) and held < len(names.KIT) else "heart"


def prepare(run: Run) -> None:
    """Tell the board which of the two it is, and the scripts' words."""
    kind = run("import sys; print(sys.implementation[2])")
    board = "s3" if "S3" in kind else REFERENCE
    run(PRELUDE.format(pins=PINS[board], divider=DIVIDER_X100))


def shine(run: Run, seconds: int) -> None:
    """Full light for so long, then dark; `prepare` first."""
    run(f"light({SHINE_UP_S}, {seconds})")


class Found(list[Check]):
    """The checks so far, `whole` of which there will be; `told` hears of the share."""

    def __init__(self, whole: int, told: Told) -> None:
        self.whole, self.told = whole, told

    def add(self, check: Check) -> bool:
        """Keep it; whether all is well. What is well needs no advice."""
        self.told("wiring", len(self) / self.whole)
        if check.ok:
            check.advice = ""
        self.append(check)
        return bool(check.ok)


def checks(
    run: Run,
    told: Told = lambda what, share: None,
    ask: Callable[[str], None] | None = None,
) -> list[Check]:
    """Every check in the order of the build guide; the light goes up once, for three seconds.

    Those that need the sensor are left out when it does not answer. `told` hears of the share
    that is done, under the name `wiring`; `ask` gives somebody at the lamp something to do.
    """
    prepare(run)
    began, ticks = time.monotonic(), value(run, "time.ticks_ms()")
    found = Found(COUNT, told)
    add = found.add
    add(_supply(run))
    if add(button(run)) and ask:
        ask(f"Press the lamp's button now ({PRESS_S} seconds).")
        add(press(run))
    wired = [add(_pull_up(run, name)) for name in ("SDA", "SCL")]
    if all(wired) and add(_part(run)):
        add(_interrupt(run))
        add(_rate(run))
        lit = [add(check) for check in _leds(run)]
        if all(lit):
            add(_colours(run))
        add(_temperature(run))
        run("write(9, 128)")
    add(_light(run))
    add(nights_partition(run))
    add(board_clock(run, began, ticks))
    return found


def value(run: Run, expression: str):
    """What the board makes of an expression."""
    return ast.literal_eval(run(f"print(repr({expression}))").strip().splitlines()[-1])


def _samples(run: Run, ms: int) -> list[tuple[int, int]]:
    """(red, infrared) of the FIFO for so long."""
    raw = bytes.fromhex("".join(run(f"take({ms})").split()))
    words = [int.from_bytes(raw[i : i + 3], "big") & 0x3FFFF for i in range(0, len(raw), 3)]
    return list(zip(words[::2], words[1::2], strict=True))


def _supply(run: Run) -> Check:
    mv = value(run, "supply()")
    low, high = SUPPLY_MV
    advice = "use a USB supply of 1 A and a short cable; check R6 and R7, which divide it"
    expected = f"{low / 1000:.1f} to {high / 1000:.1f} V"
    return Check("supply", low <= mv <= high, f"{mv / 1000:.2f} V", expected, advice)


def button(run: Run) -> Check:
    """Whether its contact is open."""
    level = value(run, "Pin(pin['BUTTON'], Pin.IN, Pin.PULL_UP).value()")
    advice = "the button or its wires are closed for ever: look at J3, or SW2 of an EEG kit"
    return Check(
        "button", level == 1, "up" if level else "down", "up while nobody presses", advice
    )


def press(run: Run) -> Check:
    """Whether one arrives, within PRESS_S."""
    down = value(run, f"press({PRESS_S * 1000})")
    advice = "no press arrives: check the button's two wires at both ends, and ask again"
    return Check("press", bool(down), "arrived" if down else "none", "one press", advice)


def _pull_up(run: Run, name: str) -> Check:
    """A pull-down inside the chip (45 k) loses against a pull-up outside (4.7 k)."""
    level = value(run, f"idle('{name}')")
    run("bus = machine.I2C(0, scl=Pin(pin['SCL']), sda=Pin(pin['SDA']), freq=100000)")
    advice = (
        f"{name} is not pulled up to 3.3 V: add 4.7 k from {name} to 3V3, and see whether the "
        "breakout pulls to its own 1.8 V"
    )
    return Check(f"{name} idle", level == 1, "high" if level else "low", "high", advice)


def _part(run: Run) -> Check:
    expected = f"part {PART:#04x}"
    try:
        part, revision = value(run, "(read(255)[0], read(254)[0])")
    except Exception:  # whatever the line makes of an OSError on the board
        advice = "nothing answers at 0x57: check the lead (SDA GND SCL 3V3 INT) and its plug"
        return Check("sensor", False, "no answer", expected, advice)
    reading = f"part {part:#04x}, revision {revision}"
    advice = "this is no MAX30102: return it"
    if part == OLD_PART:
        advice = "this is a MAX30100, with half the FIFO and other registers: return it"
    return Check("sensor", part == PART, reading, expected, advice)


def _interrupt(run: Run) -> Check:
    """New-sample interrupt: low soon after a start, high again once the status is read.

    What is high must win against a pull-down; what a pull-up inside can lift had none outside.
    """
    run("begin(15, 15)\nwrite(2, 64)\ntime.sleep_ms(60)")
    asked = value(run, "Pin(pin['PPG_INT'], Pin.IN, Pin.PULL_UP).value()")
    run("write(2, 0)\nread(0, 2)")
    lifted = value(run, "Pin(pin['PPG_INT'], Pin.IN, Pin.PULL_UP).value()")
    quiet = value(run, "idle('PPG_INT')")
    expected = "falls and rises"
    if asked:
        reading = "stuck high"
        advice = "the interrupt line never falls: check the blue wire and J1 pin 5"
    elif not lifted:
        reading = "stuck low"
        advice = "the interrupt line never rises: look for a bridge to GND at J1 pin 5"
    elif not quiet:
        reading = "not pulled up"
        advice = "R3 is missing: 10 k from the interrupt line to 3V3"
    else:
        reading, advice = expected, ""
    return Check("interrupt", reading == expected, reading, expected, advice)


def _rate(run: Run) -> Check:
    run("begin(15, 15)")
    samples = len(_samples(run, 2000))
    rate = 1000 * samples / value(run, "took")
    ok = abs(rate - RATE_HZ) <= 2
    advice = "the sensor loses samples or has another clock: try another one"
    return Check("sample rate", ok, f"{rate:.0f} Hz", f"{RATE_HZ} Hz", advice)


def _leds(run: Run) -> list[Check]:
    """Counts per step of LED current, of both colours: twice the current, twice the light."""
    means = []
    for led in (LOW_LED, HIGH_LED):
        run(f"begin({led}, {led})\ntime.sleep_ms(300)")
        rows = _samples(run, 700)
        means.append([statistics.mean(column) for column in zip(*rows, strict=True)])
    found = []
    for name, low, high in zip(("red LED", "infrared LED"), *means, strict=True):
        slope = (high - low) / (HIGH_LED - LOW_LED)
        expected = f"{FINGER} counts a step or more, with a finger on it"
        ok: bool | None = slope >= FINGER
        advice = f"the {name} does not light: more current brings no more signal; another breakout"
        if DEAD < slope < FINGER:
            ok, advice = None, "lay a finger on the sensor, softly, and ask again"
        found.append(Check(name, ok, f"{slope:.0f} counts a step", expected, advice))
    return found


def _colours(run: Run) -> Check:
    """Blood full of oxygen moves infrared twice as much as red; on clones they are swapped."""
    run(f"begin({HIGH_LED}, {HIGH_LED})\ntime.sleep_ms(300)")
    rows = _samples(run, PULSE_S * 1000)
    red, infrared = (_pulsation(list(column)) for column in zip(*rows, strict=True))
    ratio = infrared / red if red else 0.0
    reading = f"infrared pulses {ratio:.2f} times as much as red"
    advice = (
        "red and infrared are swapped on this breakout, as on many clones: the lamp would shine "
        "red all night; return it, or swap them in the driver (_LED_IR, slot 1)"
    )
    ok: bool | None = ratio > SURE
    if 1 / SURE <= ratio <= SURE:
        ok, advice = None, "no clear pulse: warm the finger, hold still, and ask again"
    return Check("colours", ok, reading, f"more than {SURE} times", advice)


def _pulsation(values: list[int]) -> float:
    """How far the light moves within two seconds, against its level."""
    moves = []
    for i in range(0, len(values) - 2 * RATE_HZ + 1, RATE_HZ // 2):
        piece = sorted(values[i : i + 2 * RATE_HZ])
        moves.append((piece[-4] - piece[3]) / statistics.mean(piece))
    return statistics.median(moves) if moves else 0.0


def _temperature(run: Run) -> Check:
    run("write(33, 1)\ntime.sleep_ms(60)")
    degrees = value(run, "read(31)[0]")
    degrees -= 256 if degrees > 127 else 0
    advice = "the sensor is too warm for skin, or it lies: let it cool, then another breakout"
    return Check("sensor's die", 10 <= degrees <= 41, f"{degrees} C", "10 to 41 C", advice)


def _light(run: Run) -> Check:
    """Full light draws 0.6 A through the cable, which the divided supply shows."""
    dark = value(run, "supply()")
    lit = value(run, f"light({SHINE_UP_S}, 0)")
    advice = "the strip takes no current: check its plus and minus at J2, and Q1's three legs"
    reading = f"supply falls by {dark - lit} mV"
    return Check("light", dark - lit >= SAG_MV, reading, f"{SAG_MV} mV and more", advice)


def nights_partition(run: Run) -> Check:
    """Whether the flash has room for nights of its own."""
    script = (
        "[p.info()[3] for p in esp32.Partition.find(esp32.Partition.TYPE_DATA, label='nights')]"
    )
    sizes = value(run, script)
    reading = f"{sizes[0] // 1024} kB for nights" if sizes else "no partition for nights"
    advice = "the lamp's partition table is missing: `dreamlamp flash` with `--image`"
    return Check("flash", bool(sizes), reading, "a partition for nights", advice)


def board_clock(run: Run, began: float, ticks: int) -> Check:
    """Its clock against this computer's, since `began` here and `ticks` there."""
    board_s = (value(run, "time.ticks_ms()") - ticks) / 1000
    host_s = time.monotonic() - began
    off = board_s / host_s - 1
    advice = "the board's clock is off: its crystal is damaged, or the line stalled; ask again"
    return Check("clock", abs(off) < DRIFT, f"{off:+.1%}", f"within {DRIFT:.0%}", advice)
