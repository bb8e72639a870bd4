"""Commands of this program as they can be typed here: a hint that does not work is none."""

import shutil
import sys
from pathlib import Path
from shlex import quote


def typed(command: str) -> str:
    """`command` behind the program's name, or its path where the name alone finds another."""
    script = Path(sys.argv[0])
    if script.stem != "dreamlamp":  # python -m, or a test
        script = Path(sys.executable).with_name("dreamlamp")
    if not script.is_file():
        return f"{quote(sys.executable)} -m dreamlamp.cli {command}"
    known = shutil.which("dreamlamp")
    if known and Path(known).samefile(script):
        return f"dreamlamp {command}"
    script = script.absolute()
    here = Path.cwd()
    if script.is_relative_to(here):
        script = script.relative_to(here)
    return f"{quote(str(script))} {command}"
