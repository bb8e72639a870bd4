"""No intermediate of the loop detector leaves the ESP32's small ints, whatever it is fed."""

import random

from lamp import eegloops, loops, wire

LIMIT = 1 << 30


class Small(int):
    """An int that stays below 2**30, like everything computed from it."""


def _checked(name):
    plain = getattr(int, name)

    def operate(self, *others):
        value = plain(self, *others)
        if value is NotImplemented:
            return value
        assert -LIMIT <= value < LIMIT, (name, self, others)
        return Small(value)

    return operate


for _name in ("add", "sub", "mul", "floordiv", "mod", "lshift", "rshift", "and", "or"):
    for _side in ("", "r"):
        setattr(Small, f"__{_side}{_name}__", _checked(f"__{_side}{_name}__"))
for _name in ("neg", "abs"):
    setattr(Small, f"__{_name}__", _checked(f"__{_name}__"))


def instrumented(kind=loops.Loops):
    """A detector whose every number is Small."""
    detector = kind(None, 50)
    for key, value in vars(detector).items():
        if isinstance(value, int):
            setattr(detector, key, Small(value))
        elif key != "_offset":
            setattr(detector, key, [Small(x) for x in value])
    return detector


def test_every_intermediate_stays_below_two_to_the_thirty():
    chance = random.Random(1)
    for mood in ((250, 2400), (2300, 2400), (250, 260), (400, 1200)):
        detector, epoch = instrumented(), wire.Epoch()
        for index in range(120):
            epoch.clear(index * 60)
            epoch.hr_x10 = [Small(chance.choice((0, *mood, *mood))) for _ in range(wire.BINS)]
            epoch.hr_bpm_x10 = Small(chance.randint(*mood))
            epoch.flags, epoch.quality, epoch.stage = wire.F_WORN, Small(100), wire.R
            epoch.p_w, epoch.p_r = Small(chance.choice((0, 0, 0, 255))), Small(255)
            detector.feed(epoch)
            assert 0 <= epoch.score <= 255 and 0 <= epoch.lag_s <= 510
    assert isinstance(detector._held, Small) and isinstance(detector._floor, Small)


def test_bands_of_any_size_and_movement_without_end_stay_below_it_too():
    chance = random.Random(2)
    for mood in ((1, 255), (250, 255), (1, 2)):
        detector, epoch = instrumented(eegloops.EegLoops), wire.Epoch()
        for index in range(400):
            epoch.clear(index * 60)
            epoch.eeg = [Small(chance.choice(mood)) for _ in range(wire.EEG_BANDS)]
            epoch.flags, epoch.quality, epoch.stage = wire.F_WORN, Small(100), wire.R
            epoch.flags |= wire.F_SATURATED * chance.choice((0, 1, 1))
            epoch.p_w, epoch.p_r = Small(chance.choice((0, 0, 0, 255))), Small(255)
            detector.feed(epoch)
            assert 0 <= epoch.score <= 255 and 0 <= epoch.base_bpm <= 255
            assert max(detector._y) < 1 << 16
    assert isinstance(detector._floor, Small)


def test_the_instrument_sees_a_number_that_is_too_large():
    try:
        Small(1 << 20) * (1 << 10)
    except AssertionError:
        return
    raise AssertionError("2**30 went unseen")
