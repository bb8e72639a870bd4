"""Start a simulated lamp: micropython firmware/sim/start.py WORLD [FIRMWARE] | --share[-eeg]

Puts the chip's modules before the built-in ones and runs `lamp.main`, from the folder this one
lies in or from FIRMWARE. Without FIRMWARE and with a WORLD/vfs.bin it does what a flashed board
does instead: repl.py. Exit status: 0 the world's time is up, 42 the power was cut,
43 the chip was reset, 44 the watchdog bit; 1 the firmware fell out of its main loop. Start it
again on 42 to 44, as the chip would. state.json says what became of it. --share prints the bytes
of heap that are in use before the firmware's first line: what there must be beyond the chip's
free ones. asyncio is in it: here it takes 14 kB on 32 bits, on the chip it is frozen into the
image, and the firmware is charged the 2 kB that it takes there with `bluetooth` (measured on a
stock ESP32 image). So is the table of names, which doubles when it is full, at the simulator's
600th or so: the firmware is charged the table it would have of its own.
"""

import gc
import os
import sys

from micropython import const

_STOPPED = const(0)
_CRASHED = const(1)
_CUT = const(42)
_RESET = const(43)
_BITTEN = const(44)
_LOOK_MS = const(10000)
_TELL_MS = const(60000)
# 20, 40, 80 and 160 entries of 6 bytes on 32 bits: the chip's tables of the firmware's 130 names
# and as many more
_NAMES = const(1800)
_FROZEN = const(2100)


def absolute(path):
    return path if path.startswith("/") else os.getcwd() + "/" + path


def names():
    """Say new words until their table was made anew, with room for more than the firmware's."""
    grown = n = 0
    while grown < 300 * 8:
        before = gc.mem_alloc()
        hasattr(gc, "word%d" % n)
        grown = gc.mem_alloc() - before
        n += 1


_here = absolute(__file__.rsplit("/", 1)[0] if "/" in __file__ else ".")
_folder = absolute(sys.argv[1])
if len(sys.argv) > 2:
    os.chdir(sys.argv[2])  # the files' paths are names, too: on the chip they are short
    sys.path[:0] = [_here, "."]
else:
    sys.path[:0] = [_here, _here + "/.."]

_spare = [bytearray(8192)]  # to write state.json with when the firmware has eaten its memory
import asyncio  # noqa: E402, F401
import time  # noqa: E402

import esp32  # noqa: E402, F401
import machine  # noqa: E402
import repl  # noqa: E402
import world  # noqa: E402

try:
    import bluetooth  # noqa: F401
except ImportError:
    pass

share = sys.argv[1] in ("--share", "--share-eeg")
if sys.argv[1] == "--share-eeg":
    world.eeg, world.sensor = True, 0
flashed = len(sys.argv) == 2 and not share and repl.flashed(_folder)
if flashed:
    with open(_folder + "/world.json") as spec:
        if '"eeg": true' in spec.read():
            import electrodes  # noqa: F401  (later its file is out of reach)
    world.load(repl.aside(_folder))
elif not share:
    world.load(_folder)
sensor = machine.chip()
front = machine.front()
gc.collect()
gc.disable()
names()
gc.enable()
gc.collect()


class Heap:
    """Free heap and its largest block at their lowest, garbage not counted.

    Looked at every 10 s and every minute of world time, where the firmware awaits; and whenever
    it touches a part of the chip, however deep in its calls: all the time in a world with
    `watch`, else during 31 s of each hour, so that an epoch's end is among them.
    """

    share = gc.mem_alloc() - _NAMES - _FROZEN
    low = block = begun = gc.mem_free()
    next_ms = tell_ms = looks = 0

    @classmethod
    def look_deep(cls):
        if world.watch or 600000 <= world.now_ms % 3600000 < 631000:
            gc.collect()
            cls.low = min(cls.low, gc.mem_free())
            cls.looks += 1

    @classmethod
    def look(cls, now_ms):
        if now_ms >= cls.next_ms:
            cls.next_ms = now_ms + _LOOK_MS
            gc.collect()
            cls.low = min(cls.low, gc.mem_free())
        if now_ms >= cls.tell_ms:
            cls.tell_ms = now_ms + _TELL_MS
            if now_ms > world.boot_ms + _TELL_MS:  # before that it is still loading
                cls.block = min(cls.block, largest())
            sys.stderr.write("world %d\n" % now_ms)  # for whoever waits for the night to end


def largest():
    """Bytes of the largest block that can be had, to 256."""
    least, most = 0, gc.mem_free()
    while most - least > 256:
        middle = (least + most) // 2
        try:
            bytearray(middle)
            least = middle
        except MemoryError:
            most = middle
        gc.collect()
    return least


def run():
    """The firmware until something ends it -> (exit status, the next boot's reset cause)."""
    try:
        time.install()
        time.on_pass.append(Heap.look)
        time.on_charge.append(Heap.look_deep)
        time.charge_us(world.boot_us)
        if flashed:
            repl.power_on()
        else:
            from lamp import main

            main.main()
    except world.Stop:
        return _STOPPED, world.POWER_ON
    except world.PowerCut:
        return _CUT, world.POWER_ON
    except world.Reset as reset:
        cause = reset.args[0]
        return (_BITTEN if cause == world.WATCHDOG else _RESET), cause
    except Exception as error:
        sys.print_exception(error)
    world.alive = False
    return _CRASHED, world.POWER_ON


if share:
    print(Heap.share)
    sys.exit(0)
if not flashed:
    print("simulator: %d bytes of heap are its own" % Heap.share)
status, cause = run()
_spare.clear()
gc.collect()
world.write_state(
    cause=cause,
    status=status,
    prompt=repl.prompt if cause == world.SOFT_RESET else "",
    heap_share=Heap.share,
    heap_begun=Heap.begun,
    heap_low=Heap.low,
    heap_looks=Heap.looks,
    heap_block=Heap.block,
    advertising_ms=world.advertised_ms,
    fifo_gap_ms_max=sensor.gap_ms_max if sensor else 0,
    eeg_lost=front.lost if front else 0,
    eeg_taken=front.taken if front else 0,
)
sys.exit(status)
