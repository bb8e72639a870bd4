"""What VSENSE says of USB in an EEG kit, with a wire of the divider off (MicroPython only)."""

import gc
import sys

if sys.implementation.name == "micropython":
    gc.threshold(4096)  # as the lamp's main.py does while code is loaded
else:
    from unittest import SkipTest

    raise SkipTest("the simulated chip runs under MicroPython")

sys.path.insert(0, next(p for p in sys.path if p.endswith("firmware")) + "/sim")

import world
from lamp.board import Power

VSENSE = 35


def kit(usb, *defects):
    world.eeg, world.sensor, world.usb, world.defects = True, 0, usb, defects
    return Power(VSENSE)


def test_a_unit_on_its_cell_may_record_and_one_on_usb_may_not():
    assert not kit(False).usb_present()
    assert 3000 <= kit(False).supply_mv() <= 3500
    assert kit(True).usb_present()


def test_no_noise_of_a_night_ends_it_and_usb_is_seen_at_once():
    single = 0
    for usb in (False, True):
        power = kit(usb)
        for _ in range(5000):
            assert power.usb_present() == usb
            single += power._adc.read_uv() // 1000 * 313 // 100 > 3700 if not usb else 0
    assert single > 5  # of one answer alone that could be said


def test_whichever_wire_of_the_divider_is_off_nothing_is_recorded():
    for wire in ("divider_in", "divider_out", "divider_ground"):
        for usb in (False, True):
            assert kit(usb, wire).usb_present(), (wire, usb)


def test_a_shorted_pin_reads_as_usb():
    power = kit(False)
    for uv in (0, 142000, 3100000):
        power._adc = Fixed(uv)
        assert power.usb_present(), uv


class Fixed:
    def __init__(self, uv):
        self.uv = uv

    def read_uv(self):
        return self.uv
