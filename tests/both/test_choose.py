"""Which firmware starts, where the memory that says so refuses."""

import sys

import lamp

BOOT = lamp.__file__.rsplit("/", 2)[0] + "/boot"


class Store:
    """NVS with one number; it `refuses` to be opened, set or committed."""

    mark, refuses = 0, ""

    def __init__(self, name):
        self.look("open")

    def look(self, what):
        if Store.refuses == what:
            raise OSError(-4357)

    def get_i32(self, key):
        return Store.mark

    def set_i32(self, key, value):
        self.look("set")
        Store.mark = value

    def commit(self):
        self.look("commit")


class Pin:
    IN = PULL_UP = 0

    def __init__(self, *_):
        pass

    def value(self):
        return 1


class Chip:
    """The modules `esp32` and `machine`."""

    NVS, Pin = Store, Pin
    bites_in = 0

    @staticmethod
    def WDT(timeout):
        Chip.bites_in = timeout


def start(mark, refuses=""):
    """(folder chosen, whether the chooser stays for a trial, whether a watchdog runs)."""
    Store.mark, Store.refuses, Chip.bites_in = mark, refuses, 0
    before, path = {}, list(sys.path)
    for name in ("esp32", "machine"):
        before[name] = sys.modules.get(name)
        sys.modules[name] = Chip
    sys.path.insert(0, BOOT)
    try:
        import choose

        choose.choose()
        return sys.path[0], sys.modules.pop("choose", None) is not None, Chip.bites_in > 0
    finally:
        sys.modules.pop("choose", None)
        sys.path[:] = path
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module


TRIAL, START = 2, 8


def test_a_trial_runs_the_other_one_under_the_watchdog_and_is_counted():
    assert start(0) == ("/a", False, False) and start(1) == ("/b", False, False)
    assert start(TRIAL) == ("/b", True, True) and Store.mark == TRIAL + START
    assert start(1 | TRIAL) == ("/a", True, True)
    assert start(TRIAL + 3 * START) == ("/a", False, False) and Store.mark == 4


def test_a_trial_that_cannot_be_counted_is_none_and_the_proven_one_runs():
    for refuses in ("set", "commit"):
        for slot in (0, 1):
            for tries in (0, 3):
                found = start(slot | TRIAL | tries * START, refuses)
                assert found == ("/" + "ab"[slot], False, False), (refuses, slot, tries)


def test_a_memory_that_does_not_open_starts_the_first():
    assert start(1 | TRIAL, "open") == ("/a", False, False)
