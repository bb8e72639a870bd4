"""The checks of an EEG kit that was just built, at the board's own prompt: no firmware, no head.

USB is in while they run, so the electrodes hang free: what is looked at is the front end's number,
its pace, its own noise with the input shorted, the square wave it can give itself, and whether it
notices that nobody wears it. Registers and limits: TI SBAS502. Knows no serial port.
"""

import math
import statistics
import time
from collections.abc import Callable

from .bringup import (
    SHINE_UP_S,
    Check,
    Found,
    Run,
    Told,
    board_clock,
    button,
    nights_partition,
    prepare,
    press,
    value,
)

PART, OTHER_PART = 0x73, 0x53
RATE_HZ, RATE_OFF = 125, 0.03  # its clock keeps 2 % over all temperatures, and the driver bears 3
COUNT_UV = 2.42e6 / 6 / (2**23 - 1)  # of channel 2 at gain 6
NOISE_UV = 2.0  # the data sheet has some 0.5 at this gain
TEST_UV, TEST_OFF = 2.42e6 / 1200, 0.05  # from peak to peak: a 1200th of the reference
SUPPLY_MV = (4300, 5700)  # of USB, behind a diode, through R8
COUNT = 11  # checks of a unit that is well
SHORTED, TEST, ELECTRODES = (0xE0, 0x01), (0xE3, 0x05), (0xE0, 0x00)  # CONFIG2, CH2SET
OFF = 0x0C  # of LOFF_STAT: both leads of channel 2

PRELUDE = """
spi = machine.SPI(2, baudrate=1000000, polarity=0, phase=1, sck=Pin(pin['EEG_SCK']),
    mosi=Pin(pin['EEG_MOSI']), miso=Pin(pin['EEG_MISO']))
cs = Pin(pin['EEG_CS'], Pin.OUT, value=1)
rst = Pin(pin['EEG_RST'], Pin.OUT, value=1)
drdy = Pin(pin['EEG_DRDY'], Pin.IN)
def send(data):
    cs.value(0)
    spi.write(data)
    cs.value(1)
def reset():
    rst.value(0)
    time.sleep_ms(10)
    rst.value(1)
    time.sleep_ms(100)
    send(b'\\x11')
def register(number):
    cs.value(0)
    spi.write(bytes((32 | number, 0)))
    got = bytearray(1)
    spi.readinto(got)
    cs.value(1)
    return got[0]
def measure(config2, channel):
    reset()
    for number, value in ((1, 0), (2, config2), (3, 20), (4, 129), (5, channel), (6, 44),
            (7, 12), (9, 2), (10, 3)):
        send(bytes((64 | number, 0, value)))
    send(b'\\x08')
    send(b'\\x10')
    time.sleep_ms(1000)
def frames(ms):
    global took
    got, n = bytearray(9 * ms // 4), 0
    frame = bytearray(9)
    began = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), began) < ms:
        if drdy.value() or 9 * n + 9 > len(got):
            time.sleep_ms(1)
            continue
        cs.value(0)
        spi.readinto(frame)
        cs.value(1)
        got[9 * n : 9 * n + 9] = frame
        n += 1
    took = time.ticks_diff(time.ticks_ms(), began)
    for i in range(0, 9 * n, 90):
        print(bytes(got[i : min(i + 90, 9 * n)]).hex())
"""


def checks(
    run: Run,
    told: Told = lambda what, share: None,
    ask: Callable[[str], None] | None = None,
) -> list[Check]:
    """Every check in the order of the build guide. Those that need the front end are left out when
    it does not answer, or gives no samples. `told` and `ask` as in `bringup.checks`."""
    prepare(run)
    run(PRELUDE)
    began, ticks = time.monotonic(), value(run, "time.ticks_ms()")
    found = Found(COUNT, told)
    add = found.add
    add(_supply(run))
    if add(button(run)) and ask:
        ask("Press the unit's button now (8 seconds).")
        add(press(run))
    if add(_part(run)) and add(_rate(run)):
        add(_noise(run))
        add(_wave(run))
        add(_leads(run))
    run("reset()\nrst.value(0)")
    add(_light(run))
    add(nights_partition(run))
    add(board_clock(run, began, ticks))
    return found


def _take(run: Run, ms: int) -> list[bytes]:
    raw = bytes.fromhex("".join(run(f"frames({ms})").split()))
    return [raw[i : i + 9] for i in range(0, len(raw), 9)]


def _microvolts(rows: list[bytes]) -> list[float]:
    """Of channel 2."""
    return [int.from_bytes(row[6:9], "big", signed=True) * COUNT_UV for row in rows]


def _supply(run: Run) -> Check:
    mv = value(run, "supply()")
    low, high = SUPPLY_MV
    advice = (
        "the unit cannot tell whether USB is in, and would record nothing: look at A1's three "
        "wires, R8 and R9"
    )
    expected = f"{low / 1000:.1f} to {high / 1000:.1f} V while USB is in"
    return Check("USB seen", low <= mv <= high, f"{mv / 1000:.2f} V", expected, advice)


def _part(run: Run) -> Check:
    part = value(run, "(reset(), register(0))[1]")
    advice = "this is no ADS1292R: return it"
    if part == 0:
        advice = "nothing answers: check 3V3, GND, MISO and CS at the breakout, and CLKSEL high"
    elif part == 0xFF:
        advice = "MISO stays high: it is not connected, or touches 3V3"
    elif part == OTHER_PART:
        advice = "this is an ADS1292, without the R: the firmware does not know it; return it"
    return Check("front end", part == PART, f"part {part:#04x}", f"part {PART:#04x}", advice)


def _rate(run: Run) -> Check:
    run("measure(%d, %d)" % SHORTED)
    n = len(_take(run, 2000))
    rate = 1000 * n / value(run, "took")
    advice = "its clock is another: tie CLKSEL high, so that it uses its own"
    if not n:
        advice = "DRDY never falls: check its wire, and that START is at GND"
    ok = abs(rate / RATE_HZ - 1) <= RATE_OFF
    return Check("sample rate", ok, f"{rate:.0f} Hz", f"{RATE_HZ} Hz", advice)


def _noise(run: Run) -> Check:
    """With its input shorted inside the chip, only the chip's own noise is left."""
    run("measure(%d, %d)" % SHORTED)
    rms = statistics.pstdev(_microvolts(_take(run, 1500)))
    advice = "its supply is noisy: 10 uF at the breakout, and the cell's module a hand away"
    return Check("own noise", rms < NOISE_UV, f"{rms:.1f} uV", f"below {NOISE_UV} uV", advice)


def _wave(run: Run) -> Check:
    """The chip's own square wave of 1 Hz, through the amplifier and the converter."""
    run("measure(%d, %d)" % TEST)
    values = sorted(_microvolts(_take(run, 2500)))
    swing = values[-len(values) // 8] - values[len(values) // 8] if values else math.nan
    advice = (
        "gain or reference are wrong: 2.42 V at VREFP, with its capacitor; else another breakout"
    )
    ok = abs(swing / TEST_UV - 1) <= TEST_OFF
    expected = f"{TEST_UV:.0f} uV from peak to peak"
    return Check("test signal", ok, f"{swing:.0f} uV", expected, advice)


def _leads(run: Run) -> Check:
    run("measure(%d, %d)" % ELECTRODES)
    rows = _take(run, 500)
    off = sum((row[0] << 1 | row[1] >> 7) & OFF == OFF for row in rows)
    ok = True if off > len(rows) // 2 else None
    advice = (
        "if somebody wears them: OFF, NOW, for USB is in. If they hang free, they touch each "
        "other, or there is a bridge between IN2P, IN2N and RLD"
    )
    return Check(
        "electrodes", ok, "off" if ok else "on something", "off: nobody wears them", advice
    )


def _light(run: Run) -> Check:
    """10 mA are too little to be seen by VSENSE, and enough to be seen by you."""
    run(f"light({SHINE_UP_S}, 0)")
    advice = (
        "if you saw nothing, turn D2 round and check its resistor; 0.3 W is the most it may have"
    )
    return Check("light", None, "went up for 3 s", "seen by you", advice)
