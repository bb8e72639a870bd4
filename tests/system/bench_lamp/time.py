"""The part of sim/time.py that the radio needs, in real time: watch a socket, nothing else."""

import asyncio

from utime import *  # noqa: F403


def watch(sock, callback):
    """Call `callback` whenever `sock` is readable; None: the air is gone, and so is this lamp."""
    global watcher
    if not callback:
        raise SystemExit
    watcher = asyncio.create_task(_watch(sock, callback))


async def _watch(sock, callback):
    while True:
        yield asyncio.core._io_queue.queue_read(sock)
        callback()


def connected(_):
    """Real time needs no telling."""


def heap():
    """Nobody is charged for collections here."""
    return 0


def simulators(_):
    pass


def firmwares(_):
    pass
