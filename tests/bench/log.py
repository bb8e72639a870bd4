"""The log against littlefs: bytes programmed, sectors erased, nights kept, bits per interval.

Nights of real beats (apnea_ecg, at most 8 h of each) fill the 1.5 MB ring one after another. The
peer is MicroPython's VfsLfs2 with the same payloads, flushed once an epoch, on a block device that
counts; both lose at most the epoch that is not yet written.
"""

import io
import json
import subprocess
import tempfile
from pathlib import Path

from lamp import codec, nightlog, wire
from sim.flash import Flash, Sectors

from tests.bench import _realbeats as realbeats
from tools import micropython

LITTLEFS = """
import os, sys, json
class Blocks:
    def __init__(self, n):
        self.data, self.n = bytearray(n * 4096), n
        self.erases = self.programs = self.bytes = 0
    def readblocks(self, block, buf, offset=0):
        at = block * 4096 + offset
        buf[:] = self.data[at:at + len(buf)]
    def writeblocks(self, block, buf, offset=0):
        at = block * 4096 + offset
        self.data[at:at + len(buf)] = buf
        self.programs += 1
        self.bytes += len(buf)
    def ioctl(self, op, arg):
        if op == 6:
            self.erases += 1
        return {4: self.n, 5: 4096}.get(op, 0)
blocks = Blocks(384)
os.VfsLfs2.mkfs(blocks)
fs = os.VfsLfs2(blocks)
blocks.erases = blocks.programs = blocks.bytes = payload = 0
night = fs.open("night", "wb")
with open(sys.argv[1], "rb") as frames:
    while True:
        head = frames.read(2)
        if not head:
            break
        body = frames.read(head[1])
        payload += len(body)
        night.write(head + body)
        if head[0] == 3:
            night.flush()
night.close()
print(json.dumps([blocks.bytes, payload, blocks.erases, blocks.programs]))
"""


def littlefs(frames: list[tuple[int, bytes]]) -> dict:
    """The same night in a file of VfsLfs2."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(bytes([kind, len(body)]) + body for kind, body in frames))
        file.flush()
        code = [*micropython.find(64), "-X", "heapsize=8m", "-c", LITTLEFS, file.name]
        done = subprocess.run(code, capture_output=True, text=True, check=True)
    programmed, payload, erases, programs = json.loads(done.stdout)
    return {
        "write_amplification": programmed / payload,
        "erases_per_night": erases,
        "programs_per_night": programs,
        "loss_s_max": wire.EPOCH_S,
    }


def one_night(log: nightlog.NightLog, frames: list[tuple[int, bytes]]) -> int:
    """Log it; return the epochs that a boot would have missed at the worst moment."""
    log.open_night()
    behind, epochs = 0, 0
    for kind, body in frames:
        assert log.append(kind, body, len(body))
        log.prepare()
        epochs += kind == wire.EPOCH
        if kind == wire.EPOCH and epochs % 97 == 0:
            again = nightlog.NightLog(log.ring.flash)
            behind = max(behind, epochs - again.next_epoch)
    log.close()
    return behind


def intervals(files: list[Path]) -> dict:
    """Bits of the coded beats over the residual's entropy, all recordings together."""
    out, spent, due, each = bytearray(255), 0, 0.0, {}
    for file in files:
        times = realbeats.beat_times_ms(file)
        bits = 8 * sum(codec.pack_beats(b, b.n, out, 0) for b in realbeats.epochs(times))
        entropy, many = realbeats.entropy_bits(times)
        spent, due = spent + bits, due + entropy * many
        each[f"{file.parent.name}/{file.stem}"] = bits / (entropy * many)
    return {
        "ibi_bits_over_entropy": spent / due,
        "ibi_bits_over_entropy_worst": max(each.values()),
    }


def run(data: Path, train: bool) -> dict:
    files = realbeats.recordings(data)
    result = intervals(files)
    pulse = realbeats.pulse(data)
    flash = Flash(io.BytesIO(b"\xff" * (384 * 4096)))
    log = nightlog.NightLog(Sectors(flash))
    kept, erases, written, payload, behind = [], [], 0, 0, 0
    whole = [f for f in files if f.parent.name == "apnea_ecg"]
    for file in whole:
        frames = list(realbeats.frames(realbeats.beat_times_ms(file), pulse))
        bytes_before, erases_before = flash.programmed, flash.erases
        behind = max(behind, one_night(log, frames))
        written += flash.programmed - bytes_before
        payload += sum(len(body) for _, body in frames) + 3
        erases.append(flash.erases - erases_before)
        if log.ring.lost:
            kept.append(len(log.ring.nights()) - 1)  # those complete while the last was written
    result |= {
        "nights": len(whole),
        "write_amplification": written / payload,
        "erases_per_night": sum(erases) / len(erases),
        "erases_per_night_max": max(erases),
        "loss_s_max": wire.EPOCH_S * (1 + behind),
        "nights_kept": min(kept),
        "kb_per_night": written / len(whole) / 1024,
        "littlefs": littlefs(frames),
    }
    show(result)
    return result


def show(result: dict) -> None:
    peer = result["littlefs"]
    print(
        f"{result['nights']} nights of real beats (apnea_ecg, at most 8 h each), 1.5 MB of flash\n"
    )
    print(f"{'':34}{'ring':>10}{'littlefs':>10}")
    for key in ("write_amplification", "erases_per_night", "loss_s_max"):
        print(f"{key:34}{result[key]:>10.2f}{peer[key]:>10.2f}")
    for key in ("nights_kept", "kb_per_night", "ibi_bits_over_entropy"):
        print(f"{key:34}{result[key]:>10.3f}")
    print(f"{'  worst recording':34}{result['ibi_bits_over_entropy_worst']:>10.3f}")
