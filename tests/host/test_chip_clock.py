"""The lamp's date goes on through a reset and not through a power cut, on the simulated chip."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from test_bounds import Small

SIM = Path(__file__).resolve().parents[2] / "firmware" / "sim"
NOW = 1_760_000_000


@pytest.fixture
def clock(monkeypatch):
    """board.Clock over a chip whose date is `chip.s` seconds since 2000."""
    chip = SimpleNamespace(s=100, told=None)
    machine = ModuleType("machine")
    machine.RTC = lambda: SimpleNamespace(datetime=lambda when: setattr(chip, "told", when))
    for name, module in (("machine", machine), ("bluetooth", ModuleType("bluetooth")),
                         ("esp32", ModuleType("esp32"))):  # fmt: skip
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "lamp.board", raising=False)
    board = importlib.import_module("lamp.board")
    import time as real

    monkeypatch.setattr(board, "time", SimpleNamespace(
        time=lambda: chip.s, ticks_ms=lambda: 0, ticks_diff=lambda a, b: a - b,
        gmtime=lambda s: real.gmtime(s + board.EPOCH_2000)))  # fmt: skip
    yield board.Clock(), chip
    sys.modules.pop("lamp.board", None)


def test_a_date_nobody_set_is_unknown(clock):
    clock, chip = clock
    assert clock.unix_s() == 0
    chip.s = NOW - 946684800
    assert clock.unix_s() == NOW


def test_what_a_host_told_is_put_on_the_chips_clock(clock):
    clock, chip = clock
    clock.set(NOW)
    assert chip.told[:3] == (2025, 10, 9) and chip.told[4:7] == (8, 53, 20)


def test_milliseconds_stay_small_integers_however_long_the_lamp_runs(clock):
    clock, _ = clock
    clock._s = Small(40 * 86400)
    assert 0 <= clock.now_ms() < 1 << 30


@pytest.mark.parametrize("cause, kept", [(1, False), (2, True), (3, True), (5, True)])
def test_it_goes_on_through_every_reset_but_a_power_cut(tmp_path, monkeypatch, cause, kept):
    monkeypatch.syspath_prepend(str(SIM))
    sys.modules.pop("world", None)
    world = importlib.import_module("world")
    (tmp_path / "world.json").write_text("{}")
    state = {"world_ms": 60_000, "cause": cause, "rtc_s": 800_000_000}
    (tmp_path / "state.json").write_text(json.dumps(state))
    world.load(str(tmp_path))
    assert world.rtc_s == (800_000_000 if kept else -60)
    sys.modules.pop("world", None)
