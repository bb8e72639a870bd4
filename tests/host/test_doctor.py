"""The doctor's table: what each fault of a lamp makes it say, and that it says what to do."""

import pytest
from dreamlamp import doctor
from dreamlamp.doctor import Facts, Flash, Sensor, System
from lamp import wire

NOW, DAY = 1_800_000_000, 86400
SYSTEM = System(
    (0, 1, 0), (1, 28, 0), 1, 0, 0, wire.KIT_HEART, 7, 3 * DAY, DAY, NOW - 2 * DAY,
    40000, 30000, 90000, 80000, 5000, 0,
)  # fmt: skip
SENSOR = Sensor(1, 1, 1, 1, 0x15, 1, 0, 0, 0x1F, 30, 0, 100, 5000, 6000)
FLASH = Flash(900, 12000, 5, 0, 0, 0, 0, 0, 384, 3, 1, 512 << 10, 300 << 10, 0, 40)


def facts(system=None, sensor=None, flash=None, **more):
    given = {"crashes": [], "now": float(NOW), "state": wire.IDLE, **more}
    return Facts(
        SYSTEM._replace(**(system or {})),
        SENSOR._replace(**(sensor or {})),
        FLASH._replace(**(flash or {})),
        **given,
    )


def troubles(given):
    return {f.name: f for f in doctor.examine(given) if f.state != doctor.FINE}


EEG = {"kit": wire.KIT_EEG}
CASES = [
    ("reset cause", "had hung", facts({"cause": 3})),
    ("safe mode", "button was held", facts(state=wire.SAFE)),
    ("safe mode", "crashed three times", facts({"strikes": 3}, state=wire.SAFE)),
    ("crashes in a row", "2 crashes", facts({"strikes": 2})),
    ("last update", "on trial", facts({"mark": doctor.TRIAL})),
    ("last update", "went back", facts({"mark": doctor.LOST})),
    ("memory", "3999 bytes", facts({"heap_low": 3999})),
    ("memory", "7999 of the radio", facts({"idf_low": 7999})),
    ("supply", "4.4 V", facts({"supply_mv": 4400})),
    ("supply", "USB is in", facts({**EEG, "supply_mv": 5000})),
    ("clock", "nobody has told", facts({"told_unix_s": 0})),
    ("clock", "+21 s off", facts(now=float(NOW - 21))),
    ("last errors", "ValueError", facts(crashes=["Traceback\n ValueError: no heart"])),
    ("flash wear", "3 writes did not stick", facts(flash={"faults": 3})),
    ("flash wear", "1 sectors take no more", facts(flash={"bad": 1})),
    ("flash wear", "3 frames had rotted", facts(flash={"rot": 3})),
    ("nights not fetched", "had to make room", facts(flash={"lost": 1})),
    ("nights not fetched", "wait", facts(flash={"unsynced": 21})),
    ("file system", "127 kB", facts(flash={"files_free": 127 << 10})),
    ("pull-ups", "SDA and SCL", facts(sensor={"sda": 0, "scl": 0})),
    ("on the bus", "2 other", facts(sensor={"part": -1, "devices": 2, "errno": 19})),
    ("part", "MAX30100", facts(sensor={"part": 0x11})),
    ("part", "33h", facts(sensor={"part": 0x33})),
    ("interrupt", "stays low", facts(sensor={"int_after": 0})),
    ("light from elsewhere", "2001 counts", facts(sensor={"dark": 2001, "infrared": 9000})),
    ("infrared LED", "adds 299", facts(sensor={"infrared": 399})),
    ("faults", "10 transfers", facts(sensor={"faults": 10, "errno": 116})),
    ("warmth", "spare the skin", facts(sensor={"hot": 1, "die_c": 42})),
]


@pytest.mark.parametrize("name, says, given", CASES, ids=[f"{c[0]}: {c[1]}" for c in CASES])
def test_a_fault_is_said_with_what_to_do_about_it_and_nothing_else_is(name, says, given):
    found = troubles(given)
    assert says in found.pop(name).says
    assert set(found) <= {"crashes in a row"}  # safe mode has its cause beside it
    assert all(f.do for f in troubles(given).values())


def test_a_lamp_that_is_well_is_called_so_and_every_check_was_seen_to_fail():
    assert troubles(facts()) == {} and len(doctor.examine(facts())) == len(doctor.CHECKS)
    assert {name for _, name, _ in doctor.CHECKS} == {name for name, *_ in CASES}


def test_a_crystal_that_drifts_as_crystals_do_is_not_complained_of():
    told = {"uptime_s": 12 * DAY, "told_at_s": 0, "told_unix_s": NOW - 12 * DAY}
    assert "clock" not in troubles(facts(told, now=NOW - 12 * DAY * 20e-6))
    assert "clock" in troubles(facts(told, now=NOW + 12 * DAY * 150e-6))


def test_a_sensor_that_could_not_be_asked_is_skipped_and_said():
    night, eeg = facts(state=wire.RECORDING), facts(EEG | {"supply_mv": 3200})
    night.sensor = eeg.sensor = None
    for given, why in ((night, "recorded"), (eeg, "--wiring")):
        skipped = troubles(given)
        assert {f.section for f in skipped.values()} == {"sensor"}
        assert all(f.state == doctor.SKIPPED and why in f.says for f in skipped.values())


def test_the_plain_facts_are_in_words():
    said = doctor.words(facts({"mark": 1, "cause": 3}))
    assert said["firmware"] == "0.1.0 in /b" and said["started"].startswith("watchdog")
    assert "30000 at worst" in said["memory"]
    assert "about 2 erases a sector of 100000" in said["flash"] and "5 since" in said["flash"]
