"""Integer coding of beats and of samples, both directions, each call complete in itself.

Differences in Rice codes (Rice and Plaunt 1971) whose parameter follows the data, as lossless
audio coders do; an escape bounds every code. Small ints only, nothing allocated after import.
The bit order is the most significant first; WIRE.md has the layouts. Knows no frame and no flash.
"""

from .compat import const

MAX_BEATS = const(128)
BEATS_BYTES = const(238)  # what is left of a 255-byte payload after the Epoch record
_NN = const(0)  # wire's beat flags; codec knows no wire
_ARTEFACT = const(1)
_FIRST = const(2)
_USUAL = const(3)  # in their place: a normal first beat in the short form
_ESCAPE = const(10)  # so many ones in a row announce a value in plain bits
_PLAIN = const(12)  # of this width; all ones: in this one, which holds an 18-bit sample's
_WIDE = const(21)  # second difference, folded
_IBI_BIAS = const(300)  # the usual first interval of an epoch: 45 to 200 a minute
_USUAL_MS = const(800)  # the interval a beat after a break is compared with
_K_PLAIN = const(3)  # to 6: the usual Rice parameters


class _Bits:
    """A bit cursor over a caller's buffer. Born once; a put past the limit sets `over`."""

    def __init__(self):
        self.start(b"", 0, 0)

    def start(self, buf, at, limit):
        self.buf, self.at, self.limit = buf, at, limit
        self.acc = self.held = 0
        self.over = False

    def put(self, value, width):
        """Append the low `width` bits (at most 21) of `value`."""
        acc, held = self.acc << width | value, self.held + width
        while held >= 8:
            held -= 8
            if self.at < self.limit:
                self.buf[self.at] = acc >> held
            else:
                self.over = True
            self.at += 1
            acc &= (1 << held) - 1
        self.acc, self.held = acc, held

    def finish(self):
        """Fill the last byte with ones, which begin no whole code; return the end."""
        if self.held:
            pad = 8 - self.held
            self.put((1 << pad) - 1, pad)
        return self.at

    def fetch(self, width):
        """The next `width` bits; ValueError past the end."""
        acc, held = self.acc, self.held
        while held < width:
            if self.at >= self.limit:
                raise ValueError("codec: cut short")
            acc = acc << 8 | self.buf[self.at]
            self.at += 1
            held += 8
        held -= width
        self.acc, self.held = acc & ((1 << held) - 1), held
        return acc >> held

    def ended(self):
        """Whether only the padding of `finish` is left."""
        if self.at < self.limit:
            return False
        return self.held < 8 and self.acc == (1 << self.held) - 1

    def put_rice(self, value, k):
        ones = value >> k
        if ones >= _ESCAPE:
            self.put((1 << _ESCAPE) - 1, _ESCAPE)
            self.put(min(value, (1 << _PLAIN) - 1), _PLAIN)
            if value >= (1 << _PLAIN) - 1:
                self.put(value, _WIDE)
        else:
            self.put((1 << ones + 1) - 2, ones + 1)
            self.put(value & (1 << k) - 1, k)

    def get_rice(self, k):
        ones = 0
        while self.fetch(1):
            ones += 1
            if ones == _ESCAPE:
                value = self.fetch(_PLAIN)
                return value if value < (1 << _PLAIN) - 1 else self.fetch(_WIDE)
        return ones << k | self.fetch(k)


_bits = _Bits()


def _k(mean_x16):
    """The Rice parameter for values whose mean is `mean_x16` / 16."""
    k = 0
    while k < 14 and mean_x16 > 22 << k:  # 22 / 16 = 2 ln 2: where one more bit begins to pay
        k += 1
    return k


def _fold(d):
    """Signed to unsigned: 0, -1, 1, -2, 2 ... -> 0, 1, 2, 3, 4 ..."""
    return d << 1 if d >= 0 else (-d << 1) - 1


def _unfold(z):
    return -(z + 1 >> 1) if z & 1 else z >> 1


def pack_beats(beats, n, out, offset):
    """Write the first `n` beats into `out` from `offset`; return the end.

    `ibi_ms` travels as the difference from the interval before it, times once an epoch and after
    each break; a FIRST beat's own `ibi_ms` is not kept. Never more than BEATS_BYTES bytes: beats
    that would not fit (no heart produces them, noise may) are dropped off the end of `beats` too.
    """
    if n == 0:
        return offset
    t_ms, ibi_ms, flag = beats.t_ms, beats.ibi_ms, beats.flag
    bits = _bits  # apart: a fourth name on the left would make a tuple
    bits.start(out, offset, min(len(out), offset + BEATS_BYTES))
    k = _best_k(ibi_ms, flag, n)
    usual = flag[0] == _NN and _is_usual(t_ms[0], ibi_ms[0])
    plain = usual and 0 <= k - _K_PLAIN < 4 and _all_normal(flag, n)
    if plain:
        bits.put(k - _K_PLAIN, 3)
    else:
        bits.put(4 + (_USUAL if usual else flag[0]), 3)
        bits.put(k, 4)
    last = _put_first(bits, t_ms[0], ibi_ms[0], flag[0], usual)
    for i in range(1, n):
        at, acc, held = bits.at, bits.acc, bits.held
        ibi = ibi_ms[i]
        if plain:
            bits.put_rice(_fold(ibi - last), k)
            last = ibi
        elif flag[i] == _NN:
            bits.put_rice(_fold(ibi - last) + 1, k)
            last = ibi
        else:
            bits.put_rice(0, k)  # no difference: a flagged beat follows
            bits.put(flag[i] == _FIRST, 1)
            if flag[i] == _FIRST:
                bits.put(t_ms[i] - t_ms[i - 1] & 0xFFFF, 16)
            else:
                bits.put_rice(_fold(ibi - last), k + 3)
        if bits.at + (bits.held > 0) > bits.limit:
            bits.at, bits.acc, bits.held = at, acc, held
            beats.n = i
            break
    return bits.finish()


def _all_normal(flag, n):
    for i in range(n):  # noqa: SIM110 - all() would allocate a generator
        if flag[i] != _NN:
            return False
    return True


def _is_usual(t, ibi):
    """Whether a first beat fits the short form."""
    return 0 <= ibi - _IBI_BIAS < 1024 and 0 <= t + (ibi >> 1) < 1 << _t_width(ibi)


def _put_first(bits, t, ibi, flag, usual):
    """The first beat; returns the interval that the next one is compared with."""
    if usual:
        bits.put(ibi - _IBI_BIAS, 10)
        bits.put(t + (ibi >> 1), _t_width(ibi))
        return ibi
    bits.put(t & 0xFFFF, 16)
    if flag == _FIRST:
        return _USUAL_MS
    bits.put(ibi, 16)
    return ibi


def _t_width(ibi):
    """Bits for where in its interval an epoch begins: -0.5 to at least +0.6 of it."""
    return 10 if ibi < 930 else 11


def _best_k(ibi_ms, flag, n):
    """The Rice parameter that makes these differences shortest (the cost has one valley)."""
    best, best_cost = _K_PLAIN, 1 << 29
    for k in range(2, 11):
        cost = 0
        last = ibi_ms[0] if flag[0] != _FIRST else _USUAL_MS
        for i in range(1, n):
            if flag[i] == _NN:
                cost += 1 + k + (_fold(ibi_ms[i] - last) >> k)
                last = ibi_ms[i]
        if cost >= best_cost:
            break
        if cost:
            best, best_cost = k, cost
    return best


def unpack_beats(buf, offset, end, beats):
    """Fill `beats` from `buf[offset:end]`; return their number. ValueError on hostile bytes."""
    if offset >= end:
        return 0
    bits = _bits
    t_ms, ibi_ms, flag = beats.t_ms, beats.ibi_ms, beats.flag
    bits.start(buf, offset, end)
    plain = not bits.fetch(1)
    kind = bits.fetch(2)
    k = kind + _K_PLAIN if plain else bits.fetch(4)
    _get_first(bits, beats, _USUAL if plain else kind)
    last = _USUAL_MS if flag[0] == _FIRST else ibi_ms[0]
    t, n = t_ms[0], 1
    while not bits.ended():
        if n == len(flag):
            raise ValueError("codec: too many beats")
        z, step, kind = bits.get_rice(k), 0, _NN
        if plain or z:
            last = ibi = last + _unfold(z if plain else z - 1)
        elif bits.fetch(1):
            ibi, step, kind = 0, bits.fetch(16), _FIRST
        else:
            ibi, kind = last + _unfold(bits.get_rice(k + 3)), _ARTEFACT
        t += step + ibi
        if not 0 <= ibi <= 65535 or t > 32767:
            raise ValueError("codec: no such beat")
        t_ms[n], ibi_ms[n], flag[n] = t, ibi, kind
        n += 1
    return n


def _get_first(bits, beats, kind):
    if kind == _USUAL:
        ibi = bits.fetch(10) + _IBI_BIAS
        t, kind = bits.fetch(_t_width(ibi)) - (ibi >> 1), _NN
    else:
        t = bits.fetch(16)
        t -= (t & 0x8000) << 1
        ibi = 0 if kind == _FIRST else bits.fetch(16)
    beats.t_ms[0], beats.ibi_ms[0], beats.flag[0] = t, ibi, kind


def pack_samples(buf, n, out, offset):
    """Write `n` samples (0..2**18 - 1) into `out`; return the end.

    Order 1 or 2 differences, whichever is smaller here, or plain bits where neither pays: never
    more than 1 + (18 n + 6) / 8 bytes, so 100 samples always fit a frame.
    """
    bits = _bits
    limit = min(len(out), offset + (18 * n + 2 + 7) // 8)
    one, two = _roughness(buf, n)
    order = 1 if one <= two else 2
    for kind in (order, 0):
        bits.start(out, offset, limit)
        bits.put(kind, 2)
        _put_samples(bits, buf, n, kind, min(one, two) * 16 // n if n else 0)
        end = bits.finish()
        if not bits.over:
            break
    return end


def _roughness(buf, n):
    """Sums of the folded differences of order 1 and 2 (bounded: 255 samples of 2**19)."""
    one = two = 0
    x = y = buf[0] if n else 0
    for i in range(1, n):
        v = buf[i]
        one += _fold(v - x)
        two += _fold(v - 2 * x + y)
        x, y = v, x
    return one, two


def _put_samples(bits, buf, n, order, mean):
    if order == 0:
        for i in range(n):
            bits.put(buf[i], 18)
        return
    k = _k(mean)
    bits.put(k, 4)
    mean = 16 << k
    x = y = 0
    for i in range(n):
        v = buf[i]
        if i == 0:
            bits.put(v, 18)
            x = y = v
            continue
        z = _fold(v - x if order == 1 else v - 2 * x + y)
        bits.put_rice(z, _k(mean))
        mean += (z << 4) - mean >> 4
        x, y = v, x


def unpack_samples(data, offset, end, out):
    """Fill `out` from `data[offset:end]`; return their number. ValueError on hostile bytes."""
    bits = _bits
    bits.start(data, offset, end)
    if offset >= end:
        return 0
    order = bits.fetch(2)
    if order == 3:
        raise ValueError("codec: no such order")
    mean = 16 << bits.fetch(4) if order else 0
    x = y = n = 0
    while not bits.ended():
        if n == len(out):
            raise ValueError("codec: too many samples")
        if n == 0 or order == 0:
            v = y = bits.fetch(18)
        else:
            z = bits.get_rice(_k(mean))
            mean += (z << 4) - mean >> 4
            v = _unfold(z) + (x if order == 1 else 2 * x - y)
            y = x
        if not 0 <= v < 1 << 18:
            raise ValueError("codec: no such sample")
        out[n] = x = v
        n += 1
    return n
