"""Every intermediate of eeg stays below 2**30, and its bands are Welch's."""

from array import array

import numpy as np
import pytest
from lamp import eeg, wire

COUNT_UV = 2.42e6 / 6 / (2**23 - 1)
LIMIT = 1 << 30


class Small(int):
    """An int that refuses to leave MicroPython's 31-bit small integers."""


def _checked(name):
    plain = getattr(int, name)

    def method(self, *other):
        result = plain(self, *other)
        if result is NotImplemented:
            return result
        assert -LIMIT <= result < LIMIT, f"{int(self)} {name} {other} = {result}"
        return Small(result)

    return method


for _name in ("add", "sub", "mul", "rshift", "lshift", "and", "or", "floordiv", "xor"):
    for _side in ("__%s__", "__r%s__"):
        setattr(Small, _side % _name, _checked(_side % _name))


class Cells(list):
    """An array that gives back checked integers."""

    def __getitem__(self, at):
        return Small(super().__getitem__(at))


def segment(samples):
    """One segment through the transform in checked integers; the sums of its bands."""
    s, ring = Cells([0, 0, 0, 256, 1]), Cells([0] * 256)
    eeg.take(Cells(samples), 0, 256, s, ring)
    re, im, sums = Cells([0] * 256), Cells([0] * 256), Cells([0] * 12)
    eeg.load(ring, s[2], re, im, Cells(array("H", eeg._COS)))
    for k in range(8):
        eeg.stage(re, im, Cells(array("H", eeg._COS)), Small(k))
    for _ in range(29):
        eeg.power(re, im, eeg.BANDS, sums)
    return sums


def test_the_worst_samples_stay_within_small_integers():
    t = np.arange(256)
    worst = [np.where((t * k // 256) % 2, 0, 2**24 - 1) for k in (0, 1, 2, 16, 64, 128, 256)]
    worst += [np.random.default_rng(1).integers(0, 2, 256) * (2**24 - 1)]
    for samples in worst:
        sums = segment(samples.tolist())
        for band in range(6):
            eeg.log64(sums[2 * band + 1], sums[2 * band])


def test_the_check_sees_an_overflow():
    with pytest.raises(AssertionError):
        _ = Small(1 << 20) * (1 << 12)


def coloured(rng, n, slope, sd_uv):
    """Noise with a spectrum of 1/f**slope from 0.3 Hz on, as the brain's is; uV."""
    f = np.fft.rfftfreq(n, 1 / 125)
    size = np.where(f > 0.3, np.maximum(f, 0.3) ** (-slope / 2), 0)
    x = np.fft.irfft(size * np.exp(2j * np.pi * rng.random(len(f))), n)
    return x / x.std() * sd_uv


def welch(x):
    """Mean power density of half-overlapping Hann segments of 256 samples, uV^2/Hz."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    parts = np.lib.stride_tricks.sliding_window_view(x, 256)[::128]
    spectra = np.fft.rfft((parts - parts.mean(axis=1, keepdims=True)) * hann)
    return 2 * (np.abs(spectra) ** 2).mean(axis=0) / (125 * (hann**2).sum())


@pytest.mark.parametrize(("slope", "sd_uv"), [(1, 10), (2, 25), (2, 60), (2.5, 40)])
def test_bands_are_those_of_welch_on_the_same_signal(slope, sd_uv):
    x = coloured(np.random.default_rng(3), 37500, slope, sd_uv)
    raw = np.rint(x / COUNT_UV).astype(int) + (1 << 23) + 40000
    sense, epoch, apart = eeg.Eeg(125), wire.Epoch(), []
    bands = np.frombuffer(eeg.BANDS, np.uint8).reshape(6, 3).astype(int)
    for k in range(10):
        here = slice(k * 3750, (k + 1) * 3750)
        sense.feed(array("i", raw[here].tolist()), 3750, 0, 0)
        epoch.clear(k)
        sense.close(epoch, 30000)
        sense.next_epoch(30000)
        density = welch(x[here])
        share = np.where(np.arange(len(density)) == 1, eeg._PART / 256, 1.0)
        true = [
            8 * np.log2(np.average(density[a : b + 1], weights=share[a : b + 1])) + 80
            for a, b, _ in bands
        ]
        apart.append(np.array(epoch.eeg, float) - true)
    apart = np.array(apart[1:])  # the first epoch's high pass is settling
    assert np.abs(apart.mean(axis=0)).max() < 0.6  # steps of an eighth of an octave
    assert np.abs(apart).max() < 3  # its segments begin elsewhere than Welch's


def at_both_rates(rng, seconds, slope, sd_uv):
    """One signal of 0.3 to 50 Hz, sampled at 125 Hz and at 100 Hz; uV."""
    f = np.arange(int(50 * seconds)) / seconds
    size = np.where((f > 0.3) & (f < 49.9), np.maximum(f, 0.3) ** (-slope / 2), 0)
    spectrum = size * np.exp(2j * np.pi * rng.random(len(f)))
    spectrum *= sd_uv / np.sqrt(2 * (size**2).sum())
    made = []
    for rate_hz in (125, 100):
        n = rate_hz * seconds
        padded = np.zeros(n // 2 + 1, complex)
        padded[: len(f)] = spectrum
        made.append(np.fft.irfft(padded, n) * n)
    return made


@pytest.mark.parametrize(("slope", "sd_uv"), [(1, 10), (2, 25), (2.5, 40)])
def test_bands_are_those_of_the_recordings_made_of_the_same_signal(slope, sd_uv):
    """Sleep-EDF's powers: scipy's Welch, 256 samples at 100 Hz, mean density of a band."""
    scipy = pytest.importorskip("scipy.signal")
    ours, theirs = at_both_rates(np.random.default_rng(5), 300, slope, sd_uv)
    assert abs(ours.std() / sd_uv - 1) < 0.01
    raw = np.rint(ours / COUNT_UV).astype(int) + (1 << 23) + 40000
    sense, epoch, apart = eeg.Eeg(125), wire.Epoch(), []
    edges = ((0.5, 4, 0), (4, 8, 1), (8, 13, 2), (13, 30, 4), (30, 50, 5))
    for k in range(10):
        sense.feed(array("i", raw[k * 3750 : (k + 1) * 3750].tolist()), 3750, 0, 0)
        epoch.clear(k)
        sense.close(epoch, 30000)
        sense.next_epoch(30000)
        f, density = scipy.welch(theirs[k * 3000 : (k + 1) * 3000], 100, nperseg=256)
        apart.append(
            [
                epoch.eeg[band] - 8 * np.log2(density[(f >= low) & (f < high)].mean()) - 80
                for low, high, band in edges
            ]
        )
    apart = np.array(apart[1:])
    assert np.abs(apart.mean(axis=0)).max() < 1.0  # an eighth of an octave, 9 %
