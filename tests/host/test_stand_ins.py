"""The stand-ins of firmware/sim offer nothing that an ESP32 running MicroPython lacks."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUBS = ROOT / ".cache" / "stubs"
# what the simulator's own files share among themselves
OWN = {
    "machine": {"chip", "front"},
    "esp32": set(),
    "bluetooth": {"Radio", "text", "address"},
    "time": {
        "charge_us",
        "watch",
        "connected",
        "wait_ms",
        "install",
        "heap",
        "firmwares",
        "simulators",
    },
}


def faces(file: Path) -> dict[str, set[str]]:
    """Public functions and classes of a file, each with the public names of its body."""
    found: dict[str, set[str]] = {}
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_":
            found[node.name] = members(node) if isinstance(node, ast.ClassDef) else set()
    return found


def members(node: ast.ClassDef) -> set[str]:
    """The public names a class body binds."""
    names = set()
    for item in node.body:
        if isinstance(item, ast.FunctionDef):
            names.add(item.name)
        elif isinstance(item, ast.AnnAssign):
            names.add(ast.unparse(item.target))
        elif isinstance(item, ast.Assign):
            for target in item.targets:
                names |= set(ast.unparse(target).strip("()").split(", "))
    return {name for name in names if name[0] != "_"}


@pytest.mark.parametrize("module", OWN)
def test_a_stand_in_has_no_name_the_chip_lacks(module):
    if not STUBS.exists():
        pytest.skip("no .cache/stubs: run make setup")
    real = faces(STUBS / f"{module}.pyi")
    for name, names in faces(ROOT / f"firmware/sim/{module}.py").items():
        if name not in OWN[module]:
            assert name in real, f"{module}.{name}"
            assert names <= real[name], (f"{module}.{name}", names - real[name])
