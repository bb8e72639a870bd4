"""Cut the power in the operations of an update, and see which firmware starts (MicroPython).

    micropython update_cuts.py SIM BOOT PLAN STRIDE FIRST

PLAN (JSON) has `image` (hex of the file system before), `old` (the slot that runs) and, by kind of
the new firmware, `scripts` (what `dreamlamp update` runs on the board, the last of them puts it
on trial) and `new` (path: content). One kind is whole, the others are broken. An update's life is
the writing, the switch, and starts until a firmware runs that is on no trial.

Every STRIDE-th cut in such lives from FIRST on is tried; a cut is an operation on the file
system's flash or on NVS. The former is torn in one of the five ways that leave no half-charged
cell (of those littlefs promises nothing), the latter was done or not (NVS has journal and
checksums of its own). What follows once the power is back is cut again, at each of its operations
in turn; then the lamp must settle on the firmware that it ought to have, and the update is made
again and must succeed. Prints how many cuts there are, how many were tried, how many again.
"""

import gc
import io
import json
import sys
from binascii import unhexlify

import vfs

SIM, BOOT, PLAN, STRIDE, FIRST = sys.argv[1:6]
SECTOR = 4096
STARTS = 6  # three of a trial, one that ends it, and those that were cut
vfs.umount("/")
vfs.mount(vfs.VfsPosix(), "/host")
sys.path[:] = ["/host" + SIM]

from flash import DONE, NOTHING, PREFIX, SUFFIX, TORN, Flash, PowerCut  # noqa: E402

sys.path[:] = ["/host" + BOOT]

TEARS = (NOTHING, PREFIX, SUFFIX, TORN, DONE)
with open("/host" + PLAN) as file:
    plan = json.load(file)
IMAGE = unhexlify(plan["image"])
with open("/host" + BOOT + "/main.py") as file:
    MAIN = file.read()


class Ran(BaseException):
    """A firmware ran: which, and whether it was on trial when it began."""


class Gone(BaseException):
    """The chip starts anew: a reset, or its watchdog bit."""


class Power:
    """Counts the operations on everything that is written to; goes off in the planned one."""

    left, tear = -1, NOTHING

    def plan(self, left, tear):
        self.left, self.tear = left, tear

    def goes(self):
        self.left -= 1
        return self.left == -1


power = Power()


class Disk:
    """The partition `vfs`; one that is `off` does nothing, whatever a stale file wants of it."""

    def __init__(self, flash):
        self.flash, self.off = flash, False

    def readblocks(self, block, buf, offset=0):
        if not self.off:
            self.flash.read(block * SECTOR + offset, buf)

    def look(self):
        if power.goes():
            self.flash.cut(0, power.tear, 7 * self.flash.operations % 61, self.flash.operations)

    def writeblocks(self, block, buf, offset=0):
        if not self.off:
            self.look()
            self.flash.program(block * SECTOR + offset, buf)

    def ioctl(self, op, arg):
        if op == 4:
            return self.flash.sectors
        if op == 5:
            return SECTOR
        if op == 6 and not self.off:
            self.look()
            self.flash.erase(arg)
        return 0


class Store:
    """NVS, which may write a number when it is set or when it is committed: both are cut."""

    kept = {}

    def __init__(self, name):
        self.values = dict(Store.kept)

    def get_i32(self, key):
        if key not in self.values:
            raise OSError(-4354)
        return self.values[key]

    def set_i32(self, key, value):
        self.values[key] = value
        self.operation()

    def commit(self):
        self.operation()
        Store.kept = dict(self.values)

    def operation(self):
        if power.goes():
            if power.tear == DONE:
                Store.kept = dict(self.values)
            raise PowerCut()


class Pin:
    IN = PULL_UP = 0

    def __init__(self, *_):
        pass

    def value(self):
        return 1


class Module:
    pass


def gone(*_):
    raise Gone()


sys.modules["esp32"], sys.modules["machine"] = esp32, machine = Module(), Module()
esp32.NVS, machine.Pin, machine.WDT, machine.reset = Store, Pin, lambda timeout: None, gone
machine.bites, machine.ran = gone, Ran


def start(flash):
    """One start, as boot/main.py makes it; raises how it ended."""
    disk = Disk(flash)
    vfs.mount(vfs.VfsLfs2(disk), "/")
    path = list(sys.path)
    try:
        import choose

        choose.PAUSE_S = 0
        exec(MAIN, {})
    finally:
        disk.off = True
        vfs.umount("/")
        sys.path[:] = path
        for name in list(sys.modules):
            if name not in ("esp32", "machine", "flash"):
                del sys.modules[name]


def settle(flash):
    """Start until a firmware runs that is on no trial; which."""
    for _ in range(STARTS):
        try:
            start(flash)
        except Ran as ran:
            which, trial = ran.args
            if not trial:
                return which
        except Gone:
            pass
    raise AssertionError("no firmware stays: %s" % Store.kept)


def update(flash, kind):
    """Run the scripts: write, compare, switch."""
    disk, space, new = Disk(flash), {}, plan["new"][kind]
    vfs.mount(vfs.VfsLfs2(disk), "/")
    try:
        for script in plan["scripts"][kind][:-1]:
            exec(script, space)
        for path in new:
            with open(path) as held:
                assert held.read() == new[path], path
        exec(plan["scripts"][kind][-1], space)
    finally:
        disk.off = True
        vfs.umount("/")
        gc.collect()


def cut(flash, do, *args):
    """Do it; True if the power went in the midst, and it is back."""
    try:
        do(flash, *args)
        return False
    except PowerCut:
        flash.power_on()
        return True


def live(kind, n, tear, again):
    """One life with a cut in operation `n` and one `again` so many later; None: none so late."""
    flash = Flash(io.BytesIO(IMAGE), len(IMAGE) // SECTOR)
    Store.kept = {"ab": plan["old"]}
    power.plan(n, tear)
    early = cut(flash, update, kind)
    if not early and not cut(flash, settle):
        return None
    tried = Store.kept["ab"] & 3 != plan["old"]  # on trial, or already proven
    power.plan(again, tear)
    if not cut(flash, settle) and again >= 0:
        return None  # it was over sooner
    power.plan(-1, NOTHING)
    about = kind, n, tear, again, Store.kept
    found = settle(flash)
    assert found == ("new" if tried and kind == "whole" else "old"), (about, found)
    assert not Store.kept["ab"] & 2, about
    update(flash, "whole")
    assert settle(flash) == settle(flash) == "new", about
    assert Store.kept["ab"] == plan["old"] ^ 1, about
    return True


cuts = tried = twice = 0
for kind in plan["new"]:
    at = 0
    while True:
        tear = TEARS[at % len(TEARS)]
        wanted = cuts % int(STRIDE) == int(FIRST) % int(STRIDE)
        if wanted and live(kind, at // len(TEARS), tear, -1) is None:
            break
        tried += wanted
        if wanted:
            again = 0
            while live(kind, at // len(TEARS), tear, again):
                again += 1
            twice += again
        at += 1
        cuts += 1
print(cuts, tried, twice)
