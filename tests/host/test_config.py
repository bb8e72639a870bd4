"""A lamp's settings by name: each to both its ends and past them, checked here and on the lamp."""

import asyncio
import struct

import pytest
from dreamlamp import config, dawnplan, dials, errands, library
from dreamlamp.errors import DreamlampError
from dreamlamp.line import Refusal
from lamp import wire
from served import Near

NUMBERS = [s for s in config.SETTINGS.values() if s.name != "mode"]  # act asks for a consent


def put(near, name, text, folder):
    return asyncio.run(config.put(near, name, text, folder))


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda s: s.name)
def test_a_setting_goes_to_both_its_ends_and_no_further(setting, tmp_path):
    near = Near()
    for number in (setting.least, setting.most):
        shown = setting.shown(number)
        assert put(near, setting.name, str(shown), tmp_path) == shown
        assert asyncio.run(config.every(near))[setting.name] == shown
    kept = dict(near.lamp.settings)
    for number in (setting.least - 1, setting.most + 1):
        with pytest.raises(DreamlampError, match="cannot be"):
            setting.number(str(number))
        try:
            value = struct.pack(dials.LAYOUTS[setting.key], number)
        except struct.error:
            continue  # there is no way to say it
        with pytest.raises(Refusal, match="bad request"):
            asyncio.run(near.request(wire.SET, bytes((setting.key,)) + value))
    assert near.lamp.settings == kept


def test_a_wake_time_outlives_the_next_sync_and_so_does_its_end(tmp_path):
    near = Near()
    dawnplan.keep(tmp_path, near.name, dawnplan.Wish("06:00", "sat,sun", 10, 30))
    times = put(near, "wake", "07:15", tmp_path)
    assert len(times) == dawnplan.MORNINGS and all(t[11:16] == "07:15" for t in times)
    assert dawnplan.kept(tmp_path, near.name) == dawnplan.Wish("07:15", "sat,sun", 10, 30)
    asyncio.run(errands.run(near, library.Library(tmp_path)))
    assert asyncio.run(config.get(near, "wake")) == times
    assert put(near, "wake", "off", tmp_path) == []
    assert dawnplan.kept(tmp_path, near.name) is None
    with pytest.raises(DreamlampError, match="07:00, or off"):
        put(near, "wake", "25:00", tmp_path)
