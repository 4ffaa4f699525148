"""The Prefect server: found, or started in the background with SQLite and left running, pages beside it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from flows import pages
from flows.background import Background
from netcadence.errors import PermanentError
from netcadence.home import Home

#: The first start makes the database, which takes a while on a slow disk.
_START_WITHIN_S: Final = 180.0
_ASK_S: Final = 2.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class ServerError(PermanentError):
    """There is no Prefect server, and none could be started."""


def answers(api: str) -> bool:
    """Tell whether a Prefect API answers at an address such as `http://127.0.0.1:4200/api`."""
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=_ASK_S) as reply:  # noqa: S310 - http, ours
            return json.loads(reply.read()) is True
    except (OSError, ValueError):
        return False


def start(api: str, home: Home) -> bool:
    """Start a server in the background if none answers; returns whether one has to be waited for.

    Does not wait until it answers: see `wait`. What another command has just started is not started again.

    Raises:
        ServerError: The address is not on this machine, or something else listens there.
    """
    if answers(api):
        if _process(home).is_alive:
            pages.start(home)
        return False
    where = urlsplit(api)
    if where.hostname not in _LOOPBACK:
        raise ServerError(
            f"No Prefect server answers at {api}. Start it, or unset PREFECT_API_URL to have one here."
        )
    if _process(home).is_alive_with(str(where.port)):
        return True
    if _listens(api):
        raise ServerError(
            f"Something that is not a Prefect server listens at {where.hostname}:{where.port}. "
            "Free that port, or set PREFECT_API_URL to another one, such as http://127.0.0.1:4201/api"
        )
    arguments = ("start", "--host", where.hostname, "--port", str(where.port), "--analytics-off")
    _process(home).start(arguments)
    pages.start(home)
    return True


def wait(api: str, home: Home) -> None:
    """Wait until the server answers.

    Raises:
        EndedError: It ended instead; the text holds the last lines of its log.
        LateError: It did neither in time.
    """
    _process(home).wait(lambda: answers(api), within_s=_START_WITHIN_S)


def log(home: Home) -> Path:
    """Return the file that holds what the server said."""
    return _process(home).log


def stop(home: Home) -> bool:
    """Stop the server that `start` started from this home, and its pages; returns whether there was one."""
    pages.stop(home)
    return _process(home).stop()


def _listens(api: str) -> bool:
    try:
        with urllib.request.urlopen(api, timeout=_ASK_S):  # noqa: S310 - http, ours
            return True
    except urllib.error.HTTPError:
        return True
    except OSError as error:
        return not isinstance(getattr(error, "reason", error), ConnectionRefusedError)


def _process(home: Home) -> Background:
    return Background.of_prefect(home, "server")
