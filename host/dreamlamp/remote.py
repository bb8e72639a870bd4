"""A board on a serial line, at MicroPython's raw prompt: run scripts, put files, compare hashes.

The port is a device or any URL that pyserial knows. Speaks through mpremote; knows no lamp.
"""

import ast
import contextlib
import hashlib
import io
import os
import struct
import time
from collections.abc import Callable, Iterator, Mapping

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport
from serial.tools import list_ports

from .errors import DreamlampError

BRIDGES = {0x10C4: "CP210x", 0x1A86: "CH34x", 0x0403: "FTDI", 0x303A: "Espressif"}  # USB vendors
BAUD = 115200
PROMPT_S = 2  # for the prompt, and a second more at each try
TRIES = 6  # to reach the prompt, while a board starts
SILENCE_S = 1  # without a byte: nothing more will come
ANSWER_S = 10
PATIENCE_MS = 600_000  # of a watchdog that a running lamp left behind; it cannot be stopped
PIECE = 512  # bytes of a file in one script
HASHES = f"""
import os, hashlib
def look(path):
    for name, kind, *_ in os.ilistdir(path or '/'):
        full = path + '/' + name
        if kind & 0x4000:
            if full not in ('/host', '/remote'):
                look(full)
            continue
        sha, buf = hashlib.sha256(), bytearray({PIECE})
        with open(full, 'rb') as file:
            while True:
                n = file.readinto(buf)
                if not n:
                    break
                sha.update(memoryview(buf)[:n])
        print((full, sha.digest()))
look('')
"""

Told = Callable[[str, float], None]


class BoardError(DreamlampError):
    """The board or the way to it fails; the text says what to try."""


class ScriptError(BoardError):
    """A script raised on the board; `lines` is the traceback there."""

    def __init__(self, what: str, traceback: str) -> None:
        self.lines = traceback.strip()
        last = self.lines.splitlines()[-1] if self.lines else "it said nothing"
        super().__init__(f"{what} failed on the board ({last}): run `dreamlamp flash` again")


def find_port() -> str:
    """The only board on USB; an error that lists them where there are several or none."""
    ports = [p for p in list_ports.comports() if p.vid in BRIDGES]
    if len(ports) == 1:
        return ports[0].device
    if not ports:
        raise BoardError(
            "no board on USB: use a cable that carries data, not one for charging only, or name "
            "the port yourself"
        )
    named = ", ".join(f"{p.device} ({BRIDGES[p.vid]})" for p in ports)
    raise BoardError(f"several boards are here: {named}. Name one of them")


def hint(port: str, error: Exception) -> BoardError:
    """Why a port could not be opened, and what to do."""
    if os.path.exists(port) and not os.access(port, os.R_OK | os.W_OK):
        return BoardError(
            f"no permission for {port}: add yourself to its group (on Linux "
            "`sudo usermod -aG dialout $USER`), log in again, and try again"
        )
    if "://" not in port and not os.path.exists(port) and os.name != "nt":
        return BoardError(
            f"there is no {port}: plug the board in, with a cable that carries data, and look "
            "which name appears"
        )
    return BoardError(f"cannot open {port} ({error}): close what else uses it, and try again")


@contextlib.contextmanager
def connect(port: str, tries: int = TRIES) -> Iterator["Remote"]:
    """`with connect(port) as board:` - at the raw prompt, whatever ran there before has ended."""
    remote = Remote(port)
    try:
        remote.interrupt(tries)
        yield remote
    except (serial.SerialException, OSError) as error:
        raise BoardError(
            f"the line to {port} was lost ({error}): try another cable or another USB port"
        ) from error
    except TransportExecError as error:
        raise ScriptError("a script", error.error_output) from error
    except (TransportError, struct.error) as error:
        raise BoardError(
            f"the board at {port} does not answer as MicroPython does ({error}): press its reset "
            "button (EN) and try again; if that does not help, `dreamlamp flash` it anew"
        ) from error
    finally:
        remote.close()


class Remote:
    """A board at its raw prompt."""

    def __init__(self, port: str) -> None:
        self.port = port
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self.line = SerialTransport(port, BAUD, timeout=SILENCE_S)
        except (TransportError, OSError, ValueError) as error:
            raise hint(port, error) from error

    def interrupt(self, tries: int = TRIES) -> None:
        """End what runs and come to a fresh prompt; a watchdog is given patience."""
        for left in reversed(range(tries)):
            # a broken file system lets no soft reset through: the last tries do without
            soft, patience_s = left > 1, PROMPT_S + tries - left
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    self.line.enter_raw_repl(soft_reset=soft, timeout_overall=patience_s)
                break
            except (TransportError, struct.error):
                if not left:
                    raise
                self.line.serial.write(b"\r\x03")
                time.sleep(0.3)  # let whatever it says now come, and be forgotten
                self.line.serial.reset_input_buffer()
        self.run(f"import machine\nmachine.WDT(timeout={PATIENCE_MS})")

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.line.close()

    def run(self, script: str) -> str:
        """What `script` prints."""
        output, error = self.line.exec_raw(script, timeout=ANSWER_S)
        if error:
            raise TransportExecError(output, error.decode(errors="replace"))
        return output.decode(errors="replace")

    def value(self, expression: str):
        """A literal the board evaluates."""
        return ast.literal_eval(self.run(f"print(repr({expression}))").strip())

    def reset(self) -> None:
        """Start the board as its power does; nothing answers any more."""
        self.line.exec_raw_no_follow("import machine\nmachine.reset()")
        time.sleep(0.2)

    def put(self, files: Mapping[str, bytes], told: Told = lambda what, share: None) -> None:
        """Write files (path: content), folders included."""
        scripts = list(writing(files))
        for done, script in enumerate(scripts, 1):
            self.run(script)
            told("copying", done / len(scripts))

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each file on the board."""
        rows = (ast.literal_eval(line) for line in self.run(HASHES).splitlines() if line.strip())
        return {path: digest.hex() for path, digest in rows}

    def remove(self, folder: str) -> None:
        """Remove a folder with all that is in it; none is no error."""
        self.run(removing(folder))


def writing(files: Mapping[str, bytes]) -> Iterator[str]:
    """Scripts that write files (path: content), folders included."""
    folders = sorted({f for path in files for f in _parents(path)})
    yield f"import os\nfor f in {folders!r}:\n try: os.mkdir(f)\n except OSError: pass"
    for path, content in files.items():
        yield f"f = open({path!r}, 'wb')"
        for at in range(0, len(content), PIECE):
            yield f"f.write({content[at : at + PIECE]!r})"
        yield "f.close()"


def removing(folder: str) -> str:
    """A script that removes a folder with all that is in it; none is no error."""
    return (
        "import os\ndef gone(p):\n"
        " try:\n  for n, k, *_ in os.ilistdir(p):\n"
        "   gone(p + '/' + n) if k & 0x4000 else os.remove(p + '/' + n)\n"
        "  os.rmdir(p)\n except OSError: pass\n"
        f"gone({folder!r})"
    )


def _parents(path: str) -> list[str]:
    pieces = path.strip("/").split("/")[:-1]
    return ["/" + "/".join(pieces[: i + 1]) for i in range(len(pieces))]


def differing(board: Mapping[str, str], files: Mapping[str, bytes]) -> list[str]:
    """Paths of `files` that are not on the board as they should be."""
    return [p for p, data in files.items() if board.get(p) != hashlib.sha256(data).hexdigest()]
