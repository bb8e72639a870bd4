"""Joins the board and the night; what is left when both fail.

The button held at boot, or three crashes in a row since it was plugged in, start the lamp in
safe mode: `board.safe`, and no night begins by itself. The last four crashes stay in the
settings (`crash0` .. `crash3`, in a ring; `crashes` counts them).
"""

import asyncio
import gc
import io
import sys

import machine

from . import night
from .board import Board

CRASHES = 4
CRASH_BYTES = 240  # the end of a traceback, where the cause stands
STRIKES = 3
STEADY_S = 600  # a crash after this long is not one in a row


def main():
    """Run the lamp; returns only by a reset."""
    board = Board()
    if board.reset_cause == machine.PWRON_RESET:
        board.settings.set("strikes", None)
    if board.settings.get("strikes", 0) >= STRIKES:
        board.safe = True
    gc.collect()
    board.guard()
    try:
        asyncio.run(night.run(board))
        text = "night.run returned"
    except Exception as error:
        said = io.StringIO()
        sys.print_exception(error, said)
        text = said.getvalue()
    board.light.set(0)
    note(board, text)
    machine.reset()


def note(board, text):
    """Keep `text` in the ring of crashes and count it."""
    n = board.settings.get("crashes", 0)
    board.settings.set("crash%d" % (n % CRASHES), text.encode()[-CRASH_BYTES:])
    board.settings.set("crashes", n + 1)
    in_row = board.clock.now_s() < STEADY_S
    board.settings.set("strikes", board.settings.get("strikes", 0) + 1 if in_row else 1)
