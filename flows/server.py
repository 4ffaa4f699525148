"""The Prefect server: found, or started in the background with SQLite and left running."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from flows.background import Background
from netcadence.errors import PermanentError, TransientError
from netcadence.home import Home

#: The first start makes the database, which takes a while on a slow disk.
_START_WITHIN_S: Final = 90.0
_ASK_S: Final = 2.0
_PAUSE_S: Final = 0.1
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class ServerError(PermanentError):
    """There is no Prefect server, and none could be started."""


class ServerLateError(TransientError):
    """The Prefect server was started and did not answer in time."""


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
    return True


def wait(api: str, home: Home) -> None:
    """Wait until the server answers.

    Raises:
        ServerError: It ended instead; the text holds the last lines of its log.
        ServerLateError: It did neither in time.
    """
    deadline = time.monotonic() + _START_WITHIN_S
    while not answers(api):
        if not _process(home).is_alive:
            raise ServerError(
                f"The Prefect server ended at its start. Its log's last lines:\n{_process(home).last_words()}"
            )
        if time.monotonic() > deadline:
            raise ServerLateError(
                f"The Prefect server did not answer at {api} within {_START_WITHIN_S:.0f} s. "
                f"Its log's last lines:\n{_process(home).last_words()}"
            )
        time.sleep(_PAUSE_S)


def log(home: Home) -> Path:
    """Return the file that holds what the server said."""
    return _process(home).log


def stop(home: Home) -> bool:
    """Stop the server that `start` started from this home; returns whether there was one."""
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
    return Background(home, "server")
