"""Stand-ins that several tests of the lamp share."""

import hashlib

from lamp import wire


class Settings(dict):
    """settings.Settings in memory: None deletes."""

    def set(self, key, value):
        if value is None:
            self.pop(key, None)
        else:
            self[key] = value
        return True


class Held:
    """The half of nightlog.NightLog's face that `held`, id -> bytes, and `entries()` decide."""

    def nights(self):
        return sorted(self.held)

    def entry(self, night):
        for entry in self.entries():
            if entry[0] == night:
                return entry

    def read(self, night, offset, buf, cursor):
        data = self.held[night][offset : offset + len(buf)]
        buf[: len(data)] = data
        return len(data)

    def digest(self, night):
        if night not in self.held:
            return 0, b""
        return len(self.held[night]), hashlib.sha256(self.held[night]).digest()

    def delete(self, night, sha):
        del self.held[night]


class Night:
    """The face of night.Night that server.py knows; `will_not` is what it answers."""

    def __init__(self, state=wire.RECORDING):
        self.state, self.mode, self.level = state, wire.OBSERVE, 1234
        self.kit = wire.KIT_HEART
        self.last = [wire.R, 80, 612, 40, 97, 11]
        self.clock = None
        self.will_not = 0
        self.asked = []
        self.fetches = 0

    def sync_began(self):
        self.fetches += 1

    def examine(self, server, part, out):
        out[0] = part
        return 1

    def setting(self, key):
        return getattr(self, key, 0)

    def set(self, key, value):
        setattr(self, key, value)
        return True

    def set_mode(self, mode):
        self.mode = self.mode if self.will_not else mode
        return self.will_not

    def agree(self, record):
        self.asked.append(bytes(record))
        return self.will_not

    def shine(self, level, minutes=0):
        self.asked.append((level, minutes))
        return self.will_not

    def set_dawn(self, plan):
        self.asked.append(plan)

    def clock_set(self, unix_s, offset_min):
        self.clock = unix_s, offset_min

    def lamp_off(self):
        self.level = 0


class Clock:
    """Seconds since boot, and the date that was set."""

    now = 100
    date = 0

    def now_s(self):
        return self.now

    def set(self, unix_s):
        self.date = unix_s

    def unix_s(self):
        return self.date


class Memory:
    """A file of `n` erased bytes that can be filled again; io.BytesIO holds its bytes twice."""

    def __init__(self, n):
        self.bytes, self.at = bytearray(n), 0
        for i in range(n):
            self.bytes[i] = 0xFF

    def seek(self, at):
        self.at = at

    def readinto(self, buf):
        buf[:] = self.bytes[self.at : self.at + len(buf)]

    def write(self, data):
        self.bytes[self.at : self.at + len(data)] = data

    def flush(self):
        pass


class Ram:
    """board.flash that itself allocates nothing."""

    sectors, sector_size = 4, 1024

    def __init__(self):
        self.bytes = bytearray(b"\xff" * (4096))

    def read(self, sector, offset, buf):
        at = sector * 1024 + offset
        for i in range(len(buf)):
            buf[i] = self.bytes[at + i]

    def program(self, sector, offset, data):
        at = sector * 1024 + offset
        for i in range(len(data)):
            self.bytes[at + i] &= data[i]

    def erase(self, sector):
        for i in range(1024):
            self.bytes[sector * 1024 + i] = 0xFF
