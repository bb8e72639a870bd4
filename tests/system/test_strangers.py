"""A whole night under siege, and the owner in the morning; bonds taken back by the button."""

import asyncio

import pytest
from dreamlamp import link, sim, sleeper, wholenight
from dreamlamp.air import Air
from lamp import wire
from virtual import beginning

MINUTES = 70
HEART = sleeper.sleeper(5)
LONG = beginning(HEART, MINUTES * 60)


def test_a_stranger_all_night_stops_neither_the_night_nor_the_owner(tmp_path):
    scenario = sim.Scenario(besieged=True)
    done = wholenight.run(LONG, scenario, tmp_path)
    assert done.ok, done.verdict.as_json()
    assert done.starts == 1 and not done.facts["holes"]
    assert abs(done.facts["length_min"] - MINUTES) < 2
    assert wire.SAMPLES_LOST not in {event.code for event in done.night.events}
    assert wire.SYNC_BEGAN not in {event.code for event in done.night.events}


def test_the_button_takes_every_bond_back_and_the_night_goes_on(tmp_path):
    short = beginning(HEART, 1800)
    scenario = sim.Scenario(presses=[(600, 4), (620, 11)])
    with pytest.raises(link.LampError):
        wholenight.run(short, scenario, tmp_path)
    assert not list((tmp_path / "nights").glob("*"))
    with Air() as air, asyncio.Runner() as loop:  # plugged in again, and paired anew
        world = sim.World(tmp_path / "world", short, scenario)
        wholenight.unpack(world, air, loop)
        world.open_to(air.lamp, realtime=True)
        with sim.Lamp(world):
            (result,) = loop.run(visit(tmp_path / "nights"))
    night = wholenight.library.read(result.path)
    assert list(night.epochs["index"]) == list(range(len(night.epochs["index"])))
    assert len(night.epochs["index"]) >= 60


async def visit(library):
    from dreamlamp.sync import sync

    async with link.connect() as line:
        return await sync(line, library)
