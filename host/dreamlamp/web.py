"""The local web server: loopback only, let in by a token, and hostile to every other page.

Whoever has the URL that `dreamlamp open` prints gets a cookie and is sent on without the token.
A request counts only with that cookie, our own Host (a name that was made to point here has
another) and, where it changes something, our own Origin. No page loads anything or runs a script.
The only file that knows aiohttp; what the pages say is webpages.py's.
"""

import asyncio
import hmac
import os
import secrets
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from .errors import DreamlampError

LOOPBACK = "127.0.0.1"
BODY_MAX = 512 * 1024  # bytes of a form
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
ONWARD = '<!doctype html><meta http-equiv="refresh" content="0;url={}">'
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer a form's Origin would be null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class Asked:
    """A request: the rest of its path behind the route, its query and its form."""

    rest: str = ""
    query: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """An answer: HTML, or another page `to` go to."""

    html: str = ""
    to: str = ""
    status: int = 200


View = Callable[[Asked], Awaitable[Page]]
Routes = dict[tuple[str, str], View]  # (method, path; a last part `*` stands for any) -> view


class Server:
    """`routes` on a port of this computer; `failed` makes the page of an error."""

    def __init__(self, routes: Routes, failed: Callable[[int, str], Page]) -> None:
        self.routes, self.failed = routes, failed
        self.token, self.pass_ = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self.port = 0

    async def start(self, port: int = 0) -> str:
        """Listen; the URL that lets its reader in."""
        app = web.Application(middlewares=[self._guard], client_max_size=BODY_MAX)
        for (method, path), view in self.routes.items():
            app.router.add_route(method, path.replace("*", "{rest}"), self._handler(view))
        self.runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self.runner.setup()
        site = web.TCPSite(self.runner, LOOPBACK, port)
        try:
            await site.start()
        except OSError as error:
            raise DreamlampError(
                f"port {port} cannot be used ({error.strerror}): leave --port away"
            ) from None
        self.port = self.runner.addresses[0][1]
        return f"http://{LOOPBACK}:{self.port}/?token={self.token}"

    async def stop(self) -> None:
        await self.runner.cleanup()

    @property
    def cookie(self) -> str:
        return f"dreamlamp-{self.port}"  # cookies know no ports: two servers must not share one

    @web.middleware
    async def _guard(self, request: web.Request, handler) -> web.StreamResponse:
        try:
            answer = self._refusal(request) or await handler(request)
        except web.HTTPException as error:
            answer = self._answer(self.failed(error.status, error.reason))
        except DreamlampError as error:
            answer = self._answer(self.failed(400, str(error)))
        except Exception:  # a fault of ours is no reason to answer without the HEADERS
            traceback.print_exc()
            answer = self._answer(self.failed(500, "it failed; the terminal says at what"))
        answer.headers.update(HEADERS)
        return answer

    def _refusal(self, request: web.Request) -> web.Response | None:
        """An answer in place of what was asked; None if it may be done."""
        own = {f"{LOOPBACK}:{self.port}", f"localhost:{self.port}"}
        if request.host not in own:
            return self._answer(self.failed(403, "this page answers to its own address only"))
        if request.method not in ("GET", "HEAD") and (
            request.headers.get("Origin") != f"http://{request.host}"
        ):
            return self._answer(self.failed(403, "another page asked for this; it was not done"))
        if _same(request.query.get("token", ""), self.token) and request.method == "GET":
            answer = web.Response(status=303, headers={"Location": "/"})
            if request.headers.get("Sec-Fetch-Site") == "cross-site":
                # another page, or a file, led here, and a strict cookie would not be sent along
                answer = web.Response(text=ONWARD.format("/"), content_type="text/html")
            answer.set_cookie(self.cookie, self.pass_, httponly=True, samesite="Strict", path="/")
            return answer
        if not _same(request.cookies.get(self.cookie, ""), self.pass_):
            why = "open it with the whole address that `dreamlamp open` printed"
            return self._answer(self.failed(403, why))
        return None

    def _handler(self, view: View):
        async def handle(request: web.Request) -> web.Response:
            form = {}
            if request.method == "POST":
                try:
                    sent = await request.post()
                except (ValueError, LookupError):  # bytes or a charset that nobody knows
                    raise DreamlampError("that form cannot be read: send it again") from None
                form = {key: value for key, value in sent.items() if isinstance(value, str)}
            rest = request.match_info.get("rest", "")
            return self._answer(await view(Asked(rest, dict(request.query), form)))

        return handle

    def _answer(self, page: Page) -> web.Response:
        if page.to:
            return web.Response(status=303, headers={"Location": page.to})
        return web.Response(text=page.html, content_type="text/html", status=page.status)


def handed_over(url: str, folder: Path) -> str:
    """The address of a file in `folder`, the owner's alone, that leads a browser to `url`: what a
    program is started with, every user of this computer may see."""
    file = folder / "open.html"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(ONWARD.format(url))
    return file.as_uri()


def _same(one: str, other: str) -> bool:
    bytes_of = lambda text: text.encode(errors="surrogatepass")  # noqa: E731
    return hmac.compare_digest(bytes_of(one), bytes_of(other))


async def serve(routes: Routes, failed, port: int, told: Callable[[str], None]) -> None:
    """Serve until cancelled; `told` hears the URL."""
    server = Server(routes, failed)
    told(await server.start(port))
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop()
