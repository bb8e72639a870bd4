"""Stand-ins that several tests of the lamp share."""


class Settings(dict):
    """settings.Settings in memory: None deletes."""

    def set(self, key, value):
        if value is None:
            self.pop(key, None)
        else:
            self[key] = value
