"""Nights for the host's tests, written frame by frame with wire and codec alone."""

import binascii
import hashlib
import json
import struct

import numpy as np
from dreamlamp.nights import Beats
from lamp import codec, names, wire

BOOT = {
    "cause": 1,
    "second": 100,
    "protocol": wire.PROTOCOL,
    "major": 0,
    "minor": 1,
    "patch": 0,
    "kit": wire.KIT_HEART,
    "mode": wire.OBSERVE,
    "rate_x100": 5000,
    "rescues": 0,
    "policy": 0,
    "ceiling": 60,
    "shift": 0,
    "nights": 0,
    "allowed": 1,
    "full_lux": 254,
    "spent": 0,
}
WORN = {
    "flags": wire.F_WORN,
    "quality": 97,
    "confidence": 80,
    "hr_bpm_x10": 580,
    "rmssd_ms": 40,
}
SURE_OF = {wire.W: "p_w", wire.N3: "p_n3", wire.R: "p_r"}
CODES = {name: code for code, name in names.STAGE.items()}


class Maker:
    """Collects the frames of one night; `raw()` are its bytes."""

    def __init__(self, night=7):
        self.night = night
        self.frames = []
        self.index = 0
        self.origin_ms = 0  # on the clock of the beats given to `epochs_of`

    def frame(self, kind, payload):
        head = bytes((kind, len(payload))) + bytes(payload)
        crc = binascii.crc32(struct.pack("<H", self.night) + head)
        self.frames.append(head + struct.pack("<I", crc))
        return self

    def boot(self, kind=wire.NIGHT, boot=3, **more):
        values = {**BOOT, **more}
        self.frame(
            kind,
            struct.pack(wire.BOOT_LAYOUT, self.night, boot, *values.values(), self.index),
        )
        return self.frame(wire.BASELINE, b"")

    def epoch(self, beats=(), **fields):
        """One epoch with `fields`; `beats` are their times in ms within it."""
        epoch = wire.Epoch()
        epoch.clear(self.index)
        for key, value in {**WORN, **fields, "beats": len(beats)}.items():
            setattr(epoch, key, value)
        if not epoch.p_w + epoch.p_n3 + epoch.p_r and epoch.stage in SURE_OF:
            setattr(epoch, SURE_OF[epoch.stage], 255)  # or a reader finds it light sleep
        buf = bytearray(255)
        epoch.pack_into(buf, 0)
        held = Beats()
        held.n = len(beats)
        for i, at in enumerate(beats):
            held.t_ms[i] = at
            held.ibi_ms[i] = at - beats[i - 1] if i else 0
            held.flag[i] = wire.NN if i else wire.FIRST
        end = codec.pack_beats(held, held.n, buf, wire.Epoch.SIZE)
        self.index += 1
        return self.frame(wire.EPOCH, buf[:end])

    def event(self, code, second=5, a=0, b=0, c=0):
        return self.frame(
            wire.EVENT, struct.pack(wire.EVENT_LAYOUT, code, self.index, second, a, b, c)
        )

    def clock(self, boot=3, second=90, unix_s=1772406000, offset_min=60):
        return self.frame(
            wire.CLOCK, struct.pack(wire.CLOCK_LAYOUT, boot, second, unix_s, offset_min)
        )

    def end(self, reason=wire.END_BUTTON):
        return self.frame(wire.END, struct.pack("<BH", reason, self.index))

    def raw(self):
        return b"".join(self.frames)


def as_lived(recording, night=7, seed=5, unix_s=1772406000):
    """A finished night of `recording`, staged with its own stages and invented confidences."""
    rng = np.random.default_rng(seed)
    made = Maker(night).boot().clock(unix_s=unix_s)
    stages = recording.stages
    for index, stage in enumerate(stages):
        low, high = np.searchsorted(recording.beats_ms, (index * 30000, index * 30000 + 30000))
        beats = (recording.beats_ms[low:high] - index * 30000).tolist()
        rate = 600000 // int(np.diff(beats).mean()) if len(beats) > 1 else 0
        sure = int(np.clip(rng.normal(70, 18), 30, 99))
        score = int(np.clip(20 + 10 * rng.normal(), 0, 255))
        since = index * 30 - recording.loops_ms[0] / 1000 if recording.loops_ms else -1
        if 300 < since < 1000:
            score = int(score + 120 * np.sin((since - 300) / 700 * np.pi))
        made.epoch(
            beats,
            stage=CODES[stage.replace("N1", "N2")],
            confidence=sure,
            hr_bpm_x10=rate,
            score=score,
            cycle=score,
            hold=score // 3,
            base_bpm=55,
            lag_s=150 if score > 60 else 0,
            flags=wire.F_WORN | (wire.F_GATE if stage == "R" else 0),
        )
        if score > 100 and not any(f[0] == wire.EVENT for f in made.frames):
            made.event(wire.LOOP, 0, score, 100, wire.CYCLE)
    return made.end().raw()


def keep(raw, folder, night=7, clock=None, **note):
    """Put a night into a library as `sync` does; return its path."""
    path = folder / f"3F2A-{night:05d}.night"
    path.write_bytes(raw)
    note = {"lamp": "3F2A", "sha256": hashlib.sha256(raw).hexdigest(), **note}
    if clock:
        note["clock"] = clock
    path.with_suffix(".json").write_text(json.dumps(note))
    return path
