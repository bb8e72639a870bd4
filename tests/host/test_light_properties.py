"""The light's limits under whatever hypothesis thinks of, judged by the bench's oracle."""

import random

import pytest
from bench import light
from bench._oracle import World
from hypothesis import given, settings
from hypothesis import strategies as st
from lamp import wire
from lamp.cie import lux_x10
from lamp.ramp import Ramp
from lamp.wake import Wake

ACTING = {"mode": wire.ACT, "consent": wire.POLICY, "nights": 10, "ceiling": 40}


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_no_night_exceeds_a_limit(dice):
    world = light.evening(random.Random(dice.randrange(1 << 30)))
    for _ in range(dice.randrange(40)):
        light.happen(world, dice, False)
    assert world.steps_over == 0 and world.stop_s_max <= 1


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 10000),
    st.integers(100, 3_600_000),
    st.lists(st.integers(-(1 << 30), 1 << 30), max_size=200),
)
def test_no_clock_makes_a_level_leap_or_leave_its_way(goal, over_ms, gaps):
    ramp, now, before = Ramp(), 0, 0
    ramp.aim(goal, over_ms)
    for gap in gaps:
        now = now + gap & 0x3FFFFFFF
        ramp.heard()
        level = ramp.tick(now)
        assert 0 <= level - before <= 2 and level <= goal
        before = level


@settings(max_examples=300, deadline=None)
@given(st.integers(-1000, 1000), st.integers(1, 6500))
def test_no_ceiling_is_above_thirty_lux_and_a_rescue_costs_no_more_than_the_night_has(level, full):
    wake = Wake(wire.ACT, wire.POLICY, level, full_lux=full)
    assert lux_x10(wake.ceiling, full) <= 300
    assert wake.cost_x10 <= 180_000


def full_rescue(bits=14):
    """A world in which a rescue has reached its ceiling."""
    world = World(bits=bits, **ACTING)
    light.sleep(world, 141)
    light.sleep(world, 9, 600, loop=wire.CYCLE)
    assert world.level == 4000
    return world


@pytest.mark.parametrize("bits", (13, 14))
def test_a_whole_rescue_keeps_every_limit_on_both_chips(bits):
    world = full_rescue(bits)
    light.sleep(world, 60, 600)
    assert world.level == 0 and 60 < world.dose < 120
    assert world.steps_over == world.starved == 0


def test_arousal_stops_the_rise_within_a_second():
    world = World(**ACTING)
    light.sleep(world, 141)
    light.sleep(world, 4, 600, loop=wire.CYCLE)
    for _ in range(2):
        world.feed(wire.W, 200, 120)
        for _ in range(600):
            world.tick(50)
    assert world.stop_ms > 0 and world.stop_s_max <= 1
    light.sleep(world, 10, 600)
    assert world.level == 0


def test_the_oracle_can_tell_a_fault():
    world = full_rescue()
    for spoil, said in (
        (lambda: world._judge_light(10, 50), "licence"),
        (lambda: world._judge_light(9000, 50), "lux"),
    ):
        world.rescuing = "licence" not in said
        with pytest.raises(AssertionError, match=said):
            spoil()
    world.steps_over = 0
    world._judge_step(1000, 1012)
    assert world.steps_over == 1
