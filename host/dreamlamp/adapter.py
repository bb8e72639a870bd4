"""This process' radio on the virtual air: one Bumble device, shared while anybody holds it.

$DREAMLAMP_AIR is host:port of the air's HCI, $DREAMLAMP_AIR_KEYS a file for this host's
bonds and address (none: forgotten when the process ends). Knows no bleak.
"""

import asyncio
import json
import os
from pathlib import Path

from bumble import hci
from bumble.device import Device, DeviceConfiguration
from bumble.keys import JsonKeyStore, MemoryKeyStore
from bumble.pairing import PairingConfig
from bumble.transport import open_transport


class Adapter:
    """This process' radio: one Bumble device on the air, shared while anybody holds it."""

    shared: dict[asyncio.AbstractEventLoop, "Adapter"] = {}

    def __init__(self) -> None:
        self.held = 0
        self.ready = asyncio.Lock()
        self.device: Device | None = None

    @classmethod
    async def hold(cls) -> Device:
        """The device of the running event loop; `release` it again."""
        loop = asyncio.get_running_loop()
        self = cls.shared.setdefault(loop, cls())
        self.held += 1
        try:
            async with self.ready:
                if self.device is None or self.transport.source.terminated.done():
                    await self.open()
        except BaseException:
            self.held -= 1
            raise
        assert self.device
        return self.device

    async def open(self) -> None:
        where = os.environ.get("DREAMLAMP_AIR", "")
        try:
            self.transport = await open_transport(f"tcp-client:{where}")
        except (OSError, ValueError) as error:
            raise ConnectionError(f"no virtual air at DREAMLAMP_AIR={where!r}") from error
        config = DeviceConfiguration(name="host", address=identity())
        device = Device.from_config_with_hci(config, self.transport.source, self.transport.sink)
        keys = os.environ.get("DREAMLAMP_AIR_KEYS")
        device.keystore = JsonKeyStore("host", keys) if keys else MemoryKeyStore()
        device.pairing_config_factory = lambda connection: PairingConfig(
            mitm=False, identity_address_type=PairingConfig.AddressType.RANDOM
        )
        await device.power_on()
        self.device = device

    @classmethod
    async def release(cls) -> None:
        loop = asyncio.get_running_loop()
        self = cls.shared[loop]
        self.held -= 1
        if not self.held and self.device:
            del cls.shared[loop]
            await self.transport.close()


def identity() -> hci.Address:
    """This host's static random address; kept beside its keys, so that a lamp knows it again."""
    keys = os.environ.get("DREAMLAMP_AIR_KEYS")
    if not keys:
        return hci.Address.generate_static_address()
    file = Path(keys + ".address")
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(str(hci.Address.generate_static_address())))
    return hci.Address(json.loads(file.read_text()), hci.Address.RANDOM_DEVICE_ADDRESS)
