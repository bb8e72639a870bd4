"""Cut the power in the operations of an update, and see which firmware starts (MicroPython).

    micropython update_cuts.py SIM BOOT PLAN STRIDE FIRST

PLAN (JSON) has `image` (hex of the file system before), `scripts` (what `dreamlamp update` runs
on the board, the last of them the one that puts the new firmware on trial) and `new` (path:
content of what they write). Every STRIDE-th cut from FIRST on is tried; a cut is one of littlefs's
operations on the simulated flash, torn in one of the five ways that leave no half-charged cell
(of those littlefs promises nothing). After it the board boots twice, then the update is made
again and must succeed. Prints how many cuts there are and how many were tried.
"""

import gc
import io
import json
import sys
from binascii import unhexlify

import vfs

SIM, BOOT, PLAN, STRIDE, FIRST = sys.argv[1:6]
SECTOR = 4096
vfs.umount("/")
vfs.mount(vfs.VfsPosix(), "/host")
sys.path[:] = ["/host" + SIM, "/host" + BOOT]

from flash import DONE, NOTHING, PREFIX, SUFFIX, TORN, Flash, PowerCut  # noqa: E402

TEARS = (NOTHING, PREFIX, SUFFIX, TORN, DONE)
with open("/host" + PLAN) as file:
    plan = json.load(file)
IMAGE = unhexlify(plan["image"])


class Disk:
    """The partition `vfs`; one that is `off` does nothing, whatever a stale file wants of it."""

    def __init__(self, flash):
        self.flash, self.off = flash, False

    def readblocks(self, block, buf, offset=0):
        if not self.off:
            self.flash.read(block * SECTOR + offset, buf)

    def writeblocks(self, block, buf, offset):
        if not self.off:
            self.flash.program(block * SECTOR + offset, buf)

    def ioctl(self, op, arg):
        if op == 4:
            return self.flash.sectors
        if op == 5:
            return SECTOR
        if op == 6 and not self.off:
            self.flash.erase(arg)
        return 0


class Store:
    """NVS: what was committed stays, at one instant."""

    kept = {}

    def __init__(self, name):
        self.values = dict(Store.kept)

    def get_i32(self, key):
        if key not in self.values:
            raise OSError(-4354)
        return self.values[key]

    def set_i32(self, key, value):
        self.values[key] = value

    def commit(self):
        Store.kept = dict(self.values)


class Pin:
    IN = PULL_UP = 0

    def __init__(self, *_):
        pass

    def value(self):
        return 1


class Module:
    pass


sys.modules["esp32"], sys.modules["machine"] = esp32, machine = Module(), Module()
esp32.NVS, machine.Pin, machine.WDT = Store, Pin, lambda timeout: None


def boot(flash):
    """What the firmware that starts calls itself; it proves itself if it is on trial."""
    disk = Disk(flash)
    vfs.mount(vfs.VfsLfs2(disk), "/")
    path = list(sys.path)
    try:
        import choose

        choose.choose()
        from lamp import main

        if "choose" in sys.modules:
            choose.prove()
        return main.whole()
    finally:
        vfs.umount("/")
        disk.off = True
        sys.path[:] = path
        for name in list(sys.modules):
            if name == "choose" or name.startswith("lamp"):
                del sys.modules[name]


def update(flash):
    """Run the scripts; True if the power went in the midst of them."""
    disk, space = Disk(flash), {}
    vfs.mount(vfs.VfsLfs2(disk), "/")
    try:
        for script in plan["scripts"]:
            exec(script, space)
        for path in plan["new"]:
            with open(path) as held:
                assert held.read() == plan["new"][path], path
        return False
    except PowerCut:
        return True
    finally:
        disk.off = True
        vfs.umount("/")
        gc.collect()


def attempt(n, tear):
    """One cut, in operation `n`; None if the update has no so many."""
    flash = Flash(io.BytesIO(IMAGE), len(IMAGE) // SECTOR)
    Store.kept = {"ab": 0}
    flash.cut(n, tear, 7 * n % 61, n + 1)
    if not update(flash):
        return None
    flash.power_on()
    expected = "new" if Store.kept["ab"] & 2 else "old"
    found = [boot(flash), boot(flash)]
    assert found == [expected] * 2, (n, tear, found, Store.kept)
    Store.kept = {"ab": 0}  # as if it had been lost again: the old one is still there
    assert boot(flash) == "old", (n, tear)
    assert not update(flash), (n, tear)
    assert [boot(flash), boot(flash)] == ["new"] * 2 and Store.kept["ab"] == 1, (n, tear)
    return True


tried = cut = 0
while True:
    tear = TEARS[cut % len(TEARS)]
    wanted = cut % int(STRIDE) == int(FIRST) % int(STRIDE)
    if wanted and attempt(cut // len(TEARS), tear) is None:
        break
    tried += wanted
    cut += 1
print(cut, tried)
