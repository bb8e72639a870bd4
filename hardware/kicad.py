"""KiCad 9 schematics of the table, and what KiCad says of them read back.

A part is a box whose pins end in labels: nets are names here, not drawings of wires. Each part has
a symbol of its own in a library beside the sheet, so KiCad's libraries are not needed. Knows the
formats `kicad_sch` and `kicad_sym` (KiCad's developer documentation) and the exported netlist.
"""

import re
import uuid
from xml.etree import ElementTree

from table import Design, Pin

VERSION = "20250114"  # of the schematic format, KiCad 9.0
KINDS = {
    "in": "input",
    "out": "output",
    "io": "bidirectional",
    "oc": "open_collector",
    "p": "passive",
    "pin": "power_in",
    "pout": "power_out",
}
STEP = 2.54
FONT = "(effects (font (size 1.27 1.27)))"
HIDDEN = "(effects (font (size 1.27 1.27)) (hide yes))"


def name_uuid(*words: object) -> str:
    """The same UUID for the same thing in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "dreamlamp/" + "/".join(map(str, words))))


def quote(text: object) -> str:
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def mm(value: float) -> str:
    """A length as KiCad writes it: no needless zeros."""
    return f"{round(value, 4):g}"


def lib_name(made: Design, ref: str) -> str:
    """A part's name in the libraries: the board's pins differ between designs, no others do."""
    return f"{ref}-{made.key}" if ref == "U1" else ref


def sides(made: Design, ref: str) -> tuple[list[Pin], list[Pin]]:
    """A part's pins on the left and on the right of its box, downwards."""
    pins = made.of(ref)
    if ref != "U1":
        return pins, []
    half = len(pins) // 2
    return pins[:half], pins[half:][::-1]


def places(made: Design, ref: str) -> dict[int, tuple[float, float, int]]:
    """Pin number -> x, y (down) and side (-1 left, 1 right) of its end, from the part's place."""
    left, right = sides(made, ref)
    width = 17.78 if right else 12.7
    ends = {pin.number: (-width, i * STEP, -1) for i, pin in enumerate(left)}
    ends |= {pin.number: (width, i * STEP, 1) for i, pin in enumerate(right)}
    return ends


def symbol(made: Design, ref: str, footprint: str, prefix: str = "") -> str:
    """The library symbol of a part."""
    part, ends, name = made.parts[ref], places(made, ref), lib_name(made, ref)
    lines = [f"(symbol {quote(prefix + name)} (pin_names (offset 0.508)) (exclude_from_sim no)"]
    lines += ["(in_bom yes)", f"(on_board {'yes' if footprint else 'no'})"]
    letters = re.match(r"[A-Z]+", ref)
    assert letters
    for key, value, y in (("Reference", letters[0], 3.81), ("Value", part["name"], 1.27)):
        lines.append(f"(property {quote(key)} {quote(value)} (at 0 {y} 0) {FONT})")
    for key, value in (("Footprint", footprint), ("Datasheet", ""), ("Description", "")):
        lines.append(f"(property {quote(key)} {quote(value)} (at 0 0 0) {HIDDEN})")
    rows = max(len(side) for side in sides(made, ref))
    half = abs(next(iter(ends.values()))[0]) - STEP
    right = half if sides(made, ref)[1] else 5.08
    lines.append(f"(symbol {quote(name + '_0_1')} (rectangle (start {mm(-half)} {STEP})")
    lines.append(f"(end {mm(right)} {mm(-STEP * rows)})")
    lines.append("(stroke (width 0.254) (type default)) (fill (type background))))")
    lines.append(f"(symbol {quote(name + '_1_1')}")
    for pin in made.of(ref):
        x, y, side = ends[pin.number]
        lines.append(
            f"(pin {KINDS[pin.kind]} line (at {mm(x)} {mm(-y)} {0 if side < 0 else 180}) "
            f"(length {STEP}) (name {quote(pin.name)} {FONT}) (number {quote(pin.number)} {FONT}))"
        )
    lines += [")", "(embedded_fonts no))"]
    return "\n".join(lines)


def library(all_made: list[tuple[Design, dict[str, str]]]) -> str:
    """Every part's symbol, once; each design comes with its footprints."""
    symbols = {}
    for made, footprints in all_made:
        for ref in made.parts:
            text = symbol(made, ref, footprints.get(ref, ""))
            assert symbols.setdefault(lib_name(made, ref), text) == text, ref
    head = '(kicad_symbol_lib (version 20241209) (generator "dreamlamp") (generator_version "9.0")'
    return "\n".join([head, *symbols.values(), ")"]) + "\n"


def positions(made: Design) -> dict[str, tuple[float, float]]:
    """Where each part stands on the sheet: the board first, the rest in columns."""
    where, x, y = {"U1": (50.8, 38.1)}, 127.0, 38.1
    for ref in made.parts:
        if ref == "U1":
            continue
        height = STEP * (len(made.of(ref)) + 5)
        if y + height > 190:
            x, y = x + 55.88, 38.1
        where[ref] = (x, y)
        y += height
    return where


def schematic(made: Design, title: str, footprints: dict[str, str]) -> str:
    """The sheet: boxes, labels at their pins, crosses where nothing is connected."""
    root = name_uuid(made.key)
    lines = [f'(kicad_sch (version {VERSION}) (generator "dreamlamp") (generator_version "9.0")']
    lines += [f"(uuid {quote(root)})", '(paper "A4")', f"(title_block (title {quote(title)}))"]
    lines.append("(lib_symbols")
    lines += [symbol(made, ref, footprints.get(ref, ""), "dreamlamp:") for ref in made.parts]
    lines.append(")")
    for ref, (x, y) in positions(made).items():
        lines += _instance(made, ref, x, y, root, footprints.get(ref, ""))
        for pin in made.of(ref):
            dx, dy, side = places(made, ref)[pin.number]
            at = f"{mm(x + dx)} {mm(y + dy)}"
            tag = quote(name_uuid(made.key, ref, pin.number, "end"))
            if pin.net:
                turn, justify = (180, "right") if side < 0 else (0, "left")
                lines.append(
                    f"(global_label {quote(pin.net)} (shape passive) (at {at} {turn}) "
                    f"(effects (font (size 1.27 1.27)) (justify {justify})) (uuid {tag}))"
                )
            else:
                lines.append(f"(no_connect (at {at}) (uuid {tag}))")
    lines += ['(sheet_instances (path "/" (page "1")))', "(embedded_fonts no))"]
    return "\n".join(lines) + "\n"


def _instance(made: Design, ref: str, x: float, y: float, root: str, footprint: str) -> list[str]:
    part = made.parts[ref]
    lines = [
        f"(symbol (lib_id {quote('dreamlamp:' + lib_name(made, ref))})",
        f"(at {mm(x)} {mm(y)} 0) (unit 1)",
        f"(exclude_from_sim no) (in_bom yes) (on_board {'yes' if footprint else 'no'}) (dnp no)",
        f"(uuid {quote(name_uuid(made.key, ref))})",
        f'(property "Reference" {quote(ref)} (at {mm(x)} {mm(y - 5.08)} 0) {FONT})',
        f'(property "Value" {quote(part["name"])} (at {mm(x)} {mm(y - 3.302)} 0) {FONT})',
    ]
    for key, value in (("Footprint", footprint), ("Datasheet", ""), ("Description", "")):
        lines.append(f"(property {quote(key)} {quote(value)} (at {mm(x)} {mm(y)} 0) {HIDDEN})")
    for pin in made.of(ref):
        tag = name_uuid(made.key, ref, pin.number)
        lines.append(f"(pin {quote(pin.number)} (uuid {quote(tag)}))")
    lines.append(
        f"(instances (project {quote(made.key)} (path {quote('/' + root)} "
        f"(reference {quote(ref)}) (unit 1)))))"
    )
    return lines


def symbol_table() -> str:
    return (
        '(sym_lib_table (version 7)\n  (lib (name "dreamlamp") (type "KiCad") '
        '(uri "${KIPRJMOD}/dreamlamp.kicad_sym") (options "") (descr ""))\n)\n'
    )


def footprint_table() -> str:
    return (
        '(fp_lib_table (version 7)\n  (lib (name "dreamlamp") (type "KiCad") '
        '(uri "${KIPRJMOD}/dreamlamp.pretty") (options "") (descr ""))\n)\n'
    )


def read_netlist(text: str) -> dict[str, set[tuple[str, int]]]:
    """Net -> (part, pin number) of a netlist that kicad-cli exported as kicadxml."""
    nets = {}
    for net in ElementTree.fromstring(text).iter("net"):
        if not net.attrib["name"].startswith("unconnected-"):
            nodes = net.iter("node")
            nets[net.attrib["name"]] = {(n.attrib["ref"], int(n.attrib["pin"])) for n in nodes}
    return nets


def differences(made: Design, nets: dict[str, set[tuple[str, int]]]) -> list[str]:
    """Sentences: where KiCad's nets and the table's are not the same."""
    wanted = {net: {(p.part, p.number) for p in pins} for net, pins in made.nets().items()}
    said = []
    for net in sorted(wanted.keys() | nets.keys()):
        mine, its = wanted.get(net, set()), nets.get(net, set())
        if mine != its:
            said.append(f"{made.key}: {net} has {sorted(its)} in KiCad, {sorted(mine)} here.")
    return said
