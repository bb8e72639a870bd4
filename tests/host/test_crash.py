"""A crash leaves the light dark, whatever else fails on the way to the reset."""

import importlib
import sys
from types import ModuleType, SimpleNamespace

import pytest
from hostile import Settings


@pytest.fixture
def main(monkeypatch):
    """lamp.main over a chip of which only the reset is there."""
    for name in ("machine", "bluetooth", "esp32"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    for name in ("lamp.main", "lamp.board"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "print_exception", lambda *_: None, raising=False)
    made = importlib.import_module("lamp.main")
    made.machine.reset = lambda: (_ for _ in ()).throw(SystemExit)
    yield made
    for name in ("lamp.main", "lamp.board"):
        sys.modules.pop(name, None)


class Board(SimpleNamespace):
    """Lit, until told otherwise."""

    def __init__(self, **more):
        super().__init__(level=4000, **more)
        self.light = SimpleNamespace(set=lambda level: setattr(self, "level", level))


@pytest.mark.parametrize("settings", [Settings(), None], ids=["kept", "broken"])
def test_a_crash_is_dark_before_anything_else_and_ends_in_a_reset(main, settings):
    board = Board(settings=settings)
    with pytest.raises(SystemExit):
        main.crash(board, RuntimeError("anything"))
    assert board.level == 0


def test_who_stops_the_program_at_the_prompt_leaves_no_light_on(main, monkeypatch):
    board = Board(settings=Settings(), safe=False, spawn=lambda *_: None,
                  watchdog=SimpleNamespace(start=lambda: None))  # fmt: skip
    board.reset_cause = main.machine.PWRON_RESET = 1
    main.machine.WDT_RESET = 3
    monkeypatch.setattr(main, "Board", lambda note: board)
    monkeypatch.setattr(main.gc, "threshold", lambda n: None, raising=False)

    def stopped(task):
        task.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(main.asyncio, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        main.main()
    assert board.level == 0
