"""Start and stop the air as a process, and hands that reach into it.

Knows no radio: dreamlamp/radio.py runs in that process.
"""

import json
import os
import socket
import subprocess
import sys
from typing import Any


class Air:
    """The process of `python -m dreamlamp.radio`, ready when constructed.

    `lamp` is the port for world.json's `outside`, `address` the one for $DREAMLAMP_AIR.
    `controller` is host:port of another HCI controller for the lamp, on an air of its own.
    """

    def __init__(
        self, lamp_port: int = 0, host_port: int = 0, hands_port: int = 0, controller: str = ""
    ) -> None:
        command = [sys.executable, "-m", "dreamlamp.radio"]
        command += ["--lamp-port", str(lamp_port), "--host-port", str(host_port)]
        command += ["--hands-port", str(hands_port), "--controller", controller]
        path = os.pathsep.join(p for p in sys.path if p)
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"the virtual radio ended with status {self.process.wait()}: is a port in use?"
            )
        ports = json.loads(line)
        self.lamp, self.host, self.hands_port = ports["lamp"], ports["host"], ports["hands"]
        self.address = controller or f"127.0.0.1:{self.host}"

    def hands(self) -> "Hands":
        return Hands(self.hands_port)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        if self.process.stdout:
            self.process.stdout.close()

    def __enter__(self) -> "Air":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Hands:
    """What somebody does to the lamp, or to the air, while both run."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.file = self.socket.makefile("rw", encoding="utf-8")

    def do(self, name: str, *args: Any) -> Any:
        """Do it and return what the air says; False: no lamp is there."""
        self.file.write(json.dumps([name, *args]) + "\n")
        self.file.flush()
        return json.loads(self.file.readline())

    def press(self, ms: int = 200) -> bool:
        return self.do("button", ms)

    def lose(self, share: float, seed: int = 1) -> None:
        """From now on drop this share of the notifications above the link."""
        self.do("loss", share, seed)

    def cut(self) -> None:
        """Interrupt every connection, as if host and lamp were out of reach."""
        self.do("cut")

    def traffic(self) -> dict[str, list[int]]:
        """[number, bytes] of the values notified so far, by their characteristic's UUID,
        and of those "written" to the lamp and "dropped" by the air.
        """
        return self.do("traffic")

    def close(self) -> None:
        self.file.close()
        self.socket.close()
