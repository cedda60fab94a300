"""The app in a browser on this machine: textual-serve on loopback, for whoever has the address with its token."""

from __future__ import annotations

import hmac
import secrets
import shlex
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from textual_serve.server import Server

from solver.version import VERSION

HOST = "127.0.0.1"
MOST_SESSIONS = 4
_COOKIE = "implicit-tui"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Nothing is fetched from elsewhere, fonts neither; no other page may hold this one in a frame.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://{host}; frame-ancestors 'none'"
)


class LoopbackServer(Server):
    """Lets in whoever opened the address that was printed, which has a random token, and their browser alone.

    Any process and any web page of this machine can reach a port of it: the first page trades the token for a cookie
    that no script and no other site's page can use, and everything else asks for that. The browser may reach us under
    another port, as through ``ssh -L``: pages refer to whatever loopback address they were asked for by.
    """

    def __init__(self, target: str | None, port: int) -> None:
        command = [sys.executable, "-P", "-m", "tui.commands", *([target] if target else [])]
        super().__init__(shlex.join(command), host=HOST, port=port, title=f"implicit-tui {VERSION}")
        self._token, self._pass = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self._n_sessions = 0

    @property
    def address(self) -> str:
        """What to open."""
        return f"http://{HOST}:{self.port}/?token={self._token}"

    async def _make_app(self) -> web.Application:
        app: web.Application = await super()._make_app()

        @web.middleware
        async def with_pass_only(request: web.Request, handler: _Handler) -> web.StreamResponse:
            # A name that was made to lead here is not ours: the token would go to its owner.
            name = request.host.rpartition(":")[0] or request.host
            if name not in (HOST, "localhost"):
                raise web.HTTPForbidden(text="implicit-tui answers on loopback names alone")
            if request.path == "/" and _same(request.query.get("token", ""), self._token):
                return self._let_in(request)
            if not _same(request.cookies.get(_COOKIE, ""), self._pass):
                raise web.HTTPForbidden(text="open the address that `implicit-tui serve` printed, with its token")
            if request.path == "/ws":
                self._check_session(request)
            elif request.path.startswith("/static") and request.path.endswith("/"):
                raise web.HTTPNotFound(text="there is no list of files")
            return await handler(request)

        async def with_policy(request: web.Request, response: web.StreamResponse) -> None:
            response.headers["Content-Security-Policy"] = _POLICY.format(host=request.host)
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["X-Content-Type-Options"] = "nosniff"

        app.middlewares.append(with_pass_only)
        app.on_response_prepare.append(with_policy)
        return app

    def _let_in(self, request: web.Request) -> web.Response:
        """The page without the token, which would stay in the history, and the cookie for it."""
        rest = request.rel_url.without_query_params("token")
        response = web.Response(status=303, headers={"Location": str(rest)})
        response.set_cookie(_COOKIE, self._pass, httponly=True, samesite="Strict", path="/")
        return response

    def _check_session(self, request: web.Request) -> None:
        """Raises for a websocket that no page of ours opened, and beyond the most sessions."""
        if request.headers.get("Origin") != f"http://{request.host}":
            raise web.HTTPForbidden(text="implicit-tui answers its own pages alone")
        if self._n_sessions >= MOST_SESSIONS:
            raise web.HTTPServiceUnavailable(text=f"there are {MOST_SESSIONS} sessions already: close one")

    async def handle_index(self, request: web.Request) -> Any:
        """The page, which opens its websocket where it came from itself."""
        self.public_url = f"http://{request.host}"
        return await super().handle_index(request)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """A session, for as long as its connection lasts."""
        self._n_sessions += 1
        try:
            return await super().handle_websocket(request)
        finally:
            self._n_sessions -= 1

    async def on_startup(self, app: web.Application) -> None:
        """Says nothing: the command has said where it is."""


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
