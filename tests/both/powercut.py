"""A shortened night that dies anywhere, and what must be true after each boot.

Used by tests/both (a few cuts, on MicroPython too), tests/host (every cut) and bench durability
(random cuts of whole nights).
"""

from fakes import Memory
from lamp import nightlog, wire
from sim.flash import TEARS, Flash, PowerCut, Sectors

SECTORS, SIZE = 7, 1024
FRAMES = 50  # into a third sector, so that the synced night must give way

BASE, SCRATCH = Memory(SECTORS * SIZE), Memory(SECTORS * SIZE)
boots = 0


def frame(i):
    """(kind, payload) of the i-th frame of a night, another one after each boot."""
    kind = wire.NIGHT if i == 0 else wire.EVENT if i % 5 == 4 else wire.EPOCH
    data = bytearray((i * 31 + j * j) & 255 for j in range(11 if i % 5 == 4 else 30 + i % 30))
    data[0], data[1], data[-1] = i & 255, i >> 8, boots * 37 & 255
    return kind, data


def boot(flash):
    global boots
    boots += 1
    return nightlog.NightLog(Sectors(flash))


def frames(log, night):
    found = []
    log.walk(night, lambda f, size: found.append((f[0], bytes(f[2 : size - 4]))))
    return found


def write(log, kept, upto):
    """Append frames until `upto` are kept; `kept` grows only when append has returned."""
    if not log.open_id:
        log.open_night()
    while len(kept) < upto:
        kind, data = frame(len(kept))
        assert log.append(kind, data, len(data)), "append failed"
        kept.append((kind, bytes(data)))
        log.prepare()


def old_nights():
    """An image with an unsynced night of one sector, a synced one of three and three to spare."""
    flash = Flash(BASE, SECTORS, SIZE)
    for sector in range(SECTORS):
        flash.erase(sector)
    for synced in (False, True):
        log = boot(flash)
        write(log, [], 60 if synced else 12)
        night = log.open_id
        log.close()
        if synced:
            assert log.mark_synced(night, log.digest(night)[1])
    return flash


def copy(base):
    """The one scratch flash, holding what `base` holds."""
    SCRATCH.bytes[:] = BASE.bytes
    return Flash(SCRATCH, base.sectors, base.sector_size)


def operations(base):
    """How many programs and erases the night takes."""
    flash = copy(base)
    write(boot(flash), [], FRAMES)
    return flash.operations


def check(flash, night, kept):
    """One boot: (log, frames there beyond those kept: none, or one whole but unconfirmed)."""
    log = boot(flash)
    found = frames(log, night)
    more = found[len(kept) :]
    assert found[: len(kept)] == kept, "kept %d, found %d" % (len(kept), len(found))
    assert len(more) < 2 and all(f[1][0] == len(kept) for f in more)
    assert log.open_id == (night if found else 0), "open %d" % log.open_id
    return log, more


def go_on(flash, night, kept, count):
    """One boot; check, and write `count` frames; the night gone on with."""
    log, more = check(flash, night, kept)
    if count:  # from the first write on it is as good as the others
        kept.extend(more)
    if not log.open_id:
        night = log.ring.newest + 1
    write(log, kept, len(kept) + count)
    return log, night


def die_at(base, operation, tear, whole, seed=1):
    """Cut the night there; boot, go on, boot again. AssertionError says what was lost."""
    flash, kept = copy(base), []
    flash.cut(operation, tear, whole, seed)
    log = boot(flash)
    others, night = log.ring.nights(), log.ring.newest + 1
    try:
        write(log, kept, FRAMES)
        raise ValueError("the night is shorter than that")
    except PowerCut:
        pass
    for count in (1, 6, 0, 20) if seed & 1 else (0, 1, 6, 20):
        flash.power_on()
        log, night = go_on(flash, night, kept, count)
    assert others[0] in log.ring.nights(), "the unsynced night gave way"
    log.close()
    flash.power_on()
    log = boot(flash)
    assert log.open_id == 0 and frames(log, night)[:-1] == kept, "after the end"
    return TEARS[tear]
