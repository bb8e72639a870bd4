"""A lamp's settings by name: what each may be, what it is, and how it is read and written.

Checked here, with words for people, and again by the lamp (server.py), which is the judge. Light
by a plan is dawnplan's affair, consent that of consent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from lamp import names, wire

from . import dawnplan, dials
from .errors import DreamlampError
from .line import Line


@dataclass(frozen=True)
class Setting:
    """One number on the lamp; with `words` it is one of them, by its index."""

    name: str
    key: int
    about: str
    least: int
    most: int
    words: Sequence[str] = ()

    def number(self, text: str) -> int:
        """What the lamp is to be told; DreamlampError says what may stand there."""
        allowed = self.words[self.least : self.most + 1]
        if text.lower() in allowed:
            return self.words.index(text.lower())
        if not allowed and text.lstrip("+-").isdigit() and self.least <= int(text) <= self.most:
            return int(text)
        may = " or ".join(allowed) if allowed else f"{self.least} to {self.most}"
        raise DreamlampError(f"{self.name} cannot be {text!r}: give {may}")

    def shown(self, number: int) -> int | str:
        """A number of the lamp's, for people; 0 where nobody set a word is the first allowed."""
        return self.words[number or self.least] if self.words else number


SETTINGS = {
    s.name: s
    for s in (
        Setting("board", wire.KEY_BOARD, "whose pins the lamp has", 1, 1, names.BOARD),
        Setting("kit", wire.KEY_KIT, "which sensors it has (from a start on)", 1, 2,
                names.KIT),
        Setting("raw", wire.KEY_RAW, "raw EEG kept, from a start on: off, night (in steps of "
                "1.5 uV) or fine (0.4 uV, for fewer hours)", 0, 2, names.RAW),
        Setting("mode", wire.KEY_MODE, "off, only watching, or acting (needs a consent)",
                0, 2, names.MODE),
        Setting("ceiling", wire.KEY_CEILING, "highest light, CIE L*", 1, 100),
        Setting("rescues", wire.KEY_RESCUES, "lights a night at most", 1, 3),
        Setting("full_lux", wire.KEY_FULL_LUX, "calibration: lux at the pillow at full light",
                1, 6500),
        Setting("shift", wire.KEY_SHIFT, "of the loop threshold, percent; each sync brings the "
                "morning's answers", -20, 50),
        Setting("live", wire.KEY_LIVE, "1: tell paired devices the heart rate live", 0, 1),
    )
}  # fmt: skip
WAKE = "wake"
ABOUT_WAKE = "times of the planned dawns (`dreamlamp dawn` plans them)"


def named(name: str) -> Setting:
    if name not in SETTINGS:
        known = ", ".join([*SETTINGS, WAKE])
        raise DreamlampError(f"there is no setting {name!r}: they are {known}")
    return SETTINGS[name]


async def get(line: Line, name: str) -> int | str | list[str]:
    """The value of one setting."""
    if name == WAKE:
        now = datetime.now().astimezone()
        return [m.isoformat() for m in dawnplan.deadlines(await dials.plan(line)) if m > now]
    setting = named(name)
    return setting.shown(await dials.read(line, setting.key))


async def put(line: Line, name: str, text: str, folder: Path) -> int | str | list[str]:
    """Set it, and return what the lamp then says it is.

    A wake time is kept in the library `folder`, too, whose syncs renew the plan; its days, level
    and window stay what they were.
    """
    if name == WAKE:
        now = datetime.now().astimezone()
        before = dawnplan.kept(folder, line.name) or dawnplan.Wish("")
        wish = None if text == "off" else replace(before, at=wall(text))
        await dials.set_clock(line, now)
        await dials.keep_plan(line, wish.plan(now) if wish else b"")
        dawnplan.keep(folder, line.name, wish)
    else:
        setting = named(name)
        await dials.write(line, setting.key, setting.number(text))
    return await get(line, name)


def wall(text: str) -> str:
    """A time of day, checked."""
    try:
        return datetime.strptime(text, "%H:%M").strftime("%H:%M")
    except ValueError:
        raise DreamlampError(f"wake cannot be {text!r}: write it as 07:00, or off") from None


async def every(line: Line) -> dict[str, int | str | list[str]]:
    """All of them."""
    return {name: await get(line, name) for name in [*SETTINGS, WAKE]}
