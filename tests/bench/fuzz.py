"""A million hostile requests to the lamp's server: INPUTS and SEED in the environment.

Half are random bytes, half begin as a request should and go wrong later; half come from the
owner's host, half from strangers (encrypted or not, bonded or not, never known). A crash is any
exception, a status out of the table or a FAULT; an unauthenticated change is any difference in
log, settings, night or running READ after a stranger's request, and any ok said to one.
The case that fails is printed as a line of Python that repeats it.
"""

import os
import random
import sys
import time
from pathlib import Path

from lamp import wire

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "host"))
from hostile import Target

NEEDS_DATA = False
OWNER = (True, True, True)
RENEW = 500  # a fresh lamp after so many requests, for nights get deleted


def request_of(chance: random.Random) -> bytes:
    """Random bytes, or an opcode there is with a body that is nearly right."""
    if chance.random() < 0.5:
        return chance.randbytes(chance.randrange(70))
    night = chance.choice((b"\x01\x00", b"\x04\x00", chance.randbytes(2)))
    body = night + bytes(chance.choice((0, 1, 255, chance.randrange(256))) for _ in range(40))
    length = chance.choice((0, 1, 2, 6, 8, 10, 34, chance.randrange(40)))
    return bytes((chance.randrange(1, 16), chance.randrange(256))) + body[:length]


def run(data: Path | None, train: bool) -> dict:
    inputs = int(os.environ.get("INPUTS", 1_000_000))
    chance = random.Random(int(os.environ.get("SEED", 1)))
    crashes = changes = 0
    began = time.monotonic()
    for i in range(inputs):
        if i % RENEW == 0:
            target = Target()
        request, stranger = request_of(chance), chance.random() < 0.5
        peer = (chance.random() < 0.5, chance.random() < 0.5, False) if stranger else OWNER
        target.server.failed = 0  # the rate limit must not shield what is behind it
        before = target.state() if stranger else None
        try:
            status = target.ask(request, peer)
            if stranger and (status == wire.OK or target.state() != before):
                changes += 1
                print(f"CHANGED: Target().ask({request!r}, {peer})")
            target.drain()
        except Exception as error:
            crashes += 1
            print(f"CRASHED ({error!r}): Target().ask({request!r}, {peer})")
            target = Target()
    result = {
        "inputs": inputs,
        "crashes": crashes,
        "unauthenticated_changes": changes,
        "inputs_per_s": inputs / (time.monotonic() - began),
    }
    for key, value in result.items():
        print(f"{key:28}{value:>14.0f}")
    return result
