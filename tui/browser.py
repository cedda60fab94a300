"""The app in a browser on this machine: textual-serve on loopback, for pages that it served itself and no others."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web
from textual_serve.server import Server

from solver.version import VERSION

HOST = "127.0.0.1"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Nothing is fetched from elsewhere, fonts neither; no other page may hold this one in a frame.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://{host}; frame-ancestors 'none'"
)


class LoopbackServer(Server):
    """Refuses what does not come from its own pages: any web page may try to reach a port of this machine."""

    def __init__(self, target: str | None, port: int) -> None:
        command = [sys.executable, "-P", "-m", "tui.commands", *([target] if target else [])]
        super().__init__(shlex.join(command), host=HOST, port=port, title=f"implicit-tui {VERSION}")

    def _is_own(self, request: web.Request) -> bool:
        """Whether the address is ours by name (another name may be made to lead here), and the page, if any, too."""
        hosts = {f"{HOST}:{self.port}", f"localhost:{self.port}"}
        origin = request.headers.get("Origin")
        return request.host in hosts and (origin is None or origin.removeprefix("http://") in hosts)

    async def _make_app(self) -> web.Application:
        app: web.Application = await super()._make_app()

        @web.middleware
        async def own_pages_only(request: web.Request, handler: _Handler) -> web.StreamResponse:
            if not self._is_own(request):
                raise web.HTTPForbidden(text="implicit-tui answers its own pages alone")
            return await handler(request)

        async def with_policy(request: web.Request, response: web.StreamResponse) -> None:
            response.headers["Content-Security-Policy"] = _POLICY.format(host=request.host)

        app.middlewares.append(own_pages_only)
        app.on_response_prepare.append(with_policy)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Says nothing: the command has said where it is."""
