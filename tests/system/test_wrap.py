"""The chip's count of milliseconds wraps after twelve days, and no night is the worse for it."""

import json
from pathlib import Path

import pytest
from test_power import live, world

WRAP_MS = 1 << 30
MINUTES = 30
EVENTS = [4000, "button", 200], [840_000, "bus_fault", 3000], [1740_000, "button", 300]
SIGN_MS = 1 << 29  # where differences of ticks would change their sign


def night(bits: int, folder: Path, ticks_ms: int) -> tuple[bytes, bytes]:
    """What a lamp logs and shines whose count stands at `ticks_ms` at power-up."""
    folder.mkdir()
    world(folder, list(EVENTS))
    more = {"ticks_ms": ticks_ms, "stop_at_s": MINUTES * 60}
    spec = json.loads((folder / "world.json").read_text())
    (folder / "world.json").write_text(json.dumps({**spec, **more}))
    statuses, said = live(bits, folder)
    assert statuses == [0], said[-2000:]
    return (folder / "flash.bin").read_bytes(), (folder / "light.log").read_bytes()


@pytest.mark.parametrize("bits", [64, 32])
def test_a_night_over_the_wrap_logs_the_same_bytes(bits, tmp_path):
    plain = night(bits, tmp_path / "plain", 0)
    assert len(set(plain[0])) > 100
    for name, at in (("wrap", WRAP_MS), ("sign", SIGN_MS)):
        assert night(bits, tmp_path / name, at - MINUTES * 30_000) == plain, name
