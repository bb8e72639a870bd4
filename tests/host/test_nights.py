"""A night's bytes become a night again: what was written, when it was, and what is missing."""

import struct
from datetime import datetime

import numpy as np
import pytest
from dreamlamp import library, nights
from dreamlamp.errors import DreamlampError
from dreamlamp.library import Library, NoSuchNight
from dreamlamp.sleepstats import statistics
from dreamlamp.summary import summarise
from hypothesis import given
from hypothesis import strategies as st
from lamp import heart, wire
from nightmaker import CODES, Maker, keep


def whole_night(count=40):
    made = Maker().boot().clock()
    for index in range(count):
        made.epoch([100, 1100, 2150], stage=CODES["N2"], score=index)
    return made.event(wire.LOOP, 12, 101, 100, wire.CYCLE).end()


def test_what_was_written_is_read():
    night = nights.decode(whole_night().raw(), 7)
    assert len(night) == 40 and night.id == 7 and night.end == wire.END_BUTTON
    assert night.stages == ["N2"] * 40
    assert night.epochs["score"].tolist() == list(range(40))
    beats = night.beats[3]
    assert beats.n == 3 and list(beats.t_ms[:3]) == [100, 1100, 2150]
    assert list(beats.ibi_ms[1:3]) == [1000, 1050]
    assert [(e.name, e.epoch, e.a) for e in night.events] == [("loop", 40, 101)]
    assert not night.lost_bytes and not night.unknown


def test_a_damaged_frame_is_stepped_over_and_counted():
    made = whole_night()
    hurt = bytearray(b"".join(made.frames))
    at = len(b"".join(made.frames[:10]))
    hurt[at + 9] ^= 1
    night = nights.decode(bytes(hurt), 7)
    assert len(night) == 39
    assert night.lost_bytes == len(made.frames[10])


def test_a_frame_of_another_night_is_not_this_nights():
    with pytest.raises(nights.BadNight):
        nights.decode(whole_night().raw(), 8)


def test_an_unknown_frame_is_counted_and_skipped():
    night = nights.decode(whole_night().frame(0x7E, b"later").raw(), 7)
    assert night.unknown == 1 and len(night) == 40


def test_a_whole_frame_that_makes_no_sense_is_named():
    made = whole_night()
    sick = made.frame(wire.EPOCH, bytes(wire.Epoch.SIZE) + b"\x00" * 9).raw()
    with pytest.raises(nights.BadNight, match="makes no sense"):
        nights.decode(sick, 7)


def test_another_protocol_is_refused_with_advice():
    with pytest.raises(nights.BadNight, match="protocol 9"):
        nights.decode(Maker().boot(protocol=9).epoch().raw(), 7)


@pytest.mark.parametrize("raw", [b"", b"\0" * 50, b"\xff" * 50, whole_night().raw()[5:]])
def test_what_begins_no_night_is_refused(raw):
    with pytest.raises(nights.BadNight):
        nights.decode(raw, 7)


def test_the_clock_dates_the_night():
    night = nights.decode(whole_night().raw(), 7)  # began 10 s after the reading
    assert night.began() == datetime.fromisoformat("2026-03-02T00:00:10+01:00")


def test_without_a_clock_the_date_is_unknown():
    assert nights.decode(Maker().boot().epoch().end().raw(), 7).began() is None


@pytest.mark.parametrize("boot, told", [(3, True), (4, False)])  # another power-up tells nothing
def test_what_the_syncing_host_noted_dates_the_night(tmp_path, boot, told):
    raw = Maker().boot().epoch().end().raw()
    clock = {"boot": boot, "now_s": 200, "unix_s": 1772406000.2, "utc_offset_min": 0}
    began = library.read(keep(raw, tmp_path, clock=clock)).began()
    assert (began and began.timestamp()) == (1772406000 - 100 if told else None)


def broken_night(*clocks):
    made = Maker().boot(boot=3, second=100)
    for _ in range(10):
        made.epoch()
    made.boot(wire.BOOT, boot=4, second=20)
    for _ in range(5):
        made.epoch()
    for boot, second, unix in clocks:
        made.clock(boot=boot, second=second, unix_s=unix, offset_min=0)
    return nights.decode(made.end().raw(), 7)


def test_two_clock_readings_tell_how_long_the_power_was_away():
    night = broken_night((3, 0, 10000), (4, 0, 10000 + 2000))
    assert night.seconds.tolist()[9:12] == [270.0, 1920.0, 1950.0]
    (hole,) = summarise(night)["holes"]
    assert (hole["from_s"], hole["to_s"]) == (300.0, 1920.0)
    assert "without power" in hole["why"] and "unknown" not in hole["why"]


def test_one_clock_reading_leaves_the_hole_unknown_and_says_so():
    night = broken_night((4, 0, 12000))
    assert night.seconds.tolist()[9:12] == [270.0, 300.0, 330.0]
    assert night.dated == (12000 + 20 - 300, False)  # then, or earlier
    assert "unknown" in summarise(night)["holes"][0]["why"]


def test_a_change_of_settings_is_no_hole():
    made = Maker().boot(boot=3, second=100).epoch().epoch()
    made.boot(wire.BOOT, boot=3, second=170, mode=wire.ACT).epoch()
    night = nights.decode(made.end().raw(), 7)
    assert night.seconds.tolist() == [0.0, 30.0, 70.0]
    assert summarise(night)["holes"] == []


def test_a_finger_away_is_named_with_its_times():
    made = Maker().boot()
    for index in range(60):
        away = 20 <= index < 40
        made.epoch(flags=0 if away else wire.F_WORN, quality=0 if away else 95)
    facts = summarise(nights.decode(made.end().raw(), 7))
    assert facts["worn_min"] == 20 and facts["recorded_min"] == 30
    assert facts["holes"] == [{"from_s": 600.0, "to_s": 1200.0, "why": "no finger on the sensor"}]


def test_a_full_memory_is_named():
    facts = summarise(nights.decode(whole_night().end(wire.END_FULL).raw(), 7))
    assert "memory was full" in facts["holes"][-1]["why"]


def test_statistics_are_the_field_s():
    # the worked example of YASA's own documentation, in its order of stages
    names = ["W", "N1", "N2", "N3", "R"]
    codes = [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 2, 3, 3, 4, 4, 4, 4, 0, 0]
    found = statistics([names[c] for c in codes])
    assert found["tib"] == 10 and found["spt"] == 8 and found["waso"] == 0 and found["tst"] == 8
    assert (found["n1"], found["n2"], found["n3"], found["rem"]) == (1.5, 2, 2.5, 2)
    assert (found["sol"], found["lat_n2"], found["lat_n3"], found["lat_rem"]) == (1, 2.5, 4, 7)
    assert (found["rem_percent"], found["se"], found["sme"]) == (25, 80, 100)


def test_statistics_of_a_night_without_sleep_say_none_instead_of_nought():
    found = statistics(["W", "unscored", "W"])
    assert found["tst"] == 0 and found["unscored"] == 0.5
    assert found["sol"] is found["lat_rem"] is found["sme"] is None and found["se"] == 0


def test_unscored_epochs_are_neither_sleep_nor_wake():
    found = statistics(["N2", "unscored", "W", "N2"])
    assert (found["tst"], found["waso"], found["spt"]) == (1, 0.5, 2)


def test_agreement_with_others_stages_is_kappa():
    made = Maker().boot()
    for stage in np.repeat(["W", "N2", "N3", "N2", "R", "N2"], 20):
        made.epoch(stage=CODES[str(stage)])
    theirs = np.repeat(["W", "N1", "N3", "N2", "N2", "unscored"], 20).tolist()
    note = {"reference": {"stages": ["W", *theirs], "at_s": -30.0, "by": "PSG"}}
    found = summarise(nights.decode(made.end().raw(), 7, note))["reference"]
    assert found["epochs"] == 100 and found["percent"] == 80
    chance = (1 * 1 + 2 * 3 + 1 * 0 + 1 * 1) / 25
    assert found["kappa"] == pytest.approx((0.8 - chance) / (1 - chance))


def test_the_library_finds_a_night_and_notices_damage(tmp_path):
    path = keep(whole_night().raw(), tmp_path, clock=None)
    held = Library(tmp_path)
    assert held.find("last") == held.find("7") == held.find("3F2A") == held.find(str(path)) == path
    library.annotate(path, source={"heart": "synthetic"})
    night = library.read(path)
    assert night.note["source"]["heart"] == "synthetic" and night.note["lamp"] == "3F2A"
    assert len(night) == 40
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DreamlampError, match="sync it again"):
        library.read(path)


def test_an_absent_night_is_answered_with_what_to_do(tmp_path):
    with pytest.raises(NoSuchNight, match="dreamlamp sync"):
        Library(tmp_path).find("last")
    keep(whole_night().raw(), tmp_path)
    with pytest.raises(NoSuchNight, match="dreamlamp nights"):
        Library(tmp_path).find("8")


def test_a_ppg_minute_is_read():
    made = Maker().boot()
    buf = bytearray(255)
    size = struct.calcsize(wire.PPG_LAYOUT)
    struct.pack_into(wire.PPG_LAYOUT, buf, 0, 0, 96, 5, wire.M_LED)
    from lamp import codec

    samples = np.array([70000, 70010, 69990, 70100, 70200], np.int32)
    end = codec.pack_samples(samples, 5, buf, size)
    made.frame(wire.PPG, buf[:end])
    (burst,) = nights.decode(made.raw(), 7).ppg
    assert (burst.first, burst.marks, list(burst.samples)) == (96, wire.M_LED, samples.tolist())


def test_a_night_is_called_by_its_name_before_its_number(tmp_path):
    raw = whole_night().raw()
    for name in ("0004-00007", "3F2A-00004", "3F2A-00017"):
        (tmp_path / f"{name}.night").write_bytes(raw)
    held = Library(tmp_path)
    assert held.find("0004").stem == "0004-00007" and held.find("4").stem == "3F2A-00004"
    assert held.find("7").stem == "0004-00007" and held.find("0017").stem == "3F2A-00017"
    with pytest.raises(NoSuchNight, match="3F2A-00004, 3F2A-00017"):
        held.find("3F2A")


def test_each_power_up_keeps_its_own_clock_and_the_log_s_wins(tmp_path):
    made = Maker().boot(boot=3, second=100).epoch()
    made.boot(wire.BOOT, boot=4, second=20).epoch().clock(boot=4, unix_s=5000, second=0).end()
    noted = [
        {"boot": b, "now_s": 0, "unix_s": u, "utc_offset_min": 0} for b, u in ((3, 1000), (4, 9))
    ]
    path = keep(made.raw(), tmp_path)
    library.annotate(path, clocks=noted)
    night = library.read(path)
    assert night.began().timestamp() == 1100
    assert night.seconds.tolist() == [0, 5020 - 1100]


def test_a_lamp_that_came_back_twice_before_an_epoch_was_over_was_away_once():
    made = Maker().boot(boot=3, second=100).epoch().epoch()
    for boot in (4, 5, 6):
        made.boot(wire.BOOT, boot=boot, second=20)
    (hole,) = summarise(nights.decode(made.epoch().end().raw(), 7))["holes"]
    assert hole["from_s"] == 60 and "unknown" in hole["why"]


beat = st.tuples(st.integers(0, 3000), st.sampled_from([wire.NN, wire.ARTEFACT, wire.FIRST]))


@given(st.lists(beat, max_size=100))
def test_the_rates_of_a_read_epoch_are_those_that_heart_makes_of_its_beats(intervals):
    beats, ours, lamps = nights.Beats(), wire.Epoch(), wire.Epoch()
    beats.n = len(intervals)
    for i, (ibi, flag) in enumerate(intervals):
        beats.ibi_ms[i], beats.flag[i] = ibi, flag
    nights._measure(beats, ours)
    heart.summarise(beats, lamps)
    for name in ("hr_bpm_x10", "rmssd_ms", "beats"):
        assert getattr(ours, name) == getattr(lamps, name), name
