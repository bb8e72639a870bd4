"""Chips and radio: each file knows one device and no product."""
