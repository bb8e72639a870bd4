"""How a night begins, ends, and goes on after a power cut: night.Night on a log in memory."""

import io
import struct
import sys
from array import array
from pathlib import Path

import pytest
from dreamlamp import nights, replay
from lamp import night, wire
from lamp.nightlog import Cursor, NightLog

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "firmware" / "sim"), str(ROOT / "tests" / "both")]
import fakes  # noqa: E402
from flash import Flash, Sectors  # noqa: E402
from pulse import light, steady  # noqa: E402

PERIOD_S = 6  # of the pulse train that is played over and over
PULSE = [light(ms, steady(1000, PERIOD_S + 4)) for ms in range(2000, 2000 + PERIOD_S * 1000, 20)]
AIR = 300


class Settings(fakes.Settings):
    broken = False

    def set(self, key, value):
        return not self.broken and super().set(key, value)


class Lamp:
    """A Night and the samples it is fed; `again` is the same lamp after a power cut."""

    def __init__(self, flash=None, settings=None, safe=False, cause=1):
        self.flash = flash or Flash(io.BytesIO(b"\xff" * (384 * 4096)))
        self.settings = settings if settings is not None else Settings()
        boot = self.settings.get("boot", 0) + 1
        self.settings.set("boot", boot)
        self.log = NightLog(Sectors(self.flash))
        self.night = night.Night(self.log, self.settings, 50, boot, cause, safe)
        self.samples = 0

    def wear(self, minutes, finger=True):
        buf = array("i", [0] * 10)
        for _ in range(int(minutes * 300)):
            for i in range(10):
                buf[i] = PULSE[(self.samples + i) % len(PULSE)] if finger else AIR
            self.samples += 10
            self.night.feed(buf, 10, 0, 0, self.samples // 50)

    def again(self, cause=1):
        return Lamp(self.flash, self.settings, cause=cause)

    def frames(self, number):
        found = []
        self.log.walk(number, lambda frame, size: found.append(bytes(frame[: size - 4])))
        return found


def kinds(lamp, number=1):
    return [frame[0] for frame in lamp.frames(number)]


def test_ten_minutes_of_wear_begin_a_night_and_nine_do_not():
    lamp = Lamp()
    lamp.wear(9)
    assert lamp.night.state == wire.IDLE
    lamp.wear(3)
    assert lamp.night.state == wire.RECORDING and lamp.log.open_id == 1


def test_an_hour_without_a_finger_ends_it_and_less_does_not():
    lamp = Lamp()
    lamp.night.begin()
    lamp.wear(3)
    lamp.wear(59, finger=False)
    assert lamp.night.state == wire.RECORDING
    lamp.wear(3, finger=False)
    assert lamp.night.state == wire.IDLE
    assert lamp.frames(1)[-1][0] == wire.END and lamp.frames(1)[-1][2] == wire.END_UNWORN


def test_the_button_begins_and_ends_it_and_a_finger_left_on_begins_no_other():
    lamp = Lamp()
    lamp.night.button()
    assert lamp.log.open_id == 1
    lamp.wear(2)
    lamp.night.button()
    assert lamp.log.open_id == 0 and lamp.frames(1)[-1][2] == wire.END_BUTTON
    lamp.wear(20)
    assert lamp.log.open_id == 0
    lamp.wear(2, finger=False)
    lamp.wear(12)
    assert lamp.log.open_id == 2


def test_every_epoch_is_on_flash_when_it_ends_and_the_night_goes_on_after_a_power_cut():
    lamp = Lamp()
    lamp.night.begin()
    lamp.wear(5)
    before = kinds(lamp).count(wire.EPOCH)
    assert before == 10
    lamp = lamp.again()
    assert lamp.night.state == wire.RECORDING and lamp.log.open_id == 1
    lamp.wear(5)
    assert kinds(lamp).count(wire.BOOT) == 1
    epochs = [f for f in lamp.frames(1) if f[0] == wire.EPOCH]
    assert [struct.unpack_from("<H", f, 2)[0] for f in epochs] == list(range(20))
    assert lamp.night.level == 0


def test_the_first_minute_is_kept_raw():
    lamp = Lamp()
    lamp.night.begin()
    lamp.wear(3)
    samples = sum(f[6] for f in lamp.frames(1) if f[0] == wire.PPG)  # type, length, H, H, count
    assert samples == pytest.approx(3000, abs=100)


def test_a_safe_lamp_records_nothing_and_keeps_what_was_open():
    lamp = Lamp()
    lamp.night.begin()
    lamp.wear(2)
    safe = Lamp(lamp.flash, lamp.settings, safe=True)
    safe.night.button()
    safe.wear(12)
    assert safe.night.state == wire.SAFE and safe.log.open_id == 1
    assert kinds(safe).count(wire.EPOCH) == 4


def test_lost_samples_and_a_dead_sensor_are_written_down():
    lamp = Lamp()
    lamp.night.begin()
    lamp.wear(1)
    lamp.night.feed(array("i", [0] * 32), 0, wire.M_FAULT, 0, lamp.night.now_s)
    lamp.night.feed(array("i", PULSE[:10]), 10, wire.M_LOST, 77, lamp.night.now_s)
    lamp.wear(1)
    events = [struct.unpack_from(wire.EVENT_LAYOUT, f, 2) for f in lamp.frames(1) if f[0] == 4]
    codes = {event[0]: event[3] for event in events}
    assert codes[wire.SAMPLES_LOST] == 77 and wire.SENSOR_FAULT in codes


def test_a_rescue_that_cannot_be_counted_is_not_lit(monkeypatch):
    lamp = Lamp()
    lamp.night.begin()
    wake = lamp.night.mind.wake

    def rescue(epoch, kind, at_s):
        wake.rescues += 1
        wake.ramp.aim(4000, 240000)
        return wire.RESCUE

    monkeypatch.setattr(wake, "feed", rescue)
    lamp.settings.broken = True
    lamp.wear(1)
    assert not wake.active() and wake.tick(lamp.samples * 20) == 0


def test_a_rescue_that_was_counted_outlives_a_power_cut():
    lamp = Lamp()
    lamp.night.begin()
    lamp.night.mind.wake.rescues = 1
    lamp.wear(1)
    assert lamp.again().night.mind.wake.rescues == 1
    lamp.night.lamp_off()
    assert lamp.again().night.mind.wake.rescues == lamp.night.mind.wake.rescues > 1


def lit(lamp):
    lamp.night.mind.wake.ramp.aim(4000, 240000)
    assert lamp.night.mind.wake.active()


def test_a_press_in_the_light_is_for_the_light_and_the_night_goes_on():
    lamp = Lamp()
    lamp.night.begin()
    lit(lamp)
    lamp.night.button()
    assert not lamp.night.mind.wake.active() and lamp.log.open_id == 1


def test_every_end_of_light_leaves_none_behind():
    for stop in ("lamp_off", "darken"):
        lamp = Lamp()
        lamp.night.begin()
        lit(lamp)
        getattr(lamp.night, stop)()
        assert lamp.night.mind.wake.tick(10**6) == 0
    lamp = Lamp()
    lamp.night.begin()
    lit(lamp)
    wake = lamp.night.mind.wake
    lamp.night.set_mode(wire.OFF)
    assert wake.tick(10**6) == 0 and lamp.night.mind.wake.tick(10**6) == 0
    lit(lamp)
    wake = lamp.night.mind.wake
    lamp.night.end(wire.END_BUTTON)
    assert wake.tick(10**6) == 0


def test_a_night_begun_soon_after_another_has_no_fresh_light():
    lamp = Lamp()
    lamp.night.begin()
    lamp.wear(1)
    lamp.night.lamp_off()
    spent = lamp.night.mind.wake.rescues
    lamp.night.button()
    lamp.wear(1)
    lamp.night.button()
    assert lamp.log.open_id == 2 and lamp.night.mind.wake.rescues == spent > 1
    lamp.night.end(wire.END_BUTTON)
    lamp.night.now_s += 7 * 3600
    lamp.night.begin()
    assert lamp.night.mind.wake.rescues == 0


def test_a_reset_between_two_nights_gives_no_fresh_light():
    lamp = Lamp()
    lamp.night.begin()
    lamp.night.clock_set(1772402400, 60)
    lamp.wear(1)
    lamp.night.lamp_off()
    spent = lamp.night.mind.wake.rescues
    lamp.night.button()
    for away_h, rescues in ((1, spent), (9, 0)):
        later = lamp.again(cause=3)  # the watchdog's; the clock went on
        later.night.clock_set(1772402400 + away_h * 3600, 60)
        assert later.night.state == wire.IDLE
        later.night.begin()
        assert later.night.mind.wake.rescues == rescues
        later.wear(1)
        later.night.end(wire.END_BUTTON)
        lamp.settings.set("rescues", spent)


def test_short_nights_earn_no_right_to_act():
    lamp = Lamp()
    for _ in range(10):
        lamp.night.begin()
        lamp.wear(1)
        lamp.night.end(wire.END_BUTTON)
    assert lamp.settings.get("nights", 0) == 0
    lamp.night.begin()
    lamp.night.epoch.index = 300
    lamp.night.end(wire.END_BUTTON)
    assert lamp.settings.get("nights", 0) == 1


def long_night(lamp):
    """Begin a night and let its mind have seen five hours."""
    lamp.night.begin()
    lamp.wear(1)
    lamp.night.epoch.index += 600


def test_an_evening_counts_once_however_many_nights_it_was_cut_into():
    lamp = Lamp()
    for counted, later_h in ((1, 1), (1, 5), (1, 7), (2, 0)):
        long_night(lamp)
        lamp.night.end(wire.END_BUTTON)
        assert lamp.settings["nights"] == counted
        lamp.night.now_s += later_h * 3600


@pytest.mark.parametrize("written", [3, 2, 1])
def test_a_cut_after_what_was_learned_costs_nothing_and_counts_nothing_twice(written):
    lamp = Lamp()
    long_night(lamp)
    keep = lamp.settings.set

    def powered(key, value):
        if key in ("baseline", "learned", "nights"):
            kept.append(key)
        return len(kept) <= written and keep(key, value)

    kept: list[str] = []
    lamp.settings.set = powered
    lamp.night.diary.end = lambda reason: 1 // 0  # where the power is gone at the latest
    with pytest.raises(ZeroDivisionError):
        lamp.night.end(wire.END_BUTTON)
    lamp.settings.set = keep
    learned = lamp.settings["baseline"]
    lamp = lamp.again()
    assert lamp.night.state == wire.RECORDING
    lamp.wear(3)
    lamp.night.end(wire.END_BUTTON)
    assert lamp.settings["baseline"] == learned and learned[1] == 1
    assert lamp.settings.get("nights", 0) == (written == 3)


def test_a_stretch_after_a_cut_teaches_only_if_it_is_long_itself():
    lamp = Lamp()
    long_night(lamp)
    lamp.wear(1)
    lamp = lamp.again()
    assert lamp.night.epoch.index > 600
    lamp.wear(2)
    lamp.night.end(wire.END_BUTTON)
    assert "baseline" not in lamp.settings and "nights" not in lamp.settings


def test_a_night_that_filled_the_flash_is_not_followed_by_one_that_eats_it():
    lamp = Lamp()
    lamp.night.begin()
    lamp.wear(1)
    lamp.night.end(wire.END_FULL)
    lamp.wear(15)
    assert lamp.night.state == wire.IDLE


def test_what_a_rescue_did_is_in_the_log(monkeypatch):
    lamp = Lamp()
    lamp.night.begin()
    told = iter([wire.RESCUE, wire.LIGHT_OFF, wire.SETTLED, 0])
    monkeypatch.setattr(lamp.night.mind.wake, "feed", lambda *_: next(told))
    lamp.wear(2)
    codes = [f[2] for f in lamp.frames(1) if f[0] == wire.EVENT]
    assert [c for c in codes if c != wire.WORN] == [wire.RESCUE, wire.LIGHT_OFF, wire.SETTLED]


@pytest.mark.parametrize("seconds", [20, 50, 200])
def test_a_night_cut_early_is_replayed_without_a_false_alarm(seconds):
    lamp = Lamp()
    lamp.night.begin()
    for _ in range(seconds * 5):
        buf = array("i", [PULSE[(lamp.samples + i) % len(PULSE)] for i in range(10)])
        lamp.samples += 10
        lamp.night.feed(buf, 10, 0, 0, lamp.samples // 50)
    lamp = lamp.again()
    lamp.wear(5)
    lamp.night.button()
    raw = bytearray(100_000)
    n = lamp.log.read(1, 0, memoryview(raw), Cursor())
    verdict = replay.replay(nights.decode(bytes(raw[:n]), 1))
    assert verdict.ok, verdict.as_json()
    assert verdict.heart_beats > 40 or seconds < 60


def codes(lamp, number=1):
    return [frame[2] for frame in lamp.frames(number) if frame[0] == wire.EVENT]


def test_the_open_night_says_that_somebody_fetched_and_an_ended_one_does_not():
    lamp = Lamp()
    lamp.night.sync_began()
    lamp.night.begin()
    lamp.wear(1)
    lamp.night.sync_began()
    assert codes(lamp).count(wire.SYNC_BEGAN) == 1
    lamp.night.end(wire.END_BUTTON)
    lamp.night.sync_began()
    assert codes(lamp).count(wire.SYNC_BEGAN) == 1


def test_a_fault_of_the_flash_is_written_into_the_night():
    lamp = Lamp()
    lamp.night.begin()
    lamp.wear(1)
    assert wire.FLASH_FAULT not in codes(lamp)
    program, left = lamp.log.ring.flash.program, [1]

    def weak(sector, at, data):  # one program that does not stick
        if left:
            left.pop()
            return
        program(sector, at, data)

    lamp.log.ring.flash.program = weak
    lamp.wear(2)
    told = [f for f in lamp.frames(1) if f[0] == wire.EVENT and f[2] == wire.FLASH_FAULT]
    assert len(told) == 1 and struct.unpack_from("<h", told[0], 6)[0] == 1
    assert [k for k in kinds(lamp) if k == wire.EPOCH] == [wire.EPOCH] * 6
