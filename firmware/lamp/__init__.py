"""Dreamlamp's firmware: what is copied to the lamp, file for file. Knows no host."""

VERSION = (0, 1, 0)
