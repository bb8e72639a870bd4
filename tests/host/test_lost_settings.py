"""What the lamp becomes when any byte it keeps in NVS has gone wrong: careful, and alive."""

import io
import random
import struct
import sys
from pathlib import Path

import pytest
from lamp import wire
from lamp.bonds import OUR, PEER, Bonds
from lamp.server import Server
from lamp.settings import Settings
from lamp.wake import DOSE_X10, NO_MORE, RESCUES_MAX, Wake
from test_night_story import Lamp

sys.path.append(str(Path(__file__).resolve().parents[1] / "both"))
from fakes import Clock
from flash import Flash
from test_settings import Store

OWNER, GUEST = b"\x00OWNER!", b"\x00GUEST!"
LIMIT = bytes(5)  # nothing, since 1970
KNOWN = (True, True, True)
SAFE = {"mode": wire.OBSERVE, "consent": 0, "nights": 0, "ceiling": 1}
NOW = 1_772_402_400


@pytest.fixture(scope="module")
def lived():
    """A lamp that has lived: (its flash, its store), all that it may keep being kept."""
    store = Store()
    settings = Settings(store)
    lamp = Lamp(settings=settings)
    bonds = Bonds(settings)
    for key in (OWNER, GUEST):
        bonds.forget()
        bonds.open(1)
        for kind, secret in ((OUR, b"our secret" * 3), (PEER, b"the peer's" * 3)):
            bonds.put(kind, key, secret, 2)
    bonds.permit(1, LIMIT)
    for key, value in SAFE.items():
        settings.set(key, value + 1)
    settings.set("live", 1)
    settings.set("consented", bytes(5))
    lamp.night.begin()
    lamp.night.clock_set(NOW, 60)
    lamp.wear(130)
    settings.set("baseline", lamp.night.mind.learn())
    return lamp.flash, store


def grown(flash, blobs):
    """The lamp after a power cut, and how it answers its owner."""
    lamp = Lamp(flash, kept(blobs))
    server = Server(lamp.log, lamp.night, lamp.settings, Clock())
    server.cable = True
    for request in ((wire.HELLO,), (wire.STATUS,), (wire.BONDS,), (wire.GET, 1), (wire.GET, 2)):
        answer = server.handle(bytes((request[0], 1, *request[1:])), KNOWN)
        assert answer[2] in (wire.OK, wire.NOT_FOUND), request
    return lamp.night, server


def kept(blobs) -> Settings:
    store = Store()
    store.blobs = dict(blobs)
    return Settings(store)


def harmed(blob: bytes):
    """The blob with each byte wrong, with each byte the last, and with one too many."""
    for at in range(len(blob)):
        yield blob[:at] + bytes((blob[at] ^ 0xFF,)) + blob[at + 1 :]
        yield blob[:at]
    yield blob + b"\0"


def test_every_harm_to_any_value_leaves_a_lamp_that_goes_on_with_its_night(lived):
    flash, store = lived
    whole = store.blobs
    assert {"boot", "mode", "consent", "bond0", "seen", "baseline", "rescues"} <= whole.keys()
    tries = 0
    for key, blob in whole.items():
        for torn in list(harmed(blob))[:: 1 if len(blob) < 20 else 7]:
            night, server = grown(flash, {**whole, key: torn})
            assert night.state == wire.RECORDING and night.log.open_id == 1, key
            if key in SAFE:
                assert kept({key: torn}).get(key, SAFE[key]) == SAFE[key]
            if key == "bond0":
                assert server.bonds.get(OUR, 0, OWNER) is None and not server.bonds.known()
            tries += 1
    assert tries > 200


def test_a_bond_with_any_byte_wrong_lets_nobody_in(lived):
    _, store = lived
    whole = store.blobs
    for torn in harmed(whole["bond0"]):
        bonds = Bonds(kept({**whole, "bond0": torn}))
        assert bonds.get(OUR, 0, OWNER) is None and bonds.entries() == [(1, GUEST)]
    assert Bonds(kept(whole)).get(OUR, 0, OWNER) == b"our secret" * 3


def test_a_companion_whose_bond_is_harmed_is_shut_out_and_not_raised_to_an_owner(lived):
    whole = lived[1].blobs
    for torn in harmed(whole["bond1"]):
        bonds = Bonds(kept({**whole, "bond1": torn}))
        assert bonds.get(OUR, 0, GUEST) is None and not bonds.known()
    assert Bonds(kept(whole)).limit(1) == LIMIT


def test_rescues_that_were_lost_are_spent_and_the_next_evening_has_its_own(lived):
    flash, store = lived
    for torn in (None, *harmed(store.blobs["rescues"])):
        blobs = {**store.blobs, "rescues": torn}
        if torn is None:
            del blobs["rescues"]
        night, _ = grown(Flash(io.BytesIO(flash._file.getvalue())), blobs)
        assert night.state == wire.RECORDING and night.mind.wake.rescues == NO_MORE
        night.end(wire.END_BUTTON)
        night.now_s += 7 * 3600
        night.begin()
        assert night.mind.wake.rescues == 0


def evening(settings: dict) -> Lamp:
    """A lamp in whose first night the power was cut, once it has these settings."""
    lamp = Lamp()
    lamp.night.begin()
    lamp.settings.update(settings)
    return lamp


def light(lamp: Lamp) -> dict[str, int]:
    """What of it a lamp would give from its next start on; more is more."""
    lamp = lamp.again(cause=3)
    night, wake = lamp.night, lamp.night.mind.wake
    night.clock_set(NOW, 60)
    acts = not wake._left_out()
    return {
        "highest": wake.ceiling,
        "dose": max(0, DOSE_X10 - night.mind.born["spent"]),
        "rescues": wake.allowed - wake.rescues,
        "threshold": -night.mind.born["shift"],
        "acts": acts,
        "dawn": bool(night.dawn) and night.dawn.at_s >= 0,
        "learned": -lamp.settings.get("learned", 1),
        "asked": night.shine(1) == 0,
    }


def lives(chance: random.Random) -> dict:
    """What a sleeper may have made of his lamp by a night's middle."""
    pressed = chance.random() < 0.3
    done = NOW + 60 * chance.randrange(100)
    rescues = NO_MORE if pressed else chance.randint(0, RESCUES_MAX)
    ceiling, full_lux = chance.choice((1, 5, 15, 40, 100)), chance.choice((20, 254, 600, 6500))
    spent = Wake(wire.ACT, wire.POLICY, ceiling, rescues, full_lux=full_lux).spent
    return {
        "mode": chance.randrange(3),
        "consent": chance.choice((0, wire.POLICY)),
        "nights": chance.choice((0, 5, 30)),
        "allowed": chance.randint(1, RESCUES_MAX),
        "rescues": rescues,
        "spent": max(spent, chance.choice((0, 90_000, 179_000, 180_000))),
        "ceiling": ceiling,
        "full_lux": full_lux,
        "shift": chance.choice((-20, 0, 20, 50)),
        "learned": chance.randrange(2),
        "dawn": struct.pack("<IBBI", chance.choice((0, done)), 50, 0, done),
    }


@pytest.mark.parametrize("seed", range(24))
def test_lost_settings_never_give_more_light_than_all_of_them(seed):
    chance = random.Random(seed)
    settings = lives(chance)
    whole = light(evening(settings))
    losses = [{key} for key in settings]
    losses += [set(chance.sample(sorted(settings), 3)) | {"boot"}, {*settings, "boot"}]
    for lost in losses:
        lamp = evening(settings)
        for key in lost:
            del lamp.settings[key]
        left = light(lamp)
        assert all(left[what] <= whole[what] for what in whole), (lost, whole, left)


def test_a_new_lamp_shines_and_learns_from_its_first_minute():
    for cause in (1, 2):  # plugged in; or started anew by `flash`
        lamp = Lamp(cause=cause)
        assert lamp.night.setting("ceiling") == 60 and lamp.night.setting("full_lux") == 254
        assert lamp.night.shine(20) == 0
        lamp.night.begin()
        assert lamp.night.mind.wake.rescues == 0 and lamp.settings.get("learned") == 0
    chosen = type(lamp.settings)(ceiling=15)  # before its first start, by `flash`
    assert Lamp(settings=chosen).night.setting("ceiling") == 15


def test_nothing_at_all_is_a_new_lamp_that_still_has_its_nights(lived):
    night, server = grown(lived[0], {})
    assert night.log.open_id == 1 and night.mode == wire.OBSERVE
    assert server.bonds.entries() == []
