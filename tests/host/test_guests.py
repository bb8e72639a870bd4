"""Other people's nights: every format becomes a night that is judged, replayed and kept apart."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from click.testing import CliRunner
from dreamlamp import cli, edf, guests, judge, library, nights, recordings, replay
from dreamlamp.errors import DreamlampError
from dreamlamp.library import Library
from dreamlamp.sleeper import sleeper
from dreamlamp.summary import summarise
from nightmaker import Maker, as_lived, keep

SLEEPER = sleeper(4, hours=3, loop=True)
BEGAN = datetime(2026, 3, 1, 22, 10, 7, tzinfo=UTC)


def run(folder, *args):
    return CliRunner().invoke(cli.main, [*map(str, args), "--library", str(folder)])


def rr_csv(path, recording=SLEEPER):
    rr = np.diff(recording.beats_ms, prepend=0)
    path.write_text("rr_ms\n" + "\n".join(map(str, rr)) + "\n")
    return path


def test_a_transcribed_night_is_the_lamps_own_judgement_of_the_same_beats():
    raw = judge.transcribe(SLEEPER, 9, BEGAN)
    night = nights.decode(raw, 9)
    verdict = replay.replay(night)
    assert verdict.ok and verdict.epochs == len(night) and night.began() == BEGAN
    facts = summarise(night)
    assert facts["worn_min"] == facts["good_min"] == facts["recorded_min"] > 170
    logged = np.concatenate([np.array(b.ibi_ms[1 : b.n]) for b in night.beats])
    assert set(logged) <= set(np.diff(SLEEPER.beats_ms))


def test_where_there_was_no_beat_nothing_is_invented(tmp_path):
    beats = SLEEPER.beats_ms
    away = (beats > 30 * 60000) & (beats < 70 * 60000)
    np.savez(tmp_path / "gap.npz", beats_t=beats[~away] / 1000)
    guests.bring(Library(tmp_path), tmp_path / "gap.npz", "anna")
    night = library.read(tmp_path / "anna@gap-00001.night")
    assert 39 <= summarise(night)["recorded_min"] - summarise(night)["worn_min"] <= 40.5
    assert set(np.array(night.stages)[80:130]) == {"unscored"}


def test_each_format_comes_in_under_its_persons_name(tmp_path):
    rr_csv(tmp_path / "strap 1.csv")
    np.savez(tmp_path / "psg.npz", beats_t=SLEEPER.beats_ms / 1000,
             stage=np.zeros(300, int), meta='{"dataset": "lab"}')  # fmt: skip
    night = nights.decode(judge.transcribe(SLEEPER, 9, BEGAN), 9)
    edf.write(night, summarise(night), tmp_path / "lab.edf")
    lamps = tmp_path / "other"
    lamps.mkdir()
    keep(as_lived(sleeper(2, hours=2)), lamps, clock=None)
    home = tmp_path / "home"
    files = [tmp_path / "strap 1.csv", tmp_path / "psg.npz", tmp_path / "lab.edf"]
    done = run(home, "import", *files, lamps / "3F2A-00007.night", "--as", "anna")
    assert done.exit_code == 0, done.output
    names = [p.stem for p in Library(home).paths("anna")]
    assert sorted(names) == ["anna@3F2A-00007", "anna@lab-00003", "anna@psg-00002",
                             "anna@strap_1-00001"]  # fmt: skip
    assert Library(home).paths() == []
    rows = json.loads(run(home, "nights", "--of", "anna", "--json").stdout)
    by_name = {row["name"]: row["facts"] for row in rows}
    assert by_name["anna@lab-00003"]["began"].startswith("2026-03-01")
    assert by_name["anna@psg-00002"]["reference"]["by"] == "PSG of lab"
    assert by_name["anna@3F2A-00007"]["end_reason"] == "button"
    for name in ("strap_1", "psg", "lab"):
        assert run(home, "replay", f"anna@{name}").exit_code == 0, name
    again = run(home, "import", *files, "--as", "anna", "--json")
    assert all(row["known"] for row in json.loads(again.stdout)) and len(names) == 4


def test_the_last_night_of_oneself_is_never_another_persons(tmp_path):
    keep(as_lived(sleeper(2, hours=2)), tmp_path)
    rr_csv(tmp_path / "rr.csv")
    guests.bring(Library(tmp_path), tmp_path / "rr.csv", "anna")
    held = Library(tmp_path)
    assert held.find("last").stem == "3F2A-00007"
    assert held.find("anna@last").stem == held.find("anna@1").stem == "anna@rr-00001"
    with pytest.raises(library.NoSuchNight):
        held.find("1")
    with pytest.raises(library.NoSuchNight, match="berta"):
        held.find("berta@last")


def test_the_clock_can_be_told_where_the_file_does_not(tmp_path):
    rr_csv(tmp_path / "rr.csv")
    done = run(
        tmp_path, "import", tmp_path / "rr.csv", "--as", "me", "--began", "2026-03-01T23:10+01:00"
    )
    assert done.exit_code == 0
    assert library.read(tmp_path / "me@rr-00001.night").began() == BEGAN.replace(
        minute=10, second=0
    )
    assert run(tmp_path, "import", "x.csv", "--as", "me", "--began", "noon").exit_code == 2


@pytest.mark.parametrize("name", ["../etc", "a@b", "a-b", "", "a b", "é"])
def test_a_name_that_not_every_disk_takes_is_refused(tmp_path, name):
    rr_csv(tmp_path / "rr.csv")
    with pytest.raises(DreamlampError, match="letters and digits"):
        guests.bring(Library(tmp_path), tmp_path / "rr.csv", name)


def test_one_bad_file_stops_no_other_and_shows_in_the_status(tmp_path):
    (tmp_path / "3F2A-00009.night").write_bytes(b"\0" * 100)
    rr_csv(tmp_path / "rr.csv")
    home = tmp_path / "home"
    done = run(home, "import", tmp_path / "3F2A-00009.night", tmp_path / "rr.csv", "--as", "anna")
    assert done.exit_code == 1 and "begin a night" in done.stderr
    assert [p.stem for p in Library(home).paths("anna")] == ["anna@rr-00001"]


def test_an_ecg_and_a_heart_rate_in_an_edf_are_beats_too(tmp_path):
    edfio = pytest.importorskip("edfio")
    rate, beats = 100, SLEEPER.beats_ms[SLEEPER.beats_ms < 900_000] / 1000
    at = np.arange(900 * rate) / rate
    nearest = np.abs(at - beats[np.clip(np.searchsorted(beats, at), 0, beats.size - 1)])
    ecg = np.exp(-((nearest / 0.02) ** 2)) + 0.01 * np.sin(at)
    edfio.Edf([edfio.EdfSignal(ecg, rate, label="ECG II")]).write(tmp_path / "ecg.edf")
    found = recordings.load(tmp_path / "ecg.edf")
    assert abs(found.beats_ms.size - beats.size) < 5 and "ECG" in found.remarks()[0]
    edfio.Edf([edfio.EdfSignal(np.full(1800, 60.0), 1, label="Pulse")]).write(tmp_path / "hr.edf")
    assert abs(np.median(np.diff(recordings.load(tmp_path / "hr.edf").beats_ms)) - 1000) < 2
    edfio.Edf([edfio.EdfSignal(np.arange(900.0), 1, label="Temp")]).write(tmp_path / "no.edf")
    with pytest.raises(recordings.BadRecording, match="but Temp"):
        recordings.load(tmp_path / "no.edf")
    (tmp_path / "cut.edf").write_bytes((tmp_path / "hr.edf").read_bytes()[:300])
    with pytest.raises(recordings.BadRecording, match="not readable"):
        recordings.load(tmp_path / "cut.edf")


def test_judging_again_with_the_lamps_settings_changes_nothing_and_with_others_something():
    night = nights.decode(judge.transcribe(sleeper(4, loop=True), 9), 9)
    same = judge.again(night, judge.Settings())
    assert all((same.epochs[name] == night.epochs[name]).all() for name in night.epochs)
    lower = judge.again(night, judge.Settings(cycle_n=60, cycle_r=60))
    assert len(lower.events) > len(same.events) and lower.epochs["score"].max() >= 100
    assert (judge.again(night, judge.Settings()).epochs["score"] == night.epochs["score"]).all()


def test_a_night_of_a_damaged_log_is_not_imported(tmp_path):
    path = keep(Maker().boot().epoch().end().raw(), tmp_path)
    path.write_bytes(path.read_bytes()[:-3] + b"abc")
    with pytest.raises(DreamlampError, match="not those that were fetched"):
        guests.bring(Library(tmp_path / "home"), path, "anna")
