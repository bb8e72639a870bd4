"""Chooses which of the two firmwares on the file system runs, /a or /b, and lets a new one prove
itself.

One number in NVS says it all, so that it changes at one instant (namespace `boot`, key `ab`):
bit 0 the proven one, bit 1 the other is on trial, bit 2 the last trial failed, from bit 3 on how
often the trial was started. A trial runs under the watchdog from its first line, ends when the
firmware calls `prove`, and is lost after TRIES starts that did not get there, or when the button
is held at power-up. Knows nothing of the firmware but where it lies; never replaced by an update.
"""

import sys
import time

import esp32
import machine

BUTTON = 32  # as in lamp/board.py
TRIES = 3
WATCHDOG_MS = 30000
PAUSE_S = 5  # between starts of a firmware that cannot be imported: Ctrl-C has time to come
TRIAL, LOST, START = 2, 4, 8


def read(store):
    try:
        return store.get_i32("ab")
    except OSError:
        return 0


def write(store, mark):
    store.set_i32("ab", mark)
    store.commit()


def choose():
    """Put the folder of one firmware first on the path; keep this module only for a trial."""
    slot, trial = 0, False
    try:
        store = esp32.NVS("boot")
        mark = read(store)
        slot = mark & 1
        if mark & TRIAL:
            held = not machine.Pin(BUTTON, machine.Pin.IN, machine.Pin.PULL_UP).value()
            if held or mark // START >= TRIES:
                write(store, slot | LOST)
            else:
                write(store, mark + START)  # counted before it can do any harm
                trial = True
    except OSError:  # a trial that cannot be counted is none: the proven one runs
        pass
    if trial:
        machine.WDT(timeout=WATCHDOG_MS)
        slot ^= 1
    else:
        del sys.modules["choose"]
    sys.path.insert(0, "/" + "ab"[slot])


def prove():
    """The firmware on trial has shown that it can run: from now on it is the one."""
    store = esp32.NVS("boot")
    mark = read(store)
    if mark & TRIAL:
        write(store, mark & 1 ^ 1)


def failed(error):
    """It could not even be imported, or fell through: start anew."""
    sys.print_exception(error)
    time.sleep(PAUSE_S)
    machine.reset()
