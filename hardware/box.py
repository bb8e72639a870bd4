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


def words(table: dict) -> str:
    """Markdown: what a builder has to cut and to find room for."""
    spec, (width, depth, height) = table["box"], outside(table)
    play = FRAME * 2 - spec["wall"] * 2
    plate = [side + play - spec["gap"] * 2 for side in spec["diffuser"]]
    strip = spec["strip"]
    return (
        f"The lamp is {width:.0f} x {height:.0f} x {depth:.0f} mm, its bright face "
        f"{spec['diffuser'][0]} x {spec['diffuser'][1]} mm. Cut the aluminium to "
        f"{plate[0]:.0f} x {plate[1]:.0f} x {spec['plate']['thick']:g} mm and the strip into "
        f"{strip['rows']} pieces of {strip['length'] // strip['rows']} mm; eight screws "
        f"M{spec['screw']:g} x 10.\n"
    )
