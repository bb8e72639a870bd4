"""What a host reads and sets beside the nights: settings, consent, light, dawns, bonds.

Loaded for one request and let go of, for no night needs it: hosts ask for such things once in an
evening. LAMP_OFF is not here: it has to work whatever memory is left. Knows no radio.
"""

import struct

from . import wire
from .bonds import SLOTS
from .server import HEAD

# key: setting, layout, least, most
_NUMBERS = {
    wire.KEY_MODE: ("mode", "<B", wire.OFF, wire.ACT),
    wire.KEY_LIVE: ("live", "<B", 0, 1),
    wire.KEY_RESCUES: ("allowed", "<B", 1, 3),
    wire.KEY_FULL_LUX: ("full_lux", "<H", 1, 6500),
    wire.KEY_SHIFT: ("shift", "<b", -20, 50),
    wire.KEY_CEILING: ("ceiling", "<B", 1, 100),
    wire.KEY_BOARD: ("board", "<B", wire.BOARD_DEVKITC, wire.BOARD_DEVKITC),
    wire.KEY_KIT: ("kit", "<B", wire.KIT_HEART, wire.KIT_EEG),
    wire.KEY_RAW: ("raw", "<B", 0, 2),
}


def serve(server, request):
    """Do a GET, SET, BONDS or UNBOND; the length of the answer's body, or minus a status."""
    opcode = request[0]
    if opcode == wire.GET:
        return _get(server, request[2])
    if opcode == wire.SET:
        return _set(server, request)
    if opcode == wire.BONDS:
        return _list_bonds(server)
    slot, address = struct.unpack_from(wire.BOND_ENTRY, request, 2)
    return 0 if server.bonds.revoke(slot, address) else -wire.NOT_FOUND


def _get(server, key):
    if key in _NUMBERS:
        name, layout = _NUMBERS[key][:2]
        return server.put(layout, server.night.setting(name))
    if key == wire.KEY_CONSENT:
        return server.put("5s", server.settings.get("consented", bytes(5)))
    if key == wire.KEY_DAWN:
        plan = server.settings.get("dawn", b"")[4:]
        return server.put("%ds" % len(plan), plan)
    if key == wire.KEY_PERMIT:
        return _permits(server)
    return -wire.NOT_FOUND


def _set(server, request):
    key, value = (request[2] if len(request) > 2 else 0), request[3:]
    night, n = server.night, len(value)
    if key in _NUMBERS:
        name, layout, least, most = _NUMBERS[key]
        if n != struct.calcsize(layout):
            return -wire.BAD_REQUEST
        number = struct.unpack_from(layout, value)[0]
        if not least <= number <= most:
            return -wire.BAD_REQUEST
        if key != wire.KEY_MODE:
            return 0 if night.set(name, number) else -wire.FAULT
        why = night.set_mode(number)
    elif key == wire.KEY_CONSENT and n == 5:
        why = night.agree(value)
    elif key == wire.KEY_LIGHT and n == 1:
        why = night.shine(value[0])
    elif key == wire.KEY_WIND_DOWN and n == 2 and value[1]:
        why = night.shine(value[0], value[1])
    elif key == wire.KEY_DAWN and _is_plan(value):
        why = night.set_dawn(bytes(value))
    elif key == wire.KEY_PERMIT and n in (1, 6) and value[0] < SLOTS:
        if value[0] == server.own():  # nobody locks himself out
            return -wire.BAD_REQUEST
        why = 0 if server.bonds.permit(value[0], bytes(value[1:])) else -1
    else:
        return -wire.BAD_REQUEST
    if why:
        return -wire.FAULT if why < 0 else -(wire.WILL_NOT | why)
    return 0


def _is_plan(value):
    """Whether these bytes are a plan of dawns: nothing, or 1 to 14 times, one after another."""
    if not len(value):
        return True
    if len(value) % 4 != 2 or not 6 <= len(value) <= 58:
        return False
    before = 0
    for offset in range(2, len(value), 4):
        at_s = struct.unpack_from("<I", value, offset)[0]
        if at_s <= before:
            return False
        before = at_s
    return 1 <= value[0] <= 100 and value[1] <= 60


def _permits(server):
    end = HEAD
    for slot in range(SLOTS):
        limit = server.bonds.limit(slot)
        if limit:
            struct.pack_into("<B5s", server.out, end, slot, limit)
            end += 6
    return end - HEAD


def _list_bonds(server):
    end = HEAD
    for slot, address in server.bonds.entries():
        if address == server.bonds.current:
            slot |= wire.BOND_OURS
        struct.pack_into(wire.BOND_ENTRY, server.out, end, slot, address)
        end += 8
    return end - HEAD
