"""An epoch costs the log and the codec no heap: counted with the collector off."""

import gc
import sys
from array import array

from fakes import Ram
from lamp import codec, nightlog, wire


class Beats:
    def __init__(self):
        self.t_ms = array("h", [300 + 900 * i for i in range(33)])
        self.ibi_ms = array("H", [900] * 33)
        self.flag = bytearray(33)
        self.flag[7] = wire.ARTEFACT


def test_an_epoch_costs_no_heap():
    if not hasattr(gc, "mem_alloc"):
        return  # CPython
    log, beats, out = nightlog.NightLog(Ram()), Beats(), bytearray(255)
    log.open_night()
    epoch = spent = 0
    for _ in range(2):  # the first one warms up
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        for _ in range(6):
            beats.ibi_ms[9] = 850 + 7 * epoch  # another CRC each time
            out[0] = epoch
            log.append(wire.EPOCH, out, codec.pack_beats(beats, 33, out, 21))
            log.append(wire.EVENT, out, 10)
            log.prepare()
            epoch += 1
        spent = gc.mem_alloc() - before
        gc.enable()
    assert spent == 0, "%d bytes in 6 epochs" % spent


def test_the_log_holds_little_heap():
    if not hasattr(gc, "mem_alloc"):
        return

    class Empty(Ram):
        sectors = 384

        def read(self, sector, offset, buf):
            for i in range(len(buf)):
                buf[i] = 0xFF

    flash = Empty()
    nightlog.NightLog(flash)
    gc.collect()
    before = gc.mem_alloc()
    log = nightlog.NightLog(flash)
    gc.collect()
    held = gc.mem_alloc() - before
    print("a log of 384 sectors holds", held, "bytes of heap")
    assert log and held < (3200 if sys.maxsize >> 32 else 2100)
