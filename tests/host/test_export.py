"""Exports: other programs read back, bit for bit, what the lamp logged."""

import csv
import json
import sys

import edfio
import mne
import numpy as np
import pyarrow.parquet
import pyedflib
import pytest
from click.testing import CliRunner
from dreamlamp import cli, edf, export, nights
from dreamlamp.nights import COLUMNS
from dreamlamp.sleeper import sleeper
from dreamlamp.sleepstats import statistics
from lamp import wire
from nightmaker import CODES, Maker, as_lived, keep
from omh_shim._validate import validate_output
from references import yasa_hypno

LIVED = as_lived(sleeper(1, loop=True))


def broken():
    """A night with a finger off, a power cut of an hour between two clocks, and a light."""
    made = Maker().boot().clock(second=90)
    for i in range(60):
        away = 20 <= i < 30
        flags, quality, stage = (0, 0, "unscored") if away else (wire.F_WORN, 95, "N2")
        code = wire.UNSCORED if stage == "unscored" else CODES[stage]
        beats = [] if away else list(range(400, 30000, 913))
        made.epoch(beats, flags=flags, quality=quality, stage=code, light=7 if i > 50 else 0)
    made.event(wire.LOOP, 3, 130, 100, wire.HOLD)
    made.boot(wire.BOOT, boot=4).clock(boot=4, second=90, unix_s=1772406000 + 5400)
    for _ in range(40):
        made.epoch(list(range(300, 30000, 1001)), stage=CODES["R"], temp_c=-4)
    return made.end().raw()


NIGHTS = {"whole": LIVED, "broken": broken()}


@pytest.fixture(params=list(NIGHTS))
def night(request):
    return nights.decode(NIGHTS[request.param], 7)


def written(night, folder, kind):
    return {p.name[3:]: p for p in export.export(night, "nig", folder, kind)}


def digital(path):
    """label: digital values, by three readers that know nothing of each other."""
    ours = {s.label: np.array(s.digital) for s in edfio.read_edf(path).signals}
    with pyedflib.EdfReader(str(path)) as file:
        labels = file.getSignalLabels()
        theirs = {name: file.readSignal(i, digital=True) for i, name in enumerate(labels)}
    return ours, theirs


def test_edf_gives_back_every_logged_integer_through_two_readers(night, tmp_path):
    path = written(night, tmp_path, "edf")[".edf"]
    at = edf.slots(night)
    for held in digital(path):
        for name, (label, _, _) in edf.SIGNALS.items():
            values = held[label]
            assert values[at].tolist() == night.epochs[name].tolist(), label
            empty = np.delete(values, at)
            assert set(empty.tolist()) <= {edf.MISSING, edf.NO_TEMPERATURE}
        size = round(night.length_s / 30)
        assert held[edf.INTERVALS].tolist() == edf.intervals(night, size).tolist()


def test_edf_read_and_written_again_is_the_same_file(night, tmp_path):
    path = written(night, tmp_path, "edf")[".edf"]
    edfio.read_edf(path).write(tmp_path / "again.edf")
    assert (tmp_path / "again.edf").read_bytes() == path.read_bytes()


def test_mne_reads_the_same_values_units_and_annotations(tmp_path):
    night = nights.decode(LIVED, 7)
    path = written(night, tmp_path, "edf")[".edf"]
    raw = mne.io.read_raw_edf(path, verbose="error")
    assert raw.info["meas_date"].isoformat()[:19] == night.began().isoformat()[:19]
    rate = raw.get_data(picks=[edf.SIGNALS["hr_bpm_x10"][0]])[0]
    every = round(raw.info["sfreq"] * 30)
    found = rate[::every][: len(night)]  # MNE spreads slow signals over its one rate
    assert np.allclose(found, night.epochs["hr_bpm_x10"] / 10, atol=1e-6)
    texts = list(raw.annotations.description)
    assert "Sleep stage R" in texts and any("kept coming back" in t for t in texts)


def test_the_hypnogram_in_the_edf_is_the_nights(night, tmp_path):
    path = written(night, tmp_path, "edf")[".edf"]
    with pyedflib.EdfReader(str(path)) as file:
        onsets, lengths, texts = file.readAnnotations()
    stages, _ = export.stages_on_grid(night)
    found = ["unscored"] * len(stages)
    for onset, length, text in zip(onsets, lengths, texts):
        if text.upper() in edf.STAGE_OF:
            for i in range(round(onset / 30), round((onset + length) / 30)):
                found[i] = edf.STAGE_OF[text.upper()]
    assert found == stages


def test_a_hole_is_named_in_the_edf(tmp_path):
    night = nights.decode(NIGHTS["broken"], 7)
    with pyedflib.EdfReader(str(written(night, tmp_path, "edf")[".edf"])) as file:
        notes = list(zip(*file.readAnnotations()))
    said = [(onset, length) for onset, length, text in notes if "without power" in text]
    assert said == [(1800.0, 3600.0)]


def test_nobodys_name_is_in_the_edf(tmp_path):
    night = nights.decode(LIVED, 7, {"source": {"heart": "recording", "name": "Jane.csv"}})
    path = written(night, tmp_path, "edf")[".edf"]
    assert b"Jane" not in path.read_bytes() and edfio.read_edf(path).patient.name == "X"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_hold_every_value_of_the_log(night, tmp_path, kind):
    files = written(night, tmp_path, kind)
    tables = {}
    for name, path in files.items():
        if kind == "csv":
            with path.open(newline="", encoding="utf-8") as file:
                head, *rows = csv.reader(file)
            tables[name.split(".")[0]] = {h: [r[i] for r in rows] for i, h in enumerate(head)}
        else:
            tables[name.split(".")[0]] = pyarrow.parquet.read_table(path).to_pydict()
    for name in COLUMNS:
        assert [int(v) for v in tables["-epochs"][name]] == night.epochs[name].tolist()
    assert tables["-epochs"]["stage_at_once"] == night.at_once
    assert tables["-epochs"]["stage_late"] == night.stages
    intervals = [ibi for held in night.beats for ibi in held.ibi_ms[: held.n]]
    assert [int(v) for v in tables["-beats"]["ibi_ms"]] == intervals
    assert np.all(np.diff([float(v) for v in tables["-beats"]["second"]]) > 0)
    assert tables["-events"]["name"] == [event.name for event in night.events]


def test_open_mhealth_points_obey_the_published_schemas(night, tmp_path):
    points = json.loads(written(night, tmp_path, "omh")[".omh.json"].read_text())
    names = set()
    for point in points:
        validate_output(point["header"], "ieee:header:1.0")
        key = ":".join(point["header"]["schema_id"][k] for k in ("namespace", "name", "version"))
        validate_output(point["body"], key)
        names.add(key)
    assert names == {"ieee:time-in-bed:1.0", "ieee:total-sleep-time:1.0", "omh:heart-rate:2.0",
                     "ieee:sleep-stage-summary:1.0", "ieee:sleep-episode:1.0"}  # fmt: skip
    assert len({point["header"]["uuid"] for point in points}) == len(points)
    again = json.loads(written(night, tmp_path, "omh")[".omh.json"].read_text())
    assert again == points


def test_the_schemas_would_catch_a_wrong_unit(tmp_path):
    points = json.loads(written(nights.decode(LIVED, 7), tmp_path, "omh")[".omh.json"].read_text())
    points[0]["body"]["time_in_bed"]["unit"] = "minutes"
    with pytest.raises(Exception, match="minutes"):
        validate_output(points[0]["body"], "ieee:time-in-bed:1.0")


def test_open_mhealth_numbers_are_those_of_the_night(tmp_path):
    night = nights.decode(LIVED, 7)
    points = json.loads(written(night, tmp_path, "omh")[".omh.json"].read_text())
    body = {p["header"]["schema_id"]["name"]: p["body"] for p in points}
    found = statistics(night.stages)
    episode = body["sleep-episode"]
    assert episode["total_sleep_time"]["value"] == found["tst"]
    assert episode["rem_sleep_duration"]["value"] == found["rem"]
    assert episode["latency_to_arising"]["value"] == found["tib"] - found["sol"] - found["spt"]
    parts = body["sleep-stage-summary"]["sleep_stage_episodes"]
    assert (
        sum(p["sleep_stage_state"] == "REM_sleep" for p in parts)
        == (body["sleep-stage-summary"]["sleep_stage_summary"]["rem_sleep_episode_count"])
    )


def test_yasa_reads_the_hypnogram_and_finds_the_same_statistics(night, tmp_path):
    files = written(night, tmp_path, "hypnogram")
    hypno = yasa_hypno().Hypnogram.from_json(files[".hypnogram.json"])
    theirs, stages = hypno.sleep_statistics(), export.stages_on_grid(night)[0]
    ours = statistics(stages)
    assert theirs["TST"] == ours["tst"] and theirs["WASO"] == ours["waso"]
    assert theirs["TIB"] == ours["tib"] and theirs["REM"] == ours["rem"]
    assert np.allclose(hypno.proba.sum(axis=1), 1)
    numbers = np.loadtxt(files[".hypnogram.txt"])
    assert [export.NUMBER.get(s, -2) for s in stages] == numbers.tolist()


@pytest.fixture
def folder(tmp_path):
    keep(LIVED, tmp_path, 7)
    keep(as_lived(sleeper(2), night=8), tmp_path, 8, source={"heart": "synthetic", "name": "2"})
    keep(Maker(9).boot().epoch().end().raw(), tmp_path, 9)
    return tmp_path


def run(folder, *args):
    return CliRunner().invoke(cli.main, ["export", *args, "--library", str(folder)])


def test_everything_is_exported_at_once(folder):
    done = run(folder, "--all", "--to", str(folder / "out"), "--json")
    assert done.exit_code == 1 and "clock is unknown" in done.stderr  # omh of night 9, no other
    assert done.stderr.count("\n") == 1
    assert len(json.loads(done.stdout)) == 3 * 10 - 1
    assert not list((folder / "out").glob("*.new"))


def test_a_night_that_cannot_be_read_is_named_and_hinders_no_other(folder):
    keep(b"\0" * 100, folder, 10)
    done = run(folder, "--all", "--format", "csv", "--to", str(folder / "out"))
    assert done.exit_code == 1 and "3F2A-00010 was left out" in done.stderr
    assert len(list((folder / "out").iterdir())) == 3 * 3


def test_a_folder_that_cannot_be_made_is_one_line(folder):
    (folder / "file").touch()
    done = run(folder, "7", "--to", str(folder / "file" / "out"))
    assert done.exit_code == 1 and str(folder / "file" / "out") in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_choice_of_nights_and_formats_is_exported(folder):
    done = run(folder, "--all", "--synthetic", "--format", "csv", "--format", "omh", "--to",
               str(folder / "out"))  # fmt: skip
    assert done.exit_code == 0
    assert {p.name for p in (folder / "out").iterdir()} == {
        f"3F2A-00008-SYNTHETIC{ending}"
        for ending in ("-epochs.csv", "-beats.csv", "-events.csv", ".omh.json")
    }
    assert run(folder, "7", "--all").exit_code == 2


@pytest.mark.parametrize("module, kind", [("edfio", "edf"), ("pyarrow", "parquet")])
def test_a_library_that_is_not_installed_is_one_line_that_says_what_to_type(
    folder, monkeypatch, module, kind
):
    monkeypatch.setitem(sys.modules, module, None)
    done = run(folder, "7", "--format", kind, "--to", str(folder / "out"))
    assert done.exit_code == 1 and "pip install 'dreamlamp[export]'" in done.stderr
    assert not list((folder / "out").iterdir())
