"""Two computers paired with one lamp: what the second may is the first one's to say."""

import asyncio
import time
from datetime import datetime, timedelta

import pytest
from dreamlamp import companion, dials, link
from dreamlamp.air import Air
from dreamlamp.line import Refusal
from lamp import wire
from virtual import VirtualLamp


def test_a_companions_computer_sees_what_the_sleeper_permits_and_nothing_else(
    tmp_path, monkeypatch
):
    with Air() as air:
        monkeypatch.setenv("DREAMLAMP_AIR", air.address)
        lamp = VirtualLamp(air.lamp, tmp_path / "nvs", 2000)

        def at(who):
            monkeypatch.setenv("DREAMLAMP_AIR_KEYS", str(tmp_path / who / "host.json"))

        async def on(do):
            async with link.connect() as line:
                return await do(line)

        def now(**more):
            return datetime.now().astimezone() + timedelta(**more)

        async def sleepers(line):
            (other,) = [b for b in await link.bonds(line) if not b.ours]
            await dials.set_clock(line, now())
            await companion.permit(line, other.slot, wire.MAY_WATCH, int(time.time()) + 3600)

        async def companions(line):
            assert (await companion.now(line)).bpm == 61.2
            for forbidden in (
                dials.light(line, 20), dials.mode(line), dials.set_clock(line, now(hours=-2)),
                link.bonds(line), companion.own(line, 0), line.request(wire.NIGHTS, b"\0"),
            ):  # fmt: skip
                with pytest.raises(Refusal, match="not permitted"):
                    await forbidden

        try:
            for who in ("sleeper", "companion"):
                at(who)
                asyncio.run(link.find())
                air.hands().press(3000)
                asyncio.run(link.pair())
            at("sleeper")
            asyncio.run(on(sleepers))
            at("companion")
            asyncio.run(on(companions))
            at("sleeper")
            asyncio.run(on(lambda line: dials.set_clock(line, now(hours=2))))  # two hours later
            at("companion")
            with pytest.raises(Refusal, match="not permitted"):
                asyncio.run(on(companion.now))
        finally:
            lamp.stop()
