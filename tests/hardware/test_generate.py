"""Nothing contradicts the table: each drift that is seeded in a copy of the tree is named."""

import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import generate
import kicad
import pytest
import router
import table

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = (
    "firmware/lamp/board.py",
    "firmware/lamp/checkup.py",
    "firmware/sim/machine.py",
    "host/dreamlamp/pins.py",
)


@pytest.fixture
def tree(tmp_path):
    """A copy of what the generator reads and writes."""
    shutil.copytree(ROOT / "hardware", tmp_path / "hardware")
    for name in OUTSIDE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{file.name} no longer has {old!r}"
    file.write_text(text.replace(old, new, 1))


def test_this_tree_has_not_drifted():
    assert generate.drift() == []


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("firmware/lamp/board.py", "_LAMP = const(25)", "_LAMP = const(33)"),
        ("firmware/lamp/checkup.py", "_SENSOR_INT = const(27)", "_SENSOR_INT = const(26)"),
        ("firmware/sim/machine.py", "_SENSOR_INT = const(27)", "_SENSOR_INT = const(26)"),
        ("host/dreamlamp/pins.py", '"BUTTON": 32', '"BUTTON": 33'),
        ("hardware/bom.csv", "AO3400A", "IRF520"),
        ("hardware/box/params.scad", "wall = 2.0", "wall = 1.0"),
        ("hardware/README.md", "| GPIO21, pin right 6 |", "| GPIO22, pin right 6 |"),
        ("hardware/README.md", "mA at 5 V |", "mA at 5 V  |"),
        ("hardware/README.md", "| night | 59 |", "| night | 39 |"),
        ("hardware/README.md", "22 R", "100 R"),
        ("hardware/wiring/heart-s3.yml", "GPIO8", "GPIO9"),
        ("hardware/kicad/heart-devkitc.kicad_sch", '"PPG_INT"', '"SDA"'),
        ("hardware/kicad/heart-devkitc.kicad_pcb", "(segment (start", "(segment (start  "),
        ("hardware/kicad/dreamlamp.kicad_sym", "open_collector", "output"),
        ("hardware/kicad/dreamlamp.pretty/R4.kicad_mod", "(at 10.16 0)", "(at 7.62 0)"),
        ("hardware/kicad/sym-lib-table", "dreamlamp", "lamp"),
    ],
)
def test_a_file_that_was_edited_is_named(tree, name, old, new):
    edit(tree / name, old, new)
    assert any(line.startswith(name) for line in generate.drift(tree))


def test_a_table_that_was_edited_names_everything_that_follows_from_the_row(tree):
    edit(tree / "hardware/dreamlamp.toml", "devkitc = 25, s3 = 5", "devkitc = 33, s3 = 5")
    said = "\n".join(generate.drift(tree))
    for name in ("lamp/board.py", "heart-devkitc.kicad_sch", "heart-devkitc.kicad_pcb", "README"):
        assert name in said
    assert "heart-s3.kicad_sch" not in said


def test_a_picture_of_something_else_is_named(tree):
    edit(tree / "hardware/box/box.scad", "boss = 3.5", "boss = 3.0")
    assert generate.drift(tree) == [
        "hardware/box/lamp.png was drawn from another box.scad: make hardware"
    ]


def test_a_picture_that_is_gone_is_named(tree):
    (tree / "hardware/wiring/heart-s3.svg").unlink()
    assert generate.drift(tree) == ["hardware/wiring/heart-s3.svg is missing: make hardware"]


def test_a_file_that_follows_from_nothing_is_named(tree):
    (tree / "hardware/kicad/old.kicad_sch").write_text("")
    assert generate.drift(tree) == ["hardware/kicad/old.kicad_sch follows from nothing: remove it"]


def test_marks_that_are_lost_are_named(tree):
    edit(tree / "firmware/lamp/board.py", "# end of what is generated: pins\n", "")
    assert "board.py has lost its marks" in generate.drift(tree)[0]


def test_a_rule_that_is_broken_is_said_instead_of_drift(tree):
    edit(tree / "hardware/dreamlamp.toml", "devkitc = 25", "devkitc = 34")
    said = generate.drift(tree)
    assert len(said) == 1 and "can only be an input" in said[0]


def test_writing_ends_the_drift_of_every_text(tree):
    edit(tree / "hardware/dreamlamp.toml", "devkitc = 25, s3 = 5", "devkitc = 33, s3 = 6")
    assert generate.write(tree)
    assert all(line.endswith("make hardware") for line in generate.drift(tree))
    assert generate.write(tree) == []
    assert "_LAMP = const(33)" in (tree / "firmware/lamp/board.py").read_text()


def test_the_second_board_becomes_the_firmwares_by_one_word(tree):
    edit(tree / "hardware/dreamlamp.toml", 'reference = "devkitc"', 'reference = "s3"')
    generate.write(tree)
    assert "_LAMP = const(5)\n" in (tree / "firmware/lamp/board.py").read_text()
    assert 'REFERENCE = "s3"' in (tree / "host/dreamlamp/pins.py").read_text()


def test_the_command_that_make_check_runs_fails_on_drift(tree):
    assert "hardware/generate.py --check" in (ROOT / "Makefile").read_text()
    command = [sys.executable, tree / "hardware/generate.py", "--check"]
    assert subprocess.run(command, capture_output=True).returncode == 0
    edit(tree / "hardware/bom.csv", "AO3400A", "IRF520")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "bom.csv is not what the table says" in done.stderr


@pytest.mark.parametrize("made", table.designs(table.load()), ids=lambda made: made.key)
def test_a_part_stands_nowhere_that_another_does(made):
    ends = []
    for ref, (x, y) in kicad.positions(made).items():
        for dx, dy, _side in kicad.places(made, ref).values():
            ends.append((round(x + dx, 2), round(y + dy, 2)))
    assert len(ends) == len(set(ends))


def test_the_router_joins_each_net_and_touches_no_other():
    pads = {(0, 0): "a", (8, 0): "a", (4, -3): "b", (4, 3): "b", (0, 4): "c", (8, -3): "c"}
    ways = router.route(range(-4, 12), range(-5, 6), pads, {(2, 2)})
    seen: dict = {}
    for net, paths in ways.items():
        joined = {cell for cell, name in pads.items() if name == net}
        touched = {node[:2] for way in paths for node in way}
        assert joined <= touched and (2, 2) not in touched
        for way in paths:
            for node in way:
                assert seen.setdefault(node, net) == net
                assert pads.get(node[:2], net) == net
            for a, b in pairwise(way):
                assert sum(abs(p - q) for p, q in zip(a, b, strict=True)) == 1
    assert set(ways) == {"a", "b", "c"}


def test_a_board_without_room_is_a_sentence(tree):
    edit(tree / "hardware/dreamlamp.toml", "edge = [-7, 34]", "edge = [-1, 28]")
    assert generate.drift(tree) == [
        "the nets do not fit on two layers: move a part in [carrier.place]"
    ]
