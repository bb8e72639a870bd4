"""What people call the codes of wire.py, index by index.

Beside them so that the two change together; apart so that the lamp, which never imports this
file, spends no memory on words.
"""

STATUS = (
    "ok",
    "bad request",
    "not found",
    "refused",
    "busy",
    "hash mismatch",
    "lamp fault",
    "too fast",
    "ask again",
)

BOARD = ("?", "devkitc")

KIT = ("?", "heart", "eeg")

RAW = ("off", "night", "fine")

STATE = ("idle", "recording", "safe mode")

MODE = ("off", "observe", "act")

STAGE = {0: "W", 1: "N1", 2: "N2", 3: "N3", 5: "R", 9: "unscored"}

EVENT = (
    "?",
    "worn",
    "unworn",
    "button",
    "sensor fault",
    "samples lost",
    "log full",
    "loop",
    "rescue",
    "rescue refused",
    "settled",
    "woke",
    "no response",
    "light off",
    "mode set",
    "?",
    "sync began",
    "flash fault",
    "dawn",
    "light asked",
    "usb in",
)

WHY = (
    "?",
    "mode off",
    "observing only",
    "no consent to this policy",
    "too few nights of baseline",
    "too few nights of observing",
    "button",
    "rescues of the night used up",
    "too soon after the last",
    "too little sleep so far",
    "light of the night used up",
    "blind to its own light",
    "awake",
    "no signal",
    "dark third",
    "settled",
    "ran to its end",
    "clock unknown",
    "not permitted",
)

KIND = ("none", "cycle", "hold")

END = ("open", "button", "unworn", "flash full", "closed at boot", "USB plugged in")
