"""EEG samples to the band powers and signal quality of an epoch.

Welch's method in integers: segments of 256 samples, half overlapping, mean taken off, a Hann
window, a radix-2 transform, mean power density of each band. At 125 Hz a bin is 0.49 Hz wide. Each
stage of a transform is a call of its own, well under the 8 ms after which a converter without
a FIFO overwrites a sample that no interrupt fetched. Powers are told as 8 log2(uV^2/Hz) + 80, one
byte, 9 % a step: the units of the recordings the stager is made of (Sleep-EDF's band powers).

A segment counts if its samples are whole (none lost, electrodes on), if it stays within 0.5 mV,
and if it moves by more than 5 uV: a shorted input or a lead on the table does not. Samples are
kept in 1/16 uV; every intermediate is below 2**30 (tests/host/test_eeg_bounds.py). Knows no chip,
no clock and no log.
"""

from array import array

from .compat import const, micropython, ptr8, ptr16, ptr32
from .wire import EEG_BANDS, F_FAULT, F_LOST, F_SATURATED, F_WORN, M_FAULT, M_LEADOFF, M_LOST

N = const(256)  # samples of a segment
_HOP = const(128)
_STAGES = const(8)
_BIAS = const(1 << 23)  # added to what may be negative: on 64 bits viper reads without a sign
_CLIP = const(8000)  # 0.5 mV, in 1/16 uV: slow waves and eyes stay below it, movement does not
_STILL = const(80)  # 5 uV
_EXPECTED = const(28)  # segments of 30 s at 125 Hz, 29 in most
_FEW = const(7)  # good segments that make an epoch
_SCALE = const(1444)  # 64 log2 of the transform's units: 2**10 (1/32 uV)^2 x 125 Hz x 96 / 2
_ZERO = const(80)  # what 1 uV^2/Hz is told as
# first and last bin of delta 0.5-4, theta 4-8, alpha 8-13, sigma 12-16, beta 13-30 and gamma
# 30-50 Hz, and the bits by which an amplitude is shortened so that it fits 14
BANDS = b"\x01\x08\x06\x09\x10\x05\x11\x1a\x04\x19\x20\x04\x1b\x3d\x02\x3e\x66\x02"

# of delta's first bin, in 256ths: it begins at 0.59 Hz then, as in the recordings, whose bins are
# narrower (256 samples at 100 Hz); power falls so fast from there that it is half an octave
_PART = const(77)

# where the state keeps what
_MEAN = const(0)  # running mean of the raw samples << 5
_RUN = const(1)  # whole samples in a row, up to N
_HEAD = const(2)
_LEFT = const(3)  # samples to the next segment
_FRESH = const(4)  # 1: take the next sample for the mean


# 2**14 (1 + cos(2 pi i / 256)), i = 0..128, little-endian; floats differ between chips
_COS = (
    b"\x00\x80\xfb\x7f\xec\x7f\xd4\x7f\xb1\x7f\x85\x7f\x4f\x7f\x0f\x7f\xc5\x7e\x72\x7e\x15\x7e"
    b"\xaf\x7d\x3f\x7d\xc5\x7c\x42\x7c\xb6\x7b\x21\x7b\x82\x7a\xdb\x79\x2b\x79\x71\x78\xb0\x77"
    b"\xe5\x76\x12\x76\x37\x75\x53\x74\x68\x73\x74\x72\x79\x71\x76\x70\x6c\x6f\x5a\x6e\x41\x6d"
    b"\x21\x6c\xfb\x6a\xce\x69\x9a\x68\x60\x67\x20\x66\xda\x64\x8e\x63\x3d\x62\xe7\x60\x8c\x5f"
    b"\x2b\x5e\xc6\x5c\x5d\x5b\xef\x59\x7e\x58\x09\x57\x90\x55\x13\x54\x94\x52\x12\x51\x8d\x4f"
    b"\x06\x4e\x7c\x4c\xf1\x4a\x64\x49\xd6\x47\x46\x46\xb5\x44\x24\x43\x92\x41\x00\x40\x6e\x3e"
    b"\xdc\x3c\x4b\x3b\xba\x39\x2a\x38\x9c\x36\x0f\x35\x84\x33\xfa\x31\x73\x30\xee\x2e\x6c\x2d"
    b"\xed\x2b\x70\x2a\xf7\x28\x82\x27\x11\x26\xa3\x24\x3a\x23\xd5\x21\x74\x20\x19\x1f\xc3\x1d"
    b"\x72\x1c\x26\x1b\xe0\x19\xa0\x18\x66\x17\x32\x16\x05\x15\xdf\x13\xbf\x12\xa6\x11\x94\x10"
    b"\x8a\x0f\x87\x0e\x8c\x0d\x98\x0c\xad\x0b\xc9\x0a\xee\x09\x1b\x09\x50\x08\x8f\x07\xd5\x06"
    b"\x25\x06\x7e\x05\xdf\x04\x4a\x04\xbe\x03\x3b\x03\xc1\x02\x51\x02\xeb\x01\x8e\x01\x3b\x01"
    b"\xf1\x00\xb1\x00\x7b\x00\x4f\x00\x2c\x00\x14\x00\x05\x00\x00\x00"
)
_LOG2 = (  # 64 log2(1 + i / 64)
    b"\x00\x01\x03\x04\x06\x07\x08\x0a\x0b\x0c\x0d\x0f\x10\x11\x12\x13\x15\x16\x17\x18\x19\x1a"
    b"\x1b\x1c\x1d\x1e\x1f\x20\x22\x23\x23\x24\x25\x26\x27\x28\x29\x2a\x2b\x2c\x2d\x2e\x2f\x2f"
    b"\x30\x31\x32\x33\x34\x34\x35\x36\x37\x38\x38\x39\x3a\x3b\x3c\x3c\x3d\x3e\x3f\x3f"
)


@micropython.viper
def take(raw: ptr32, i: int, n: int, s: ptr32, ring: ptr32) -> int:
    """Feed `raw[i:n]` (offset binary, 24 bits) up to the end of a hop; return where it stopped."""
    mean = s[_MEAN]
    head = s[_HEAD]
    left = s[_LEFT]
    run = s[_RUN]
    while i < n:
        x = raw[i]
        i += 1
        if s[_FRESH]:
            s[_FRESH] = 0
            mean = x << 5
        mean += ((x << 5) - mean) >> 8  # a high pass of 0.08 Hz: electrodes drift
        x -= mean >> 5
        if x > 16000:
            x = 16000
        if x < -16000:
            x = -16000
        ring[head] = (x * 197 >> 8) + _BIAS  # a count is 48.08 nV at gain 6; 197/256 of 1/16 uV
        head = (head + 1) & 255
        if run < 256:
            run += 1
        left -= 1
        if left == 0:
            break
    s[_MEAN] = mean
    s[_HEAD] = head
    s[_LEFT] = left
    s[_RUN] = run
    return i


@micropython.viper
def load(ring: ptr32, head: int, re: ptr32, im: ptr32, cos: ptr16) -> int:
    """The windowed segment that ends before `head`, in bit-reversed order; return its range, in
    1/16 uV, the clipped ones' being more than any other's."""
    total = 0
    low = ring[head]
    high = low
    i = 0
    while i < 256:
        x = ring[i]
        total += x - _BIAS
        if x < low:
            low = x
        if x > high:
            high = x
        i += 1
    mean = (total + 128 >> 8) + _BIAS
    i = 0
    r = 0
    while i < 256:
        x = ring[(head + i) & 255] - mean
        w = cos[i if i <= 128 else 256 - i]
        re[r] = (x * (32768 - w) + 8192 >> 14) + _BIAS  # twice Hann's
        im[r] = _BIAS
        bit = 128
        while r & bit:
            r ^= bit
            bit >>= 1
        r |= bit
        i += 1
    if high - _BIAS >= _CLIP or _BIAS - low >= _CLIP:
        return 1 << 20
    return high - low


@micropython.viper
def stage(re: ptr32, im: ptr32, cos: ptr16, k: int):
    """Stage `k` (0..7) of the transform in place. Values grow by one bit a stage, from 14 to 22;
    before a product they are shortened to 15 bits."""
    half = 1 << k
    cut = k - 1 if k > 1 else 0
    back = 14 - cut
    round = 1 << back - 1
    m = 0
    while m < half:
        j = m << 7 - k
        c = cos[j] - 16384
        d = cos[64 - j if j < 64 else j - 64] - 16384
        a = m
        while a < 256:
            b = a + half
            x = re[b] - _BIAS >> cut
            y = im[b] - _BIAS >> cut
            u = x * c + y * d + round >> back
            v = y * c - x * d + round >> back
            p = re[a]
            q = im[a]
            re[a] = p + u
            im[a] = q + v
            re[b] = p - u
            im[b] = q - v
            a = b + half
        m += 1


@micropython.viper
def power(re: ptr32, im: ptr32, bands: ptr8, sums: ptr32):
    """Add the power of each band to `sums`: for each its low 16 bits' total, then the rest's."""
    k = 0
    while k < 6:
        i = int(bands[3 * k])
        last = int(bands[3 * k + 1])
        cut = int(bands[3 * k + 2])
        half = 1 << cut - 1
        while i <= last:
            x = re[i] - _BIAS
            y = im[i] - _BIAS
            if x < 0:
                x = 0 - x
            if y < 0:
                y = 0 - y
            x = x + half >> cut
            y = y + half >> cut
            if x > 16383:
                x = 16383
            if y > 16383:
                y = 16383
            p = x * x + y * y
            if i == 1:
                p = (p >> 8) * _PART
            sums[2 * k] += p & 0xFFFF
            sums[2 * k + 1] += p >> 16
            i += 1
        k += 1


def log64(high, low):
    """64 log2(2**16 high + low) to about 1, for 0 <= high, low < 2**29; 0 for 0."""
    high += low >> 16
    low &= 0xFFFF
    n = 0
    while high >= 1 << 13:  # 16 more bits would not fit
        low = (high & 1) << 15 | low >> 1
        high >>= 1
        n += 64
    x = high << 16 | low
    if not x:
        return 0
    while x >= 128:
        x = x + 1 >> 1 if x < 256 else x >> 1
        n += 64
    while x < 64:
        x <<= 1
        n -= 64
    return n + 384 + _LOG2[x & 63]


class _NoBeats:
    n = 0


# born once, for a heap in pieces has no room for them later: there is one head
_cos = array("H", _COS)
_re = array("i", [0] * N)
_im = array("i", [0] * N)


class Eeg:
    """The place of heart.Heart in a kit with electrodes: the same face, samples of 125 Hz."""

    def __init__(self, rate_hz):
        if rate_hz != 125:
            raise ValueError("EEG is sampled at 125 Hz")
        self.beats = _NoBeats
        self._ring = array("i", [0] * N)
        self._sums = array("i", [0] * (2 * EEG_BANDS))
        self._s = array("i", [0] * 5)
        self._good = 0  # segments of this epoch
        self._flags = 0
        self._worn = False
        self._break(0)

    def worn(self):
        """Whether the last epoch's electrodes told of a head."""
        return self._worn

    def feed(self, buf, n, marks, lost):
        """Take `n` samples (offset binary, 24 bits); `marks` and `lost` as a sensor gives them."""
        if lost or marks & (M_LOST | M_FAULT | M_LEADOFF):
            self._break(F_FAULT if marks & M_FAULT else F_LOST if lost or marks & M_LOST else 0)
        if marks & M_LEADOFF:
            return
        s = self._s
        i = 0
        while i < n:
            i = take(buf, i, n, s, self._ring)
            if not s[_LEFT]:
                s[_LEFT] = _HOP
                if s[_RUN] >= N:
                    self._segment()

    def _break(self, flag):
        """What came before does not join what comes now."""
        s = self._s
        self._flags |= flag
        s[_RUN] = 0
        s[_LEFT] = _HOP
        s[_FRESH] = 1

    def _segment(self):
        """Transform the last N samples and add their power up."""
        re, im, cos = _re, _im, _cos
        moved = load(self._ring, self._s[_HEAD], re, im, cos)
        if moved >= 1 << 20:
            self._flags |= F_SATURATED
        elif moved >= _STILL:
            for k in range(_STAGES):
                stage(re, im, cos, k)
            power(re, im, BANDS, self._sums)
            self._good += 1

    def close(self, epoch, epoch_ms):
        """Fill the measures of `epoch`: its bands, the share of good segments, its flags."""
        epoch.quality = min(100, self._good * 100 // _EXPECTED)
        epoch.flags |= self._flags
        self._worn = self._good >= _FEW
        if self._worn:
            epoch.flags |= F_WORN
        for k in range(EEG_BANDS):
            bins = (BANDS[3 * k + 1] - BANDS[3 * k] << 8) + (256 if k else _PART)
            told = 0
            if self._worn:
                told = log64(self._sums[2 * k + 1], self._sums[2 * k]) + 128 * BANDS[3 * k + 2]
                told -= log64(0, bins * self._good) - 512 + _SCALE
                told = max(1, min(255, (told + 4 >> 3) + _ZERO))
            epoch.eeg[k] = told

    def next_epoch(self, epoch_ms):
        """Begin the next epoch; a segment may lie across both."""
        for k in range(2 * EEG_BANDS):
            self._sums[k] = 0
        self._good = self._flags = 0
