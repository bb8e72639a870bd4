"""Who may come back: the secrets of the lamp's bonds, and the window in which one may be added.

The Bluetooth stack stores and asks for secrets by events and offers no other way to refuse a
pairing (MicroPython's NimBLE binding), so the lock is here. Outside the window nothing is stored
and nothing deleted. NimBLE, paired again by an address it knows, deletes the old bond, looks
whether it is gone and else asks for ever; so a deletion is only shown to it, until the
connection ends. Knows no radio.
"""

from .compat import const

OUR = const(1)  # NimBLE's kinds: the key the lamp gave,
PEER = const(2)  # and the peer's identity
_IRK = b"irk"  # the lamp's own identity, asked for at power-up

SLOTS = const(4)
WINDOW_S = const(120)
ADDRESS = const(7)  # type and address, as the stack gives them
_LIMIT = const(9)  # where it begins: after the address and two lengths
_SECRET_MAX = const(190)  # bytes; two of them and the rest are one setting


def slot_key(slot):
    return "bond%d" % slot


class Bonds:
    """Secrets in `settings`, one value a bond: address, length of the first secret, length of the
    companion's `limit`, the limit, both secrets. What is lost of it is lost as a whole."""

    def __init__(self, settings):
        self.settings = settings
        self.until_s = 0
        self.claimed = None  # whom this opening of the window let in
        self.stored = 0  # and which of its secrets it stored
        self.forget()

    def forget(self):
        """Another connection, or none."""
        self.current = None  # address of the bond this connection proved to have
        self.deleted = set()  # (kind, address) the stack believes deleted
        self.refused = False  # this connection tried what it may not
        self.held = None  # the `limit` of its bond, once somebody looked

    def open(self, now_s):
        """Somebody held the button: let one bond in."""
        self.until_s = now_s + WINDOW_S
        self.claimed = None
        self.stored = 0

    def is_open(self, now_s):
        return now_s < self.until_s

    def known(self):
        """Whether this connection showed a bond and nothing else."""
        return self.current is not None and not self.refused

    # --- the stack's two events ---

    def get(self, kind, index, key):
        """The secret of `kind` under `key` (None: the `index`-th), or None."""
        if key is None:
            rows = self.entries()
            return self.part(rows[index][0], kind) if index < len(rows) else None
        key = bytes(key)
        if key == _IRK:
            return self.settings.get("irk", b"") or None
        slot = self.slot(key)
        if slot is None or (kind, key) in self.deleted:
            return None
        if kind == OUR:  # asked for when a link is to be encrypted again
            self.current = key
        return self.part(slot, kind)

    def put(self, kind, key, value, now_s):
        """Store (value None: delete) a secret; whether the stack may believe it done."""
        key = bytes(key)
        if key == _IRK and value is not None:
            return self.settings.set("irk", bytes(value))
        if kind not in (OUR, PEER) or len(key) != ADDRESS:
            return False
        if value is None:
            return self.hide(kind, key, now_s)
        if not self.is_open(now_s) or self.claimed not in (None, key):
            self.refused = True
            return False
        return self.store(kind, key, bytes(value))

    def hide(self, kind, key, now_s):
        """Let the stack believe a secret deleted; True if there was one to see."""
        if self.slot(key) is None or (kind, key) in self.deleted:
            return False
        self.deleted.add((kind, key))
        self.current = None
        if not self.is_open(now_s):
            self.refused = True
        return True

    def store(self, kind, key, value):
        slot = self.slot(key)
        if slot is None:
            slot = self.slot(None)
        if slot is None or len(value) > _SECRET_MAX:
            self.refused = True  # full: the owner must revoke one first
            return False
        first, second = self.part(slot, OUR) or b"", self.part(slot, PEER) or b""
        if kind == OUR:
            first = value
        else:
            second = value
        limit = self.limit(slot)
        held = key + bytes((len(first), len(limit))) + limit + first + second
        if not self.settings.set(slot_key(slot), held):
            self.refused = True  # a bond that the next power cut forgets is none
            return False
        self.deleted.discard((kind, key))
        self.claimed = self.current = key
        self.stored |= kind
        if self.stored == OUR | PEER:
            self.until_s = 0  # one bond an opening
        return True

    # --- what the owner may see and do ---

    def entries(self):
        """[(slot, address)] of the bonds there are."""
        rows = []
        for slot in range(SLOTS):
            held = self.held_in(slot)
            if held:
                rows.append((slot, held[:ADDRESS]))
        return rows

    def revoke(self, slot, key):
        """Forget the bond in `slot` if it is that of address `key`; False if it is still there."""
        if self.slot(key) != slot:
            return False
        self.settings.set(slot_key(slot), None)
        if self.slot(key) is not None:
            return False
        if self.current == key:
            self.current = None
        return True

    def permit(self, slot, limit):
        """Make the bond in `slot` a companion's (rights u8, unix_s u32) or, by b"", its owner's
        own; False if there is none, or it could not be written."""
        self.held = None  # it holds from now on, whoever speaks
        held = self.held_in(slot)
        if not held:
            return False
        rest = held[_LIMIT + held[_LIMIT - 1] :]
        held = held[: _LIMIT - 1] + bytes((len(limit),)) + limit + rest
        return self.settings.set(slot_key(slot), held)

    def limit(self, slot):
        """What `permit` kept for `slot`, or b"": the owner's own."""
        held = self.held_in(slot)
        return held and held[_LIMIT : _LIMIT + held[_LIMIT - 1]]

    def revoke_all(self):
        for slot, key in self.entries():
            self.revoke(slot, key)

    def slot(self, key):
        """The slot of address `key`; of None: a free one; None: there is none."""
        for slot in range(SLOTS):
            if self.held_in(slot)[:ADDRESS] == (key or b""):
                return slot

    def held_in(self, slot):
        return self.settings.get(slot_key(slot), b"")

    def part(self, slot, kind):
        held = self.held_in(slot)
        if not held:
            return None
        first = _LIMIT + held[_LIMIT - 1]
        second = first + held[ADDRESS]
        return held[first:second] if kind == OUR else held[second:]
