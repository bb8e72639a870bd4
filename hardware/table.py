"""The table as nets: each kit on each board, and the rules a wrong table breaks.

Knows what may be wired to what. Knows no file format that is made from it.
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

TABLE = Path(__file__).resolve().parent / "dreamlamp.toml"
BODY_WATT = 0.3  # of light on a cell beside electrodes
GATE_V = 3.3  # what a pin of either chip can give
DRIVERS = ("out", "pout")
BOARD_KIND = {"out": "out", "in": "in", "analog": "in", "od": "io", "od-in": "in"}


class TableError(Exception):
    """The table is not one that may be built; one sentence a line."""


@dataclass(frozen=True)
class Pin:
    """One pin of one part; `net` is "" where nothing is connected."""

    part: str
    number: int
    name: str
    kind: str
    net: str


@dataclass
class Design:
    """One kit on one board: its parts' pins and the nets they make."""

    kit: str
    board: str
    parts: dict
    pins: list[Pin] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{self.kit}-{self.board}"

    def nets(self) -> dict[str, list[Pin]]:
        """Net -> its pins, both in the table's order."""
        nets: dict[str, list[Pin]] = {}
        for pin in self.pins:
            if pin.net:
                nets.setdefault(pin.net, []).append(pin)
        return nets

    def of(self, part: str) -> list[Pin]:
        return [pin for pin in self.pins if pin.part == part]


def load(path: Path = TABLE) -> dict:
    """The table as it stands in the file."""
    with open(path, "rb") as file:
        return tomllib.load(file)


def header(board: dict) -> list[str]:
    """The names of a board's pins in the order of their numbers: down the left, up the right."""
    return board["left"] + board["right"][::-1]


def signals(table: dict, kit: str) -> dict:
    """The signals of a kit by name."""
    return {name: row for name, row in table["signals"].items() if kit in row["kits"]}


def designs(table: dict) -> list[Design]:
    """Every kit on every board."""
    return [design(table, kit, board) for kit in table["kits"] for board in table["boards"]]


def design(table: dict, kit: str, board: str) -> Design:
    """One kit on one board."""
    spec = table["kits"][kit]
    made = Design(kit, board, {ref: table["parts"][ref] for ref in spec["parts"]})
    made.parts["U1"] = dict(made.parts["U1"], name=table["boards"][board]["name"])
    for ref, part in made.parts.items():
        if ref == "U1":
            made.pins += _board_pins(table, kit, board)
        for number, (name, kind, net) in enumerate(part.get("pins", ()), 1):
            made.pins.append(Pin(ref, number, name, kind, net))
    return made


def _board_pins(table: dict, kit: str, board: str) -> list[Pin]:
    by_gpio = {str(row[board]): (name, row) for name, row in signals(table, kit).items()}
    source = table["kits"][kit]["source"] == "U1"
    seen: set[str] = set()
    pins = []
    for number, label in enumerate(header(table["boards"][board]), 1):
        first = label not in seen
        seen.add(label)
        kind, net = "p", ""
        if label in by_gpio:
            net, row = by_gpio[label]
            kind = BOARD_KIND[row["kind"]]
        elif label == "3V3":
            kind, net = ("pout" if source else "pin") if first else "p", "+3V3"
        elif label == "5V":
            kind, net = "pout" if source else "p", "+5V"
        elif label == "GND":
            kind, net = "pout" if source and first else "p", "GND"
        pins.append(Pin("U1", number, label, kind, net))
    return pins


def broken(table: dict) -> list[str]:
    """A sentence for every rule the table breaks; empty when it may be built."""
    said = []
    for name, row in table["signals"].items():
        for board in table["boards"]:
            said += _pin_rules(name, row, board, table["boards"][board])
    for kit in table["kits"]:
        said += _kit_rules(table, kit)
        for board in table["boards"]:
            said += _double_rules(table, kit, board)
            said += _net_rules(design(table, kit, board), table)
    return list(dict.fromkeys(said))


def _pin_rules(name: str, row: dict, key: str, board: dict) -> list[str]:
    """What a pin of the chip may not be used for."""
    gpio, where = row[key], board["name"]
    place = f"{name} is on GPIO{gpio} of the {where}"
    said = []
    if str(gpio) not in header(board):
        return [f"{place}, which its headers do not carry: choose one that they do."]
    if gpio in board["strapping"]:
        said.append(f"{place}, a strapping pin: what hangs on it decides how the chip boots.")
    if gpio in board["flash"]:
        said.append(f"{place}, which belongs to the flash: the chip would not run.")
    if gpio in board["console"]:
        said.append(f"{place}, the console: its bytes would move the signal.")
    if str(gpio) in board["shunned"]:
        said.append(f"{place}, which {board['shunned'][str(gpio)]}.")
    if gpio in board["input_only"] and row["kind"] in ("out", "od"):
        said.append(f"{place}, which can only be an input.")
    if gpio in board["input_only"] and row.get("pull"):
        said.append(f"{place}, which has no pull-up inside.")
    if row["kind"] == "analog" and gpio not in board["adc1"]:
        said.append(f"{place}: analogue signals need ADC1; ADC2 stops when the radio is busy.")
    return said


def _double_rules(table: dict, kit: str, board: str) -> list[str]:
    users: dict[int, list[str]] = {}
    for name, row in signals(table, kit).items():
        users.setdefault(row[board], []).append(name)
    where = table["boards"][board]["name"]
    return [
        f"GPIO{gpio} of the {where} is given to {' and '.join(names)}: one pin, one signal."
        for gpio, names in users.items()
        if len(names) > 1
    ]


def _kit_rules(table: dict, kit: str) -> list[str]:
    spec, parts = table["kits"][kit], table["parts"]
    said = _body_rules(spec, parts)
    for ref in spec["parts"]:
        part = parts[ref]
        if part.get("kind") == "mosfet" and part["rated_gate_v"] > GATE_V:
            said.append(
                f"{part['name']} ({ref}) is rated from {part['rated_gate_v']} V at its gate and "
                f"the board gives {GATE_V} V: it would not open."
            )
    return said


def _body_rules(spec: dict, parts: dict) -> list[str]:
    """What a kit with electrodes may not have: USB as its supply, anything that lives on the 5 V
    net or feeds it, anything but a cell at its source, more light than BODY_WATT."""
    bodies = [f"{parts[ref]['name']} ({ref})" for ref in spec["parts"] if parts[ref].get("body")]
    if not bodies:
        return []
    said, who = [], f"{' and '.join(bodies)} in the {spec['name']}"
    if not parts[spec["source"]].get("cell"):
        said.append(
            f"{who}, which runs on {'USB' if spec['source'] == 'U1' else spec['source']}: "
            "electrodes never share a kit with a mains supply."
        )
    for ref in spec["parts"]:
        for name, kind, net in parts[ref].get("pins", ()):
            if net == "+5V" and kind != "p":
                said.append(
                    f"{who}, and {ref}.{name} on the 5 V net: nothing there may live on USB."
                )
    watt = sum(parts[ref].get("watt", 0) for ref in spec["parts"])
    if watt > BODY_WATT:
        said.append(f"{who} with {watt:g} W of light: a cell's kit has {BODY_WATT} W at most.")
    return said


def pull_ups(made: Design, row: dict, net: str) -> list[str]:
    """What pulls a net up: resistors to 3.3 V, those on breakouts, the chip's own where asked."""
    found = []
    for ref, part in made.parts.items():
        nets = {pin.net for pin in made.of(ref)}
        if part.get("kind") == "resistor" and nets == {net, "+3V3"}:
            found.append(ref)
        if net in part.get("pulls", ()):
            found.append(f"{ref}'s own")
    if row.get("pull") == "up":
        found.append("the chip's own")
    return found


def _net_rules(made: Design, table: dict) -> list[str]:
    said = []
    nets = made.nets()
    where = (
        f"in the {table['kits'][made.kit]['name']} on the {table['boards'][made.board]['name']}"
    )
    for net, pins in nets.items():
        row = signals(table, made.kit).get(net, {})
        drivers = [f"{pin.part}.{pin.name}" for pin in pins if pin.kind in DRIVERS]
        if len(drivers) > 1:
            said.append(f"{net} is driven by {' and '.join(drivers)} {where}: one driver a net.")
        if row.get("kind", "").startswith("od"):
            pulls = pull_ups(made, row, net)
            if len(pulls) != 1:
                found = " and ".join(pulls) or "nothing"
                said.append(
                    f"{net} is pulled up by {found} {where}: open drain wants exactly one."
                )
        if any(pin.kind == "pin" for pin in pins) and not drivers:
            said.append(f"{net} feeds {pins[0].part} {where} and nothing supplies it.")
        if len(pins) == 1:
            said.append(f"{net} has one end, {pins[0].part}.{pins[0].name}, {where}.")
        elif all(pin.kind in ("in", "oc") for pin in pins):
            said.append(f"{net} is read and driven by nobody {where}.")
    for name in signals(table, made.kit):
        if name not in nets:
            said.append(f"{name} reaches no pin {where}.")
    return said


def checked(path: Path = TABLE) -> dict:
    """The table, or TableError with every sentence."""
    table = load(path)
    said = broken(table)
    if said:
        raise TableError("\n".join(said))
    return table
