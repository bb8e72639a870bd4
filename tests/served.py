"""The morning's pages, served for the tests by the real server on a free port."""

import asyncio
import threading

from dreamlamp import library, web, webpages
from dreamlamp.link import LampError


def nobody():
    """In place of link.connect: there is no lamp."""
    raise LampError("no lamp was heard: come nearer")


class Served:
    """The pages over `folder` in a thread of their own; `url` lets in."""

    def __init__(self, folder, connect):
        self.views = webpages.Views(library.Library(folder), connect)
        self.loop = asyncio.new_event_loop()
        self.server = web.Server(self.views.routes(), webpages.failed)
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.url = self.do(self.server.start())
        self.home = self.url.split("/?")[0]

    def do(self, what):
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(10)

    def stop(self):
        self.do(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
