"""Virtual time, in the place of the built-in `time`, for the firmware and for asyncio.

Time runs free (it jumps to the next task that is due) while world time is below
`fast_until_s`, no central is connected and the world is not `realtime`; then a night takes
seconds and, computing costing nothing, the same world gives the same night. Otherwise it keeps
pace with the real clock.

The firmware's ticks wrap at 2**30 as the chip's do, from the world's `ticks_ms` at power-up.
asyncio has its own, wider on 64 bits: its C queue stamps immediate tasks with the REAL tick count,
so these begin 17 minutes ahead of it and stay ahead. Seconds are the chip's: 0 at power-up is
2000-01-01; they go on through resets.

What the chip would spend is charged by its stand-ins with `charge_us`; in step with the real
clock it is slept. The costs: I2C 9 bits a byte at the bus's own rate; flash erase 45 ms a
sector and program 0.7 ms a page of 256 B (typical, W25Q32JV data sheet, AC characteristics);
ticks_ms and ticks_us 10 us (a call, measured in an emulated ESP32), so that no busy loop can
stop time; a garbage collection what world.json says (`gc_us`, 0 unless given, because when it
falls depends on the heap); a flash read 0.4 ms of the firmware's own code round it (esp32.py).
Other computing of the firmware is charged as far as world.json says how much (`work`: list of
[every ms, us]). In a `steady` world, time in step goes on by what was waited for and charged, not
by what the real clock says, so that a busy computer is no slow chip. Knows no chip and no radio.
"""

import gc
import select
import sys

import utime as real  # the u-name reaches the built-in module
import world
from micropython import const

_AHEAD_MS = const(1 << 20)
CALL_US = 10
# of real time, between two looks at the sockets while time runs free
_LOOK_MS = const(20)
_EPOCH_2000 = const(946684800)
# the computer was busy elsewhere: the chip did not sleep through that
_STALL_MS = const(2000)

ticks_cpu = real.ticks_cpu

_base = real.ticks_add(real.ticks_ms(), _AHEAD_MS)
_small = sys.maxsize < 2**32
_TICKS = const(0x3FFFFFFF)
_HALF = const(1 << 29)
_us = 0  # microseconds beyond world.now_ms
_owed_us = 0
_free = True
_central = False
_real0 = 0  # the real clock and the world's when pace was last taken up
_world0 = 0
_looked = real.ticks_ms()
_watched = []  # (socket, callback)
_poll = select.poll()
on_pass = []  # called with world time at await points; for meters
on_charge = []  # called when the chip's stand-ins charge time
_held = 0  # bytes of heap in use at the last await point
_garbage = 0  # of the firmware's, since the last collection
_called = 0  # taken by the firmware's handlers since time began
_foreign = 0  # of the simulator's, since the heap was last swept
_room = 1 << 28  # for it
_work = []  # [every ms, us, when next]


def _settle():
    """Take up or leave the real clock's pace, as the world now demands."""
    global _free, _real0, _world0
    free = not (world.realtime or _central or world.now_ms >= world.fast_until_ms)
    if not free and _free:
        _real0 = real.ticks_ms()
        _world0 = world.now_ms
    _free = free


def _pace(waited_ms=0):
    """In step with the real clock: let the world catch up with it."""
    global _real0, _world0
    now = real.ticks_ms()
    past = real.ticks_diff(now, _real0)
    if world.steady:
        past, _world0 = min(past, waited_ms), world.now_ms
    _real0, _world0 = now, _world0 + min(past, _STALL_MS)
    world.until(_world0)


def charge_us(us):
    """Let `us` microseconds (below 2**29) pass that the chip would spend."""
    global _us, _owed_us
    if us > CALL_US:  # not for a look at the clock
        for meter in on_charge:
            meter()
    if _free or world.steady:
        _us += us
        if _us >= 1000:
            ms = _us // 1000
            _us -= ms * 1000
            world.spend(world.now_ms + ms)
            if world.now_ms >= world.fast_until_ms:
                _settle()
        return
    _owed_us += us
    if _owed_us >= 2000:  # shorter naps overshoot
        owed, _owed_us = _owed_us, 0
        real.sleep_us(owed)
        _pace()


if _small:
    ticks_add, ticks_diff = real.ticks_add, real.ticks_diff
else:

    def ticks_add(ticks, ms):
        return (ticks + ms) & _TICKS

    def ticks_diff(late, early):
        return ((late - early + _HALF) & _TICKS) - _HALF


def ticks_ms():
    charge_us(CALL_US)
    if not _free:
        _pace()
    return ticks_add(world.ticks_ms, world.now_ms - world.boot_ms)


def _wide_ms():
    """asyncio's ticks."""
    charge_us(CALL_US)
    if not _free:
        _pace()
    return real.ticks_add(_base, world.now_ms - world.boot_ms)


def ticks_us():
    charge_us(CALL_US)
    if not _free:
        _pace()
    ms = world.now_ms - world.boot_ms
    return _ticks_us30(ms, _us) if _small else (ms * 1000 + _us) & _TICKS


@micropython.viper
def _ticks_us30(ms: int, us: int) -> int:
    # the machine word wraps; its low 30 bits, a tick count of the 31-bit world, are right
    return (ms * 1000 + us) & 0x3FFFFFFF


def sleep_ms(ms):
    end = world.now_ms + max(0, ms)
    while world.alive:
        wait_ms(end - world.now_ms)
        if world.now_ms >= end:
            return


def sleep_us(us):
    if us >= 1000:
        sleep_ms(us // 1000)
    charge_us(us % 1000)


def sleep(s):
    sleep_ms(int(s * 1000))


def time():
    if not _free:
        _pace()
    return world.now_ms // 1000 + world.rtc_s


def time_ns():
    return (world.now_ms + world.rtc_s * 1000) * 1000000 + _us * 1000


def gmtime(s=None):
    return real.gmtime((time() if s is None else s) + _EPOCH_2000)


localtime = gmtime


def mktime(when):
    return real.mktime(when) - _EPOCH_2000


# --- the radio's door ---------------------------------------------------------------------------


def watch(sock, callback):
    """Call `callback()` at an await point whenever `sock` has something to read; None: no more."""
    for pair in list(_watched):
        if pair[0] is sock:
            _watched.remove(pair)
            _poll.unregister(sock)
    if callback:
        _watched.append((sock, callback))
        _poll.register(sock, select.POLLIN)


def connected(yes):
    """A central is (no longer) connected: time keeps the real clock's pace while one is."""
    global _central
    _central = bool(yes)
    _settle()


def _look(wait):
    """Serve the sockets, waiting up to `wait` ms of real time for them."""
    global _looked
    if _watched:
        for ready in _poll.poll(wait):
            for sock, callback in list(_watched):
                if sock is ready[0]:
                    callback()
    elif wait:
        real.sleep_ms(wait)
    _looked = real.ticks_ms()


def wait_ms(ms):
    """Wait `ms` (below 0: until anything happens), at most to the next event."""
    if _free:
        if ms:
            end = world.now_ms + (ms if ms > 0 else 100)
            world.step(min(end, world.fast_until_ms))
            if world.now_ms >= world.fast_until_ms:
                _settle()
        if _watched and real.ticks_diff(real.ticks_ms(), _looked) >= _LOOK_MS:
            _look(0)
    else:
        most = min(ms, 50) if ms >= 0 else 50
        _look(most)
        _pace(most)
        _settle()


def _charge_collection():
    """The heap holds less than at the last await point, and not for the simulator's garbage, or
    the firmware has made as much of it as there was room for: a collection took its time."""
    global _held, _garbage, _foreign
    held = gc.mem_alloc()
    _garbage += max(0, held - _held)
    if (held < _held and _foreign <= _garbage) or _garbage > _room:
        charge_us(world.gc_us)
        _garbage = 0
    if held < _held:
        _foreign = 0
    _held = held


def heap():
    """Bytes in use; 0 where a collection more or less does not matter, for to count is to walk
    the heap: without FIFO each costs a sample."""
    return gc.mem_alloc() if world.gc_us and world.eeg else 0


def simulators(n):
    """`n` bytes of garbage are the simulator's own."""
    global _held, _foreign
    if n > 0:
        _foreign += n
        _held += n


def firmwares(n):
    """`n` bytes that were taken while the simulator was at work are the firmware's."""
    global _called
    _called += max(0, n)


def _forget_collection():
    """Of a meter: it is not the firmware's, and its room was not there."""
    global _held, _room
    held = gc.mem_alloc()
    if held < _held:
        _room = gc.mem_free()
    _held = held


def _charge_work():
    """What the firmware computes regularly."""
    for work in _work:
        if world.now_ms >= work[2]:
            work[2] = world.now_ms + work[0]
            us = work[1]
            while us > 0:  # an interrupt comes between any two lines
                charge_us(min(us, 1000))
                us -= 1000


def install():
    """Put the virtual clock under asyncio's event loop (the simulator only)."""
    from asyncio import core

    wait_io_event = core.IOQueue.wait_io_event

    def wait(queue, dt):
        before, called = heap(), _called
        wait_ms(dt)
        for entry in queue.map.values():  # ThreadSafeFlags wait there
            if getattr(entry[2], "state", True):
                wait_io_event(queue, 0)  # only now: the unix port's poll naps 1 ms for them
                break
        if world.gc_us:
            if world.eeg:
                simulators(heap() - before - _called + called)
            _charge_collection()
        if _work:
            _charge_work()
        for meter in on_pass:
            meter(world.now_ms)
        if world.gc_us and world.eeg:
            _forget_collection()

    core.IOQueue.wait_io_event = wait
    core.ticks, core.ticks_add, core.ticks_diff = _wide_ms, real.ticks_add, real.ticks_diff
    _work.extend([every_ms, us, 0] for every_ms, us in world.work)
    _settle()
