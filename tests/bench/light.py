"""The light under a million random nights: no limit is exceeded, no step seen, dark is dark.

A sequence is 4-12 happenings (epochs, loops, awakenings, resets, settings, clock jumps, the
button, light asked for) that go on from an evening played before, of which there are a few
hundred: without them no sequence of that length would be past the first 70 minutes. Epochs
are all fed; ticks are sampled (three an epoch at random gaps, all 600 in one sequence of 1000
and in the evenings), and the table says how many. The judge is _oracle.World.
"""

import copy
import random
import sys
import time

from lamp import names, wire

from . import _continuing
from ._oracle import Fault, World

NEEDS_DATA = False
SEQUENCES = 1_000_000
EVENINGS = 600
SEED = 1

GAPS_MS = (50, 50, 50, 51, 53, 60, 25, 30, 49, 10, 100, 240, 400)  # ms; late while flash is erased
JUMPS_MS = (1, 1000, 60_000, 3_600_000, 86_400_000, -1, -1000, -3_600_000, 1 << 29)


def settings(dice):
    """Settings of a lamp, wild ones too; half of them may act."""
    act = dice.random() < 0.6
    return {
        "mode": wire.ACT if act else dice.choice((wire.OFF, wire.OBSERVE, wire.ACT)),
        "consent": wire.POLICY if act else dice.choice((0, 1, 0x81, 2, 0x80, 255)),
        "nights": 10 if act else dice.choice((0, 2, 3, 9, 10, 255)),
        "ceiling": dice.choice((0, 10, 20, 30, 40, 60, 100)),
        "allowed": dice.choice((1, 1, 2, 3, 9, 255)),
        "seed": dice.randrange(65536),
        "full_lux": dice.choice((50, 100, 254, 254, 254, 1000, 5000)),
    }


def sleep(world, epochs, ticks=0, loop=0, hr_x10=700, score=120):
    """Calm epochs with a loop going on, each with `ticks` even ticks."""
    for _ in range(epochs):
        world.feed(wire.N2, 10, score, True, loop, hr_x10)
        loop = 0
        for _ in range(ticks):
            world.tick(30_000 // ticks)
        if not ticks:
            world.ms += 30_000
            if world.level:
                raise Fault("an evening let time pass over a light")


def evening(dice):
    """A world some way into its night, every tick of its light played."""
    world = World(bits=dice.choice((13, 14)), **settings(dice))
    sleep(world, dice.choice((0, 30, 139, 140, 141, 180)))
    for _ in range(dice.choice((0, 1, 1, 2))):
        sleep(world, dice.randrange(1, 24), 600, loop=dice.choice((0, 1, 2)))
        if dice.random() < 0.2:
            world.ask(dice.randrange(101))
            sleep(world, dice.randrange(1, 9), 600)
        if dice.random() < 0.6:
            while world.level:
                sleep(world, 1, 600, score=10)
            sleep(world, dice.choice((20, 60, 118, 119, 120, 121)))
    return world


def fork(world):
    """A copy of `world` that shares nothing that changes."""
    twin = copy.copy(world)
    twin.wake = copy.copy(world.wake)
    twin.wake.ramp = copy.copy(world.wake.ramp)
    twin.born, twin.events, twin.epoch = dict(world.born), {}, wire.Epoch()
    twin.ticks = twin.feeds = twin.steps_over = twin.starved = 0
    return twin


def ticks(world, dice, dense):
    """The 30 s of an epoch: ticks at random gaps, the rest passed over unless it shines."""
    spare = 30_000
    for _ in range(600 if dense else 3):
        gap = dice.choice(GAPS_MS)
        world.tick(gap)
        spare -= gap
    if spare > 0:
        while spare > 14_000:  # no longer than the watchdog allows
            world.tick(14_000)
            spare -= 14_000
        world.tick(spare)


def happen(world, dice, dense):
    """One thing happens."""
    pick = dice.random()
    if pick < 0.83:
        epoch(world, dice)
        ticks(world, dice, dense)
    elif pick < 0.835:
        for _ in range(dice.choice((5, 30, 115, 121))):
            world.feed(wire.N2, 10, 120)
            ticks(world, dice, False) if world.wake.active() else world.tick(30_000)
    elif pick < 0.87:
        world.jump(dice.choice(JUMPS_MS))
    elif pick < 0.89:
        world.reset()
    elif pick < 0.92:
        world.configure(**dict([dice.choice(list(settings(dice).items()))]))
        world.full_lux = world.born["full_lux"]
    elif pick < 0.95:
        world.ask(dice.randrange(101), dice.choice((0, 0, 1, 20, 60)))
    elif pick < 0.97:
        for _ in range(dice.randrange(8)):  # nobody feeds it
            ticks(world, dice, False)
    elif pick < 0.975:
        world.off()


def epoch(world, dice):
    """An epoch of loops, calm, wake or nothing."""
    pick = dice.random()
    if pick < 0.45:
        world.feed(dice.choice((2, 2, 3, 5)), 20, 130, True, dice.choice((0, 1, 1, 2)))
    elif pick < 0.65:
        world.feed(wire.N2, 10, 20, True, 0, 600)
    elif pick < 0.85:
        world.feed(wire.W, 200, 60, True, dice.choice((0, 0, 1)), 800)
    elif pick < 0.92:
        world.feed(wire.UNSCORED, 0, 0, False)
    else:
        stage = dice.choice((0, 1, 2, 3, 5, 9))
        world.feed(stage, dice.randrange(256), dice.randrange(256), True, dice.randrange(3))


def play(evenings, number, seed):
    """Play sequence `number`; return its world and the limit it broke, if any."""
    dice = random.Random(seed * 1_000_000_007 + number)
    world = fork(dice.choice(evenings))
    dense = number % 1000 == 0
    try:
        for _ in range(dice.randrange(4, 13)):
            happen(world, dice, dense)
    except Fault as fault:
        return world, f"sequence {number}: {fault}"
    return world, ""


def count(out, world):
    """Add what `world` saw to the figures."""
    out["steps_over_limit"] += world.steps_over
    out["starved_cuts"] += world.starved
    out["stop_s_max"] = max(out["stop_s_max"], world.stop_s_max)
    out["ticks"] += world.ticks
    out["epochs"] += world.feeds


def campaign(sequences, evenings, seed=SEED, told=sys.stderr):
    """Play them all; return the figures."""
    dice = random.Random(seed)
    begun = time.perf_counter()
    played = [evening(dice) for _ in range(evenings)]
    out = dict.fromkeys(("sequences", "violations", "stop_s_max", "sequences_with_light"), 0)
    out |= {
        "evenings": evenings,
        "steps_over_limit": 0,
        "starved_cuts": 0,
        "ticks": 0,
        "epochs": 0,
    }
    for world in played:
        count(out, world)
    events = {}
    faults = []
    for number in range(sequences):
        world, fault = play(played, number, seed)
        out["sequences"] += 1
        out["sequences_with_light"] += world.dose > 0
        count(out, world)
        for code, n in world.events.items():
            events[code] = events.get(code, 0) + n
        if fault:
            faults.append(fault)
            out["violations"] += 1
        if number % 100_000 == 99_999:
            print(f"  {number + 1} sequences", file=told)
    out["events"] = {names.EVENT[code]: n for code, n in sorted(events.items())}
    out["faults"] = faults[:10]
    out["seconds"] = round(time.perf_counter() - begun)
    return out


def run(data, train):
    out = campaign(SEQUENCES, EVENINGS)
    if data and (data / "walch2019").is_dir():
        out["continuing"] = _continuing.run(data)
    for key, value in out.items():
        print(f"{key:18} {value}")
    return out
