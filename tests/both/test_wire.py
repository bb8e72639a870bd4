"""The records that both ends share."""

from lamp import wire


def test_an_epoch_survives_the_wire():
    one, two, buf = wire.Epoch(), wire.Epoch(), bytearray(wire.Epoch.SIZE + 3)
    one.index, one.flags, one.stage, one.hr_bpm_x10, one.lag_s, one.temp_c = (
        959,
        0xFF,
        5,
        1234,
        180,
        -3,
    )
    one.p_w, one.p_n3, one.p_r, one.score, one.beats = 1, 2, 252, 255, 61
    one.pack_into(buf, 3)
    two.unpack_from(buf, 3)
    for key in (
        "index",
        "flags",
        "stage",
        "hr_bpm_x10",
        "lag_s",
        "temp_c",
        "p_r",
        "score",
        "beats",
    ):
        assert getattr(one, key) == getattr(two, key), key


def test_a_cleared_epoch_is_unscored_and_dark():
    e = wire.Epoch()
    e.stage, e.light, e.hr_x10[3] = 5, 9, 700
    e.clear(7)
    assert (e.index, e.stage, e.light, e.hr_x10[3], e.motion) == (7, wire.UNSCORED, 0, 0, -1)
