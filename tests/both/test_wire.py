"""The records that both ends share."""

from lamp import wire

FIELDS = (
    ("index", 959), ("flags", 255), ("stage", 5), ("quality", 100), ("confidence", 99),
    ("p_w", 1), ("p_n3", 2), ("p_r", 252), ("score", 255), ("cycle", 254), ("hold", 3),
    ("lag_s", 180), ("base_bpm", 61), ("light", 40), ("led", 46), ("temp_c", -3),
)  # fmt: skip


def test_an_epoch_survives_the_wire():
    one, two, buf = wire.Epoch(), wire.Epoch(), bytearray(wire.Epoch.SIZE + 3)
    for key, value in FIELDS:
        setattr(one, key, value)
    one.pack_into(buf, 3)
    two.unpack_from(buf, 3)
    for key, value in FIELDS:
        assert getattr(two, key) == value, key


def test_a_cleared_epoch_is_unscored_and_dark():
    e = wire.Epoch()
    e.stage, e.light, e.hr_x10[3] = 5, 9, 700
    e.clear(7)
    assert (e.index, e.stage, e.light, e.hr_x10[3], e.motion) == (7, wire.UNSCORED, 0, 0, -1)
