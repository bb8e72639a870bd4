"""The simulated flash behaves as NOR does, and dies as it was told to."""

import io

from sim import flash as sim
from sim.flash import Flash, PowerCut


def chip():
    return Flash(io.BytesIO(b"\xff" * 2048), 4, 512)


def look(flash, addr, n):
    buf = bytearray(n)
    flash.read(addr, buf)
    return bytes(buf)


def die(flash, act):
    try:
        act()
    except PowerCut:
        return
    raise AssertionError("it lived")


def test_bits_only_fall_and_an_erase_lifts_them():
    flash = chip()
    flash.program(511, b"\x48\x45")
    flash.program(511, b"\x0f\xf0")
    assert look(flash, 510, 4) == b"\xff\x08\x40\xff"
    flash.erase(0)
    assert look(flash, 510, 4) == b"\xff\xff\x40\xff"
    assert (flash.programs, flash.programmed, flash.erases, flash.wear[0]) == (2, 4, 1, 1)


def test_after_a_cut_nothing_is_written_and_power_brings_it_back():
    flash = chip()
    flash.cut(1, sim.PREFIX, 2)
    flash.program(0, b"\0")
    try:
        die(flash, lambda: flash.program(8, b"\1\2\3\4"))
    finally:
        die(flash, lambda: flash.program(8, b"\0\0\0\0"))
        die(flash, lambda: flash.read(0, bytearray(1)))
    flash.power_on()
    assert look(flash, 8, 4) == b"\1\2\xff\xff"


def test_a_torn_program_leaves_bits_up_and_a_torn_erase_leaves_bits_down():
    flash = chip()
    flash.cut(0, sim.TORN, 1, seed=5)
    die(flash, lambda: flash.program(0, bytes(32)))
    flash.power_on()
    torn = look(flash, 0, 32)
    assert torn[0] == 0 and torn[1:] != bytes(31) and torn[1:] != b"\xff" * 31
    flash.program(0, bytes(512))
    flash.cut(0, sim.TORN, 100, seed=6)
    die(flash, lambda: flash.erase(0))
    flash.power_on()
    torn = look(flash, 0, 512)
    assert torn[:100] == b"\xff" * 100 and len(set(torn[100:])) > 20


def test_what_is_put_on_weak_cells_decays():
    flash = chip()
    flash.cut(0, sim.WEAK)
    die(flash, lambda: flash.program(4, b"\x0f\x0f"))
    flash.power_on()
    assert look(flash, 4, 2) == b"\xff\xff"
    flash.program(4, b"\xf0")
    assert look(flash, 4, 1) == b"\xf0"
    flash.power_on()
    assert look(flash, 4, 1) == b"\x00"
    flash.cut(0, sim.WEAK)
    die(flash, lambda: flash.erase(0))
    flash.power_on()
    assert look(flash, 0, 512) == b"\xff" * 512
    flash.program(0, b"\xaa" * 64)
    flash.power_on()
    assert look(flash, 0, 64) != b"\xaa" * 64
    flash.erase(0)
    flash.program(0, b"\xaa" * 64)
    flash.power_on()
    assert look(flash, 0, 64) == b"\xaa" * 64


def test_rot_and_stuck_cells():
    flash = chip()
    flash.rot(3, 6)
    assert look(flash, 3, 1) == b"\xbf"
    flash.stuck = {9: 0x10}
    flash.program(8, b"\0\0")
    assert look(flash, 8, 2) == b"\x00\x10"
