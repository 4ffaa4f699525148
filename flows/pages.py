"""Our pages beside Prefect's: a home's reports and Data Docs, served on loopback while its server runs."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from flows.background import Background
from netcadence.home import Home

_HOST: Final = "127.0.0.1"
#: Where they are at first. Links lead there for as long as artifacts are kept, so the port stays the same.
_PORT: Final = 4280


def start(home: Home) -> None:
    """Serve the pages of a home in the background, unless they are."""
    process = _process(home)
    if not process.is_alive:
        process.start((str(home.root),))


def stop(home: Home) -> bool:
    """Serve them no longer; returns whether they were."""
    return _process(home).stop()


def serve(home: Home) -> None:
    """Serve reports and Data Docs, and no other folder of a home, until this process is ended."""
    import uvicorn  # noqa: PLC0415 - whoever starts a server needs none of these
    from starlette.applications import Starlette  # noqa: PLC0415 - likewise
    from starlette.middleware import Middleware  # noqa: PLC0415 - likewise
    from starlette.middleware.trustedhost import TrustedHostMiddleware  # noqa: PLC0415 - likewise
    from starlette.routing import Mount  # noqa: PLC0415 - likewise
    from starlette.staticfiles import StaticFiles  # noqa: PLC0415 - likewise

    folders = (home.reports, home.docs)
    application = Starlette(
        routes=[
            Mount(f"/{each.name}", StaticFiles(directory=each, html=True, check_dir=False))
            for each in folders
        ],
        # A page elsewhere, whose name leads to this machine, reads nothing.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[_HOST, "localhost"])],
    )
    with _listening(home) as listener:
        home.served_at.write_text(f"http://{_HOST}:{listener.getsockname()[1]}")
        with home.served_at.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            uvicorn.Server(uvicorn.Config(application, log_level="warning")).run(sockets=[listener])


def _listening(home: Home) -> socket.socket:
    """Listen where it was last time, else at the usual port, else anywhere."""
    ports = [_PORT, 0]
    with contextlib.suppress(OSError, ValueError):
        ports.insert(0, urlsplit(home.served_at.read_text()).port or _PORT)
    for port in ports:
        with contextlib.suppress(OSError):
            return socket.create_server((_HOST, port))
    raise OSError(f"no port of {_HOST} is free")


def _process(home: Home) -> Background:
    return Background(home, "pages", ("flows.pages",), "The server of our pages")


if __name__ == "__main__":
    serve(Home(Path(sys.argv[1])))
