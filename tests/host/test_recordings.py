"""Real beat times at the door: every format read, every fault named."""

import numpy as np
import pytest
from dreamlamp import recordings
from dreamlamp.recordings import BadRecording

RNG = np.random.default_rng(7)
RR_MS = np.round(RNG.normal(900, 40, 1200)).astype(int)  # 18 minutes
BEATS_S = 0.5 + np.concatenate([[0], np.cumsum(RR_MS)]) / 1000


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def text(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def read_back(recording):
    return np.diff(recording.beats_ms)


def test_npz_keeps_every_beat_and_the_stages_beside_it(tmp_path):
    stage = np.array([0, 1, 2, 3, 4, -1], np.int8)
    file = npz(
        tmp_path / "a.npz", beats_t=BEATS_S, stage=stage, stage_t0=15.0, meta='{"dataset": "psg"}'
    )
    held = recordings.load(file)
    assert (read_back(held) == RR_MS).all()
    assert held.beats_ms[0] == 500
    assert held.stages == ["W", "N1", "N2", "N3", "R", "unscored"]
    assert held.stages_at_ms == 15000
    assert held.scored_by == "PSG of psg"
    assert not held.gaps and not held.remarks() and not held.synthetic


MINUTES = [f"2026-03-01T23:{i // 60 % 60:02d}:{i % 60:02d}.000" for i in range(len(RR_MS))]
EXPORTS = {
    "ms, one a line": [str(v) for v in RR_MS],
    "seconds": [f"{v / 1000:.3f}" for v in RR_MS],
    "a header": ["RR-interval [ms]", *map(str, RR_MS)],
    "comments": ["# chest strap", *map(str, RR_MS)],
    "all in one line": [",".join(map(str, RR_MS))],
    "decimal commas": [
        "Zeit;RR",
        *(f"{i};{v / 1000:.3f}".replace(".", ",") for i, v in enumerate(RR_MS)),
    ],
    "semicolons, stamps": [
        "Phone timestamp;RR-interval [ms]",
        *(f"{m};{v}" for m, v in zip(MINUTES, RR_MS)),
    ],
    "heart rate beside it": [
        "time,hr,rr",
        *(f"{i},{60000 // v},{v}" for i, v in enumerate(RR_MS)),
    ],
    "two columns, no header": [f"{b:.3f} {v}" for b, v in zip(BEATS_S[1:], RR_MS)],
    "tabs": [f"{b:.3f}\t{v}" for b, v in zip(BEATS_S[1:], RR_MS)],
}


@pytest.mark.parametrize("name", EXPORTS)
def test_a_text_export_gives_its_intervals(tmp_path, name):
    assert (read_back(recordings.load(text(tmp_path / "rr.csv", EXPORTS[name]))) == RR_MS).all()


def test_a_gap_in_the_time_stamps_is_a_gap_in_the_beats(tmp_path):
    stamps = BEATS_S[1:].copy()
    stamps[600:] += 90
    file = text(tmp_path / "rr.txt", [f"{t:.3f},{v}" for t, v in zip(stamps, RR_MS)])
    held = recordings.load(file)
    (gap,) = held.gaps
    assert gap[1] - gap[0] == 90000 + RR_MS[600]
    assert "1 gap" in held.remarks()[0]


def test_wfdb_annotations_are_read_and_what_is_no_beat_is_left_out(tmp_path):
    import wfdb

    samples = np.round(BEATS_S * 250).astype(int)
    symbols = np.array(["N"] * samples.size)
    symbols[100] = "V"
    noise = np.insert(samples, 50, (samples[49] + samples[50]) // 2)
    wfdb.wrann("night", "qrs", noise, np.insert(symbols, 50, "~"), fs=250, write_dir=str(tmp_path))
    held = recordings.load(tmp_path / "night.qrs")
    assert held.beats_ms.size == samples.size
    assert np.abs(held.beats_ms - BEATS_S * 1000).max() <= 2  # 250 Hz


def test_two_detections_of_one_beat_count_once_and_are_reported(tmp_path):
    times = np.sort(np.append(BEATS_S, BEATS_S[40] + 0.1))
    held = recordings.load(npz(tmp_path / "a.npz", beats_t=times))
    assert (read_back(held) == RR_MS).all() and held.doubles == 1
    assert "dropped" in held.remarks()[0]


def with_value(at, value):
    times = BEATS_S.copy()
    times[at] = value
    return {"beats_t": times}


HOLES = BEATS_S + np.where(np.arange(BEATS_S.size) > 500, 4000, 0)
BAD_NPZ = {
    "NaN": with_value(70, np.nan),
    "negative": with_value(0, -1.0),
    "backwards": with_value(70, 3.0),
    "lacks `beats_t`": {"hr_bpm": BEATS_S},
    "not a list": {"beats_t": BEATS_S.reshape(1, -1)},
    "not a list of": {"beats_t": np.array(["a"] * 900)},
    "no beats": {"beats_t": BEATS_S[:1]},
    "too short": {"beats_t": BEATS_S[:400]},
    "no sleeper's heart": {"beats_t": BEATS_S / 1000},
    "gaps": {"beats_t": HOLES},
}


@pytest.mark.parametrize("fault", BAD_NPZ)
def test_a_bad_npz_is_refused_by_name_and_fault(tmp_path, fault):
    file = npz(tmp_path / "bad.npz", **BAD_NPZ[fault])
    with pytest.raises(BadRecording) as error:
        recordings.load(file)
    assert str(file) in str(error.value) and fault in str(error.value)
    assert list(tmp_path.iterdir()) == [file]


LINES = list(map(str, RR_MS))
BAD_TEXT = {
    "line 31: '-900'": [*LINES[:30], "-900", *LINES[30:]],
    "line 31: 'nan'": [*LINES[:30], "nan", *LINES[30:]],
    "line 31: 'lost'": [*LINES[:30], "lost", *LINES[30:]],
    "line 31: '0'": [*LINES[:30], "0", *LINES[30:]],
    "no RR intervals": ["# nothing", ""],
    "header and nothing else": ["RR [ms]"],
    "no column looks like": ["time,value", *(f"{i},{i}" for i in range(900))],
    "too short": LINES[:200],
}


@pytest.mark.parametrize("fault", BAD_TEXT)
def test_a_bad_text_is_refused_by_name_and_fault(tmp_path, fault):
    file = text(tmp_path / "bad.csv", BAD_TEXT[fault])
    with pytest.raises(BadRecording) as error:
        recordings.load(file)
    assert str(file) in str(error.value) and fault in str(error.value)


@pytest.mark.parametrize(
    "name, content, fault",
    [
        ("empty.npz", b"", "empty"),
        ("empty.csv", b"", "empty"),
        ("wrong.npz", b"PK\x03\x04 no archive", "not a readable npz"),
        ("wrong.csv", b"\x89PNG\r\n\0\0\0", "not a text file"),
        ("wrong.qrs", b"", "empty"),
        ("alone.hea", b"alone 1 250 1000\n", "no beat annotations beside it"),
    ],
)
def test_an_empty_or_wrong_file_is_refused(tmp_path, name, content, fault):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadRecording, match=fault) as error:
        recordings.load(tmp_path / name)
    assert name in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadRecording, match="no such file"):
        recordings.load(tmp_path / "nowhere.npz")


def test_python_objects_are_refused_without_advice_to_trust_them(tmp_path):
    file = npz(tmp_path / "a.npz", beats_t=np.array([{}], dtype=object))
    with pytest.raises(BadRecording, match="Python objects") as error:
        recordings.load(file)
    assert "allow_pickle" not in str(error.value)


def test_a_folder_is_named_as_one_and_the_home_is_known(tmp_path, monkeypatch):
    with pytest.raises(BadRecording, match="is a folder"):
        recordings.load(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    npz(tmp_path / "a.npz", beats_t=BEATS_S)
    assert recordings.load("~/a.npz").name == "a.npz"


def test_a_month_of_beats_or_a_clock_is_no_night(tmp_path):
    for start in (31 * 86400.0, 1e12):
        file = tmp_path / "long.npz"
        np.savez(file, beats_t=start + np.arange(3000.0))
        with pytest.raises(recordings.BadRecording, match="one night is wanted"):
            recordings.load(file)


def test_odd_company_of_the_beats_is_left_aside(tmp_path):
    file = tmp_path / "odd.npz"
    stage = np.array([0.0, np.nan, 5.0])
    np.savez(file, beats_t=np.arange(3000.0), stage=stage, meta=np.array("[1, 2]"))
    assert recordings.load(file).stages is None
    (tmp_path / "bare.npz").write_bytes(b"\x93NUMPY")
    with pytest.raises(recordings.BadRecording):
        recordings.load(tmp_path / "bare.npz")
