"""What the lamp becomes when any byte it keeps in NVS has gone wrong: careful, and alive."""

import io
import sys
from pathlib import Path

import pytest
from lamp import wire
from lamp.bonds import OUR, PEER, Bonds
from lamp.server import Server
from lamp.settings import Settings
from lamp.wake import RESCUES_MAX
from test_night_story import Lamp

sys.path.append(str(Path(__file__).resolve().parents[1] / "both"))
from fakes import Clock
from flash import Flash
from test_settings import Store

OWNER, GUEST = b"\x00OWNER!", b"\x00GUEST!"
LIMIT = bytes(5)  # nothing, since 1970
KNOWN = (True, True, True)
SAFE = {"mode": wire.OBSERVE, "consent": 0, "nights": 0, "ceiling": 60}


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
    lamp.night.clock_set(1772402400, 60)
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
        assert night.state == wire.RECORDING and night.mind.wake.rescues == RESCUES_MAX
        night.end(wire.END_BUTTON)
        night.now_s += 7 * 3600
        night.begin()
        assert night.mind.wake.rescues == 0


def test_nothing_at_all_is_a_new_lamp_that_still_has_its_nights(lived):
    night, server = grown(lived[0], {})
    assert night.log.open_id == 1 and night.mode == wire.OBSERVE
    assert server.bonds.entries() == []
