"""The light driver in ngspice: charge a pulse, plug-in current, gate timing. Values: the table's.

The strip is one diode and one resistor that take the strip's power at 5 V; the cable is a resistor
and a coil; the chip's pin is 3.3 V behind PIN_OHM. Not modelled: temperature, the strip's own
capacitance.
"""

import re
import subprocess
import tempfile
from pathlib import Path

from budget import FINEST

PIN_OHM = 30  # of an ESP32 pin at its default strength; estimate: 3.3 V at 20 mA sags by 0.6 V
EDGE_NS = 2
STRIP_V = 2.7  # of one white LED of the strip; its resistor takes the rest
ESR_OHM = 0.15  # of the electrolytic; estimate
PWM_HZ = 4000
COUNTS = (1, 2, 4, 8, 16, 64, 256, 1024, 4096)  # of budget.FINEST
OFF_LINE = 0.25  # how far a pulse may be from proportional; the eye's step is a tenth of L*
INRUSH_C = 50e-6  # 10 uF at 5 V
GATE_S = 100e-9  # delays above this would eat short pulses
SAG_V = 4.5  # below it the firmware takes the supply for a battery


class SpiceError(Exception):
    """ngspice found no answer."""


def run(deck: str) -> dict[str, float]:
    """The deck's `meas` results by name. `SpiceError` with ngspice's words."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "deck.cir"
        file.write_text(deck)
        done = subprocess.run(["ngspice", "-b", file], capture_output=True, text=True, check=False)
    found = re.findall(r"^(\w+)\s*=\s*([-+.\deE]+)", done.stdout, re.M)
    if done.returncode or not found:
        raise SpiceError(done.stdout[-2000:] + done.stderr[-2000:])
    return {name: float(value) for name, value in found}


def circuit(table: dict, charged: bool) -> str:
    """Everything but the pin's source, named `pin`; the supply switches on at 10 us."""
    parts, budget = table["parts"], table["budget"]
    q, volt = parts["Q1"]["spice"], budget["usb_v"]["value"]
    amps = parts["D1"]["watt"] / volt
    start = f"ic={volt}" if charged else "ic=0"
    supply = f"dc {volt}" if charged else f"pulse(0 {volt} 10u 1u 1u 1 2)"
    return f"""light driver
vusb usb 0 {supply}
rcable usb c1 {budget["usb_cable_ohm"]["value"]}
lcable c1 v5 {budget["usb_cable_uh"]["value"]}u
c2 v5 c2r {parts["C2"]["farad"]} {start}
resr c2r 0 {ESR_OHM}
rpin pin io {PIN_OHM}
r4 io gate {parts["R4"]["ohm"]}
r5 gate 0 {parts["R5"]["ohm"]}
mq1 led gate 0 fet
.model fet vdmos nchan vto={q["vto"]} kp={q["kp"]} cgs={q["cgs_pf"]}p cgdmax={q["cgd_max_pf"]}p
+ cgdmin={q["cgd_min_pf"]}p a=0.4 rd=5m rs=5m rg={q["rg_ohm"]} cjo={q["cds_pf"]}p is=1p rb=10m
+ ksubthres=0.05
vstrip v5 s0 dc 0
rstrip s0 s1 {(volt - STRIP_V) / amps}
dstrip s1 led white
.model white d(is={amps}e-18 n={STRIP_V / 0.02585 / 41.4465:.6f})
"""


def pulse_charge(table: dict, width_ns: float) -> float:
    """Coulombs through the strip for one pulse of the pin."""
    end_ns = width_ns + 3000
    step = max(0.2, width_ns / 2000)
    return run(
        circuit(table, True)
        + f"""vpin pin 0 pulse(0 3.3 100n {EDGE_NS}n {EDGE_NS}n {width_ns - EDGE_NS}n 1)
.tran {step}n {end_ns}n 0 {step}n uic
.meas tran charge integ i(vstrip) from=50n to={end_ns}n
.end
"""
    )["charge"]


def plug_in(table: dict) -> dict[str, float]:
    """The supply is plugged in with the lamp dark: `peak` A, `over` V at its highest."""
    return run(
        circuit(table, False)
        + """vpin pin 0 dc 0
.tran 50n 400u 0 50n uic
.meas tran peak max i(lcable)
.meas tran over max v(v5)
.meas tran leak max i(vstrip)
.end
"""
    )


def gate(table: dict) -> dict[str, float]:
    """A long pulse: delays to half current `on`, `off` (s), `full` A, `drop` V, `sag` V."""
    return run(
        circuit(table, True)
        + f"""vpin pin 0 pulse(0 3.3 1u {EDGE_NS}n {EDGE_NS}n 60u 1)
.tran 2n 65u 0 2n uic
.meas tran full find i(vstrip) at=60u
.meas tran drop find v(led) at=60u
.meas tran sag min v(v5) from=1u to=61u
.meas tran on trig v(pin) val=1.65 rise=1 targ i(vstrip) val=0.25 rise=1
.meas tran off trig v(pin) val=1.65 fall=1 targ i(vstrip) val=0.25 fall=LAST
.end
"""
    )


def judged(table: dict) -> tuple[list[str], list[str]]:
    """What was found and what is wrong with it, in sentences."""
    found, wrong = [], []
    still = gate(table)
    period_ns = 1e9 / PWM_HZ
    for count in COUNTS:
        width_ns = count * period_ns / FINEST
        share = pulse_charge(table, width_ns) / (width_ns * 1e-9 * still["full"])
        found.append(f"pulse {count}/{FINEST}: {share:.2f} of proportional")
        if abs(share - 1) > OFF_LINE:
            wrong.append(f"{found[-1]}, more than {OFF_LINE:.0%} off: a smaller R4?")
    half = period_ns / FINEST / 2
    share = pulse_charge(table, half) / (half * 1e-9 * still["full"])
    found.append(f"pulse 1/{2 * FINEST}: {share:.2f} of proportional")
    for name in ("on", "off"):
        found.append(f"gate {name}: {still[name] * 1e9:.0f} ns")
        if not 0 < still[name] < GATE_S:
            wrong.append(f"{found[-1]}, not under {GATE_S * 1e9:.0f} ns: a smaller R4?")
    found.append(f"full light: {still['full']:.2f} A, supply sags to {still['sag']:.2f} V")
    if still["sag"] < SAG_V:
        wrong.append(f"{found[-1]}, under {SAG_V} V: a thicker cable, or less strip.")
    begin = plug_in(table)
    charge = table["parts"]["C2"]["farad"] * table["budget"]["usb_v"]["value"]
    found.append(
        f"plug-in: {charge * 1e6:.0f} uC, peak {begin['peak']:.1f} A, {begin['over']:.2f} V, "
        f"{begin['leak'] * 1e6:.0f} uA through the strip"
    )
    if charge > INRUSH_C * 1.001 or begin["over"] > 6 or begin["leak"] > 1e-3:
        wrong.append(f"{found[-1]}: at most {INRUSH_C * 1e6:.0f} uC, 6 V and no light.")
    return found, wrong
