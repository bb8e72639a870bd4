"""A library judged anew."""

from pathlib import Path

import click

from .. import index, library, terminal
from ..errors import DreamlampError
from ..terminal import err, out
from ..words import counted
from .common import as_json, choice, show_json, where


@click.command(short_help="Judge the library anew, with other figures.")
@click.option("--vary", multiple=True, metavar="KEY=A,B,..",
              help="A setting and its values; several make every combination.")  # fmt: skip
@click.option("--to", "target", type=click.Path(file_okay=False, path_type=Path),
              default="study", show_default=True, help="Folder for the files.")  # fmt: skip
@click.option("--epochs", is_flag=True, help="Every half minute, too, not the nights alone.")
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster; default: this machine.")
@click.option("--workers", type=click.IntRange(min=1), help="On this machine; default: all cores.")
@choice
@where
@as_json
def study(vary, target, epochs, scheduler, workers, wanted, folder, as_json) -> None:
    """Run detector and staging over the whole library with other settings, in parallel.

    Settings: shift (of the loop threshold, percent), cycle_n, cycle_r, hold_limit (its thresholds;
    lamp/loops.py), smooth (of the rates the stager reads), learned (yes or no: begin with the
    sleeper's baseline). Without --vary the lamp's own. `nights.parquet` has a row for each night
    and setting.

    \b
    dreamlamp study --vary shift=-20,0,20,50
    dreamlamp study --of all --vary cycle_n=100,137 --vary cycle_r=120,180 --epochs
    dreamlamp study --scheduler tcp://10.0.0.5:8786 --to /data/study
    """
    from .. import study as studying

    settings = studying.settings_of(vary)
    held = library.Library(folder)
    with terminal.bars({"index": "reading"}) as told, index.opened(held, told) as known:
        names = [row["name"] for row in known.nights(wanted)]
    if not names:
        raise DreamlampError(f"no night is chosen: `{held.typed('nights')}` lists what there is")
    paths = [held.folder / f"{name}.night" for name in names]
    with terminal.bars({"study": "judging"}) as told:
        done = studying.run(paths, settings, target, scheduler, workers, epochs, told)
    if done["failed"]:
        failed = counted(done["failed"], "night")
        err.print(f"{failed} could not be judged: column error", style="red")
    if as_json:
        show_json(done)
    else:
        size = f"{counted(done['nights'], 'night')} x {counted(done['settings'], 'setting')}"
        out.print(f"{size}: {target}", soft_wrap=True)
    if done["failed"]:
        raise SystemExit(1)
