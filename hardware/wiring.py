"""What a builder holds in hand: cables as a WireViz drawing, the wiring table, the parts list.

Knows the table and the text formats; draws nothing itself.
"""

import csv
import io

from table import Design, Pin, header, signals

SUPPLY_COLOURS = {"+5V": "RD", "+3V3": "RD", "GND": "BK", "LAMP_LED": "BN", "BAT": "RD"}
SPARE_COLOURS = ["BN", "GY", "PK"]
WORDS = {"BK": "black", "WH": "white", "GY": "grey", "PK": "pink", "RD": "red", "OG": "orange"}
WORDS |= {"YE": "yellow", "GN": "green", "BU": "blue", "VT": "violet", "BN": "brown"}


def colours(table: dict, nets: list[str]) -> list[str]:
    """A colour for each net of a cable, in WireViz's letters."""
    spare = iter(SPARE_COLOURS)
    found = []
    for net in nets:
        row = table["signals"].get(net)
        found.append(row["colour"] if row else SUPPLY_COLOURS.get(net) or next(spare))
    return found


def gpio(table: dict, made: Design, net: str) -> str:
    """`GPIO21` for a net that reaches the chip, else nothing."""
    row = signals(table, made.kit).get(net)
    return f"GPIO{row[made.board]}" if row else ""


def leads(made: Design) -> list[tuple[str, str, list[tuple[Pin, Pin]]]]:
    """(from, to, wires) of every cable: the pins at both ends that share a net."""
    found = []
    for ref, part in made.parts.items():
        if "lead" in part:
            start = part["lead"]["from"]
            wires = []
            for pin in made.of(ref):
                ends = [p for p in made.of(start) if p.net == pin.net]
                if ends:
                    wires.append((ends[0], pin))
            found.append((start, ref, wires))
    return found


def all_leads(table: dict, made: Design) -> list[tuple[str, str, list[tuple[Pin, Pin]]]]:
    """The cables of the table, and in a kit without a carrier the board's supply."""
    found = leads(made)
    if not table["kits"][made.kit]["carrier"]:
        supply = [pin for pin in made.of("U4") if pin.net in ("+3V3", "GND")]
        ends = [next(p for p in made.of("U1") if p.net == pin.net) for pin in supply]
        found.append(("U4", "U1", list(zip(supply, ends, strict=True))))
    return found


def wireviz(table: dict, made: Design) -> str:
    """The cables as WireViz reads them."""
    cables = all_leads(table, made)
    lines = ["metadata:", f"  title: {made.key}", "connectors:"]
    for ref in dict.fromkeys(ref for start, end, _wires in cables for ref in (start, end)):
        used = [w for start, end, wires in cables for w in wires if ref in (start, end)]
        pins = dict.fromkeys(p for pair in used for p in pair if p.part == ref)
        labels = []
        for pin in pins:
            where = gpio(table, made, pin.net)
            own = pin.net if ref.startswith("J") else pin.name
            own = where if ref == "U1" and where else own
            labels.append(f"{own} ({where})" if where and ref.startswith("J") else own)
        lines += [
            f"  {ref}:",
            f'    type: "{made.parts[ref]["name"]}"',
            f"    pins: [{', '.join(str(pin.number) for pin in pins)}]",
            f"    pinlabels: [{', '.join(_text(label) for label in labels)}]",
        ]
    lines.append("cables:")
    for number, (start, end, wires) in enumerate(cables, 1):
        lead = made.parts[end].get("lead") or made.parts[start]["lead"]
        lines += [
            f"  W{number}:",
            f"    type: {_text(lead['cable'])}",
            f"    length: {lead['length_m']}",
            f"    gauge: {lead['gauge_mm2']} mm2",
            f"    colors: [{', '.join(colours(table, [a.net for a, _b in wires]))}]",
        ]
    lines.append("connections:")
    for number, (start, end, wires) in enumerate(cables, 1):
        lines += [
            "  -",
            f"    - {start}: [{', '.join(str(a.number) for a, _b in wires)}]",
            f"    - W{number}: [1-{len(wires)}]",
            f"    - {end}: [{', '.join(str(b.number) for _a, b in wires)}]",
        ]
    return "\n".join(lines) + "\n"


def _text(word: str) -> str:
    return '"' + word + '"'


def wiring_table(table: dict, kit: str) -> str:
    """Markdown: each signal, its pin on each board and what it runs through."""
    boards = table["boards"]
    heads = [
        "signal",
        *(board["name"] for board in boards.values()),
        "goes to",
        "wire",
        "why there",
    ]
    rows = [heads, ["---"] * len(heads)]
    for name, row in signals(table, kit).items():
        reach = []
        for part in table["kits"][kit]["parts"]:
            for pin_name, _kind, net in table["parts"][part].get("pins", ()):
                if net == name:
                    reach.append(f"{part}.{pin_name}")
        pins = [f"GPIO{row[key]}, pin {place(board, row[key])}" for key, board in boards.items()]
        rows.append([name, *pins, " ".join(reach), WORDS[row["colour"]], row["why"]])
    return _markdown(rows)


def place(board: dict, pin: int) -> str:
    """Where a pin is on a board: `left 9` is the ninth from the antenna."""
    side = "left" if str(pin) in board["left"] else "right"
    return f"{side} {board[side].index(str(pin)) + 1}"


def power_table(table: dict, kit: str) -> str:
    """Markdown: the supply nets, and every pin on them."""
    rows = [["net", "pins", "wire"], ["---"] * 3]
    nets: dict[str, list[str]] = {}
    for part in table["kits"][kit]["parts"]:
        for name, _kind, net in table["parts"][part].get("pins", ()):
            if net not in table["signals"]:
                nets.setdefault(net, []).append(f"{part}.{name}")
    for board in table["boards"].values():
        for label, net in (("3V3", "+3V3"), ("5V", "+5V"), ("GND", "GND")):
            if label in header(board) and net in nets and f"board {label}" not in nets[net]:
                nets[net].insert(0, f"board {label}")
    for net, pins in nets.items():
        rows.append([net, " ".join(p.replace("board ", "board.") for p in pins), _wire(net)])
    return _markdown(rows)


def _wire(net: str) -> str:
    return WORDS.get(SUPPLY_COLOURS.get(net, ""), "")


def parts_list(table: dict, kit: str) -> list[list[str]]:
    """Rows: reference, what, remark, estimated euro; the board's price is the reference's."""
    rows = []
    reference = table["boards"][table["reference"]]
    for ref in table["kits"][kit]["parts"]:
        part = table["parts"][ref]
        price = reference["price_eur"] if ref == "U1" else part["price_eur"]
        name = reference["name"] if ref == "U1" else part["name"]
        if part.get("kind") in ("resistor", "capacitor"):
            name = f"{part['kind']} {name}"
        rows.append([ref, name, part.get("buy", ""), f"{price:g}"])
    for name, price in table["kits"][kit].get("also", {}).items():
        rows.append(["", name, "", f"{price:g}"])
    return rows


def shopping(table: dict, kit: str) -> str:
    """Markdown: the parts list with its sum."""
    parts = parts_list(table, kit)
    total = sum(float(row[3]) for row in parts)
    rows = [["ref", "part", "remark", "euro, estimate"], ["---"] * 4, *parts]
    rows.append(["", "**together**", "", f"**{total:.0f}**"])
    return _markdown(rows)


def bom(table: dict) -> str:
    """The parts lists of all kits as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["kit", "ref", "part", "remark", "euro_estimate"])
    for kit in table["kits"]:
        writer.writerows([kit, *row] for row in parts_list(table, kit))
    return text.getvalue()


def _markdown(rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
