"""The study: a library judged with other settings on a Dask cluster, here or by its address."""

import json
import sys

import pyarrow.parquet
import pytest
from click.testing import CliRunner
from dreamlamp import cli, guests, judge, library, study
from dreamlamp.errors import DreamlampError
from dreamlamp.library import Library
from dreamlamp.sleeper import sleeper
from dreamlamp.summary import summarise
from nightmaker import keep

OWN = judge.Settings().cycle_n


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("library")
    for number, hours in ((1, 3), (2, 4)):
        heart = sleeper(number + 3, hours=hours, loop=True)
        keep(judge.transcribe(heart, number), home, number, source=heart.source())
    return home


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=40
    ) as made:
        yield made.scheduler_address


def run(folder, *args):
    return CliRunner().invoke(cli.main, ["study", *map(str, args), "--library", str(folder)])


def rows_of(file):
    return pyarrow.parquet.read_table(file).to_pylist()


def test_a_cluster_reached_by_its_address_judges_as_this_process_does(folder, cluster, tmp_path):
    done = run(folder, "--scheduler", cluster, "--vary", f"cycle_n=60,{OWN}",
               "--vary", "learned=no", "--epochs", "--to", tmp_path, "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"] == 4
    rows = rows_of(tmp_path / "nights.parquet")
    assert [(r["night"][-1], r["set_cycle_n"]) for r in rows] == [
        ("1", 60), ("1", OWN), ("2", 60), ("2", OWN),
    ]  # fmt: skip
    for row in rows:
        settings = judge.Settings(cycle_n=row["set_cycle_n"], learned=False)
        night = judge.again(library.read(Library(folder).find(row["night"])), settings)
        facts = summarise(night)
        assert row["loops"] == len(facts["loops"]) and row["error"] is None
        assert row["tst"] == facts["statistics"]["tst"] and row["source"] == "synthetic"
    assert rows[0]["loops"] + rows[2]["loops"] > rows[1]["loops"] + rows[3]["loops"]
    epochs = [r for f in sorted((tmp_path / "epochs").iterdir()) for r in rows_of(f)]
    assert len(epochs) == 2 * (3 + 4) * 120
    mine = [r["score"] for r in epochs if (r["night"][-1], r["setting"]) == ("2", 1)]
    night = library.read(Library(folder).find("2"))
    assert mine == judge.again(night, judge.Settings(learned=False)).epochs["score"].tolist()


def test_a_night_that_cannot_be_read_is_a_row_that_says_why(folder, cluster, tmp_path):
    bad = folder / "3F2A-00009.night"
    bad.write_bytes(b"\0" * 40)
    try:
        paths = Library(folder).paths()
        done = study.run(paths, [judge.Settings()], tmp_path, cluster)
    finally:
        bad.unlink()
    assert done["failed"] == 1 and done["rows"] == 3
    (row,) = [r for r in rows_of(tmp_path / "nights.parquet") if r["error"]]
    assert row["night"] == "3F2A-00009" and "begin a night" in row["error"] and row["tst"] is None


def test_agreement_with_scored_stages_comes_along(folder, cluster, tmp_path):
    heart = sleeper(9, hours=3)
    text = "rr_ms\n" + "\n".join(str(b - a) for a, b in zip([0, *heart.beats_ms], heart.beats_ms))
    (tmp_path / "rr.csv").write_text(text)
    home = tmp_path / "home"
    guests.bring(Library(home), tmp_path / "rr.csv", "lab")
    path = Library(home).paths("lab")[0]
    library.annotate(path, reference={"stages": heart.stages, "at_s": 0, "by": "the lab"})
    done = run(home, "--of", "lab", "--scheduler", cluster, "--to", tmp_path / "out")
    assert done.exit_code == 0, done.output
    (row,) = rows_of(tmp_path / "out" / "nights.parquet")
    assert row["person"] == "lab" and row["kappa"] is not None and row["kappa_epochs"] > 300


def test_without_an_address_a_cluster_starts_here_and_ends(folder, tmp_path):
    done = run(folder, "--workers", "1", "--to", tmp_path)
    assert done.exit_code == 0, done.output
    assert len(rows_of(tmp_path / "nights.parquet")) == 2


@pytest.mark.parametrize("text", ["shift", "shift=", "colour=1", "shift=a", "learned=maybe"])
def test_what_is_no_setting_is_one_line(text):
    with pytest.raises(DreamlampError, match=r"no setting|wanted"):
        study.settings_of([text])


def test_settings_are_every_combination():
    made = study.settings_of(["shift=-20,0", "learned=yes,no"])
    assert [(s.shift, s.learned) for s in made] == [
        (-20, True),
        (-20, False),
        (0, True),
        (0, False),
    ]
    assert study.settings_of([]) == [judge.Settings()]


def test_no_scheduler_at_the_address_is_one_line(folder, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    real = distributed.Client
    quick = lambda address, timeout, **more: real(address, timeout="1s", **more)  # noqa: E731
    monkeypatch.setattr(distributed, "Client", quick)
    done = run(folder, "--scheduler", "tcp://127.0.0.1:9", "--to", tmp_path)
    assert (
        done.exit_code == 1 and "dask scheduler" in done.stderr and "Traceback" not in done.output
    )


@pytest.mark.parametrize("module", ["distributed", "pyarrow"])
def test_without_the_extra_it_says_what_to_type(folder, tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    done = run(folder, "--to", tmp_path / "out")
    assert done.exit_code == 1 and "pip install 'dreamlamp[study]'" in done.stderr


def test_a_study_of_nothing_says_so(tmp_path):
    done = run(tmp_path, "--to", tmp_path / "out")
    assert done.exit_code == 1 and "no night is chosen" in done.stderr
