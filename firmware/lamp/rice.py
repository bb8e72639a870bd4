"""Raw EEG without loss: a filter that learns the signal as it goes, and Rice's code.

The difference of two samples is predicted from the last 12 by a normalised LMS filter (Widrow &
Hoff 1960; backward-adaptive, so no coefficient is stored), and what it misses is Rice-coded with
a parameter that follows the mean. A stretch is decoded from its first frame on; whoever packs
begins a new one where a lost frame should cost no more. What the filter begins with is what it
typically learns. Integers below 2**30; knows no frame.

Coded samples are below 2**21: a converter's 24 bits less three or more.
"""

from array import array

from .compat import const, micropython, ptr8, ptr32

TAPS = const(12)
_BIAS = const(1 << 23)  # on what may be negative: on 64 bits viper reads without a sign
_FIRST = (1200, -350, 150, -900, 0, -750, -150, -330, -200, -100, -150, 0)  # of 8192
_ESCAPE = const(24)  # ones in a row, then the value in 24 bits
_MEAN0 = const(24 << 6)

# where the state keeps what
_LAST = const(0)
_MEAN = const(1)  # of the folded residuals, << 6
BITS = const(2)  # written or read so far: where the next one goes
_PAST = const(3)
_WEIGHT = const(15)


def state():
    """A fresh filter's state, for `begin`."""
    return array("i", [0] * (_WEIGHT + TAPS))


def begin(s, sample):
    """Begin a stretch with a first sample that both ends know."""
    s[_LAST] = sample
    s[_MEAN] = _MEAN0
    for i in range(TAPS):
        s[_PAST + i] = _BIAS
        s[_WEIGHT + i] = (_FIRST[i] << 5) + _BIAS


@micropython.viper
def predict(s: ptr32) -> int:
    """What the next difference will be."""
    p = 4096
    i = 0
    while i < 12:
        p += (s[_WEIGHT + i] - _BIAS >> 5) * (s[_PAST + i] - _BIAS)
        i += 1
    return p >> 13


@micropython.viper
def learn(s: ptr32, v: int, e: int):
    """The difference was `v`, the prediction off by `e`."""
    if e > 2047:
        e = 2047
    if e < -2047:
        e = -2047
    power = 1
    i = 0
    while i < 12:
        h = s[_PAST + i] - _BIAS
        power += h * h
        i += 1
    size = 0
    while power >> size:
        size += 1
    i = 11
    while i >= 0:
        t = e * (s[_PAST + i] - _BIAS)
        if size >= 12:
            t = t >> size - 12
        else:
            t = t << 12 - size
        w = s[_WEIGHT + i] - _BIAS + t
        if w > 1048575:
            w = 1048575
        if w < -1048575:
            w = -1048575
        s[_WEIGHT + i] = w + _BIAS
        if i:
            s[_PAST + i] = s[_PAST + i - 1]
        i -= 1
    if v > 2047:
        v = 2047
    if v < -2047:
        v = -2047
    s[_PAST] = v + _BIAS


@micropython.viper
def put(out: ptr8, at: int, value: int, n: int):
    """Write the `n` low bits of `value` at bit `at`, high bit first, into zeros."""
    while n:
        n -= 1
        if value >> n & 1:
            out[at >> 3] = int(out[at >> 3]) | 128 >> (at & 7)
        at += 1


@micropython.viper
def bits_at(data: ptr8, at: int, n: int) -> int:
    """Read `n` bits at bit `at`."""
    value = 0
    while n:
        n -= 1
        value = value << 1 | int(data[at >> 3]) >> 7 - (at & 7) & 1
        at += 1
    return value


def _parameter(mean):
    mean >>= 6
    k = 0
    while mean >> k > 1:
        k += 1
    return k


def pack(s, buf, i, n, out, end, cut=0):
    """Code `buf[i:n]`, less their `cut` lowest bits, into the zeroed bytes of `out` from bit
    `s[BITS]` to byte `end`; return the first sample that did not fit."""
    at, stop = s[BITS], end << 3
    while i < n:
        x = buf[i] >> cut
        v = x - s[_LAST]
        e = v - predict(s)
        u = e << 1 if e >= 0 else -e * 2 - 1
        k = _parameter(s[_MEAN])
        q = u >> k
        if q < _ESCAPE:
            if at + q + 1 + k > stop:
                break
            put(out, at, (1 << q + 1) - 2, q + 1)
            put(out, at + q + 1, u, k)
            at += q + 1 + k
        else:
            if at + 2 * _ESCAPE > stop:
                break
            put(out, at, (1 << _ESCAPE) - 1, _ESCAPE)
            put(out, at + _ESCAPE, u, _ESCAPE)
            at += 2 * _ESCAPE
        _follow(s, x, v, e, u)
        i += 1
    s[BITS] = at
    return i


def decode(s, data, n, out):
    """Decode `n` samples that begin at bit `s[BITS]` into `out`; ValueError if they are torn."""
    at, stop = s[BITS], len(data) << 3
    for i in range(n):
        k, q = _parameter(s[_MEAN]), 0
        while q < _ESCAPE and at < stop and bits_at(data, at, 1):
            q += 1
            at += 1
        need = _ESCAPE if q == _ESCAPE else k + 1
        if at + need > stop:
            raise ValueError("raw samples are torn")
        u = bits_at(data, at, _ESCAPE) if q == _ESCAPE else q << k | bits_at(data, at + 1, k)
        at += need
        e = u >> 1 if not u & 1 else -(u + 1 >> 1)
        v = e + predict(s)
        out[i] = s[_LAST] + v
        _follow(s, out[i], v, e, u)
    s[BITS] = at


def _follow(s, x, v, e, u):
    learn(s, v, e)
    s[_LAST] = x
    s[_MEAN] += min(u, 1 << 22) - (s[_MEAN] >> 6)
