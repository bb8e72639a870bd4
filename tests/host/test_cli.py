"""The command line: figures for programs, one line for an error, help with examples."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import webbrowser
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from dreamlamp import cli, library, link, sim, terminal, web
from dreamlamp.commands import virtual
from dreamlamp.errors import DreamlampError
from dreamlamp.sleeper import sleeper
from nightmaker import Maker, as_lived, keep
from served import Near

LIVED = as_lived(sleeper(1, loop=True))


@pytest.fixture
def folder(tmp_path):
    keep(LIVED, tmp_path, source={"heart": "synthetic", "name": "seed 1"})
    return tmp_path


def run(*args):
    return CliRunner().invoke(cli.main, [str(a) for a in args])


def test_nights_lists_what_there_is_and_says_what_to_do_where_there_is_nothing(folder, tmp_path):
    assert "3F2A-00007" in run("nights", "--library", folder).output
    (row,) = json.loads(run("nights", "--library", folder, "--json").stdout)
    assert row["facts"]["source"]["heart"] == "synthetic"
    empty = run("nights", "--library", tmp_path / "empty")
    assert empty.exit_code == 0 and "dreamlamp sync" in empty.output
    others = run("nights", "--of", "anna", "--library", folder)
    assert others.exit_code == 0 and "import FILE --as anna" in others.output


def test_report_writes_the_page_and_shows_the_night(folder):
    done = run("report", "--library", folder)
    assert done.exit_code == 0
    assert "Wake" in done.output and "worn for 8 h 00 min" in done.output
    assert (folder / "3F2A-00007.html").read_text().startswith("<!doctype html>")
    figures = json.loads(run("report", "7", "--library", folder, "--json").stdout)
    assert figures["statistics"]["tib"] == 480 and os.path.exists(figures["report"])


def test_why_says_so_where_nothing_happened(folder):
    path = keep(Maker().boot().epoch().end().raw(), folder)
    assert "saw no loop" in run("why", path).output


def test_replay_of_a_night_that_no_mind_judged_fails_and_says_where(folder):
    done = run("replay", "--library", folder)
    assert done.exit_code == 1 and "differ" in done.output and "epoch" in done.output
    assert json.loads(run("replay", "--library", folder, "--json").stdout)["ok"] is False


@pytest.mark.parametrize("command", ["report", "replay", "why"])
def test_an_unknown_night_is_one_line_and_status_1(folder, command):
    done = run(command, "99", "--library", folder)
    assert done.exit_code == 1
    assert "dreamlamp nights" in done.stderr and "Traceback" not in done.output


def test_a_damaged_night_is_one_line_and_status_1(folder):
    (folder / "3F2A-00007.night").write_bytes(b"\0" * 100)
    done = run("report", "--library", folder)
    assert done.exit_code == 1 and "sync it again" in done.stderr


@pytest.mark.parametrize("command", ["report", "why", "replay", "morning", "export"])
@pytest.mark.parametrize("note", ["", "{half", "[1]"])
def test_a_damaged_note_is_one_line_and_leaves_the_night_readable(folder, command, note):
    beside = folder / "3F2A-00007.json"
    beside.write_text(note)
    done = run(command, "7", "--library", folder)
    assert done.exit_code == 1 and f"{beside} is damaged" in done.stderr.replace("\n", "")
    assert "is damaged" in run("nights", "--library", folder).stderr
    beside.unlink()
    assert run("report", "7", "--library", folder).exit_code == 0
    beside.write_text(note)
    assert run("delete", "7", "--yes", "--library", folder).exit_code == 0
    assert not beside.exists()


def test_a_night_that_came_without_a_note_takes_an_answer_and_is_read_on(folder):
    (folder / "3F2A-00007.json").unlink()
    library.annotate(folder / "3F2A-00007.night", morning={})
    assert run("report", "7", "--library", folder).exit_code == 0


@pytest.mark.parametrize("times", [[], [1.0, np.nan], [-1.0, 2.0]])
def test_a_bad_recording_leaves_nothing_behind(tmp_path, times):
    np.savez(tmp_path / "bad.npz", beats_t=times)
    done = run("night", "--recording", tmp_path / "bad.npz", "--out", tmp_path / "out")
    assert done.exit_code == 1 and "bad.npz" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_time_that_is_none_is_a_usage_error(tmp_path):
    done = run("night", "--power-cut", "at three", "--out", tmp_path / "out")
    assert done.exit_code == 2 and "03:00" in done.stderr and not (tmp_path / "out").exists()


def test_clock_times_of_the_night_count_from_bedtime():
    assert virtual.asleep_s("23:00") == 0 and virtual.asleep_s("03:00") == 4 * 3600
    assert virtual.power_cut_of("03:00") == (4 * 3600, 300)
    assert virtual.power_cut_of("23:30+10") == (1800, 600)


def test_sync_without_a_lamp_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("DREAMLAMP_AIR", "127.0.0.1:1")
    done = run("sync", "--library", tmp_path)
    assert done.exit_code == 1 and "Traceback" not in done.output and done.stderr.count("\n") < 4


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_each_command_has_help(command):
    done = run(command, "--help")
    assert done.exit_code == 0 and "Usage" in done.output


def test_night_refuses_a_folder_that_it_did_not_make_and_touches_nothing(tmp_path):
    kept = tmp_path / "nights" / "3F2A-00007.night"
    kept.parent.mkdir()
    kept.write_bytes(b"dear")
    done = run("night", "--out", tmp_path)
    assert done.exit_code == 1 and "did not make" in done.stderr
    assert kept.read_bytes() == b"dear" and os.listdir(tmp_path) == ["nights"]


def test_two_virtual_lamps_do_not_live_in_one_folder(tmp_path):
    with (
        sim.claimed(tmp_path / "world", "mine"),
        pytest.raises(DreamlampError, match="already"),
        sim.claimed(tmp_path / "world", "mine"),
    ):
        pass
    with sim.claimed(tmp_path / "world", "mine"):
        pass  # free again


@pytest.mark.parametrize("bus", ["unix:path=/nowhere/bus", "no address at all"])
def test_sync_on_a_computer_without_bluetooth_is_one_line(tmp_path, monkeypatch, bus):
    monkeypatch.delenv("DREAMLAMP_AIR", raising=False)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus)
    done = run("sync", "--library", tmp_path)
    assert done.exit_code == 1 and "no Bluetooth here" in done.stderr
    assert "Traceback" not in done.output and done.stderr.count("\n") < 4


def test_a_hint_can_be_typed_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hint = run("nights", "--library", "no where").output.split("`")[1]
    program, *rest = shlex.split(hint)
    assert shutil.which(program) and rest == ["sync", "--library", str(tmp_path / "no where")]
    assert "--library" not in library.Library().typed("report")


@pytest.mark.parametrize(
    "options, said",
    [
        (["--seed", "-1"], "--seed"),
        (["--power-cut", "03:00+x"], "03:00+5"),
        (["--power-cut", "03:00+-5"], "03:00+5"),
        (["--finger-off", "01:00"], "01:00-02:00"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(tmp_path, options, said):
    done = run("night", *options, "--out", tmp_path / "out")
    assert done.exit_code == 2 and said in done.stderr and not (tmp_path / "out").exists()


def test_report_names_what_is_no_night_and_a_folder_that_is_not_there(folder, tmp_path):
    (tmp_path / "prose.txt").write_text("It was a dark night.")
    assert "not a night" in run("report", tmp_path / "prose.txt").stderr
    done = run("report", "--library", folder, "-o", tmp_path / "no" / "page.html")
    assert done.exit_code == 1 and "no folder" in done.stderr and not (tmp_path / "no").exists()


def test_what_is_not_real_is_said_in_the_terminal(folder):
    assert run("report", "--library", folder).output.startswith("SYNTHETIC")
    keep(LIVED, folder, source={"heart": "recording", "name": "slp04.npz"})
    said = run("report", "--library", folder).output
    assert said.startswith("Real beats, simulated optics (slp04.npz)")


def test_no_progress_is_drawn_where_nobody_sees_it(capsys):
    with terminal.bars({}) as told:
        told("night", 0.5)
    assert capsys.readouterr().err == ""


WINDOWS = """
import os, pathlib, subprocess, sys, types  # subprocess takes msvcrt for a sign of Windows
sys.modules["fcntl"] = None
asked = []
from dreamlamp import cli, index, library
sys.modules["msvcrt"] = types.SimpleNamespace(
    LK_NBLCK=2, locking=lambda handle, mode, size: asked.append((mode, size)))
path = pathlib.Path(sys.argv[1]) / "3F2A-00007.night"
library.delete(path)
assert asked == [(2, 1)] and not path.exists(), asked
cli.main(["nights", "--library", sys.argv[1]])
"""


def test_a_library_works_where_there_are_no_unix_locks(folder):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = [sys.executable, "-c", WINDOWS, str(folder)]
    done = subprocess.run(code, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_is_told_how_to_complete(shell):
    done = run("completion", shell)
    assert done.exit_code == 0 and "_DREAMLAMP_COMPLETE" in done.output
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=done.output, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr


def test_after_tab_come_the_commands_and_options_that_fit(monkeypatch):
    def offered(line):
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
        monkeypatch.setenv("_DREAMLAMP_COMPLETE", "bash_complete")
        done = CliRunner().invoke(cli.main, prog_name="dreamlamp")
        return [row.split(",")[1] for row in done.output.split()]

    assert offered("dreamlamp nig") == ["nights", "night"]
    assert offered("dreamlamp nights --lo") == ["--longer", "--loops"]
    assert offered("dreamlamp export --format om") == ["omh"]


def commands():
    """The words of each command, and of each command of a command."""
    for name in sorted(cli.COMMANDS):
        held = cli.main.get_command(None, name)
        yield (name,)
        yield from ((name, inner) for inner in getattr(held, "commands", ()))


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_help_shows_what_to_type(words):
    assert " ".join(("dreamlamp", *words)) in run(*words, "--help").output.split("Usage:")[1]


def commands(group, *path):
    """(path, command) of every group and what is below it."""
    yield path, group
    context = click.Context(group)
    for name in group.list_commands(context):
        below = group.get_command(context, name)
        if isinstance(below, click.Group):
            yield from commands(below, *path, name)


@pytest.mark.parametrize("path", [path for path, _ in commands(cli.main)], ids=" ".join)
def test_no_summary_in_a_list_of_commands_is_cut_short(path):
    said = CliRunner().invoke(cli.main, [*path, "--help"], terminal_width=80).output
    listed = said.split("\nCommands:\n")[1]
    assert "..." not in listed and max(map(len, listed.splitlines())) <= 80


@pytest.mark.parametrize(
    "command, instead",
    [(["morning"], "--answer 1=no"), (["delete", "7"], "--yes"),
     (["journal", "delete", "last"], "--yes")],
)  # fmt: skip
def test_a_question_that_nobody_can_answer_says_what_to_do_instead(tmp_path, command, instead):
    keep(LIVED, tmp_path)
    assert run("journal", "add", "a stair", "--library", tmp_path).exit_code == 0
    done = run(*command, "--library", tmp_path)
    assert done.exit_code == 1 and instead in done.stderr and "Abort" not in done.output
    assert len(list(tmp_path.glob("*.night"))) == len(list(tmp_path.glob("*.journal"))) == 1


def test_the_journal_speaks_to_programs(tmp_path):
    def figures(*words):
        done = run("journal", *words, "--library", tmp_path, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    dream = figures("add", "the stair again", "--mood", "1")["id"]
    assert figures("edit", dream, "--mood", "2")["mood"] == 2
    assert figures("rescript", dream, "--text", "a lift")["dream"] == dream
    file = tmp_path / "dreams.txt"
    assert figures("export", file) == {"file": str(file), "dreams": 1}
    assert figures("delete", dream, "--yes") == {"deleted": dream}


def test_light_by_hand_speaks_to_programs(monkeypatch):
    near = Near()
    near.lamp.wear(0.1)
    monkeypatch.setattr(link, "connect", lambda *_: near.connect())
    assert json.loads(run("light", "20", "--json").stdout) == {"level": 20}
    assert json.loads(run("winddown", "10", "--json").stdout) == {"level": 40, "minutes": 10}
    assert near.lamp.night.mind.wake.active()


def test_no_program_is_started_with_what_lets_into_the_pages(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(webbrowser, "open", seen.append)

    async def serve(routes, failed, port, told):
        told("http://127.0.0.1:1/?token=secret")
        seen.append(Path(seen[0].removeprefix("file://")).read_text())

    monkeypatch.setattr(web, "serve", serve)
    done = run("open", "--library", tmp_path, "--json")
    assert json.loads(done.stdout) == {"url": "http://127.0.0.1:1/?token=secret"}
    address, page = seen
    assert "secret" not in address and "url=http://127.0.0.1:1/?token=secret" in page
    assert not os.path.exists(address.removeprefix("file://"))


def test_a_virtual_lamp_that_is_told_to_end_leaves_nothing_running(tmp_path):
    command = [
        sys.executable,
        "-m",
        "dreamlamp.cli",
        "sim",
        "--bare",
        "--json",
        "--out",
        tmp_path / "w",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as lamp:
        said = ""
        for line in lamp.stdout:
            said += line
            if line == "}\n":
                break
        assert json.loads(said)["DREAMLAMP_AIR"]
        children = offspring(lamp.pid)
        assert len(children) >= 2  # the air, and the chip
        lamp.terminate()
        assert lamp.wait(20) == 128 + signal.SIGTERM
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []


def offspring(pid):
    """Processes that `pid` started, and theirs."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found += [int(stat.parent.name), *offspring(int(stat.parent.name))]
    return found
