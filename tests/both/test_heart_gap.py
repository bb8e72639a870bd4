"""A pulse that was away for long is believed again when it is back."""

import math
from array import array

from lamp import heart, wire

RATE_HZ = 50


def test_after_minutes_without_a_pulse_the_next_ones_are_good():
    own, epoch, buf = heart.Heart(RATE_HZ), wire.Epoch(), array("i", [0] * 12)
    good = []
    for index in range(20):
        flat = 3 <= index < 16
        for start in range(0, 30 * RATE_HZ, 12):
            for i in range(12):
                phase = (start + i) % 40 / 40
                pulse = 0 if flat else 3000 * math.exp(-((phase - 0.25) ** 2) / 0.008)
                buf[i] = int(130000 - pulse) + (start + i) * 7919 % 13
            own.feed(buf, 12, 0, 0)
        epoch.clear(index)
        own.close(epoch, 30000)
        good.append(epoch.quality)
        own.next_epoch(30000)
    assert good[2] > 90 and good[15] < 10, good
    assert good[18] > 90 and good[19] > 90, good
