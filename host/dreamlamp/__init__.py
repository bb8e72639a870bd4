"""Dreamlamp's host tools: what runs on the laptop. Of the firmware it imports `wire` and `codec`."""

__version__ = "0.1.0"
