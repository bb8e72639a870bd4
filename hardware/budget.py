"""Current, light and heat, computed from the table; the build guide prints what this returns.

Every input is a row of the table's [budget], with its source; nothing here has been measured. The
lamp is a flat Lambertian face seen on its axis; heat leaves the box through its walls alone, as if
its vents were shut.
"""

import math

from table import load

AXIS_M = (0.3, 0.5, 0.75, 1.0)
KELVIN = 273.15
FINEST = 8192  # parts of a period the MOSFET still opens for; shorter is dark (spice.py)


def inputs(table: dict) -> dict[str, float]:
    """The inputs by name."""
    return {name: row["value"] for name, row in table["budget"].items()}


def milliamps(table: dict) -> dict[str, float]:
    """State -> mA from 5 V (the board's regulator is linear: mA in is mA out)."""
    v = inputs(table)
    lamp = table["parts"]["D1"]["watt"] / v["usb_v"] * 1000
    sensor = v["sensor_ma"] + v["sensor_led_ma"] * v["sensor_led_duty"]
    night = v["esp_80_ma"] + v["ble_idle_ma"] + v["board_ma"] + sensor
    return {
        "night": night,
        "night, were the chip at 240 MHz": night - v["esp_80_ma"] + v["esp_240_ma"],
        "sync": night - v["ble_idle_ma"] + v["ble_sync_ma"],
        "night, lamp at 10 %": night + lamp / 10,
        "night, lamp full": night + lamp,
        "EEG kit, night": night - sensor + v["eeg_ma"],
    }


def hours(table: dict, ma: float) -> float:
    """How long the EEG kit's cell lasts at `ma`: its module takes the place of the regulator."""
    v = inputs(table)
    return v["cell_mah"] * v["cell_v"] * v["cell_efficiency"] / (ma * v["cell_out_v"])


def lumens(table: dict, watt: float) -> float:
    """Light that leaves the diffuser."""
    v = inputs(table)
    return watt * v["lumen_per_watt"] * v["diffuser_share"]


def lux(table: dict, watt: float, metres: float) -> float:
    """On the axis: a Lambertian face has lumens / pi candela there."""
    return lumens(table, watt) / math.pi / metres**2


def first_step_lux(table: dict, board: str, metres: float) -> float:
    """The darkest light there is: one count of the PWM, or the shortest that gets through."""
    finest = min(2 ** table["boards"][board]["pwm_bits"], FINEST)
    watt = table["parts"]["D1"]["watt"] / finest
    return lux(table, watt, metres)


def blue_radiance(table: dict, watt: float) -> float:
    """Blue-weighted radiance of the diffuser, W/m2sr."""
    width, height = table["box"]["diffuser"]
    flux = lumens(table, watt) * inputs(table)["blue_w_per_lm"]
    return flux / (math.pi * width * height * 1e-6)


def bare_radiance(table: dict, watt: float) -> float:
    """The same of the strip itself, without a diffuser."""
    strip = table["box"]["strip"]
    flux = watt * inputs(table)["lumen_per_watt"] * inputs(table)["blue_w_per_lm"]
    return flux / (math.pi * strip["length"] * strip["width"] * 1e-6)


def warmth(table: dict, watt: float, size: tuple[float, float, float]) -> tuple[float, float]:
    """How much warmer the outside and the inside of a shut box of `size` (mm) become, in K."""
    v = inputs(table)
    x, y, z = (side / 1000 for side in size)
    area = 2 * (x * y + y * z + z * x)
    heat = watt * v["heat_share"] + milliamps(table)["night"] / 1000 * v["usb_v"]
    room = v["room_c"] + KELVIN
    low, high = 0.0, 200.0
    for _halving in range(60):
        rise = (low + high) / 2
        radiated = v["emissivity"] * v["boltzmann"] * ((room + rise) ** 4 - room**4)
        convected = v["convection"] * (rise / z) ** 0.25 * rise
        low, high = (rise, high) if area * (radiated + convected) < heat else (low, rise)
    return low, low + heat / (area * v["inner_film"])


def risk_group(table: dict, radiance: float) -> str:
    return "exempt" if radiance <= inputs(table)["exempt_w_m2sr"] else "not exempt"


def report(table: dict, size: tuple[float, float, float]) -> str:
    """Markdown tables of everything above."""
    full = table["parts"]["D1"]["watt"]
    cell = inputs(table)["cell_mah"]
    lines = [f"| state | mA at 5 V | hours from a cell of {cell:g} mAh |", "| --- | --- | --- |"]
    for state, ma in milliamps(table).items():
        lasts = f"{hours(table, ma):.1f}" if state.startswith("EEG") else ""
        lines.append(f"| {state} | {ma:.0f} | {lasts} |")
    lines += ["", "| LED power | " + " | ".join(f"lux at {m:g} m" for m in AXIS_M) + " |"]
    lines.append("| --- |" + " --- |" * len(AXIS_M))
    for watt in (full / 300, full / 30, full / 3, full):
        row = [f"{lux(table, watt, metres):.3g}" for metres in AXIS_M]
        lines.append(f"| {watt:g} W | " + " | ".join(row) + " |")
    lines.append("")
    for key, board in table["boards"].items():
        step = first_step_lux(table, key, 0.5)
        lines.append(f"- darkest step on the {board['name']}: {step:.3f} lux at 0.5 m")
    outside, inside = warmth(table, full, size)
    room, v = inputs(table)["room_c"], inputs(table)
    lines.append(
        f"- full light for hours in a room of {room:g} C: the box is {outside:.0f} K warmer "
        f"outside, {inside:.0f} K inside, {room + inside:.0f} C "
        f"(PETG softens at {v['softens_c']:g})"
    )
    radiance, bare = blue_radiance(table, full), bare_radiance(table, full)
    lines.append(
        f"- blue-weighted radiance at full light: {radiance:.1f} W/m2sr behind the diffuser, "
        f"{risk_group(table, radiance)}; {bare:.0f} of the bare strip; the exempt group ends at "
        f"{v['exempt_w_m2sr']:g}"
    )
    return "\n".join(lines) + "\n"


def sources(table: dict) -> str:
    """Markdown: the inputs and where they are from."""
    lines = ["| input | value | source |", "| --- | --- | --- |"]
    for name, row in table["budget"].items():
        lines.append(f"| {name} | {row['value']:g} | {row['source']} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    from box import outside

    print(report(load(), outside(load())))
    print(sources(load()))
