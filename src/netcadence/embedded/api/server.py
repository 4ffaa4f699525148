"""The API over HTTPS: listening, stopping, and going down for a while as real servers do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.background import BackgroundTask
from starlette.routing import Route
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from netcadence.embedded.api.access import AllowAll, Authenticator, Authorizer
from netcadence.embedded.api.app import build_app
from netcadence.embedded.api.bodies import answer, decode, media_type, read_body
from netcadence.embedded.api.customs import CustomResources
from netcadence.embedded.api.faults import Faults
from netcadence.embedded.api.service import LogProvider, Service, no_logs
from netcadence.embedded.api.status import ApiError, Object, bad_request

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

    from netcadence.embedded.api.store import Store

_KEEP_ALIVE_S: Final = 300
_BACKLOG: Final = 1_024
_STOP_DEADLINE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Outage:
    """How the server goes down and comes up again.

    Attributes:
        down_s: How long connections are refused.
        silent: Open connections stay open meanwhile, without a word; otherwise they are cut at once.
        warming_s: How long requests are then answered 503, and as long again 429, before all is well.
    """

    down_s: float = 0.5
    silent: bool = False
    warming_s: float = 0.0

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Outage:
        """Read an outage from the body of a request.

        Raises:
            ApiError: A key is not known or a value is none of those allowed (400).
        """
        unknown = body.keys() - {"down_s", "silent", "warming_s"}
        if unknown:
            raise bad_request(f"unknown: {', '.join(sorted(unknown))}")
        outage = cls(**body)
        for name in ("down_s", "warming_s"):
            value = getattr(outage, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 600:  # noqa: PLR2004 - ten minutes
                raise bad_request(f"{name}: must be between 0 and 600")
        if not isinstance(outage.silent, bool):
            raise bad_request("silent: must be true or false")
        return outage


_USUAL: Final = Outage()


class ApiServer:
    """Serves a store on sockets that are bound already, and that stay bound while it is down.

    Attributes:
        service: What the handlers share; its `faults` may be replaced at any time.
    """

    def __init__(
        self,
        store: Store,
        authenticator: Authenticator,
        *,
        sockets: Iterable[socket.socket],
        certificate: Path,
        key: Path,
        authorizer: Authorizer | None = None,
        logs: LogProvider = no_logs,
        operations: Iterable[Route] = (),
    ) -> None:
        """Prepare to serve.

        Args:
            sockets: Bound to a port that was asked for by number: one that the kernel chose is lost when a
                socket ceases to listen.
            certificate: PEM file of the server's certificate chain.
            key: PEM file of its key.
            operations: Further routes below `/embedded/`, for administrators only.
        """
        self.service = Service(store, authenticator, authorizer or AllowAll(), logs)
        self.service.flowing.set()
        self.service.cut = self._cut
        self._store = store
        CustomResources(store)
        self._sockets = tuple(sockets)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)
        own = [
            Route("/embedded/v1/restart", self._restart_route, methods=["POST"]),
            Route("/embedded/v1/faults", self._faults_route, methods=["GET", "POST"]),
            Route("/embedded/v1/cut-watches", self._cut_route, methods=["POST"]),
            Route("/embedded/v1/uses", self._uses_route, methods=["GET"]),
        ]
        self._config = Config(
            build_app(self.service, [*own, *operations]),
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
        )
        self._config.load()
        self._state = ServerState()
        self._listeners: list[asyncio.Server] = []
        self._restarting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Accept connections."""
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            # Accepted connections inherit it. asyncio would set it only on sockets made with proto=TCP, and
            # without it an answer's body waits 40 ms for the acknowledgement of its head.
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # The listener closes the descriptor that it is given; the port has to survive that.
            listener = await loop.create_server(
                lambda: HttpToolsProtocol(self._config, self._state, {}),
                sock=each.dup(),
                ssl=self._tls,
                backlog=_BACKLOG,
            )
            self._listeners.append(listener)

    async def stop(self) -> None:
        """Refuse new connections and cut all that are open; what is being answered is given up."""
        if self._restarting is not None:
            self._restarting.cancel()
        self._refuse_connections()
        self.service.flowing.set()
        self._cut_connections()
        tasks = set(self._state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_STOP_DEADLINE_S)
            for task in late:
                task.cancel()

    async def restart(self, outage: Outage = _USUAL) -> None:
        """Go down and come up again; versions known before are too old to watch from afterwards.

        One at a time: the caller sees to that.
        """
        self._refuse_connections()
        if outage.silent:
            self.service.flowing.clear()
        else:
            self._cut_connections()
        self._store.forget_history()
        self.service.pages.forget()
        await asyncio.sleep(outage.down_s)
        self._cut_connections()
        self.service.flowing.set()
        if outage.warming_s:
            await self._warm_up(outage.warming_s)
        else:
            await self.start()

    async def _warm_up(self, warming_s: float) -> None:
        wanted = self.service.faults
        self.service.faults = Faults(fraction=1.0, code=503, retry_after_s=5)
        await self.start()
        await asyncio.sleep(warming_s)
        self.service.faults = Faults(fraction=1.0, code=429, retry_after_s=1)
        await asyncio.sleep(warming_s)
        self.service.faults = wanted

    def cut_watches(self) -> int:
        """Cut all connections that watch, in the middle; return how many."""
        watching = [
            each
            for each in self._connections()
            if each.scope and b"watch=" in each.scope["query_string"] and not each.cycle.response_complete
        ]
        for each in watching:
            each.transport.abort()
        return len(watching)

    def _connections(self) -> list[HttpToolsProtocol]:
        return [each for each in self._state.connections if isinstance(each, HttpToolsProtocol)]

    def _cut(self, scope: Scope) -> None:
        for each in self._connections():
            if each.scope is scope:
                each.transport.abort()

    def _cut_connections(self) -> None:
        for each in self._connections():
            each.transport.abort()

    def _refuse_connections(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for each in self._sockets:
            # A bound socket that no longer listens keeps its port and has connections refused.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RD)

    async def _restart_route(self, request: Request) -> Response:
        outage = Outage.parse(await _options(request))
        if self._restarting is not None and not self._restarting.done():
            raise ApiError(409, "Conflict", "the server is restarting already")
        response = answer({"restarting": True}, 202)
        response.background = BackgroundTask(self._restart_later, outage)
        return response

    async def _restart_later(self, outage: Outage) -> None:
        """Restart from a task of its own: the request that asked for it ends with its connection."""
        self._restarting = asyncio.create_task(self.restart(outage))

    async def _faults_route(self, request: Request) -> Response:
        if request.method == "POST":
            self.service.faults = Faults.parse(await _options(request))
        faults = self.service.faults
        return answer({"fraction": faults.fraction, "struck": faults.struck})

    async def _uses_route(self, request: Request) -> Response:
        del request
        return answer({"uses": [use._asdict() for use in sorted(self.service.uses)]})

    async def _cut_route(self, request: Request) -> Response:
        del request
        return answer({"cut": self.cut_watches()})


async def _options(request: Request) -> Object:
    body = await read_body(request)
    options = decode(body, media_type(request)) if body else {}
    if not isinstance(options, dict):
        raise bad_request("the body must be an object")
    return options
