"""NOR flash in a file: bits only fall, erase by sector."""

import os


class Flash:
    def __init__(self, path, sectors=384, sector_size=4096, page=256):
        self.sectors, self.sector_size = sectors, sector_size
        try:
            os.stat(path)
        except OSError:
            with open(path, "wb") as file:
                for _sector in range(sectors):
                    file.write(b"\xff" * sector_size)
        self._file = open(path, "r+b")

    def read(self, addr, buf):
        self._file.seek(addr)
        self._file.readinto(buf)

    def program(self, addr, data):
        old = bytearray(len(data))
        self.read(addr, old)
        for i in range(len(data)):
            old[i] &= data[i]
        self._file.seek(addr)
        self._file.write(old)
        self._file.flush()

    def erase(self, sector):
        self._file.seek(sector * self.sector_size)
        self._file.write(b"\xff" * self.sector_size)
        self._file.flush()
