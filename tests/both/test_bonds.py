"""The lock: nobody in, and nobody's bond lost, unless the window is open."""

from fakes import Settings
from lamp import bonds

OWNER, FRIEND, STRANGER = (bytes((i,)) * bonds.ADDRESS for i in (1, 2, 3))
OURS, THEIRS = b"o" * 80, b"t" * 60


def paired(*keys):
    """A lamp that let these in, each by an opening of its own, and is closed again."""
    lock = bonds.Bonds(Settings())
    for key in keys:
        lock.forget()
        lock.open(0)
        assert lock.put(bonds.OUR, key, OURS + key, 5)
        assert lock.put(bonds.PEER, key, THEIRS + key, 5)
        assert not lock.is_open(5)
    lock.forget()
    return lock


def test_the_window_lets_one_bond_in_and_closes():
    lock = bonds.Bonds(Settings())
    assert not lock.put(bonds.OUR, OWNER, OURS, 5)
    lock.open(100)
    assert lock.put(bonds.OUR, OWNER, OURS, 101) and lock.put(bonds.PEER, OWNER, THEIRS, 102)
    assert not lock.put(bonds.OUR, STRANGER, OURS, 103)
    assert not lock.put(bonds.OUR, OWNER, b"new", 104)
    lock.open(200)
    assert not lock.put(bonds.OUR, STRANGER, OURS, 200 + bonds.WINDOW_S)
    assert lock.entries() == [(0, OWNER)]


def test_an_opening_is_the_first_peers_even_if_it_left_half_done():
    lock = bonds.Bonds(Settings())
    lock.open(100)
    assert lock.put(bonds.OUR, OWNER, OURS, 101)
    lock.forget()
    assert lock.is_open(102)
    assert not lock.put(bonds.OUR, STRANGER, OURS, 102) and lock.refused and not lock.known()
    lock.forget()
    assert lock.entries() == [(0, OWNER)] and lock.put(bonds.PEER, OWNER, THEIRS, 103)
    lock.open(200)  # another time, another peer
    assert lock.put(bonds.OUR, STRANGER, OURS, 201)


def test_a_bond_is_handed_out_and_makes_its_peer_known():
    lock = paired(OWNER, FRIEND)
    assert not lock.known()
    assert lock.get(bonds.PEER, 0, OWNER) == THEIRS + OWNER and not lock.known()
    assert lock.get(bonds.OUR, 0, OWNER) == OURS + OWNER and lock.known()
    assert lock.get(bonds.OUR, 0, STRANGER) is None
    assert lock.get(bonds.PEER, 1, None) == THEIRS + FRIEND
    assert lock.get(bonds.PEER, 2, None) is None
    lock.forget()
    assert not lock.known()


def test_a_repeat_pairing_by_a_stranger_does_not_cost_the_owner_the_bond():
    lock = paired(OWNER)
    lock.get(bonds.PEER, 0, OWNER)  # the stack looks, and deletes what it finds
    assert lock.put(bonds.OUR, OWNER, None, 9) and lock.put(bonds.PEER, OWNER, None, 9)
    assert lock.get(bonds.PEER, 0, OWNER) is None  # else it would ask for ever
    assert not lock.put(bonds.OUR, OWNER, None, 9)
    assert not lock.put(bonds.OUR, OWNER, b"new", 9) and not lock.known()
    lock.forget()
    assert lock.get(bonds.OUR, 0, OWNER) == OURS + OWNER and lock.known()


def test_the_owner_may_pair_again_in_the_window():
    lock = paired(OWNER)
    lock.open(50)
    assert lock.put(bonds.OUR, OWNER, None, 51) and lock.put(bonds.PEER, OWNER, None, 51)
    assert not lock.known()
    assert lock.put(bonds.OUR, OWNER, b"new", 52) and lock.put(bonds.PEER, OWNER, b"n", 52)
    assert lock.known() and lock.get(bonds.OUR, 0, OWNER) == b"new"
    assert lock.get(bonds.PEER, 0, OWNER) == b"n" and len(lock.entries()) == 1


def test_bonds_are_revoked_by_slot_and_address():
    lock = paired(OWNER, FRIEND)
    assert not lock.revoke(0, FRIEND) and lock.revoke(0, OWNER)
    assert lock.entries() == [(1, FRIEND)] and lock.get(bonds.OUR, 0, OWNER) is None
    lock.get(bonds.OUR, 0, FRIEND)
    assert lock.known() and lock.revoke(1, FRIEND) and not lock.known()


def test_a_full_list_refuses_the_next():
    lock = paired(*(bytes((i,)) * bonds.ADDRESS for i in range(10, 10 + bonds.SLOTS)))
    lock.open(0)
    assert not lock.put(bonds.OUR, STRANGER, OURS, 1)
    assert len(lock.entries()) == bonds.SLOTS
    lock.revoke_all()
    assert lock.entries() == []


def test_the_lamps_own_identity_is_kept_at_any_time():
    lock = bonds.Bonds(Settings())
    assert lock.get(10, 0, b"irk") is None
    assert lock.put(10, b"irk", b"i" * 16, 0) and lock.get(10, 0, b"irk") == b"i" * 16


def test_a_secret_that_cannot_be_kept_is_refused_and_lets_nobody_in():
    lock = bonds.Bonds(Settings())
    for lost in (bonds.OUR, bonds.PEER):
        lock.forget()
        lock.open(0)
        keep = lock.settings.set
        if lost == bonds.PEER:
            assert lock.put(bonds.OUR, OWNER, OURS, 1)
        lock.settings.set = lambda key, value: False
        assert not lock.put(lost, OWNER, OURS, 1) and not lock.known()
        assert lock.is_open(2)  # what was not kept took nobody's place
        assert not lock.permit(0, bytes(5)) and not lock.put(10, b"irk", b"i" * 16, 1)
        lock.settings.set = keep
    lock.open(0)
    assert not lock.put(bonds.OUR, STRANGER, bytes(191), 1) and not lock.known()


def test_a_companions_rights_are_part_of_the_bond_and_outlive_another_pairing():
    lock = paired(OWNER, FRIEND)
    assert lock.permit(1, b"limit") and not lock.permit(2, b"limit")
    assert lock.limit(0) == lock.limit(2) == b"" and lock.limit(1) == b"limit"
    assert lock.get(bonds.PEER, 0, FRIEND) == THEIRS + FRIEND
    lock.open(50)
    assert lock.put(bonds.OUR, FRIEND, b"new", 51) and lock.put(bonds.PEER, FRIEND, b"n", 52)
    assert lock.limit(1) == b"limit" and lock.get(bonds.PEER, 0, FRIEND) == b"n"
    assert list(lock.settings) == ["bond0", "bond1"]
    assert lock.permit(1, b"") and lock.limit(1) == b""
    assert lock.get(bonds.OUR, 0, FRIEND) == b"new" and lock.get(bonds.PEER, 0, FRIEND) == b"n"
