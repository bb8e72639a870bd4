#!/usr/bin/env python3
"""Let others judge what generate.py wrote: KiCad, ngspice, OpenSCAD, WireViz. `make hardware`.

Each step says what it found and, when it is wrong, what to look at; exit 1 if any is. What is made
lands in build/hardware: fabrication files, STL, pictures. A picture in the repository is replaced
only when what it is drawn from has changed.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import generate
import kicad
import spice
from table import Design, checked, designs, header, load, signals

ROOT = generate.ROOT
OUT = ROOT / "build/hardware"
LAYERS = "F.Cu,B.Cu,F.Mask,B.Mask,F.SilkS,B.SilkS,Edge.Cuts"
PARTS = ("body", "tray", "diffuser", "wrap")
OVERHANG = 0.04  # of a part's ground: holes and one small bridge, nothing that wants supports
VIEW = ["--imgsize=900,720", "--camera=52,15,30,58,0,28,370", "--colorscheme=Tomorrow"]


def tool(*command: object) -> subprocess.CompletedProcess:
    """Run a tool; its failure is a sentence, not a stack."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    done.stdout += done.stderr
    return done


def needed(*command: object) -> str:
    """What a tool that must not fail said."""
    done = tool(*command)
    if done.returncode:
        sys.exit(f"hardware: {' '.join(map(str, command[:3]))} failed: {done.stdout[-1500:]}")
    return done.stdout


def erc(sheet: Path) -> list[str]:
    """What KiCad's electrical check says of a sheet: errors and warnings."""
    report = OUT / f"{sheet.stem}.erc.json"
    needed("kicad-cli", "sch", "erc", "--severity-all", "--format", "json", "-o", report, sheet)
    said = json.loads(report.read_text())
    return [
        f"{sheet.name}: {found['description']} {[item['description'] for item in found['items']]}"
        for page in said["sheets"]
        for found in page["violations"]
    ]


def netlist(sheet: Path) -> dict[str, set[tuple[str, int]]]:
    """The nets KiCad reads in a sheet."""
    file = OUT / f"{sheet.stem}.xml"
    needed("kicad-cli", "sch", "export", "netlist", "--format", "kicadxml", "-o", file, sheet)
    return kicad.read_netlist(file.read_text())


def firmware_pins() -> dict[str, int]:
    """The pins as the lamp's own source has them."""
    text = (ROOT / "firmware/lamp/board.py").read_text()
    return {
        name: int(pin) for name, pin in re.findall(r"^(_?[A-Z_]+) = const\((\d+)\)$", text, re.M)
    }


def wrong_pins(table: dict, made: Design, nets: dict[str, set[tuple[str, int]]]) -> list[str]:
    """Signals whose net does not reach the pin that the firmware drives."""
    names, pins, said = header(table["boards"][made.board]), firmware_pins(), []
    for name, row in signals(table, made.kit).items():
        if "firmware" in row and made.board == table["reference"]:
            pin = pins.get(row["firmware"], -1)
            reached = {names[number - 1] for ref, number in nets.get(name, ()) if ref == "U1"}
            if reached != {str(pin)}:
                said.append(f"the firmware has {name} on GPIO{pin}, KiCad on {sorted(reached)}")
    return said


def refuses(table: dict) -> list[str]:
    """A sheet with two drivers on a net, to see that KiCad would say so."""
    bad = load()
    bad["parts"]["C1"]["pins"][1] = ["2", "pout", "GND"]
    made = designs(bad)[0]
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / f"{made.key}.kicad_sch"
        sheet.write_text(kicad.schematic(made, "two drivers", {}))
        seen = any("Power output" in line for line in erc(sheet))
        return [] if seen else ["KiCad found nothing wrong with two drivers on one net"]


def schematics(table: dict) -> list[str]:
    wrong = refuses(table)
    for made in designs(table):
        sheet = ROOT / f"hardware/kicad/{made.key}.kicad_sch"
        nets = netlist(sheet)
        wrong += erc(sheet) + kicad.differences(made, nets) + wrong_pins(table, made, nets)
        print(f"  {made.key}: {len(nets)} nets, as in the table; ERC clean" if not wrong else "")
    return wrong


def carriers(table: dict) -> list[str]:
    wrong = []
    for made in designs(table):
        board = ROOT / f"hardware/kicad/{made.key}.kicad_pcb"
        if not board.is_file():
            continue
        report = OUT / f"{made.key}.drc.json"
        drc = ("kicad-cli", "pcb", "drc", "--schematic-parity", "--severity-all")
        needed(*drc, "--format", "json", "-o", report, board)
        said = json.loads(report.read_text())
        for kind in ("violations", "unconnected_items", "schematic_parity"):
            wrong += [f"{board.name}: {found['description']}" for found in said[kind]]
        folder = OUT / "fabrication" / made.key
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        export = ("kicad-cli", "pcb", "export")
        needed(*export, "gerbers", "--no-protel-ext", "-l", LAYERS, "-o", folder, board)
        needed(*export, "drill", "--excellon-separate-th", "-o", f"{folder}/", board)
        shutil.make_archive(str(folder), "zip", folder)
        print(f"  {made.key}: DRC clean, same as its sheet; {folder.relative_to(ROOT)}.zip")
    return wrong


def overhang(stl: Path) -> float:
    """Share of a part's ground that hangs in the air: facets that face down, above the bed."""
    hanging = ground = 0.0
    for facet in stl.read_text().split("facet normal")[1:]:
        found = re.findall(r"vertex (\S+) (\S+) (\S+)", facet)
        a, b, c = ([float(number) for number in vertex] for vertex in found)
        u, v = ([q - p for p, q in zip(a, end, strict=True)] for end in (b, c))
        x, y = u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2]
        z = u[0] * v[1] - u[1] * v[0]
        if z < -0.75 * (x * x + y * y + z * z) ** 0.5:
            if max(a[2], b[2], c[2]) > 0.01:
                hanging -= z / 2
            else:
                ground -= z / 2
    return hanging / ground


def printed(_table: dict) -> list[str]:
    wrong = []
    scad = ROOT / "hardware/box/box.scad"
    for part in PARTS:
        stl = OUT / f"{part}.stl"
        said = needed("openscad", "-q", "-D", f'part="{part}"', "-o", stl, scad)
        share = overhang(stl)
        print(f"  {stl.relative_to(ROOT)}: {share:.1%} of its ground hangs in the air")
        if said.strip():
            wrong.append(f"{part}: OpenSCAD says {said.strip()}")
        if share > OVERHANG:
            wrong.append(f"{part}: {share:.1%} hangs in the air; it would need supports")
    return wrong


def driver(table: dict) -> list[str]:
    found, wrong = spice.judged(table)
    for line in found:
        print(f"  {line}")
    return wrong


def pictures(table: dict) -> list[str]:
    folder = OUT / "pictures"
    folder.mkdir(exist_ok=True)
    lamp = ("openscad", "-q", "-D", 'part="all"', *VIEW, "-o", folder / "lamp.png")
    needed("xvfb-run", "-a", *lamp, ROOT / "hardware/box/box.scad")
    for made in designs(table):
        sheet = ROOT / f"hardware/kicad/{made.key}.kicad_sch"
        needed("kicad-cli", "sch", "export", "pdf", "-o", OUT / f"{made.key}.pdf", sheet)
        board = sheet.with_suffix(".kicad_pcb")
        if board.is_file():
            size = ("-w", 800, "--height", 800, "--zoom", 0.9, "--background", "opaque")
            needed("kicad-cli", "pcb", "render", *size, "-o", folder / f"{made.key}.png", board)
        wires = ROOT / f"hardware/wiring/{made.key}.yml"
        needed(Path(sys.executable).parent / "wireviz", "-f", "s", "-o", folder, wires)
    stale = [line.split()[0] for line in generate.stale(table, ROOT)]
    for path in stale:
        shutil.copy(folder / Path(path).name, ROOT / path)
        print(f"  {path} drawn again")
    (ROOT / generate.PICTURES).write_text(generate.stamps(table, ROOT))
    return []


def main() -> int:
    OUT.mkdir(parents=True, exist_ok=True)
    table = checked()
    wrong = [line for line in generate.drift() if not line.endswith("make hardware")]
    for name, step in (
        ("schematics", schematics),
        ("carrier boards", carriers),
        ("light driver", driver),
        ("printed parts", printed),
        ("pictures", pictures),
    ):
        print(f"{name}:", flush=True)
        wrong += step(table)
    for line in wrong:
        print(f"hardware: {line}", file=sys.stderr)
    print("hardware: everything agrees" if not wrong else f"hardware: {len(wrong)} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
