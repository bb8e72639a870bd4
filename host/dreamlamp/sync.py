"""Pull nights over any link: resume at the byte there is, verify, fsync, and only then say so.

A night is kept as `<lamp>-<id>.night` (its raw bytes) and `<lamp>-<id>.json` (whose it is and how
the lamp's clock stood); one under way as `.part`. Knows no radio and no meaning of a record.
"""

import asyncio
import binascii
import hashlib
import json
import os
import struct
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from lamp import wire

from .link import LampError, Link, LinkLost, Refusal, virtual

WINDOW = 4096  # bytes granted ahead; no more than these can be sent in vain
SILENCE_S = 1.0  # without data for so long, the window's tail was lost: ask again
SILENCES = 8  # so often, then give up
SILENCE = (-1, b"")

Progress = Callable[["Entry", int], None]


@dataclass
class Entry:
    """One line of NIGHTS."""

    night: int
    length: int
    epochs: int
    flags: int
    boot: int
    second: int

    @property
    def open(self) -> bool:
        return bool(self.flags & wire.ENTRY_OPEN)


@dataclass
class Hello:
    protocol: int
    major: int
    minor: int
    patch: int
    kit: int
    state: int
    mode: int
    boot: int
    now_s: int


@dataclass
class Result:
    """What became of one night."""

    night: int
    path: Path
    state: str  # "complete", "partial" (still being written), "kept" (was here already)
    bytes: int = 0  # of the night
    fetched: int = 0  # bytes that were new
    resent: int = 0  # bytes that came again
    bad_bytes: int = 0  # in frames whose CRC is wrong on the lamp's flash, too


async def sync(
    link: Link,
    library: Path,
    progress: Progress = lambda entry, have: None,
    now: Callable[[], float] = time.time,
) -> list[Result]:
    """Fetch every night the lamp has that `library` has not; the results, oldest first.

    The lamp is told that it is `now()`, Unix seconds.
    """
    library.mkdir(parents=True, exist_ok=True, mode=0o700)
    hello = Hello(*struct.unpack(wire.HELLO_LAYOUT, await link.request(wire.HELLO)))
    if hello.protocol != wire.PROTOCOL:
        raise LampError(
            f"the lamp speaks protocol {hello.protocol}, this program {wire.PROTOCOL}: "
            "update the older of the two"
        )
    clock = await set_time(link, hello, now())
    results = []
    for entry in await nights(link):
        results.append(await Fetch(link, library, entry, clock, progress).run())
    return results


async def set_time(link: Link, hello: Hello, unix_s: float) -> dict:
    """Tell the lamp the time; how its seconds and ours belong together, for the sidecar."""
    offset_min = time.localtime(unix_s).tm_gmtoff // 60
    await link.request(wire.SET_TIME, struct.pack("<Ih", int(unix_s), offset_min))
    return {
        "boot": hello.boot,
        "now_s": hello.now_s,
        "unix_s": round(unix_s, 3),
        "utc_offset_min": offset_min,
        "firmware": f"{hello.major}.{hello.minor}.{hello.patch}",
    }


async def nights(link: Link) -> list[Entry]:
    """Every night the lamp holds."""
    found: list[Entry] = []
    while True:
        answer = await link.request(wire.NIGHTS, bytes([len(found)]))
        found += [Entry(*e) for e in struct.iter_unpack(wire.NIGHT_ENTRY, answer[1:])]
        if len(answer) == 1 or len(found) >= answer[0]:
            return found


async def delete(link: Link, file: Path) -> None:
    """Remove the night kept in `file` from the lamp, on the strength of its hash."""
    night = json.loads(file.with_suffix(".json").read_text())["entry"]["night"]
    sha = hashlib.sha256(file.read_bytes()).digest()
    await link.request(wire.DELETE, struct.pack("<H32s", night, sha))


class Fetch:
    """One night's way to disk."""

    def __init__(self, link: Link, library: Path, entry: Entry, clock: dict, progress: Progress):
        self.link, self.entry, self.clock, self.progress = link, entry, clock, progress
        self.path = library / f"{link.name}-{entry.night:05d}.night"
        self.part = self.path.with_suffix(".part")
        self.have = 0  # bytes on disk, without a gap
        self.early: dict[int, bytes] = {}  # what came after a gap
        self.granted = 0  # the byte up to which the lamp may send
        self.seen = 0  # the furthest byte it has sent
        self.silences = 1  # times nothing came
        self.result = Result(entry.night, self.path, "complete", entry.length)

    async def run(self) -> Result:
        if self.path.exists() and self.path.stat().st_size == self.entry.length:
            return await self.keep()
        for _ in range(2):
            # where the flash has rotted, fewer bytes are left than the entry says
            length, sha = struct.unpack(
                "<I32s", await self.link.request(wire.DIGEST, struct.pack("<H", self.entry.night))
            )
            await self.fill(length)
            if hashlib.sha256(self.part.read_bytes()).digest() == sha:
                return await self.settle(sha)
            self.part.unlink()  # not this night's bytes: from the beginning, once
        raise LampError(
            f"night {self.entry.night} does not match its hash: sync again; "
            "if that does not help, report it. The lamp keeps the night."
        )

    async def keep(self) -> Result:
        """It is here; say so, if the lamp has not noted it."""
        self.result.state = "kept"
        if not self.entry.flags & wire.ENTRY_SYNCED and not self.entry.open:
            sha = hashlib.sha256(self.path.read_bytes()).digest()
            try:
                await self.synced(sha)
            except Refusal as refusal:
                if refusal.status != wire.MISMATCH:
                    raise
                self.path.unlink()  # another night of the same number: fetch it
                return await self.run()
        return self.result

    async def fill(self, end: int) -> None:
        """Bring the part file up to `end`."""
        if self.path.exists() and not self.part.exists():  # it was open and has grown
            self.part.write_bytes(self.path.read_bytes())
        with os.fdopen(os.open(self.part, os.O_WRONLY | os.O_CREAT, 0o600), "wb", 0) as file:
            self.have = self.granted = self.seen = file.seek(0, os.SEEK_END)
            if self.have > end:
                self.have = self.granted = self.seen = file.truncate(0)
                file.seek(0)
            self.drop_stale()
            while self.have < end:
                await self.grant(end)
                await self.receive(file)
            os.fsync(file.fileno())

    def drop_stale(self) -> None:
        """Forget what the link still holds of an earlier stream."""
        while not self.link.data.empty():
            if self.link.data.get_nowait() is None:
                self.link.data.put_nowait(None)
                return

    async def grant(self, end: int) -> None:
        """Credit ahead of the stream; gaps are asked for once the stream stands still."""
        if not self.early:  # a gap was filled, and what came early is behind us now
            self.granted = max(self.granted, self.have)
            self.seen = max(self.seen, self.have)
        if self.early and self.seen >= self.granted:
            hole = min(self.early) - self.have
            await self.ask(self.have, hole)
        elif not self.early and self.granted < end and self.granted - self.seen <= WINDOW // 2:
            ahead = min(end, self.seen + WINDOW) - self.granted
            await self.ask(self.granted, ahead)

    async def ask(self, offset: int, credit: int) -> None:
        self.granted = offset + credit
        self.seen = min(self.seen, self.granted)
        body = struct.pack("<HII", self.entry.night, offset, credit)
        # data is answer enough; only after a silence it matters what the lamp has to say
        await (self.link.request if self.silences else self.link.tell)(wire.READ, body)

    async def receive(self, file) -> None:
        """Take what has come; write what is next to what is there."""
        try:
            got = self.link.data.get_nowait()
        except asyncio.QueueEmpty:
            got = await self.wait()
        if got == SILENCE:
            self.silences += 1
            if self.silences > SILENCES:
                raise LampError(
                    f"the lamp sends no more of night {self.entry.night}: unplug it, plug it in, "
                    "and sync again; what was fetched is kept"
                )
            self.granted = self.seen = self.have
            return
        if got is None:
            self.link.data.put_nowait(None)
            raise LinkLost("the lamp went out of reach: come nearer; sync goes on from here")
        self.silences = 0
        offset, data = got
        self.seen = offset + len(data)
        if offset == self.have and not self.early:
            file.write(data)
            self.have += len(data)
            self.result.fetched += len(data)
            self.progress(self.entry, self.have)
            return
        if offset in self.early:
            self.result.resent += len(self.early[offset])
        self.early[offset] = data
        for start in sorted(self.early):
            if start > self.have:
                break
            data = self.early.pop(start)
            new = data[self.have - start :]
            file.write(new)
            self.have += len(new)
            self.result.fetched += len(new)
            self.result.resent += len(data) - len(new)
        self.progress(self.entry, self.have)

    async def wait(self) -> tuple[int, bytes] | None:
        """The next of the stream; None: the link ended."""
        try:
            async with asyncio.timeout(SILENCE_S):  # unlike wait_for it makes no task
                return await self.link.data.get()
        except TimeoutError:
            return SILENCE

    async def settle(self, sha: bytes) -> Result:
        """The bytes are right: name the file, tell the lamp."""
        data = self.part.read_bytes()
        self.result.bytes = len(data)
        self.result.bad_bytes = bad_bytes(data, self.entry.night)
        self.sidecar(sha)
        self.part.rename(self.path)
        flush_folder(self.path.parent)
        if self.entry.open:
            self.result.state = "partial"
        else:
            await self.synced(sha)
        return self.result

    async def synced(self, sha: bytes) -> None:
        await self.link.request(wire.SYNCED, struct.pack("<H32s", self.entry.night, sha))

    def older(self, file: Path) -> list[dict]:
        """How the clock stood in earlier power-ups, as an earlier sync of this night noted it."""
        try:
            note = json.loads(file.read_text())
        except (OSError, ValueError):
            return []
        if note.get("entry", {}).get("boot") != self.entry.boot:  # another of the same number
            return []
        return [clock for clock in note.get("clocks", ()) if clock["boot"] != self.clock["boot"]]

    def sidecar(self, sha: bytes) -> None:
        """Write what the night's bytes do not tell beside them."""
        about: dict = {
            "lamp": self.link.name,
            "sha256": sha.hex(),
            "entry": asdict(self.entry),
            **virtual(),
        }
        file = self.path.with_suffix(".json")
        about["clocks"] = [*self.older(file), self.clock]
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(about, out, indent=1)
            out.flush()
            os.fsync(out.fileno())


def flush_folder(folder: Path) -> None:
    """Make a rename durable."""
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def bad_bytes(data: bytes, night: int) -> int:
    """Bytes that belong to no frame with a right CRC (flash rots; the hash only says as sent)."""
    at = bad = 0
    while at < len(data):
        end = at + 2 + data[at + 1] if at + 2 <= len(data) else len(data)
        crc = data[end : end + 4]
        if binascii.crc32(data[at:end], night).to_bytes(4, "little") == crc:
            at = end + 4
        else:
            at, bad = at + 1, bad + 1
    return bad
