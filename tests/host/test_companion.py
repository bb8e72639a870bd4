"""A companion's computer: what the lamp lets it see, and when the bell rings."""

import asyncio
import time

import pytest
from dreamlamp import companion, dials
from dreamlamp.errors import DreamlampError
from dreamlamp.line import Refusal
from lamp import wire
from served import Near

SLEEPER, VISITOR = b"\0\1\1\1\1\1\1", b"\0\2\2\2\2\2\2"


@pytest.fixture
def near():
    """The firmware's own server with two bonds; the sleeper speaks, and it knows the time."""
    near = Near()
    bonds = near.server.bonds
    for at, address in enumerate((SLEEPER, VISITOR)):
        bonds.open(at * 200)
        bonds.put(1, address, b"secret", at * 200)
        bonds.put(2, address, b"secret", at * 200)
    near.server.cable = False  # a bond speaks for itself here
    near.clock.date = int(time.time())
    speak(near, SLEEPER)
    return near


def speak(near, address):
    near.server.gone()
    near.server.bonds.current = address


def in_an_hour():
    return int(time.time()) + 3600


def test_a_companion_sees_what_was_permitted_until_it_is_ended(near):
    async def story():
        bond = await companion.bond(near, "02:02")
        await companion.permit(near, bond.slot, wire.MAY_WATCH, in_an_hour())
        (permit,) = (await companion.permits(near)).values()
        assert "may watch until" in permit.sentence()
        speak(near, VISITOR)
        assert (await companion.now(near)).mode == "observe"
        with pytest.raises(Refusal, match="not permitted"):
            await dials.light(near, 20)
        with pytest.raises(Refusal, match="not permitted"):
            await companion.permit(near, bond.slot, 3, in_an_hour())
        speak(near, SLEEPER)
        await companion.permit(near, bond.slot, 0, 0)
        assert "nothing now" in (await companion.permits(near))[bond.slot].sentence()
        speak(near, VISITOR)
        with pytest.raises(Refusal, match="not permitted"):
            await companion.now(near)
        speak(near, SLEEPER)
        await companion.own(near, bond.slot)
        assert await companion.permits(near) == {}

    asyncio.run(story())


def test_the_lamp_itself_ends_it_in_time(near):
    async def story():
        await companion.permit(near, 1, wire.MAY_LIGHT, near.clock.date + 60)
        speak(near, VISITOR)
        await dials.light(near, 20)
        assert near.lamp.night.mind.wake.active()
        near.clock.date += 60
        with pytest.raises(Refusal, match="not permitted"):
            await dials.light(near, 20)

    asyncio.run(story())


def test_an_address_of_nobody_or_of_oneself_is_refused(near):
    async def story():
        for address in ("AA:BB", "01:01"):
            with pytest.raises(DreamlampError, match="lets in"):
                await companion.bond(near, address)

    asyncio.run(story())


def test_the_bell_rings_once_a_loop(near):
    near.lamp.night.state = wire.RECORDING
    last = near.lamp.night.last

    async def rung(scores):
        found = []
        seen = companion.watch(near, 0)
        for score in scores:
            last[3] = score
            found.append((await anext(seen)).bell)
        return found

    assert asyncio.run(rung([20, 110, 130, 90, 120, 60, 105])) == [
        False, True, False, False, False, False, True
    ]  # fmt: skip
    near.lamp.night.state = wire.IDLE
    assert asyncio.run(rung([20, 120])) == [False, False]
