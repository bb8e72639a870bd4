"""`dreamlamp open`: the morning's pages in a browser on this computer."""

import asyncio
import contextlib
import tempfile
import webbrowser
from pathlib import Path

import click

from .. import library
from ..journal import Journal
from ..terminal import err, out
from .common import as_json, show_json, where


@click.command(short_help="Last night, journal and lamp in a browser.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Default: any that is free."
)
@click.option("--browser/--no-browser", default=True, help="Open a browser.")
@click.option("--lamp", help="Only the lamp of this name, for example 3F2A.")
@where
@as_json
def open(port, browser, lamp, folder, as_json) -> None:
    """Show last night, the dream journal and the lamp in a browser, on this computer alone.

    The address that is printed lets whoever has it in, as long as this runs; Ctrl-C ends it.

    \b
    dreamlamp open
    dreamlamp open --no-browser --port 8765
    """
    from .. import link, web, webpages

    held = library.Library(folder)
    Journal(held.folder).all()  # asks for the passphrase here, where there is somebody to give it,
    with contextlib.suppress(library.NoSuchNight):
        library.read(held.find())  # and not when a page is looked at
    views = webpages.Views(held, lambda: link.connect(lamp))

    def told(url: str) -> None:
        if as_json:
            show_json({"url": url})
        else:
            out.print(url, soft_wrap=True)
        err.print("Ctrl-C ends it.")
        if browser:
            webbrowser.open(web.handed_over(url, Path(private)))

    with tempfile.TemporaryDirectory() as private, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(web.serve(views.routes(), webpages.failed, port, told))
