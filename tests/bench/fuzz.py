"""A million hostile requests to the lamp's server, and guided ones to all that parses.

INPUTS, GUIDED (of each target of _guided.py, 20000) and SEED in the environment.

Half are random bytes, half begin as a request should and go wrong later; half come from the
owner's host, half from strangers (encrypted or not, bonded or not, never known, or a companion
whose permission is over, who may say hello and make it dark). A crash is any exception, a status
out of the table or a FAULT; an unauthenticated change is any difference in log, settings, night
or running READ after a stranger's request, and any ok said to one.
The case that fails is printed as a line of Python that repeats it. The guided inputs are
atheris's: a conversation, lines at the console, frames at the host's end of the cable, a night to
be decoded; what crashes is left in build/fuzz and the command printed that runs it again.
"""

import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

from lamp import wire

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "host"))
from hostile import GUEST, OWNER, Target

NEEDS_DATA = False
KNOWN = (True, True, True)
GUIDED = ("server", "console", "frames", "decoder")
LEFT = Path(__file__).resolve().parents[2] / "build" / "fuzz"
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
    seed = int(os.environ.get("SEED", 1))
    result = at_random(int(os.environ.get("INPUTS", 1_000_000)), seed)
    for target in GUIDED:
        found = guided(target, int(os.environ.get("GUIDED", 20_000)), seed)
        result["inputs"] += found["inputs"]
        result["crashes"] += found["crashes"]
        result |= {f"{target}.{key}": value for key, value in found.items()}
    for key, value in result.items():
        print(f"{key:28}{value:>14.0f}")
    return result


def guided(target: str, runs: int, seed: int) -> dict:
    """Let atheris try; how many inputs, crashes, and edges of the code they reached."""
    LEFT.mkdir(parents=True, exist_ok=True)
    file = Path(__file__).with_name("_guided.py")
    command = [sys.executable, str(file), target]
    done = subprocess.run(
        [*command, f"-runs={runs}", f"-seed={seed}", f"-artifact_prefix={LEFT}/"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, check=False,
    )  # fmt: skip
    for left in re.findall(r"Test unit written to (\S+)", done.stderr):
        print(f"CRASHED: {' '.join(command)} {left}")
    if "Done" not in done.stderr and "Test unit" not in done.stderr:
        raise RuntimeError(f"atheris did not run: {done.stderr[-500:]}")
    ran = re.findall(r"^#(\d+)", done.stderr, re.M)
    edges = re.findall(r"cov: (\d+)", done.stderr)
    return {
        "inputs": int(ran[-1]), "crashes": int(done.returncode != 0), "edges": int(edges[-1])
    }  # fmt: skip


def at_random(inputs: int, seed: int) -> dict:
    """Requests by chance, half of them nearly right."""
    chance = random.Random(seed)
    crashes = changes = 0
    began = time.monotonic()
    for i in range(inputs):
        if i % RENEW == 0:
            target = Target()
        request, stranger = request_of(chance), chance.random() < 0.5
        peer = (chance.random() < 0.5, chance.random() < 0.5, False) if stranger else KNOWN
        target.server.failed = 0  # the rate limit must not shield what is behind it
        guest, how = stranger and peer[:2] == (True, True), "Target()"
        if guest != (target.server.bonds.current == GUEST):  # another connection
            target.server.bonds.current = OWNER
            target.server.gone()
        if guest:
            target.companion()
            peer, how = KNOWN, "Target().companion()"
        may = guest and request[:1] in (bytes((wire.HELLO,)), bytes((wire.LAMP_OFF,)))
        before = target.state() if stranger else None
        try:
            status = target.ask(request, peer)
            if stranger and not may and (status == wire.OK or target.state() != before):
                changes += 1
                print(f"CHANGED: {how}.ask({request!r}, {peer})")
            target.drain()
        except Exception as error:
            crashes += 1
            print(f"CRASHED ({error!r}): Target().ask({request!r}, {peer})")
            target = Target()
    return {
        "inputs": inputs,
        "crashes": crashes,
        "unauthenticated_changes": changes,
        "inputs_per_s": inputs / (time.monotonic() - began),
    }
