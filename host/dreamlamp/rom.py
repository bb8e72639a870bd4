"""The loader in a virtual chip's ROM, as esptool meets it: registers, and a flash to write.

It is what answers while BOOT is held at a reset. Faked: the few registers esptool reads (magic
number, efuses of a plain chip, the flash's id), and that the program esptool loads into RAM is
run; its part is played here. Kept: SLIP, checksums, refusal of what is unknown, and that writing
erases whole sectors. What is written becomes the virtual board's partition table, file system,
nights and NVS; boot loader and application are kept and never run.
Source: Espressif, esptool documentation, "Serial Protocol".
"""

import hashlib
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import image

WAITING = b"\r\nboot:0x3 (DOWNLOAD_BOOT)\r\nwaiting for download\r\n"
END, ESC = b"\xc0", b"\xdb"
FLASH_END, MEM_END, SYNC, WRITE_REG, READ_REG = 0x04, 0x06, 0x08, 0x09, 0x0A
DEFL_BEGIN, DEFL_DATA, MD5, SECURITY, ERASE = 0x10, 0x11, 0x13, 0x14, 0xD0
OBEYED = {0x02, 0x05, 0x07, 0x0B, 0x0D, 0x0F, 0x12}  # memory, SPI, baud, ends: no more than a yes
MAGIC, READ_ID, RUN = 0x40001000, 0x9F, 1 << 18
WRONG_MESSAGE, WRONG_CHECKSUM = 5, 7
CHECKSUM_SEED = 0xEF


@dataclass(frozen=True)
class Chip:
    """What tells one chip from another: `id` None where only the magic number does."""

    magic: int
    id: int | None
    spi: int  # base of the flash's registers, with the offsets of its command and its data
    command: int = 0x20
    data: int = 0x58
    fuses: Mapping[int, int] = field(default_factory=dict)  # and other registers: value


V3 = {  # an ESP32-D0WD-V3 with a crystal of 40 MHz, and the address of the simulator's radio
    0x3FF5A004: 0x00000001, 0x3FF5A008: 0x02DE, 0x3FF5A00C: 1 << 15 | 1 << 9,
    0x3FF5A014: 1 << 20, 0x3FF6607C: 1 << 31, 0x3FF40014: 347,
}  # fmt: skip
CHIPS = {
    "ESP32": Chip(0x00F01D83, None, 0x3FF42000, 0x24, 0x80, V3),
    "ESP32-S2": Chip(0x000007C6, None, 0x3F402000),
    "ESP32-S3": Chip(0, 9, 0x60002000),
    "ESP32-C3": Chip(0, 5, 0x60002000),
}


class Rom:
    """The loader of the board that lives in `folder`; `awake` while it listens."""

    def __init__(self, folder: Path, chip: str = "ESP32", flash_mb: int = 4) -> None:
        self.folder, self.chip = folder, CHIPS[chip]
        self.flash = bytearray(b"\xff" * (flash_mb << 20))
        self.flash_id = 0x4020 | (flash_mb.bit_length() + 19) << 16
        self.awake = False

    def wake(self) -> bytes:
        """Start listening; what it says first."""
        self.awake, self.loaded, self.packet = True, False, b""
        self.registers = {MAGIC: self.chip.magic, **self.chip.fuses}
        for place, file in self._kept().items():
            if file.is_file():
                content = b"\0" if file.suffix == ".json" else file.read_bytes()
                self.flash[place.offset : place.offset + len(content)] = content
        return WAITING

    def sleep(self) -> None:
        """The chip is reset: what is on the flash now is what its firmware will find."""
        if not self.awake:
            return
        self.awake = False
        for place, file in self._kept().items():
            content = bytes(self.flash[place.offset : place.offset + place.size])
            if file.suffix != ".json":
                file.write_bytes(content)
            elif content.strip(b"\xff") == b"":
                file.unlink(missing_ok=True)

    def _kept(self) -> dict[image.Partition, Path]:
        table = image.Partition("table", 0, 0, image.TABLE, image.TABLE_BYTES)
        names = {table: "table.bin", image.PLACE["vfs"]: "vfs.bin"}
        names |= {image.PLACE["nights"]: "flash.bin", image.PLACE["nvs"]: "nvs.json"}
        ends = len(self.flash)
        return {p: self.folder / name for p, name in names.items() if p.offset + p.size <= ends}

    def hear(self, data: bytes) -> bytes:
        """Bytes from the line -> bytes for it."""
        *packets, self.packet = (self.packet + data).split(END)
        return b"".join(self._answer(_unslipped(p)) for p in packets if p)

    def _answer(self, packet: bytes) -> bytes:
        if len(packet) < 8 or packet[0]:
            return b""
        op, _, checksum = struct.unpack_from("<BHI", packet, 1)
        body = packet[8:]
        if op == SYNC:
            return self._said(op, b"", value=0 if self.loaded else 0x20120707) * 8
        if op == DEFL_DATA and checksum != _checksum(body[16:]):
            return self._said(op, b"", error=WRONG_CHECKSUM)
        if op == MEM_END:
            answer = self._said(op, b"")
            self.loaded = True
            return answer + _slipped(b"OHAI")
        if op == FLASH_END:  # the loaded program gives way to the ROM's
            answer, self.loaded = self._said(op, b""), False
            return answer
        found = self._obey(op, body)
        if found is None:
            return self._said(op, b"", error=WRONG_MESSAGE)
        return self._said(op, *found)

    def _said(self, op: int, data: bytes, value: int = 0, error: int = 0) -> bytes:
        status = bytes((error > 0, error)).ljust(2 if self.loaded else 4, b"\0")
        return _slipped(struct.pack("<BBHI", 1, op, len(data + status), value) + data + status)

    def _obey(self, op: int, body: bytes) -> tuple[bytes, int] | None:
        """Data and value of the answer; None for what this loader does not know."""
        words = struct.unpack_from(f"<{min(len(body), 20) // 4}I", body)
        if op == READ_REG:
            return b"", self.registers.get(words[0], 0)
        if op == WRITE_REG:
            self._write(*words[:2])
        elif op == SECURITY and self.chip.id is not None:
            return struct.pack("<IB7xII", 0, 0, self.chip.id, 0), 0
        elif op == DEFL_BEGIN:
            self.at, self.inflate = words[3], zlib.decompressobj()
            self._erase(words[3], words[0])
        elif op == DEFL_DATA:
            content = self.inflate.decompress(body[16:])
            self.flash[self.at : self.at + len(content)] = content
            self.at += len(content)
        elif op == MD5:
            at, size = words[:2]
            return hashlib.md5(self.flash[at : at + size], usedforsecurity=False).digest(), 0
        elif op == ERASE:
            self._erase(0, len(self.flash))
        elif op not in OBEYED:
            return None
        return b"", 0

    def _write(self, register: int, value: int) -> None:
        self.registers[register] = value
        if (register, value) == (self.chip.spi, RUN):  # a command for the flash
            command = self.registers.get(self.chip.spi + self.chip.command, 0) & 0xFF
            answer = self.flash_id if command == READ_ID else 0
            self.registers |= {self.chip.spi + self.chip.data: answer, register: 0}

    def _erase(self, at: int, size: int) -> None:
        start = at - at % image.SECTOR
        end = min(-(-(at + size) // image.SECTOR) * image.SECTOR, len(self.flash))
        self.flash[start:end] = b"\xff" * (end - start)


def _checksum(data: bytes) -> int:
    found = CHECKSUM_SEED
    for byte in data:
        found ^= byte
    return found


def _slipped(packet: bytes) -> bytes:
    return END + packet.replace(ESC, ESC + b"\xdd").replace(END, ESC + b"\xdc") + END


def _unslipped(packet: bytes) -> bytes:
    return packet.replace(ESC + b"\xdc", END).replace(ESC + b"\xdd", ESC)
