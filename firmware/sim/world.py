"""The world around the simulated lamp: its files, its clock and what happens to it.

Reads the directory the host prepared (DESIGN.md, "The silicon that is simulated"). `now_ms` is
world time; it goes on over reboots. It moves only in `step` and `until`, and an event happens at
its very millisecond, wherever the firmware is just then: waiting, in the midst of an I2C
transfer or of a flash write. Knows no chip; those who must know of a change register in
`listeners` (called just before it) and `edges` (called just after the button moved).

Events, [t_ms, name, ...]: button ms | finger_off | finger_on | motion ms | usb 0/1 |
bus_fault ms (transfers time out) | bus_stuck (until nine clocks) | sensor_reset (its supply
dipped) | heat celsius | stranger ms (is about for so long: bluetooth.py) | power_cut [off_ms] |
flash_cut n [tear, whole] (power goes in the n-th flash write or erase from then on, the first
being 0; `tear` as flash.py names them by number) | vfs_cut (the same on the file system's
partition).

Defects, a list of names, lasting: no_pull_up (SDA and SCL float) | no_int_pull_up | swapped (red
and infrared, as on many clones) | max30100 (the older part) | stuck_int (interrupt held low) |
loose_int (its wire is off) | dead_led (the infrared one) | dead_lamp (no current in the strip) |
stuck_button (closed). Of an EEG kit: divider_in | divider_out | divider_ground (that wire of the
supply divider is off) | miso_low | miso_high | stuck_drdy (never falls) | ads1292 (no R) |
slow_front (another clock) | noisy_front | weak_reference.
"""

import json
import os

from flash import PowerCut

NEVER = 2**30 - 1
DEFECTS = (
    "no_pull_up",
    "no_int_pull_up",
    "swapped",
    "max30100",
    "stuck_int",
    "loose_int",
    "dead_led",
    "dead_lamp",
    "stuck_button",
    "divider_in",
    "divider_out",
    "divider_ground",
    "miso_low",
    "miso_high",
    "stuck_drdy",
    "ads1292",
    "slow_front",
    "noisy_front",
    "weak_reference",
)
POWER_ON, HARD_RESET, WATCHDOG, SOFT_RESET = 1, 2, 3, 5


class Stop(BaseException):
    """The end of what was asked for."""


class Reset(BaseException):
    """The chip restarts; `args[0]` is the next boot's reset cause."""


folder = ""
seed = 1
outside = None  # (host, port) of the radio and the hands
realtime = False
fast_until_ms = NEVER
now_ms = boot_ms = 0
rtc_s = 0  # the chip's date less world time: it goes on through resets
boots = 0
cause = POWER_ON
alive = True
sensor = 0x15  # part number of the sensor on the bus; 0: none
defects = ()  # what is wrong with how it was built, see DEFECTS
eeg = False  # an ADS1292R on SPI and electrodes on the head
front_us = 8000  # of a sample of it, by its own clock
gc_us = 0  # charged for each garbage collection
ticks_ms = 0  # the chip's count at power-up
work = ()  # [every ms, us] charged for computing
boot_us = 1000000  # loader, IDF and the import of the firmware: an estimate, to be measured
steady = False
watch = False  # look at the heap wherever the chip is touched
advertised_ms = None  # first in this boot, since power-up

finger = True
usb = True
heat_c = 33  # skin under the sensor
button_until_ms = 0
motion_until_ms = 0
fault_until_ms = 0
stuck = False
off_ms = 0  # how long the power stays away

listeners = []  # called with (name, args)
edges = []
ticker = None  # tick() at its `due_ms`, or when the chip hears again: a chip that will not wait
_busy = False  # blocked, or in the ticker's own hands
_light = None
duty = 0  # of the light
_reason = None  # of the end
_events = []
_next = 0
_stop_ms = _watchdog_ms = _release_ms = NEVER
_due_ms = 0


def load(path):
    """Read WORLD; world time goes on where `state.json` of the last boot left it."""
    global folder, seed, outside, realtime, fast_until_ms, now_ms, boot_ms, boots, cause
    global sensor, eeg, front_us, gc_us, ticks_ms, defects, rtc_s, work, boot_us, steady, watch
    global _events, _next, _stop_ms
    folder = path
    with open(path + "/world.json") as file:
        spec = json.load(file)
    state = read_state()
    seed = spec.get("seed", 1)
    outside = tuple(spec["outside"]) if spec.get("outside") else None
    defects = tuple(spec.get("defects", ()))
    for defect in defects:
        if defect not in DEFECTS:
            raise ValueError("unknown defect: %s" % defect)
    sensor = spec.get("sensor", 0x11 if "max30100" in defects else sensor)
    eeg = bool(spec.get("eeg"))
    front_us = spec.get("front_us", front_us)
    gc_us = spec.get("gc_us", gc_us)
    ticks_ms = spec.get("ticks_ms", ticks_ms)
    work = spec.get("work", work)
    boot_us = spec.get("boot_us", boot_us)
    steady = bool(spec.get("steady"))
    watch = bool(spec.get("watch"))
    realtime = bool(spec.get("realtime"))
    if "fast_until_s" in spec:
        fast_until_ms = min(NEVER, spec["fast_until_s"] * 1000)
    if spec.get("stop_at_s") is not None:
        _stop_ms = min(NEVER, spec["stop_at_s"] * 1000)
    now_ms = boot_ms = state.get("world_ms", 0)
    fast_until_ms = min(NEVER, max(fast_until_ms, now_ms + 1000 * spec.get("fast_boot_s", 0)))
    boots = state.get("boots", 0) + 1
    cause = state.get("cause", POWER_ON)
    rtc_s = -(now_ms // 1000) if cause == POWER_ON else state.get("rtc_s", 0)
    _events = sorted(spec.get("events", ()), key=lambda event: event[0])
    for event in _events[: state.get("fired", 0)]:
        if event[1] in ("finger_off", "finger_on", "usb", "heat"):  # lasting ones
            happen(*event[1:])
    _next = state.get("fired", 0)
    _plan()


def read_state():
    """What the last boot left in state.json; {} before the first."""
    try:
        with open(folder + "/state.json") as file:
            return json.load(file)
    except OSError:
        return {}


def write_state(**more):
    """Leave world time and `more` for the next boot and the host."""
    more.update(world_ms=now_ms + off_ms, boots=boots, fired=_next, rtc_s=rtc_s)
    replace(folder + "/state.json", json.dumps(more))


def replace(path, text):
    """Write a file whole or not at all."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def log_light(now):
    """One line of light.log: world ms, duty_u16."""
    global _light, duty
    if _light is None:
        _light = open(folder + "/light.log", "a")
    if alive:
        duty = now
        _light.write("%d %d\n" % (now_ms, now))
        _light.flush()


def _plan():
    global _due_ms
    _due_ms = _events[_next][0] if _next < len(_events) else NEVER
    _due_ms = min(_due_ms, _stop_ms, _watchdog_ms, _release_ms)


def step(ms):
    """Go forward to `ms`, or only to the first event before it; True if one happened."""
    global now_ms, _next, _release_ms
    if not alive:
        raise _reason
    while ticker and not _busy and ticker.due_ms <= ms and ticker.due_ms < _due_ms:
        now_ms = max(now_ms, ticker.due_ms)
        _tick()
    if ms < _due_ms:
        if ms > now_ms:
            now_ms = ms
        return False
    now_ms = max(now_ms, _due_ms)
    if now_ms >= _release_ms:
        _release_ms = NEVER
        _move(False)
    elif _next < len(_events) and _events[_next][0] <= now_ms:
        _next += 1
        happen(*_events[_next - 1][1:])
    elif now_ms >= _watchdog_ms:
        die(Reset(WATCHDOG))
    elif now_ms >= _stop_ms:
        die(Stop())
    _plan()
    return True


def until(ms):
    """Go forward to `ms` through every event on the way."""
    while step(ms):
        pass


def spend(ms):
    """The chip is blocked up to `ms`: what ticks meanwhile is heard of once, afterwards."""
    global _busy
    if _busy or not ticker:
        until(ms)
        return
    _busy = True
    try:
        until(ms)
    finally:
        _busy = False
    if ticker and ticker.due_ms <= now_ms:
        _tick()


def _tick():
    global _busy
    _busy = True
    try:
        ticker.tick()
    finally:
        _busy = False


def die(reason):
    """Nothing moves and nothing is written any more; raises `reason`, again and again."""
    global alive, _reason
    if not alive:
        raise _reason
    _reason = reason
    if duty:
        log_light(0)  # without a supply, or with the pin afloat and pulled down
    alive = False
    raise reason


def cut_ms():
    """When the power goes next, as far as is known; NEVER."""
    for i in range(_next, len(_events)):
        if _events[i][1] == "power_cut":
            return _events[i][0]
    return NEVER


def guard(ms):
    """The watchdog bites at world time `ms` unless moved on."""
    global _watchdog_ms, _due_ms
    _watchdog_ms = ms
    if ms < _due_ms:
        _due_ms = ms


def _move(down):
    """The button's contact closes or opens, and bounces."""
    for level in (down, not down, down):
        for edge in edges:
            edge(level)


def happen(name, *args):
    """Let `name` happen now; the radio's hands call it too."""
    global finger, usb, heat_c, stuck, off_ms
    global button_until_ms, motion_until_ms, fault_until_ms, _release_ms
    for listener in listeners:
        listener(name, args)
    if name == "button":
        button_until_ms = _release_ms = now_ms + args[0]
        _move(True)
        _plan()
    elif name in ("finger_off", "finger_on"):
        finger = name == "finger_on"
    elif name == "motion":
        motion_until_ms = now_ms + args[0]
    elif name == "usb":
        usb = bool(args[0])
    elif name == "heat":
        heat_c = args[0]
    elif name == "bus_fault":
        fault_until_ms = now_ms + args[0]
    elif name == "bus_stuck":
        stuck = True
    elif name == "power_cut":
        off_ms = args[0] if args else 0
        die(PowerCut())
    elif name not in ("sensor_reset", "flash_cut", "vfs_cut", "stranger"):  # for their listeners
        raise ValueError("unknown event: %s" % name)
