"""Stand-ins that several tests of the lamp share."""


class Settings(dict):
    """settings.Settings in memory: None deletes."""

    def set(self, key, value):
        if value is None:
            self.pop(key, None)
        else:
            self[key] = value


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
