"""Replay reaches every decision again, and notices when a single integer was changed."""

import struct

import numpy as np
import pytest
from dreamlamp import nights, replay
from dreamlamp.sleeper import sleeper
from lamp import codec, heart, mind, wire
from nightmaker import Maker

SETTINGS = {"mode": wire.ACT, "consent": wire.POLICY, "nights": 30, "ceiling": 40}
HOURS = 1.75


def judged(recording, settings, until_s=HOURS * 3600, ppg=False):
    """A night as the lamp's own files make it of the beats, without lamp, sensor or light."""
    born = {**mind.DEFAULTS, **mind.FRESH, **settings}
    fields = {k: v for k, v in born.items() if k not in ("consent", "baseline", "learned")}
    made = Maker().boot(**{**fields, "policy": born["consent"]})
    own = mind.Mind(born, made.night)
    for index in range(int(until_s / wire.EPOCH_S)):
        beats = beats_in(recording, index)
        epoch = wire.Epoch()
        epoch.clear(index)
        epoch.flags, epoch.quality = wire.F_WORN, 97
        heart.summarise(beats, epoch)
        event = own.feed(epoch, 100 + (index + 1) * wire.EPOCH_S)
        buf = bytearray(255)
        epoch.pack_into(buf, 0)
        end = codec.pack_beats(beats, beats.n, buf, wire.Epoch.SIZE)
        made.frame(wire.EPOCH, buf[:end])
        if event:
            made.index = index
            made.event(event, 30, own.wake.a, own.wake.b, own.wake.c)
        made.index = index + 1
    return made


def beats_in(recording, index):
    edges = np.searchsorted(recording.beats_ms, (index * 30000, index * 30000 + 30000))
    beats = nights.Beats()
    for at in range(*edges):
        beats.t_ms[beats.n] = int(recording.beats_ms[at]) - index * 30000
        if at:
            beats.ibi_ms[beats.n] = int(recording.beats_ms[at] - recording.beats_ms[at - 1])
        beats.flag[beats.n] = wire.NN if at else wire.FIRST
        beats.n += 1
    return beats


@pytest.fixture(scope="module")
def made():
    return judged(sleeper(2), SETTINGS)


def again(frames):
    return replay.replay(nights.decode(b"".join(frames), 7))


def tampered(made, change):
    """The frames with one epoch's record changed by `change(epoch)` and sealed again."""
    frames = list(made.frames)
    at = [i for i, f in enumerate(frames) if f[0] == wire.EPOCH][150]
    payload = bytearray(frames[at][2:-4])
    epoch = wire.Epoch()
    epoch.unpack_from(payload, 0)
    change(epoch)
    epoch.pack_into(payload, 0)
    frames[at] = Maker().frame(wire.EPOCH, payload).frames[0]
    return frames


def test_an_untouched_night_is_bit_identical(made):
    verdict = again(made.frames)
    assert verdict.ok and not verdict.wrong and verdict.epochs == HOURS * 120
    assert verdict.decisions >= 12 * verdict.epochs
    assert "bit-identical" in verdict.sentence()
    stages = set(nights.decode(made.raw(), 7).stages)
    assert len(stages) > 2, f"a night of {stages} proves little"


@pytest.mark.parametrize("name", replay.DECIDED)
def test_one_changed_value_is_noticed_by_name(made, name):
    def change(epoch):
        # one step of the record's own grain
        setattr(epoch, name, getattr(epoch, name) ^ (2 if name in ("lag_s", "stage") else 1))

    verdict = again(tampered(made, change))
    assert not verdict.ok and verdict.wrong[name] >= 1
    assert "epoch 150" in verdict.first[name]


def test_a_changed_measure_is_noticed_by_what_should_have_followed(made):
    verdict = again(tampered(made, lambda epoch: setattr(epoch, "quality", 0)))
    assert not verdict.ok


def test_a_closed_gate_that_is_said_to_be_open_is_noticed(made):
    verdict = again(tampered(made, lambda e: setattr(e, "flags", e.flags ^ wire.F_GATE)))
    assert verdict.wrong["flags"] == 1


def test_light_without_a_reason_is_noticed(made):
    def shine(epoch):
        epoch.light = 30
        epoch.flags |= wire.F_LIGHT

    assert again(tampered(made, shine)).wrong["light"] == 1


def test_an_event_that_nobody_decided_is_noticed(made):
    extra = Maker()
    extra.index = made.index - 1
    extra.event(wire.RESCUE, 30, 120, 100, 1)
    verdict = again([*made.frames, *extra.frames])
    assert verdict.wrong["event"] == 1 and "RESCUE" not in verdict.sentence()


def test_an_event_that_was_left_out_is_noticed(made, monkeypatch):
    monkeypatch.setattr(mind.Mind, "feed", lambda self, epoch, at_s: wire.LOOP)
    assert again(made.frames).wrong["event"] == HOURS * 120 - 1  # the last is still under way


def test_an_event_that_a_power_cut_swallowed_is_no_fault(made, monkeypatch):
    monkeypatch.setattr(mind.Mind, "feed", lambda self, epoch, at_s: wire.LOOP)
    back = Maker().boot(wire.BOOT, boot=4)
    one = [*made.frames[:2], next(f for f in made.frames if f[0] == wire.EPOCH)]
    assert "event" not in again([*one, *back.frames]).wrong


def test_other_settings_than_the_boot_frame_says_are_noticed():
    night = judged(sleeper(2), {**SETTINGS, "shift": 4})
    frames = list(night.frames)
    frames[0] = judged(sleeper(2), SETTINGS, 0).frames[0]
    assert not again(frames).ok


def test_every_setting_of_a_mind_stands_in_the_boot_frame():
    boot = nights.decode(Maker().boot().epoch().raw(), 7).boots[0]
    for key in mind.DEFAULTS:
        replay.Born(boot, b"").get(key, None)


def test_a_night_with_nothing_in_it_is_not_called_identical():
    assert not again(Maker().boot().frames).ok


def test_heart_is_run_again_over_the_recorded_minute():
    made, beats = with_ppg()
    verdict = again(made.frames)
    assert verdict.ok and verdict.heart_beats == beats > 40
    hurt = [f for f in made.frames if f[0] != wire.PPG or f is not made.frames[5]]
    assert again(hurt).wrong["heart"] > 10


def with_ppg():
    """A night of two epochs with the samples that its beats were found in."""
    x = np.arange(3000) / 50
    light = 130000 - 3000 * np.exp(-(((x * 1.1) % 1 - 0.25) ** 2) / 0.01)
    samples = np.round(light).astype(np.int32)
    own, made = heart.Heart(50), Maker().boot()
    judge = mind.Mind(mind.FRESH, made.night)
    count = 0
    for start in range(0, 3000, 96):
        put_ppg(made, start, samples[start : start + 96])
    for index in range(2):
        for start in range(index * 1500, index * 1500 + 1500, 12):
            piece = samples[start : start + 12]
            own.feed(piece, len(piece), 0, 0)
        epoch = wire.Epoch()
        epoch.clear(index)
        own.close(epoch, 30000)
        judge.feed(epoch, 100 + (index + 1) * 30)
        buf = bytearray(255)
        epoch.pack_into(buf, 0)
        end = codec.pack_beats(own.beats, own.beats.n, buf, wire.Epoch.SIZE)
        made.frame(wire.EPOCH, buf[:end])
        count += own.beats.n
        own.next_epoch(30000)
    return made, count


def put_ppg(made, start, samples):
    buf = bytearray(255)
    struct.pack_into(wire.PPG_LAYOUT, buf, 0, 0, start, len(samples), 0)
    size = struct.calcsize(wire.PPG_LAYOUT)
    made.frame(wire.PPG, buf[: codec.pack_samples(samples, len(samples), buf, size)])


def test_an_open_night_owes_no_beats_of_an_epoch_it_has_not_written():
    made, _ = with_ppg()
    at = [i for i, frame in enumerate(made.frames) if frame[0] == wire.EPOCH]
    assert again(made.frames[: at[1]]).ok
    closed = [*made.frames[: at[1]], *Maker().end().frames]
    assert again(closed).wrong["heart"] > 10


def test_a_damaged_log_is_compared_up_to_the_damage_and_said_to_be_damaged(made):
    raw = bytearray(b"".join(made.frames))
    raw[len(raw) // 2] ^= 1
    verdict = replay.replay(nights.decode(bytes(raw), 7))
    assert verdict.ok and 80 < verdict.epochs < 130
    assert verdict.sentence().startswith("the log is damaged") and verdict.damaged_bytes
