"""Joins the board and the night; what is left when both fail.

The button held at boot, or three falls in a row since it was plugged in, start the lamp in
safe mode: `board.safe`, and no night begins by itself. The last four crashes stay in the
settings (`crash0` .. `crash3`, in a ring; `crashes` counts them, and those of single tasks, which
are only started again).
"""

import asyncio
import gc
import io
import sys
import time

import machine

from .board import Board

CRASHES = 4
CRASH_BYTES = 240  # the end of a traceback, where the cause stands
STRIKES = 3
ASKED = -1  # strikes before a reset on purpose
RETRY_S = 5  # between tries to build a board that cannot be built
GC_BYTES = 4096  # collect often while code is loaded, or the heap ends up in pieces
SPARE = [bytearray(1024)]  # let go of in a crash, which may come from full memory
PROVE_S = 60  # of running, with the watchdog fed, before a new firmware replaces the old one
LOAD_S = 3  # by then the night has loaded what it needs
STEADY_S = 600  # a lamp that ran this long has no strikes


def main():
    """Run the lamp; returns only by a reset."""
    gc.threshold(GC_BYTES)
    board = None
    try:
        board = Board(note)
        if in_a_row(board) >= STRIKES:
            board.safe = True
        gc.collect()
        board.watchdog.start()
        from . import night  # only now: the radio's stack wants its memory first

        board.spawn(forgive, board)
        asyncio.run(night.run(board))
        raise RuntimeError("the night returned")
    except Exception as error:
        crash(board, error)
    finally:  # Ctrl-C: nobody moves the light any more, nor hears the button
        if board:
            board.light.set(0)


def in_a_row(board):
    """Starts that nobody asked for since the lamp was plugged in or last ran for STEADY_S.

    They are counted here and not where it fell: of a bite or a panic nobody is left to count, and
    a panic's cause reads as that of our own reset. Who resets it on purpose sets ASKED before.
    """
    strikes = board.settings.get("strikes", 0)
    if board.reset_cause == machine.PWRON_RESET:
        if strikes:
            board.settings.set("strikes", 0)
        return 0
    if board.reset_cause != machine.SOFT_RESET:
        strikes += 1
        board.settings.set("strikes", strikes)
    return strikes


async def forgive(board):
    """Forget the strikes once the lamp has shown that it can run; if they made it safe, that too
    is over: it starts anew and goes on with the night. A firmware on trial is proven sooner.
    From then on, note how little memory was left."""
    await asyncio.sleep(LOAD_S)
    gc.threshold(-1)  # the kit's own files are loaded, too
    await asyncio.sleep(PROVE_S - LOAD_S)
    trial = sys.modules.get("choose")
    if trial and board.fit():
        trial.prove()  # if it cannot be written, this task is begun again
        del sys.modules["choose"]
    await asyncio.sleep(STEADY_S - PROVE_S)
    strikes = board.settings.get("strikes", 0)
    if strikes:
        board.settings.set("strikes", ASKED if strikes >= STRIKES else 0)
    if strikes >= STRIKES:
        machine.reset()
    while True:
        gc.collect()
        board.heap_low = min(board.heap_low, gc.mem_free())
        await asyncio.sleep(STEADY_S)


def crash(board, error):
    """Dark; keep the end of the traceback; start anew, whatever fails here.

    Without a `board` even that failed: there is nothing to light, and the console is told.
    """
    try:
        if board is None:
            sys.print_exception(error)
            time.sleep(RETRY_S)
            return
        board.light.set(0)
        SPARE.clear()
        gc.collect()
        note(board, error)
    finally:
        machine.reset()


def note(board, error):
    """Print the end of its traceback, count it and put it into the ring."""
    sys.print_exception(error)
    settings = board.settings
    n = settings.get("crashes", 0)
    settings.set("crashes", n + 1)
    said = io.StringIO()
    sys.print_exception(error, said)
    settings.set("crash%d" % (n % CRASHES), said.getvalue().encode()[-CRASH_BYTES:])
