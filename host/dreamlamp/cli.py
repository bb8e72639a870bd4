"""`dreamlamp`: the list of commands, and what becomes of an error.

Answers go to stdout, everything else to stderr; `--json` prints figures for programs. An error
is one line that says what to do next. Exit status: 0 all is well, 1 something is not, 2 the
command was not understood.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from keyword import iskeyword

import click

from . import __version__
from .errors import DreamlampError
from .terminal import err

# command: the file of commands/ that holds it, under the same name
COMMANDS = {
    "sync": "sync",
    "nights": "nights",
    "report": "nights",
    "why": "why",
    "weeks": "weeks",
    "replay": "nights",
    "morning": "morning",
    "dawn": "light",
    "winddown": "light",
    "light": "light",
    "consent": "acting",
    "mode": "acting",
    "import": "shelf",
    "delete": "shelf",
    "export": "out",
    "study": "study",
    "journal": "journal",
    "share": "share",
    "unshare": "share",
    "commons": "commons",
    "open": "open",
    "permit": "companion",
    "watch": "companion",
    "library": "library",
    "completion": "completion",
    "bonds": "bonds",
    "flash": "board",
    "update": "board",
    "config": "config",
    "doctor": "doctor",
    "lux": "lux",
    "night": "virtual",
    "sim": "virtual",
}


@contextmanager
def ended_softly() -> Iterator[None]:
    """Let SIGTERM end this process as Ctrl-C does: what it started (a virtual lamp) ends, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Commands(click.Group):
    """Commands that are imported when asked for, and fail in one line."""

    def list_commands(self, ctx):
        return list(COMMANDS)

    def get_command(self, ctx, name):
        if name not in COMMANDS:
            return None
        module = import_module(f".commands.{COMMANDS[name]}", __package__)
        return getattr(module, name.replace("-", "_") + "_" * iskeyword(name))

    def invoke(self, ctx):
        try:
            with ended_softly():
                return super().invoke(ctx)
        except DreamlampError as error:
            err.print(f"dreamlamp: {error}", style="red")
            ctx.exit(1)
        except OSError as error:
            if error.filename is None:
                raise  # nothing that a person named
            said = f"{error.filename}: {error.strerror}: is it there, and yours to read and write?"
            err.print(f"dreamlamp: {said}", style="red")
            ctx.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dreamlamp")
def main() -> None:
    """A bedside lamp that keeps watch over sleep: fetch its nights and look at them.

    \b
    dreamlamp sync             fetch what the lamp has recorded
    dreamlamp report           the page of the last night
    dreamlamp night --seed 1   a whole night on a virtual lamp, no hardware needed
    """


if __name__ == "__main__":
    sys.exit(main())
