"""A lamp that is only a radio and a cable: the real drivers and server.py over nights in memory.

micropython lamp_main.py RADIO_PORT|- SETTINGS_FILE NIGHT_BYTES [NIGHT_BYTES ...]
"-": there is no radio. It mumbles now and then, as programs do on their console.
"""

import asyncio
import hashlib
import sys

import bluetooth
import world
from lamp import console, server, wire
from lamp.drivers import gatt
from nights import made


class Log:
    """The face of nightlog.NightLog over bytearrays."""

    open_id = 0

    def __init__(self, lengths):
        self.held = {i + 1: made(i + 1, n) for i, n in enumerate(lengths)}
        self.marked = set()

    def entries(self):
        for night in sorted(self.held):
            flags = wire.ENTRY_SYNCED if night in self.marked else 0
            yield night, len(self.held[night]), 0, flags, 1, 0

    def nights(self):
        return sorted(self.held)

    def entry(self, night):
        for entry in self.entries():
            if entry[0] == night:
                return entry

    def hash_on(self, night):
        return True

    def read(self, night, offset, buf, cursor):
        data = memoryview(self.held[night])[offset : offset + len(buf)]
        buf[: len(data)] = data
        return len(data)

    def digest(self, night):
        return len(self.held[night]), hashlib.sha256(self.held[night]).digest()

    def mark_synced(self, night, sha):
        self.marked.add(night)

    def delete(self, night, sha):
        del self.held[night]


class Night:
    """The face of night.Night that server.py knows."""

    state, mode, level, kit = wire.IDLE, wire.OBSERVE, 0, wire.KIT_HEART
    last = (wire.R, 80, 612, 40, 97, 11)

    def setting(self, key):
        return getattr(self, key, 0)

    def set(self, key, value):
        setattr(self, key, value)
        return True

    def sync_began(self):
        pass

    def clock_set(self, unix_s, offset_min):
        self.clock = (unix_s, offset_min)

    def lamp_off(self):
        self.level = 0


class Clock:
    date = 0

    def now_s(self):
        return 77

    def set(self, unix_s):
        self.date = unix_s

    def unix_s(self):
        return self.date


class Settings:
    """NVS in a file, so that bonds outlive a power cut."""

    def __init__(self, path):
        self.path = path
        self.held = {}
        try:
            with open(path) as file:
                self.held = eval(file.read())
        except OSError:
            pass

    def get(self, key, default):
        return self.held.get(key, default)

    def set(self, key, value):
        if value is None:
            self.held.pop(key, None)
        else:
            self.held[key] = value
        with open(self.path, "w") as file:
            file.write(repr(self.held))


class Named:
    name = "Dreamlamp 3F2A"


async def mumble():
    while True:
        print("a lamp that mumbles \xf5\x02 #00")
        await asyncio.sleep_ms(20)


async def main():
    settings = Settings(sys.argv[2])
    log = Log([int(n) for n in sys.argv[3:]])
    lamp = server.Server(log, Night(), settings, Clock())
    if sys.argv[1] == "-":
        await asyncio.gather(mumble(), console.Console(Named).serve(lamp))
        return
    world.outside = ("127.0.0.1", int(sys.argv[1]))
    radio = gatt.Gatt(bluetooth.BLE(), settings)
    world.held = radio.open_window
    await radio.serve(lamp)


asyncio.run(main())
