"""Pins by board and signal, written by hardware/generate.py from dreamlamp.toml."""

REFERENCE = "devkitc"  # whose pins firmware/lamp/board.py has
DIVIDER_X100 = 313  # the supply over VSENSE
PINS = {
    "devkitc": {
        "SDA": 21,
        "SCL": 22,
        "PPG_INT": 27,
        "LAMP": 25,
        "BUTTON": 32,
        "VSENSE": 35,
        "EEG_SCK": 18,
        "EEG_MOSI": 23,
        "EEG_MISO": 19,
        "EEG_CS": 13,
        "EEG_DRDY": 4,
        "EEG_RST": 26,
    },
    "s3": {
        "SDA": 8,
        "SCL": 9,
        "PPG_INT": 7,
        "LAMP": 5,
        "BUTTON": 4,
        "VSENSE": 2,
        "EEG_SCK": 12,
        "EEG_MOSI": 11,
        "EEG_MISO": 13,
        "EEG_CS": 10,
        "EEG_DRDY": 14,
        "EEG_RST": 16,
    },
}
