"""Live heart rate over the standard service, from a virtual finger to bleak's callback."""

import asyncio
import struct

from dreamlamp import link, sim, sleeper, wholenight
from dreamlamp.air import Air
from lamp import wire

HEART = sleeper.sleeper(3)
MEASUREMENT = f"0000{wire.HEART_RATE_MEASUREMENT:04x}-0000-1000-8000-00805f9b34fb"
LOCKED_S = 55  # of world time: by then the finger has been on for forty seconds


async def turn(line: link.Link, on: bool) -> None:
    await line.request(wire.SET, bytes((wire.KEY_LIVE, on)))


async def listen() -> tuple[list[bytes], list[bytes], list[bytes]]:
    """What came before it was turned on, meanwhile, and afterwards."""
    heard: tuple[list[bytes], list[bytes], list[bytes]] = ([], [], [])
    now = heard[0]
    async with link.connect() as line:
        await line.client.start_notify(MEASUREMENT, lambda _, value: now.append(bytes(value)))
        await asyncio.sleep(3)
        now = heard[1]
        await turn(line, True)
        await asyncio.sleep(8)
        await turn(line, False)
        now = heard[2]
        await asyncio.sleep(2)
    return heard


def test_beats_go_out_as_they_come_while_the_owner_wants_them(tmp_path):
    with Air() as air, asyncio.Runner() as loop:
        world = sim.World(tmp_path / "world", HEART, sim.Scenario())
        wholenight.unpack(world, air, loop)
        world.fast_until_s = LOCKED_S
        world.open_to(air.lamp)
        with sim.Lamp(world):
            before, during, after = loop.run(listen())
    assert before == after == []
    intervals, rates = [], []
    for value in during:
        assert value[0] == 0x10 and len(value) % 2 == 0
        rates.append(value[1])
        intervals += struct.unpack_from(f"<{len(value) // 2 - 1}H", value, 2)
    true_s = (HEART.beats_ms[60] - HEART.beats_ms[0]) / 60000
    assert 6 <= len(intervals) <= 14 and len(during) >= 5
    assert all(abs(n / 1024 - true_s) < 0.25 for n in intervals)
    assert all(abs(rate - 60 / true_s) < 8 for rate in rates)
