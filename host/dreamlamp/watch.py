"""Sync unattended: stay, and fetch whatever the lamp has whenever it is near.

The lamp serves one host at a time, so a visit is as short as a sync and the line is let go of
between two. Nothing that goes wrong with lamp, radio, port or disk ends the watch; it is told
once and tried again. Knows no radio and no port: `connect` is either.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from . import errands
from .errors import DreamlampError
from .library import Library
from .line import Absent, Line, LinkLost
from .sync import Progress, Result, sync

EVERY_S = 15 * 60.0  # between two visits that went well
SOON_S = 5.0  # after a line that broke in the midst of one
ABSENT_S = (20.0, 300.0)  # between looks for a lamp that is away: at first, and after doubling
VISIT_S = 30 * 60.0  # no visit takes so long; one that does hangs
NAP_S = 5.0
ASLEEP_S = 30.0  # by so much more than a nap the clock went on: the computer slept


class Watch:
    """`run()` goes on until it is cancelled. `results` are told each visit, `said` each change."""

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[Line]],
        library: Path,
        results: Callable[[str, list[Result]], None],
        said: Callable[[str], None],
        progress: Progress = lambda entry, have: None,
        every_s: float = EVERY_S,
        now: Callable[[], float] = time.time,
        raw: bool = True,
    ):
        self.connect, self.library = connect, library
        self.results, self.said, self.progress = results, said, progress
        self.every_s, self.now, self.raw = every_s, now, raw
        self.last_said = ""
        self.absences = 0

    async def run(self) -> None:
        while True:
            await self.rest(await self.visit())

    async def visit(self) -> float:
        """One visit; seconds to wait before the next."""
        try:
            async with asyncio.timeout(VISIT_S), self.connect() as line:
                self.absences = 0
                results = await sync(line, self.library, self.progress, self.now, self.raw)
                self.last_said = ""
                self.results(line.name, results)
                for sentence in await errands.run(line, Library(self.library)):
                    self.said(sentence)
                return self.every_s
        except Absent as error:
            self.say(f"waiting for the lamp ({error})" if not self.absences else self.last_said)
            first, most = ABSENT_S
            self.absences += 1
            return min(most, first * 2 ** min(self.absences - 1, 10))
        except LinkLost as error:
            self.say(str(error))
            return SOON_S
        except DreamlampError as error:
            self.say(str(error))
        except Exception as error:  # of a radio's stack or a disk, whatever it is
            self.say(f"{type(error).__name__}: {error}; trying again")
        return ABSENT_S[0]

    def say(self, text: str) -> None:
        if text != self.last_said:
            self.last_said = text
            self.said(text)

    async def rest(self, seconds: float) -> None:
        """Wait; no longer if the computer slept meanwhile, for much may have changed."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            nap_s, before = min(NAP_S, left), time.time()
            await asyncio.sleep(nap_s)
            if time.time() - before > nap_s + ASLEEP_S:
                self.absences = 0
                return
