"""The root of every error the host reports: its text names what is wrong and what to do next."""


class DreamlampError(Exception):
    """Something the person at the keyboard can understand and act on."""
