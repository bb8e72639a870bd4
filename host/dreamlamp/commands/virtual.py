"""A virtual lamp: a whole night on it, or one to play with."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from shlex import quote

import click
from lamp import names

from .. import library, recordings, terminal
from ..terminal import err, out
from .common import as_json, show_json


def heart_options(command):
    """Options that choose whose heart a virtual night is made of."""
    for option in (
        click.option("--loop", is_flag=True, help="Inject a loop into the synthetic sleeper."),
        click.option("--recording", type=click.Path(path_type=Path),
                     help="Real beat times: .npz, CSV or text of RR intervals, WFDB; for the EEG "
                     "kit: .npz of band powers, or EDF."),
        click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True,
                     help="Of the synthetic sleeper."),
        click.option("--bits", type=click.Choice(["64", "32"]), default="64", show_default=True,
                     help="Which MicroPython; 32 has the ESP32's small ints."),
        click.option("--kit", type=click.Choice(["heart", "eeg"]), default="heart",
                     show_default=True, help="A finger on a sensor, or electrodes on a head."),
        click.option("--raw", type=click.Choice(names.RAW), default="off", show_default=True,
                     help="Raw EEG that the EEG kit keeps: steps of 1.5 or of 0.4 uV."),
        click.option("--mode", type=click.Choice(["observe", "act"]), default="observe",
                     show_default=True, help="What the lamp is set to do."),
        click.option("--consent/--no-consent", default=None,
                     help="Simulate a consent, without which the lamp refuses to act; "
                     "default: in mode act if a loop is injected."),
    ):  # fmt: skip
        command = option(command)
    return command


def settings_of(mode: str, loop: bool, consent: bool | None, kit: str, raw: str) -> dict:
    """What the lamp is born with; says what of it is simulated."""
    from .. import sim

    given = (mode == "act" and loop) if consent is None else consent
    held = sim.settings_for(mode, given)
    if raw != "off":
        if kit != "eeg":
            raise click.UsageError("raw EEG is the EEG kit's: add --kit eeg")
        held["raw"] = names.RAW.index(raw)
    for sentence in sim.simulated(held):
        err.print(sentence, style="yellow")
    if mode == "act" and not given:
        err.print("There is no consent on this lamp: it will refuse to act.", style="yellow")
    return held


def heart_of(recording: Path | None, seed: int, loop: bool):
    from .. import sleeper

    return recordings.load(recording) if recording else sleeper.sleeper(seed, loop=loop)


@click.command(short_help="A whole night on a virtual lamp.")
@heart_options
@click.option("--finger-off", multiple=True, metavar="HH:MM-HH:MM", help="Finger off meanwhile.")
@click.option("--power-cut", multiple=True, metavar="HH:MM[+MIN]", help="Power away; 5 min.")
@click.option("--drop-link", is_flag=True, help="Go out of reach in the midst of the sync.")
@click.option("--full-flash", is_flag=True, help="Begin on a flash full of unfetched nights.")
@click.option("--starts", type=click.Choice(["button", "wear"]), default="button")
@click.option("--ends", type=click.Choice(["button", "unworn"]), default="button")
@click.option("--out", "folder", type=click.Path(file_okay=False, path_type=Path),
              default=Path("build/night"), show_default=True, help="Where to work.")  # fmt: skip
@as_json
def night(recording, seed, loop, bits, kit, raw, mode, consent, finger_off, power_cut, drop_link,
          full_flash, starts, ends, folder, as_json) -> None:  # fmt: skip
    """Let a whole night happen on a virtual lamp, fetch it, draw it, replay it.

    A recording begins at 23:00. Exit status 0 only if all is well.

    \b
    dreamlamp night --seed 4 --loop
    dreamlamp night --loop --mode act --no-consent
    dreamlamp night --kit eeg --loop --mode act
    dreamlamp night --kit eeg --recording SC4011E0.npz --raw night
    dreamlamp night --recording slp03.npz --power-cut 03:00 --finger-off 01:00-02:00
    """
    from .. import sim, wholenight

    heart = heart_of(recording, seed, loop)
    scenario = sim.Scenario(
        seed=seed, bits=int(bits), kit=kit, settings=settings_of(mode, loop, consent, kit, raw),
        starts=starts, ends=ends,
        finger_off=[span_of(text) for text in finger_off],
        power_cuts=[power_cut_of(text) for text in power_cut], visit=bool(power_cut),
        full_flash=full_flash,
    )  # fmt: skip
    for remark in heart.remarks():
        err.print(f"{heart.name}: {remark}")
    with terminal.bars({"night": "the night", "sync": "sync"}) as told:
        done = wholenight.run(heart, scenario, folder, told, drop_link)
    if as_json:
        show_json(done.as_json())
    else:
        terminal.show(done.night, done.facts)
        out.print()
        if done.others:
            besides = f"this is {done.path.stem}, the longest, not {', '.join(done.others)}"
            out.print(f"{len(done.others) + 1} nights were recorded; {besides}.", soft_wrap=True)
        more = library.Library(done.path.parent).typed("why")
        out.print(f"{done.verdict.sentence()}\nreport: {done.page}", soft_wrap=True)
        out.print(f"more:   {more}", soft_wrap=True)
    if not done.ok:
        raise SystemExit(1)


def asleep_s(text: str) -> float:
    """HH:MM of the night -> seconds after the recording's start at bedtime."""
    from ..wholenight import BEDTIME

    try:
        at = datetime.strptime(text.strip(), "%H:%M")
    except ValueError:
        raise click.UsageError(f"{text!r} is no time of the night: write it as 03:00") from None
    bed = timedelta(hours=BEDTIME[0], minutes=BEDTIME[1])
    return (timedelta(hours=at.hour, minutes=at.minute) - bed).seconds


def span_of(text: str) -> tuple[float, float]:
    """HH:MM-HH:MM -> seconds after the recording's start."""
    start, _, end = text.partition("-")
    if not end:
        raise click.UsageError(f"{text!r} has no end: write it as 01:00-02:00")
    return asleep_s(start), asleep_s(end)


def power_cut_of(text: str) -> tuple[float, float]:
    at, _, minutes = text.partition("+")
    if minutes and not minutes.isdigit():
        raise click.UsageError(f"{text!r} says no whole minutes: write it as 03:00+5")
    return asleep_s(at), int(minutes or 5) * 60


@click.command(short_help="A virtual lamp to play with, in real time.")
@heart_options
@click.option("--out", "folder", type=click.Path(file_okay=False, path_type=Path),
              default=Path("build/sim"), show_default=True, help="Where it lives.")  # fmt: skip
@click.option("--bare", is_flag=True, help="A bare board on a serial line, to be flashed.")
@as_json
def sim(recording, seed, loop, bits, kit, raw, mode, consent, folder, bare, as_json) -> None:
    """Start a virtual lamp to play with, in real time; Ctrl-C pulls its plug.

    It prints what to type in another terminal. With --bare it is a board with nothing but
    MicroPython on it, to be flashed.

    \b
    dreamlamp sim --seed 4 --loop
    """
    from .. import sim as virtual
    from .. import wholenight
    from ..air import Air
    from ..uart import Uart

    held = settings_of(mode, loop, consent, kit, raw)
    scenario = virtual.Scenario(seed=seed, bits=int(bits), kit=kit, settings=held)
    heart = heart_of(recording, seed, loop)
    with virtual.claimed(folder, ".dreamlamp-sim"), Air() as air, asyncio.Runner() as runner:
        world = virtual.World(folder, heart, scenario)
        if bare:
            _bare(world, air, as_json)
            return
        wholenight.unpack(world, air, runner)
        world.open_to(air.lamp, realtime=True)
        with Uart() as uart, virtual.Lamp(world, uart=uart) as lamp:
            said = _way(world, air)
            if as_json:
                show_json({**said, "port": uart.device, "url": uart.url})
            else:
                typed = f"{_typed(said)} {library.Library(folder / 'nights').typed('sync')}"
                out.print(f"A paired lamp lives in {folder}. In another terminal:", soft_wrap=True)
                out.print(f"  {typed}", soft_wrap=True)
                out.print(f"or by its cable:\n  {typed} --port {uart.device}", soft_wrap=True)
            try:
                lamp.ended.wait()
            except KeyboardInterrupt:
                return
    raise virtual.LampDied("the virtual lamp ended: " + lamp.last_words())


def _way(world, air) -> dict[str, str]:
    """What another terminal must set to reach this lamp by its radio."""
    keys = str((world.folder / "host.json").resolve())
    return {"DREAMLAMP_AIR": air.address, "DREAMLAMP_AIR_KEYS": keys}


def _typed(said: dict[str, str]) -> str:
    return " ".join(f"{name}={quote(value)}" for name, value in said.items())


def _bare(world, air, as_json: bool) -> None:
    """Keep a bare board plugged in until Ctrl-C."""
    from .. import board

    board.bare(world.folder)
    with board.plugged(world, air.lamp) as (lamp, uart):
        said = _way(world, air)
        if as_json:
            show_json({**said, "port": uart.device, "url": uart.url})
        else:
            out.print(f"A bare board is at {uart.device} (pins too: {uart.url}).", soft_wrap=True)
            out.print(f"  {_typed(said)} dreamlamp flash {uart.device} --copy", soft_wrap=True)
            out.print(f"  dreamlamp doctor --port {uart.device}", soft_wrap=True)
        try:
            lamp.ended.wait()
        except KeyboardInterrupt:
            return
