"""What judges of epochs say and take, for their tests; apart from fakes.py to spare the heap."""

import gc

from lamp import wire


def watch(made, detector, first, last, **how):
    """Feed epochs as `made(epoch, index, **how)` fills them; return [(epoch, event, lag_s)] and
    the epoch object as it was left."""
    epoch, events = wire.Epoch(), []
    for index in range(first, last):
        event = detector.feed(made(epoch, index, **how))
        if event:
            events.append((index, event, epoch.lag_s))
    return events, epoch


def allocated(do, what):
    """Bytes of heap that `do(what)` takes; 0 on CPython, which cannot tell."""
    if not hasattr(gc, "mem_alloc"):
        return 0
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    do(what)
    after = gc.mem_alloc()
    gc.enable()
    return after - before
