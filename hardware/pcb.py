"""The carrier board: through-hole parts under and beside the dev board, routed, as a KiCad file.

Everything stands on the table's grid; the dev board's first pin is its origin. No pours: what is
drawn is etched. Knows KiCad 9's `kicad_pcb` and `kicad_mod` formats and no part's meaning.
"""

from itertools import pairwise

import router
from kicad import KINDS, lib_name, mm, name_uuid, quote
from table import Design

AT_MM = (100.0, 60.0)  # of the origin on the sheet
HEAD = 2  # steps kept free round a screw
EDGE_TOP, EDGE_BOTTOM = -3, 4  # steps above the first pin and below the last
VIA_MM, VIA_DRILL_MM = 0.8, 0.4
SHORT = {"LAMP_LED": "LED-", "PPG_INT": "INT"}
LAYERS = """(layers (0 "F.Cu" signal) (2 "B.Cu" signal) (1 "F.Mask" user) (3 "B.Mask" user)
(5 "F.SilkS" user) (7 "B.SilkS" user) (25 "Edge.Cuts" user) (29 "B.CrtYd" user)
(31 "F.CrtYd" user) (33 "B.Fab" user) (35 "F.Fab" user))"""


def footprints(made: Design, table: dict) -> dict[str, str]:
    """Part on the carrier -> its footprint's name; empty for a kit without a carrier."""
    if not table["kits"][made.kit]["carrier"]:
        return {}
    return {
        ref: f"dreamlamp:{lib_name(made, ref)}"
        for ref in made.parts
        if ref in _places(made, table)
    }


def _places(made: Design, table: dict) -> dict[str, tuple[int, int]]:
    places = {ref: (spec[0], spec[1]) for ref, spec in table["carrier"]["place"].items()}
    return {"U1": (0, 0)} | places


def _pads(made: Design, table: dict, ref: str) -> list[tuple[int, int]]:
    """Where a part's pins are, in steps from its first."""
    pins = made.of(ref)
    if ref == "U1":
        half = len(pins) // 2
        across = round(table["boards"][made.board]["row_mm"] / table["carrier"]["grid_mm"])
        right = [(across, 2 * (half - 1 - i)) for i in range(half)]
        return [(0, 2 * i) for i in range(half)] + right
    pitch, way = table["carrier"]["place"][ref][2:]
    return [(i * pitch, 0) if way == "h" else (0, i * pitch) for i in range(len(pins))]


def _text(
    kind: str, text: str, x: float, y: float, layer: str, tag: str, left: bool = False
) -> str:
    """A text in the middle of its place, or from its `left` end on."""
    justify = " (justify left)" if left else ""
    return (
        f"({kind} {quote(text)} (at {mm(x)} {mm(y)} 0) (layer {quote(layer)}) "
        f"(uuid {quote(tag)}) (effects (font (size 1 1) (thickness 0.15)){justify}))"
    )


def footprint(made: Design, table: dict, ref: str, nets: dict[str, int] | None = None) -> str:
    """A part's footprint: as a library file, or with `nets` (name -> code) as on the board."""
    grid, rules = table["carrier"]["grid_mm"], table["carrier"]
    pads = [(x * grid, y * grid) for x, y in _pads(made, table, ref)]
    name = lib_name(made, ref)
    wide, high = max(x for x, _ in pads), max(y for _, y in pads)
    at, rim = (wide / 2, 0.0), 1.2
    value, value_on = (wide / 2, 1.5), "F.Fab"
    if ref == "U1":
        at = (wide / 2, high - 1)
    elif high:
        at = (0.0, -2.2)
    elif made.parts[ref].get("kind") == "resistor":
        at, value, value_on = (wide * 0.24, 0.0), (wide * 0.41, 0.0), "F.SilkS"
    elif len(pads) > 2:
        at, value, value_on = (wide / 2, -2.2), (wide + 1.4, 0.0), "F.SilkS"
    else:
        value, value_on = (wide + 1.4, 0.0), "F.SilkS"
    tag = (made.key, "pcb", ref)
    lines = [f"(footprint {quote('dreamlamp:' + name if nets else name)}"]
    if nets:
        x, y = _places(made, table)[ref]
        lines.append(f'(layer "F.Cu") (uuid {quote(name_uuid(*tag))})')
        lines.append(f"(at {mm(AT_MM[0] + x * grid)} {mm(AT_MM[1] + y * grid)})")
    else:
        lines.append('(version 20241229) (generator "dreamlamp") (layer "F.Cu")')
    for key, words, layer, (x, y), left in (
        ("Reference", ref if nets else "REF**", "F.SilkS", at, False),
        ("Value", made.parts[ref]["name"], value_on, value, True),
    ):
        text = _text("property", key, x, y, layer, name_uuid(*tag, key), left)
        lines.append(text.replace(quote(key), f"{quote(key)} {quote(words)}", 1))
    if nets:
        lines.append(f"(path {quote('/' + name_uuid(made.key, ref))})")
        lines.append(f'(sheetname "/") (sheetfile {quote(made.key + ".kicad_sch")})')
    lines.append("(attr through_hole)")
    if ref != "U1":  # what lies under the dev board is no collision: it stands in sockets
        lines.append(
            f"(fp_rect (start {-rim} {-rim}) (end {mm(wide + rim)} {mm(high + rim)}) (stroke "
            f'(width 0.05) (type solid)) (fill no) (layer "F.CrtYd") '
            f"(uuid {quote(name_uuid(*tag, 'yard'))}))"
        )
    for pin, (x, y) in zip(made.of(ref), pads, strict=True):
        shape = "rect" if pin.number == 1 else "circle"
        net = ""
        if nets:
            called = pin.net or _unconnected(pin)
            net = f"(net {nets[called]} {quote(called)}) (pinfunction {quote(pin.name)}) "
            kind = KINDS[pin.kind] + ("" if pin.net else "+no_connect")
            net += f"(pintype {quote(kind)})"
        lines.append(
            f"(pad {quote(pin.number)} thru_hole {shape} (at {mm(x)} {mm(y)}) "
            f"(size {rules['pad_mm']} {rules['pad_mm']}) (drill {rules['drill_mm']}) "
            f'(layers "*.Cu" "*.Mask") {net} (uuid {quote(name_uuid(*tag, pin.number))}))'
        )
    lines.append("(embedded_fonts no))")
    return "\n".join(lines)


def _unconnected(pin) -> str:
    """KiCad's name for the net of a pin with a cross."""
    name = "" if pin.name == str(pin.number) else f"{pin.name}-"
    return f"unconnected-({pin.part}-{name}Pad{pin.number})"


def edges(made: Design, table: dict) -> tuple[int, int, int, int]:
    """Left, top, right and bottom edge in steps."""
    left, right = table["carrier"]["edge"]
    rows = len(table["boards"][made.board]["left"])
    return left, EDGE_TOP, right, 2 * (rows - 1) + EDGE_BOTTOM


def holes(made: Design, table: dict) -> list[tuple[int, int]]:
    left, top, right, bottom = edges(made, table)
    return [(x, y) for x in (left + 3, right - 3) for y in (top + 3, bottom - 3)]


def board(made: Design, table: dict) -> str:
    """The whole board. `router.NoWay` when the table's places leave no room."""
    grid, on = table["carrier"]["grid_mm"], footprints(made, table)
    places = _places(made, table)
    pads = {}
    for ref in on:
        for pin, (x, y) in zip(made.of(ref), _pads(made, table, ref), strict=True):
            pads[(places[ref][0] + x, places[ref][1] + y)] = pin.net or _unconnected(pin)
    left, top, right, bottom = edges(made, table)
    closed = {
        (x + dx, y + dy)
        for x, y in holes(made, table)
        for dx in range(-HEAD, HEAD + 1)
        for dy in range(-HEAD, HEAD + 1)
    }
    ways = router.route(range(left + 1, right), range(top + 1, bottom), pads, closed)
    nets = {name: code for code, name in enumerate(["", *dict.fromkeys(pads.values())])}
    lines = ['(kicad_pcb (version 20241229) (generator "dreamlamp") (generator_version "9.0")']
    lines += ['(general (thickness 1.6) (legacy_teardrops no)) (paper "A4")', LAYERS]
    lines.append("(setup (pad_to_mask_clearance 0) (allow_soldermask_bridges_in_footprints no))")
    lines += [f"(net {code} {quote(name)})" for name, code in nets.items()]
    lines += [footprint(made, table, ref, nets) for ref in on]
    lines += [_hole(made, table, i, cell) for i, cell in enumerate(holes(made, table), 1)]
    lines += _outline(made, table) + _names(made, table)
    count = 0
    for net, paths in ways.items():
        for way in paths:
            for piece in pieces(way):
                if piece[0][2] != piece[1][2] and piece[0][:2] in pads:
                    continue  # a pad is its own via
                count += 1
                lines.append(_copper(piece, grid, table, nets[net], name_uuid(made.key, count)))
    lines.append("(embedded_fonts no))")
    return "\n".join(lines) + "\n"


def pieces(way: list[router.Node]) -> list[tuple[router.Node, router.Node]]:
    """A way as straight pieces; a change of layer is a piece of its own."""
    made: list[tuple[router.Node, router.Node]] = []
    for a, b in pairwise(way):
        step = tuple(q - p for p, q in zip(a, b, strict=True))
        if made:
            start, end = made[-1]
            before = tuple(q - p for p, q in zip(start, end, strict=True))
            length = sum(map(abs, before))
            if all(p == q * length for p, q in zip(before, step, strict=True)):
                made[-1] = (start, b)
                continue
        made.append((a, b))
    return made


def _point(cell, grid: float) -> str:
    return f"{mm(AT_MM[0] + cell[0] * grid)} {mm(AT_MM[1] + cell[1] * grid)}"


def _copper(piece, grid: float, table: dict, code: int, tag: str) -> str:
    (x, y, layer), (u, v, other) = piece
    if layer != other:
        return (
            f"(via (at {_point((x, y), grid)}) (size {VIA_MM}) (drill {VIA_DRILL_MM}) "
            f'(layers "F.Cu" "B.Cu") (net {code}) (uuid {quote(tag)}))'
        )
    return (
        f"(segment (start {_point((x, y), grid)}) (end {_point((u, v), grid)}) "
        f"(width {table['carrier']['track_mm']}) (layer {quote('FB'[layer] + '.Cu')}) "
        f"(net {code}) (uuid {quote(tag)}))"
    )


def _hole(made: Design, table: dict, number: int, cell: tuple[int, int]) -> str:
    size = table["carrier"]["holes_mm"]
    tag = (made.key, "hole", number)
    return (
        f'(footprint "dreamlamp:Hole" (layer "F.Cu") (uuid {quote(name_uuid(*tag))}) '
        f"(at {_point(cell, table['carrier']['grid_mm'])})\n"
        f'(property "Reference" "H{number}" (at 0 0 0) (layer "F.Fab") '
        f"(uuid {quote(name_uuid(*tag, 'r'))}) (effects (font (size 1 1) (thickness 0.15))))\n"
        f"(attr board_only exclude_from_pos_files exclude_from_bom)\n"
        f'(pad "" np_thru_hole circle (at 0 0) (size {size} {size}) (drill {size}) '
        f'(layers "*.Cu" "*.Mask") (uuid {quote(name_uuid(*tag, "p"))})))'
    )


def hole_footprint(table: dict) -> str:
    size = table["carrier"]["holes_mm"]
    return (
        '(footprint "Hole" (version 20241229) (generator "dreamlamp") (layer "F.Cu")\n'
        '(property "Reference" "REF**" (at 0 0 0) (layer "F.Fab") '
        "(effects (font (size 1 1) (thickness 0.15))))\n"
        "(attr board_only exclude_from_pos_files exclude_from_bom)\n"
        f'(pad "" np_thru_hole circle (at 0 0) (size {size} {size}) (drill {size}) '
        '(layers "*.Cu" "*.Mask")))\n'
    )


def _outline(made: Design, table: dict) -> list[str]:
    grid = table["carrier"]["grid_mm"]
    left, top, right, bottom = edges(made, table)
    return [
        f"(gr_rect (start {_point((left, top), grid)}) (end {_point((right, bottom), grid)}) "
        f'(stroke (width 0.1) (type solid)) (fill no) (layer "Edge.Cuts") '
        f"(uuid {quote(name_uuid(made.key, 'edge'))}))"
    ]


def _names(made: Design, table: dict) -> list[str]:
    """The nets' names beside the connectors' pins, and what stands where."""
    grid, lines = table["carrier"]["grid_mm"], []
    _left, top, _right, bottom = edges(made, table)
    for text, y in (("antenna", top + 1), (f"{table['title']} {made.key}: USB", bottom - 1)):
        x, y_mm = AT_MM[0] + 10 * grid, AT_MM[1] + y * grid
        lines.append(_text("gr_text", text, x, y_mm, "F.SilkS", name_uuid(made.key, text)))
    for ref in footprints(made, table):
        if ref[0] not in "JQ":
            continue
        x, y = table["carrier"]["place"][ref][:2]
        for pin, (dx, dy) in zip(made.of(ref), _pads(made, table, ref), strict=True):
            x_mm, y_mm = AT_MM[0] + (x + dx) * grid, AT_MM[1] + (y + dy) * grid
            tag = name_uuid(made.key, "name", ref, pin.number)
            if ref[0] == "Q":
                lines.append(_text("gr_text", pin.name, x_mm, y_mm + 1.7, "F.SilkS", tag))
                continue
            words = SHORT.get(pin.net, pin.net)
            lines.append(_text("gr_text", words, x_mm + 1.4, y_mm, "F.SilkS", tag, left=True))
    return lines
