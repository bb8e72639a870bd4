"""Live heart rate over the standard service, from a virtual finger to bleak's callback."""

import asyncio
import struct

from dreamlamp import link, sim, sleeper, wholenight
from dreamlamp.air import Air
from lamp import wire

HEART = sleeper.sleeper(3)
MEASUREMENT = f"0000{wire.HEART_RATE_MEASUREMENT:04x}-0000-1000-8000-00805f9b34fb"
BEATS = 6  # to wait for
LOCKED_S = 55  # of world time: by then the finger has been on for forty seconds


def beats_of(values: list[bytes]) -> list[int]:
    """The intervals in notifications, in 1/1024 s as the service has them."""
    pairs = [struct.unpack_from(f"<{len(v) // 2 - 1}H", v, 2) for v in values]
    return [interval for pair in pairs for interval in pair]


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
        for _ in range(600):  # a busy computer's lamp is late
            if len(beats_of(now)) >= BEATS:
                break
            await asyncio.sleep(0.1)
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
    assert all(value[0] == 0x10 and len(value) % 2 == 0 for value in during)
    true_s = (HEART.beats_ms[60] - HEART.beats_ms[0]) / 60000
    assert BEATS <= len(beats_of(during)) <= 2 * BEATS and len(during) >= BEATS - 1
    assert all(abs(n / 1024 - true_s) < 0.25 for n in beats_of(during))
    assert all(abs(value[1] - 60 / true_s) < 8 for value in during)
