"""The box's measures from the table, and as parameters for box.scad. Knows no shape."""

from pcb import edges
from pcb import holes as pcb_holes
from table import design

FEET = 6  # of the carrier, above the back wall
USB_ROOM = 6  # between the board's USB socket and the wall
ABOVE = 8  # of the dev board's own parts
FRAME = 3  # wall of the light head and the play of the plate in it


def measures(table: dict) -> dict[str, object]:
    """Name -> mm, or a list of them. x runs from the USB socket to the antenna, y to the back.

    The inside fits the larger of the carriers, and behind the antenna the button.
    """
    box, grid = table["box"], table["carrier"]["grid_mm"]
    lengths, holes = [], []
    for board in table["boards"]:
        made = design(table, "heart", board)
        left, top, right, bottom = edges(made, table)
        lengths.append((bottom - top) * grid + table["boards"][board]["antenna_mm"])
        for x, y in pcb_holes(made, table):
            hole = [round((bottom - y) * grid, 2), round((x - left) * grid, 2)]
            if hole not in holes:
                holes.append(hole)
    high = (right - left) * grid
    inner = [
        USB_ROOM + max(lengths) + box["button_room"],
        FEET + 1.6 + box["socket_height"] + ABOVE,
        high + 4,
    ]
    flat = {name: value for name, value in box.items() if not isinstance(value, dict)}
    for name, row in box.items():
        if isinstance(row, dict):
            flat |= {f"{name}_{key}": value for key, value in row.items()}
    return {
        "inner": [round(side, 2) for side in inner],
        "carrier_holes": holes,
        "feet": FEET,
        "usb_room": USB_ROOM,
        "frame": FRAME,
        **flat,
    }


def outside(table: dict) -> tuple[float, float, float]:
    """Width, depth and height of the lamp with its light head, mm."""
    box, inner = table["box"], measures(table)["inner"]
    assert isinstance(inner, list)
    width, depth, height = (side + 2 * box["wall"] for side in inner)
    return width, depth + box["throw"] + box["diffuser_thick"], height


def parameters(table: dict) -> str:
    """params.scad."""
    lines = ["// written by hardware/generate.py from dreamlamp.toml"]
    lines += [f"{name} = {value};" for name, value in measures(table).items()]
    return "\n".join(lines) + "\n"
