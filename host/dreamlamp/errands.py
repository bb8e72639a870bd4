"""What the library still has to tell a lamp that it meets: the threshold, the next dawns."""

from datetime import datetime

from lamp import wire

from . import dawnplan, dials, morning
from .library import Library
from .line import Line


async def run(link: Line, held: Library) -> list[str]:
    """Tell the lamp what changed since it was here; return what was done, in sentences."""
    done = []
    wanted = morning.shift(held, link.name)
    if wanted is not None:
        before = await dials.read(link, wire.KEY_SHIFT)
        if before != wanted:
            await dials.write(link, wire.KEY_SHIFT, wanted)
            done.append(f"The loop threshold moved from {before:+d} % to {wanted:+d} %.")
    wish = dawnplan.kept(held.folder, link.name)
    if wish:
        value = wish.plan(datetime.now().astimezone())
        if value != await dials.plan(link):
            await dials.keep_plan(link, value)
            done.append(f"The plan of dawns at {wish.at} was renewed.")
    return done
