"""A lamp that is only a radio and a cable: the real drivers and server.py over nights in memory.

micropython lamp_main.py RADIO_PORT|- SETTINGS_FILE NIGHT_BYTES [NIGHT_BYTES ...]
"-": there is no radio. It mumbles now and then, as programs do on their console.
"""

import asyncio
import sys

import bluetooth
import fakes
import world
from lamp import console, server, wire
from lamp.drivers import gatt
from nights import made


class Log(fakes.Held):
    """The face of nightlog.NightLog over bytearrays."""

    open_id = 0

    def __init__(self, lengths):
        self.held = {i + 1: made(i + 1, n) for i, n in enumerate(lengths)}
        self.marked = set()

    def entries(self):
        for night in sorted(self.held):
            flags = wire.ENTRY_SYNCED if night in self.marked else 0
            yield night, len(self.held[night]), 0, flags, 1, 0

    def hash_on(self, night):
        return True

    def mark_synced(self, night, sha):
        self.marked.add(night)


class Settings(fakes.Settings):
    """NVS in a file, so that bonds outlive a power cut."""

    def __init__(self, path):
        held = {}
        try:
            with open(path) as file:
                held = eval(file.read())
        except OSError:
            pass
        super().__init__(held)
        self.path = path

    def set(self, key, value):
        super().set(key, value)
        with open(self.path, "w") as file:
            file.write(repr({name: self[name] for name in self}))
        return True


class Named:
    name = "Dreamlamp 3F2A"


async def mumble():
    while True:
        print("a lamp that mumbles \xf5\x02 #00")
        await asyncio.sleep_ms(20)


async def main():
    settings = Settings(sys.argv[2])
    log = Log([int(n) for n in sys.argv[3:]])
    lamp = server.Server(log, fakes.Night(wire.IDLE), settings, fakes.Clock())
    if sys.argv[1] == "-":
        await asyncio.gather(mumble(), console.Console(Named).serve(lamp))
        return
    world.outside = ("127.0.0.1", int(sys.argv[1]))
    radio = gatt.Gatt(bluetooth.BLE(), settings)
    world.held = radio.open_window
    await radio.serve(lamp)


asyncio.run(main())
