"""The budget by other ways of reckoning, and that the judges of `make hardware` can say no."""

import copy
import math
import shutil

import box
import budget
import judge
import kicad
import pytest
import spice
import table


@pytest.fixture
def rows():
    return copy.deepcopy(table.load())


def nets_of(made):
    return {net: {(p.part, p.number) for p in pins} for net, pins in made.nets().items()}


def test_a_netlist_that_is_not_the_tables_is_named(rows):
    made = table.design(rows, "heart", "devkitc")
    nets = nets_of(made)
    assert kicad.differences(made, nets) == []
    nets["SDA"].remove(("U2", 3))
    nets["SCL"].add(("U2", 3))
    said = kicad.differences(made, nets)
    assert [line.split()[1] for line in said] == ["SCL", "SDA"]


def test_a_netlist_of_kicad_is_read_without_its_unconnected_pins():
    text = """<export><nets>
    <net code="1" name="SDA"><node ref="U1" pin="33"/><node ref="U2" pin="3"/></net>
    <net code="2" name="unconnected-(U1-EN-Pad2)"><node ref="U1" pin="2"/></net>
    </nets></export>"""
    assert kicad.read_netlist(text) == {"SDA": {("U1", 33), ("U2", 3)}}


def test_a_signal_that_the_firmware_has_on_another_pin_is_named(rows, monkeypatch):
    made = table.design(rows, "heart", "devkitc")
    assert judge.wrong_pins(rows, made, nets_of(made)) == []
    monkeypatch.setattr(judge, "firmware_pins", lambda: {"_LAMP": 26})
    said = judge.wrong_pins(rows, made, nets_of(made))
    assert "the firmware has LAMP on GPIO26, KiCad on ['25']" in said


def test_a_roof_counts_as_hanging_in_the_air_and_a_wall_does_not(tmp_path):
    def facet(*points):
        vertices = "".join(f"vertex {x} {y} {z}\n" for x, y, z in points)
        return f"facet normal 0 0 0\nouter loop\n{vertices}endloop\nendfacet\n"

    floor = facet((0, 0, 0), (0, 10, 0), (10, 0, 0))
    wall = facet((0, 0, 0), (10, 0, 0), (0, 0, 10))
    roof = facet((0, 0, 5), (0, 5, 5), (5, 0, 5))
    (tmp_path / "part.stl").write_text(floor + wall + roof)
    assert judge.overhang(tmp_path / "part.stl") == pytest.approx(0.25)


def test_lux_on_the_axis_is_the_flux_of_a_lambertian_face(rows):
    # integrated over the half space, candela times cosine give the lumens back
    candela = budget.lux(rows, 3, 0.5) * 0.25
    steps = 2000
    flux = sum(
        candela * math.cos(a) * 2 * math.pi * math.sin(a) * (math.pi / 2 / steps)
        for a in ((i + 0.5) * math.pi / 2 / steps for i in range(steps))
    )
    assert flux == pytest.approx(3 * 95 * 0.70, rel=1e-4)
    assert budget.lux(rows, 3, 1.0) == pytest.approx(budget.lux(rows, 3, 0.5) / 4)


def test_the_boxs_heat_goes_somewhere(rows):
    size = box.outside(rows)
    outer, inner = budget.warmth(rows, 3, size)
    v = budget.inputs(rows)
    x, y, z = (side / 1000 for side in size)
    area = 2 * (x * y + y * z + z * x)
    heat = 3 * v["heat_share"] + budget.milliamps(rows)["night"] * 5e-3
    radiated = v["emissivity"] * v["boltzmann"] * ((298.15 + outer) ** 4 - 298.15**4)
    convected = v["convection"] * outer**1.25 / z**0.25
    assert area * (radiated + convected) == pytest.approx(heat, rel=1e-6)
    assert (inner - outer) * area * v["inner_film"] == pytest.approx(heat)


def test_a_cell_lasts_as_long_as_its_energy(rows):
    v = budget.inputs(rows)
    joules = 3600 * v["cell_mah"] / 1000 * v["cell_v"] * v["cell_efficiency"]
    assert budget.hours(rows, 100) * 3600 * 0.33 == pytest.approx(joules)


def test_the_diffuser_stays_exempt_and_a_tiny_one_would_not(rows):
    assert budget.risk_group(rows, budget.blue_radiance(rows, 3)) == "exempt"
    rows["box"]["diffuser"] = [10, 10]
    assert budget.risk_group(rows, budget.blue_radiance(rows, 3)) == "not exempt"


@pytest.mark.skipif(not shutil.which("ngspice"), reason="no ngspice: make hardware installs it")
def test_ngspice_refuses_a_gate_resistor_that_swallows_short_pulses(rows, monkeypatch):
    monkeypatch.setattr(spice, "COUNTS", (1,))
    assert spice.judged(rows)[1] == []
    rows["parts"]["R4"]["ohm"] = 100
    assert any("pulse 1/8192" in line for line in spice.judged(rows)[1])


@pytest.mark.skipif(not shutil.which("ngspice"), reason="no ngspice: make hardware installs it")
def test_ngspice_refuses_a_capacitor_that_draws_too_much_at_plug_in(rows, monkeypatch):
    monkeypatch.setattr(spice, "COUNTS", ())
    rows["parts"]["C2"]["farad"] = 100e-6
    assert any("plug-in" in line for line in spice.judged(rows)[1])
