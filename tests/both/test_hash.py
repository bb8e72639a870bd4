"""The hash of a night, made in small steps so that the sensor is not kept waiting."""

import hashlib

from lamp.nightlog import Cursor
from test_nightlog import begin, boot, chip, write


def test_a_hash_comes_sector_by_sector_whoever_else_wants_one():
    flash = chip()
    log = boot(flash)
    one = begin(log)
    write(log, 40)
    log.close()
    two = begin(log)
    write(log, 40)
    log.close()
    expected = {night: log.digest(night) for night in (one, two)}
    log = boot(flash)
    steps, done = 0, {one: 0, two: 0}
    while not all(done.values()):
        for night in done:  # two hosts, each asks until it has its own
            steps += 1
            if not done[night] and log.hash_on(night):
                assert log.digest(night) == expected[night]
                done[night] = steps
    sectors = sum(log.ring.owns(n, s) for n in done for s in range(flash.sectors))
    assert sectors >= 4 and sectors <= steps <= 2 * sectors + 2
    assert log.rot == 0


def test_what_is_written_while_a_hash_is_made_is_in_it():
    log = boot(chip())
    night = begin(log)
    write(log, 40)
    assert not log.hash_on(night)
    write(log, 5, 40)
    while not log.hash_on(night):
        pass
    whole = bytearray(4000)
    n = log.read(night, 0, whole, Cursor())
    assert log.digest(night) == (n, hashlib.sha256(bytes(whole[:n])).digest())
    assert log.entry(night)[1] == n and log.entry(night + 1) is None
