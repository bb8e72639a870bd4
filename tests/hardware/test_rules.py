"""The table's rules: each refuses a table that breaks it, in a sentence that names the culprit."""

import copy

import pytest
import table


@pytest.fixture
def wrong():
    """The table, to be spoilt."""
    return copy.deepcopy(table.load())


def complaints(spoilt) -> str:
    return "\n".join(table.broken(spoilt))


def test_the_table_as_it_stands_breaks_no_rule():
    assert table.broken(table.load()) == []


@pytest.mark.parametrize(
    ("signal", "board", "pin", "words"),
    [
        ("SCL", "devkitc", 12, "a strapping pin"),
        ("SCL", "s3", 46, "a strapping pin"),
        ("LAMP", "devkitc", 9, "belongs to the flash"),
        ("LAMP", "s3", 27, "do not carry"),
        ("BUTTON", "devkitc", 3, "the console"),
        ("BUTTON", "s3", 43, "the console"),
        ("LAMP", "devkitc", 34, "can only be an input"),
        ("SDA", "devkitc", 36, "can only be an input"),
        ("BUTTON", "devkitc", 39, "no pull-up inside"),
        ("VSENSE", "devkitc", 26, "ADC2"),
        ("VSENSE", "s3", 15, "ADC2"),
        ("LAMP", "devkitc", 14, "a pulse at reset"),
        ("LAMP", "s3", 48, "RGB LED"),
        ("LAMP", "s3", 36, "octal PSRAM"),
        ("LAMP", "s3", 20, "is USB"),
        ("LAMP", "devkitc", 24, "do not carry"),
    ],
)
def test_a_pin_that_the_chip_needs_itself_is_refused(wrong, signal, board, pin, words):
    wrong["signals"][signal][board] = pin
    said = complaints(wrong)
    assert words in said and f"{signal} is on GPIO{pin}" in said


def test_an_interrupt_may_sit_on_an_input_only_pin_because_its_pull_up_is_outside(wrong):
    wrong["signals"]["PPG_INT"]["devkitc"] = 39
    assert table.broken(wrong) == []


def test_two_signals_on_one_pin_are_refused(wrong):
    wrong["signals"]["LAMP"]["s3"] = wrong["signals"]["BUTTON"]["s3"]
    assert "GPIO4 of the ESP32-S3-DevKitC-1-N8R2 is given to LAMP and BUTTON" in complaints(wrong)


def test_two_kits_may_use_the_same_pin_because_nobody_builds_both(wrong):
    wrong["signals"]["EEG_CS"]["devkitc"] = wrong["signals"]["SDA"]["devkitc"]
    assert table.broken(wrong) == []


def test_an_open_drain_net_without_a_pull_up_is_refused(wrong):
    wrong["kits"]["heart"]["parts"].remove("R3")
    assert "PPG_INT is pulled up by nothing" in complaints(wrong)


def test_a_second_pull_up_is_refused(wrong):
    wrong["parts"]["R3"]["pins"][1][2] = "SDA"
    said = complaints(wrong)
    assert "SDA is pulled up by U2's own and R3" in said
    assert "PPG_INT is pulled up by nothing" in said


def test_two_drivers_on_a_net_are_refused(wrong):
    wrong["parts"]["U2"]["pins"][3] = ["INT", "out", "LAMP"]
    assert "LAMP is driven by U1.25 and U2.INT" in complaints(wrong)


def test_two_supplies_on_a_net_are_refused(wrong):
    wrong["kits"]["eeg"]["source"] = "U1"
    assert "+3V3 is driven by U1.3V3 and U4.VOUT" in complaints(wrong)


def test_electrodes_in_a_kit_that_runs_on_usb_are_refused(wrong):
    wrong["kits"]["heart"]["parts"].append("E1")
    assert "electrodes never share a kit with a mains supply" in complaints(wrong)


def test_a_battery_kit_turned_into_a_usb_one_is_refused_for_its_electrodes(wrong):
    wrong["kits"]["eeg"] |= {"source": "U1", "parts": ["U1", "U3", "E1"]}
    assert "electrodes never share a kit with a mains supply" in complaints(wrong)


def test_a_charger_beside_electrodes_is_refused(wrong):
    charger = {"name": "TP4056", "pins": [["IN", "pin", "+5V"], ["OUT", "p", "BAT"]]}
    wrong["parts"]["U9"] = charger
    wrong["kits"]["eeg"]["parts"].append("U9")
    assert "U9.IN on the 5 V net: nothing there may live on USB" in complaints(wrong)
    wrong["parts"]["U9"]["pins"] = [["VBUS", "pout", "+5V"], ["OUT", "p", "BAT"]]
    assert "U9.VBUS on the 5 V net" in complaints(wrong)


def test_a_kit_with_electrodes_is_fed_by_a_cell_and_by_nothing_else(wrong):
    del wrong["parts"]["BT1"]["cell"]
    assert "electrodes on the head (E1) in the EEG kit, which runs on BT1" in complaints(wrong)


def test_more_than_a_small_light_beside_electrodes_is_refused(wrong):
    wrong["parts"]["D2"]["watt"] = 0.31
    assert "0.31 W of light: a cell's kit has 0.3 W at most" in complaints(wrong)


def test_a_mosfet_that_does_not_open_at_the_pins_voltage_is_refused(wrong):
    wrong["parts"]["Q1"] |= {"name": "IRF520", "rated_gate_v": 10}
    assert "IRF520 (Q1) is rated from 10 V" in complaints(wrong)


def test_a_part_without_supply_is_refused(wrong):
    wrong["parts"]["U2"]["pins"][0][2] = "VBAT"
    assert "VBAT feeds U2" in complaints(wrong)


def test_an_input_that_nobody_drives_is_refused(wrong):
    wrong["parts"]["U3"]["pins"][4][1] = "in"
    assert "EEG_MISO is read and driven by nobody" in complaints(wrong)


def test_a_signal_that_reaches_no_part_is_refused(wrong):
    wrong["parts"]["R4"]["pins"][0][2] = "LANP"
    said = complaints(wrong)
    assert "LANP has one end, R4.1" in said and "LAMP has one end, U1.25" in said


def test_a_wrong_table_is_not_generated_from(tmp_path):
    text = table.TABLE.read_text()
    spoilt = tmp_path / "dreamlamp.toml"
    spoilt.write_text(text.replace("devkitc = 25", "devkitc = 34"))
    with pytest.raises(table.TableError, match="can only be an input"):
        table.checked(spoilt)
