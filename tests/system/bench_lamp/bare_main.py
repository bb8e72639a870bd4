"""The link's own ceiling: a loop of notifications and nothing else.

micropython bare_main.py RADIO_PORT; a central writes how many bytes it wants (u32).
"""

import asyncio
import struct
import sys

import bluetooth
import world

SERVICE = "5e1fffff-8d2a-4b6e-9c47-6c616d702121"
WANTED = "5e1ffffe-8d2a-4b6e-9c47-6c616d702121"
VALUE = bytes(244)
asked = []


def event(event, data):
    if event == 3:  # a central wrote
        asked.append((data[0], struct.unpack("<I", ble.gatts_read(data[1]))[0]))


async def main():
    global ble
    world.seed = 0xBA4E
    world.outside = ("127.0.0.1", int(sys.argv[1]))
    ble = bluetooth.BLE()
    ble.irq(event)
    ble.active(True)
    ble.config(mtu=247)
    uuid = bluetooth.UUID
    ((handle,),) = ble.gatts_register_services(((uuid(SERVICE), ((uuid(WANTED), 0x18),)),))
    ble.gap_advertise(100_000, b"\x05\x09bare")
    while True:
        await asyncio.sleep_ms(10)
        while asked:
            conn, left = asked.pop()
            while left > 0:
                try:
                    ble.gatts_notify(conn, handle, VALUE)
                    left -= len(VALUE)
                    await asyncio.sleep_ms(0)
                except OSError:
                    await asyncio.sleep_ms(5)


asyncio.run(main())
