"""What a night does to the light on a finger, and what the heart file makes of it."""

from array import array

from lamp import heart, wire
from pulse import BASE, good, light, near, play, steady, why


def noise(ms):
    """-15..15 without a pattern (a multiplicative hash), the same on every build."""
    x = (ms // 20 + 1) * 2654435761 & 0xFFFFFFFF
    x = (x ^ x >> 15) * 2246822519 & 0xFFFFFFFF
    return (x ^ x >> 13) % 31 - 15


def test_a_pulse_that_points_up_is_found_as_well():
    h = play(steady(900), 30, sign=1)
    near(good(h)[-15:], 900, 12)
    assert max(h.beats.t_ms[i] for i in range(h.beats.n)) > 28000


def test_a_wandering_baseline_moves_no_beat_far():
    def sway(ms, x):  # 0.25 Hz, three times as deep as the pulse
        k = ms % 4000
        return x + 3 * (k if k < 2000 else 4000 - k)

    near(good(play(steady(900), 30, spoil=sway))[2:], 900, 40)


def test_a_dicrotic_wave_is_no_beat():
    def bump(k, width, depth):
        return max(0, depth - abs(k - width // 2) * 2 * depth // width)

    def narrow(ms, x):  # a pulse of 0.3 s, and one a third as steep at the bottom behind it
        return BASE - bump(ms % 1000, 300, 2000) - bump(ms % 1000 - 520, 200, 500)

    h = play((), 30, spoil=narrow)
    near(good(h)[-12:], 1000, 12)
    assert h.beats.n <= 34


def test_a_loosening_finger_is_followed():
    h = play(steady(900), 15)
    play(steady(900), 15, h=h, start=15, depth=250)
    assert h.beats.t_ms[h.beats.n - 1] > 28000
    near(good(h)[-5:], 900, 25)


def test_a_step_of_the_led_breaks_the_chain_and_makes_no_beat():
    h, buf = play(steady(1000), 16), array("i", [0] * 32)
    n = h.beats.n
    for i in range(32):
        buf[i] = light(16000 + i * 20, steady(1000), base=BASE if i < 9 else BASE + 60000)
    h.feed(buf, 32, wire.M_LED, 0)
    for i in range(320):
        buf[i % 32] = light(16640 + i * 20, steady(1000), base=BASE + 60000)
        if i % 32 == 31:
            h.feed(buf, 32, 0, 0)
    assert h.beats.flag[n] == wire.FIRST
    near([h.beats.ibi_ms[i] for i in range(n + 1, h.beats.n)], 1000, 25)


def test_a_jump_that_nobody_announced_spoils_two_intervals_and_says_so():
    h = play(steady(1000), 30, spoil=lambda ms, x: x - (50000 if ms >= 15500 else 0))
    near(good(h)[2:], 1000, 12)
    assert why(h).count(heart.SIZE) == 2 and len(good(h)) >= 22, (why(h), good(h))


def test_jumps_do_not_turn_the_pulse_over():
    h = play(steady(1000), 30, spoil=lambda ms, x: x + ms // 5500 * 10000)
    assert good(h)[2:] and all(flag != wire.FIRST for flag in h.beats.flag[1 : h.beats.n])


def test_the_rail_is_told():
    e = wire.Epoch()
    h = play(steady(1000), 20, base=0x3FFFF + 800)
    h.close(e, 20000)
    assert e.flags & wire.F_SATURATED and e.quality < 20
    h = play(steady(1000), 20, spoil=lambda ms, x: 0x3FFFF if 9700 < ms < 10200 else x)
    assert heart.RAILED in why(h)


def test_every_other_doubt_has_its_name():
    gap = steady(1000, 8) + [10500 + 1000 * k for k in range(9)]  # 2500 ms: a pause
    assert heart.RANGE in why(play(gap, 15))
    jump = steady(1000, 8) + [8500 + 1000 * k for k in range(9)]  # 500 ms in the midst of 1000
    assert heart.STEP in why(play(jump, 15))
    rough = play(steady(1000), 30, depth=150, spoil=lambda ms, x: x + 9 * noise(ms))
    assert heart.NOISE in why(rough)


def test_silence_air_and_a_table_are_not_worn():
    for base in (800, BASE):
        for loud in (0, 1, 9):
            h = play((), 30, base=base, spoil=lambda ms, x, loud=loud: x + loud * noise(ms))
            assert not h.worn(), (base, loud)
            assert loud == 9 or base != BASE or h.beats.n <= 1  # nothing to log


def test_a_finger_is_worn_until_it_is_taken_off():
    h = play(steady(1000, 40), 20)
    assert h.worn()
    play((), 2, h=h, start=20, base=900)
    assert not h.worn()  # air: at once
    h = play(steady(1000, 40), 20)
    play((), 35, h=h, start=20)
    assert not h.worn()  # light without a pulse: after half a minute


def test_a_pulse_that_comes_back_after_minutes_of_noise_is_believed_again():
    h, epoch, noise = heart.Heart(50), wire.Epoch(), [1]

    def still(ms, x):  # the finger's light without its pulse, +-32 counts
        noise[0] = (noise[0] * 1103 + 12345) & 0xFFFF
        return BASE + (noise[0] >> 10) - 32

    for k in range(16):
        play(steady(830), 30, h=h, spoil=still if 2 <= k < 14 else None)
        h.close(epoch, 30000)
        h.next_epoch(30000)
        epoch.clear(k)
        if k == 13:
            assert not h.worn()
    assert h.worn()
