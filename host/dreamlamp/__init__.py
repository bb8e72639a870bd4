"""Dreamlamp's host tools: what runs on the laptop. Of the lamp it knows `wire`, `codec`."""

__version__ = "0.1.0"
