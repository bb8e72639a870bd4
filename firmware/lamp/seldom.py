"""Lets go of files that are seldom needed: a file's code is memory as long as it is loaded."""

import sys


def let_go(module):
    """Forget a module of this package, so that its memory is free and an import loads it anew."""
    package, name = module.__name__.rsplit(".", 1)
    del sys.modules[module.__name__]
    del sys.modules[package].__dict__[name]
