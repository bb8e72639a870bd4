"""Band powers of waves whose power is known, and what makes a segment worthless."""

import gc
from array import array

from lamp import eeg, wire

ZERO = 1 << 23  # 0 V in offset binary
COUNTS = 20800  # of 1 mV at gain 6
BANDS = ("delta", "theta", "alpha", "sigma", "beta", "gamma")


def wave(n, period, peak_uv, start=0):
    """A sine by Bhaskara's formula, so that no float decides: counts, `period` in samples x100."""
    out = array("i", [0] * n)
    for i in range(n):
        at = (start + i) * 100 % period
        half = at % (period >> 1)
        top = half * ((period >> 1) - half)
        value = 16 * top * 1000 // (5 * (period >> 1) * (period >> 1) // 4 - top) // 4
        value = value if at < period >> 1 else -value
        out[i] = ZERO + value * peak_uv * COUNTS // 1000000
    return out


def noise(n, peak_uv):
    seed, out = 7, array("i", [0] * n)
    for i in range(n):
        seed = (seed * 1103 + 12345) & 0xFFFFF
        out[i] = ZERO + (((seed >> 4) & 0xFFF) - 2048) * peak_uv * COUNTS // 2048000
    return out


def told(samples, burst=30, marks=0):
    sense, epoch = eeg.Eeg(125), wire.Epoch()
    for at in range(0, len(samples), burst):
        part = samples[at : at + burst]
        sense.feed(part, len(part), marks if at == 1500 else 0, 0)
    sense.close(epoch, 30000)
    return epoch


def test_a_wave_is_told_in_its_band():
    for period, band in ((6250, 0), (2083, 1), (1250, 2), (893, 3), (625, 4), (312, 5)):
        powers = list(told(wave(3750, period, 50)).eeg)
        assert powers.index(max(powers)) == band, (period, powers)


def test_the_golden_bands_are_the_same_on_every_build():
    # `python tests/both/test_eeg.py` prints them
    assert list(told(noise(3750, 60)).eeg) == GOLDEN_NOISE
    assert list(told(wave(3750, 1250, 50)).eeg) == GOLDEN_ALPHA


def test_twice_the_amplitude_is_two_octaves_of_power():
    one, two = told(noise(3750, 40)).eeg, told(noise(3750, 80)).eeg
    for band in range(wire.EEG_BANDS):
        assert 15 <= two[band] - one[band] <= 17


def test_what_is_found_does_not_depend_on_how_samples_come_in_bursts():
    samples = noise(3750, 60)
    assert told(samples, 30).eeg == told(samples, 1).eeg == told(samples, 128).eeg


def test_an_electrode_that_is_off_a_still_input_and_a_railed_one_are_not_worn():
    still = array("i", [ZERO] * 1500)
    for samples, why in ((still, 0), (wave(1500, 1250, 900), wire.F_SATURATED)):
        epoch = told(samples)
        assert epoch.flags == why and epoch.quality == 0 and not any(epoch.eeg)
    sense, epoch = eeg.Eeg(125), wire.Epoch()
    for _ in range(0, 3750, 30):
        sense.feed(noise(30, 60), 30, wire.M_LEADOFF, 0)
    sense.close(epoch, 30000)
    assert not epoch.flags & wire.F_WORN and not any(epoch.eeg)


def test_seven_good_segments_are_a_head_and_six_are_none():
    for samples, worn in ((896, False), (1024, True)):
        assert bool(told(noise(samples, 60)).flags & wire.F_WORN) == worn


def test_half_a_millivolt_up_or_down_spoils_a_segment():
    for sign in (1, -1):
        samples = noise(3750, 60)
        for i in range(2000, 2010):
            samples[i] += sign * COUNTS * 6 // 10
        epoch = told(samples)
        assert epoch.flags == wire.F_SATURATED | wire.F_WORN and 90 <= epoch.quality < 100


def test_a_lost_sample_costs_the_segments_that_lie_over_it_and_no_more():
    whole = told(noise(3750, 60))
    torn = told(noise(3750, 60), marks=wire.M_LOST)
    assert torn.flags & wire.F_LOST and not whole.flags & wire.F_LOST
    assert whole.quality == 100 and 90 <= torn.quality < 100


def test_an_offset_of_the_electrodes_is_not_power():
    samples = noise(3750, 60)
    shifted = array("i", samples)
    for i in range(len(shifted)):
        shifted[i] += 4000000
    for a, b in zip(told(samples).eeg, told(shifted).eeg):
        assert abs(a - b) <= 1


def test_the_logarithm_rises_with_its_argument_and_is_right_at_the_powers_of_two():
    for n in range(44):
        high, low = (1 << n) >> 16, (1 << n) & 0xFFFF
        assert eeg.log64(high, low) == 64 * n, n
    last = 0
    for x in range(1, 5000):
        now = eeg.log64(x >> 16, x & 0xFFFF)
        assert now >= last
        last = now


def test_feeding_allocates_nothing():
    if not hasattr(gc, "mem_alloc"):
        return
    sense, samples = eeg.Eeg(125), noise(500, 60)
    buf = array("i", samples)
    sense.feed(buf, 500, 0, 0)
    gc.collect()
    before = gc.mem_alloc()
    sense.feed(buf, 500, 0, 0)
    assert gc.mem_alloc() - before == 0


GOLDEN_NOISE = [114, 113, 115, 114, 114, 114]
GOLDEN_ALPHA = [25, 20, 144, 19, 1, 1]

if __name__ == "__main__":
    print(list(told(noise(3750, 60)).eeg), list(told(wave(3750, 1250, 50)).eeg))
