"""Pull nights over any link: resume at the byte there is, verify, fsync, and only then say so.

A night is kept as `<lamp>-<id>.night` (its raw bytes) and `<lamp>-<id>.json` (whose it is and how
the lamp's clock stood); one under way as `.part`; its raw samples, where the lamp kept some, as
`.raw`. Whatever was kept under that name and is not the beginning of what came, as after the lamp
was erased, is put aside as `<lamp>-older<n>-<id>`. Knows no radio and no meaning of a record.
"""

import asyncio
import binascii
import contextlib
import hashlib
import json
import os
import struct
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lamp import wire

from . import sealed
from .library import Library
from .line import LampError, Line, LinkLost, Refusal
from .link import virtual

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
    # "complete", "partial" (still being written), "kept" (was here already), "deleted" (on the
    # lamp, because it was deleted here)
    state: str
    bytes: int = 0  # of the night
    fetched: int = 0  # bytes that were new
    resent: int = 0  # bytes that came again
    bad_bytes: int = 0  # in frames whose CRC is wrong on the lamp's flash, too
    raw_bytes: int = 0  # of raw samples that were fetched besides


async def sync(
    link: Line,
    library: Path,
    progress: Progress = lambda entry, have: None,
    now: Callable[[], float] = time.time,
    raw: bool = True,
) -> list[Result]:
    """Fetch every night the lamp has that `library` has not; the results, oldest first.

    The lamp is told that it is `now()`, Unix seconds. Raw samples come last, if `raw`.
    """
    with sealed.alone(library):
        return await _sync(link, library, progress, now, raw)


async def _sync(link: Line, library: Path, progress: Progress, now, raw: bool) -> list[Result]:
    hello = Hello(*struct.unpack(wire.HELLO_LAYOUT, await link.request(wire.HELLO)))
    if hello.protocol != wire.PROTOCOL:
        raise LampError(
            f"the lamp speaks protocol {hello.protocol}, this program {wire.PROTOCOL}: "
            "update the older of the two"
        )
    clock = await set_time(link, hello, now())
    results: list[Result] = []
    slow: list[tuple[Result, RawFetch]] = []
    for entry in await nights(link):
        fetch = Fetch(link, library, entry, clock, progress)
        results.append(await forgotten(fetch) or await fetch.run())
        if entry.flags & wire.ENTRY_RAW and results[-1].state in ("complete", "kept"):
            slow.append((results[-1], RawFetch(link, library, entry, clock, progress)))
    for result, later in slow if raw else ():
        result.raw_bytes = (await later.run()).fetched
    return results


async def set_time(link: Line, hello: Hello, unix_s: float) -> dict:
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


async def nights(link: Line) -> list[Entry]:
    """Every night the lamp holds."""
    found: list[Entry] = []
    while True:
        answer = await link.request(wire.NIGHTS, bytes([len(found)]))
        found += [Entry(*e) for e in struct.iter_unpack(wire.NIGHT_ENTRY, answer[1:])]
        if len(answer) == 1 or len(found) >= answer[0]:
            return found


async def forgotten(fetch: "Fetch") -> Result | None:
    """Delete a night from the lamp that was deleted from the library; None if it was not."""
    held, name = Library(fetch.path.parent), fetch.path.stem
    sha = held.forgotten().get(name)
    if not sha:
        return None
    night = fetch.entry.night
    _, there = struct.unpack(
        "<I32s", await fetch.link.request(wire.DIGEST, struct.pack("<H", night))
    )
    if there.hex() == sha:
        await fetch.link.request(wire.DELETE, struct.pack("<H32s", night, there))
        fetch.result.state = "deleted"
    held.forget(name, None)
    return fetch.result if there.hex() == sha else None  # else another night of that number


async def delete(link: Line, file: Path) -> None:
    """Remove the night kept in `file` from the lamp, on the strength of its hash."""
    night = json.loads(file.with_suffix(".json").read_text())["entry"]["night"]
    sha = hashlib.sha256(sealed.read(file)).digest()
    await link.request(wire.DELETE, struct.pack("<H32s", night, sha))


class Fetch:
    """One night's way to disk."""

    def __init__(self, link: Line, library: Path, entry: Entry, clock: dict, progress: Progress):
        self.link, self.entry, self.clock, self.progress = link, entry, clock, progress
        self.path = library / f"{link.name}-{entry.night:05d}.night"
        self.part = self.path.with_suffix(".part")
        self.called = f"night {entry.night}"
        self.have = 0  # bytes on disk, without a gap
        self.early: dict[int, bytes] = {}  # what came after a gap
        self.granted = 0  # the byte up to which the lamp may send
        self.seen = 0  # the furthest byte it has sent
        self.silences = 1  # times nothing came
        self.result = Result(entry.night, self.path, "complete", entry.length)

    async def run(self) -> Result:
        if self.is_here():
            return await self.keep()
        for again in (False, True):
            # where the flash has rotted, fewer bytes are left than the entry says
            length, sha = struct.unpack(
                "<I32s", await self.link.request(wire.DIGEST, struct.pack("<H", self.entry.night))
            )
            await self.fill(length, again)
            if hashlib.sha256(self.part.read_bytes()).digest() == sha:
                return await self.settle(sha)
            self.part.unlink()  # not this night's bytes: from the beginning, once
        raise LampError(
            f"{self.called} does not match its hash: sync again; "
            "if that does not help, report it. The lamp keeps the night."
        )

    def noted(self) -> dict:
        """What an earlier sync wrote beside the night; empty if it did not."""
        try:
            return json.loads(self.path.with_suffix(".json").read_text())
        except (OSError, ValueError):
            return {}

    def is_here(self) -> bool:
        """Whether the night was fetched up to where it ends now, and its file is as it was.

        Where nobody gave the passphrase, a sealed file is as it was if its sealed bytes are; one
        that was sealed later is believed only where the lamp heard before that it is held.
        """
        note = self.noted()
        if self.part.exists() or not self.path.exists():
            return False
        if note.get("entry", {}).get("length") != self.entry.length:
            return False
        if not sealed.readable(self.path):
            same = sha256(self.path.read_bytes()) == note.get("stored_sha256")
            return same or bool(self.entry.flags & wire.ENTRY_SYNCED)
        try:
            return sha256(sealed.read(self.path)) == note.get("sha256")
        except sealed.Damaged:
            return False

    async def keep(self) -> Result:
        """It is here; say so, if the lamp has not noted it."""
        self.result.state = "kept"
        if not self.entry.flags & wire.ENTRY_SYNCED and not self.entry.open:
            try:
                await self.synced(bytes.fromhex(self.noted()["sha256"]))
            except Refusal as refusal:
                if refusal.status != wire.MISMATCH:
                    raise
                self.put_aside()  # another night of the same number: fetch it
                return await self.run()
        return self.result

    def put_aside(self) -> None:
        """Give the night of this name, and its note, another one: no fetched night is dropped."""
        lamp, number = self.path.stem.rsplit("-", 1)
        n = 1
        while (aside := self.path.with_name(f"{lamp}-older{n}-{number}.night")).exists():
            n += 1
        for ending in (".json", ".raw", ".night"):
            if self.path.with_suffix(ending).exists():
                self.path.with_suffix(ending).rename(aside.with_suffix(ending))

    async def fill(self, end: int, anew: bool) -> None:
        """Bring the part file up to `end`; `anew`, from nothing."""
        if not anew and not self.part.exists() and self.path.exists():  # it was open and has grown
            with contextlib.suppress(sealed.Damaged):
                if sealed.readable(self.path):
                    sealed.put(self.part, sealed.read(self.path))
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
                    f"the lamp sends no more of {self.called}: unplug it, plug it in, "
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
        note = self.noted()
        if self.path.exists() and not self.continues(note, data):
            self.put_aside()
            note = {}
        stored = sealed.seal(self.path.parent, data)
        sealed.put(self.path.with_suffix(".json"), self.about(note, data, stored))
        sealed.put(self.path, stored)
        self.part.unlink()  # last: while it is there, the two above may not belong together
        if self.entry.open:
            self.result.state = "partial"
        else:
            await self.synced(sha)
        return self.result

    async def synced(self, sha: bytes) -> None:
        await self.link.request(wire.SYNCED, struct.pack("<H32s", self.entry.night, sha))

    def continues(self, note: dict, data: bytes) -> bool:
        """Whether what is kept under this name is where `data` begins."""
        if note:
            return sha256(data[: note.get("bytes", 0)]) == note.get("sha256")
        return sealed.readable(self.path) and data.startswith(sealed.read(self.path))

    def about(self, note: dict, data: bytes, stored: bytes) -> bytes:
        """What the night's bytes do not tell, to lie beside them. `note`: what was there.

        How the clock stood in earlier power-ups is kept from an earlier sync of this night.
        """
        older = [c for c in note.get("clocks", ()) if c["boot"] != self.clock["boot"]]
        about = {
            "lamp": self.link.name,
            "sha256": sha256(data),
            "stored_sha256": sha256(stored),  # of what lies on disk, sealed or not
            "bytes": len(data),
            "entry": asdict(self.entry),
            **virtual(),
            "clocks": [*older, self.clock],
        }
        return json.dumps(about, indent=1).encode()


class RawFetch(Fetch):
    """The way of a night's raw samples. The lamp gives them up once they are here."""

    def __init__(self, link: Line, library: Path, entry: Entry, clock: dict, progress: Progress):
        whole = replace(entry, night=entry.night | wire.RAW, length=0, flags=0)
        super().__init__(link, library, whole, clock, progress)
        self.path = library / f"{link.name}-{entry.night:05d}.raw"
        self.part = self.path.with_suffix(".raw.part")
        self.called = f"the raw EEG of night {entry.night}"

    def is_here(self) -> bool:
        return self.path.exists() and not self.part.exists()

    async def keep(self) -> Result:
        """It is here already. If the lamp has lost some of it since, it may keep the rest."""
        self.result.state = "kept"
        if sealed.readable(self.path):
            with contextlib.suppress(Refusal):
                await self.synced(hashlib.sha256(sealed.read(self.path)).digest())
        return self.result

    async def fill(self, end: int, anew: bool) -> None:
        self.entry.length = end
        await super().fill(end, anew)

    async def settle(self, sha: bytes) -> Result:
        sealed.write(self.path, self.part.read_bytes())
        self.part.unlink()
        await self.synced(sha)
        return self.result


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def bad_bytes(data: bytes, night: int) -> int:
    """Bytes that belong to no frame with a right CRC (flash rots; the hash only says as sent)."""
    seed = binascii.crc32(struct.pack("<H", night))
    at = bad = 0
    while at < len(data):
        end = at + 2 + data[at + 1] if at + 2 <= len(data) else len(data)
        crc = data[end : end + 4]
        if binascii.crc32(data[at:end], seed).to_bytes(4, "little") == crc:
            at = end + 4
        else:
            at, bad = at + 1, bad + 1
    return bad
