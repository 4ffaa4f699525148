"""The Prefect server: found, or started in the background with SQLite and left running, pages beside it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from flows import environment, pages
from flows.background import Background
from flows.listener import Listener
from netcadence.errors import PermanentError
from netcadence.home import Home

#: The first start makes the database, which takes a while on a slow disk.
_START_WITHIN_S: Final = 180.0
_ASK_S: Final = 2.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
#: Where a server is put that cannot have the usual port.
_PORTS: Final = range(4201, 4280)
_FREE_WITHIN_S: Final = 10.0
_PAUSE_S: Final = 0.1
_VERSION: Final = importlib.metadata.version("prefect")


class ServerError(PermanentError):
    """There is no Prefect server, and none could be started."""


def answers(api: str) -> bool:
    """Tell whether a Prefect API answers at an address such as `http://127.0.0.1:4200/api`."""
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=_ASK_S) as reply:  # noqa: S310 - http, ours
            return json.loads(reply.read()) is True
    except (OSError, ValueError):
        return False


@contextmanager
def placed(api: str, home: Home, say: Callable[[str], None]) -> Iterator[str]:
    """Have Prefect use the server at an address, or at another where that one is not meant for this home.

    Args:
        api: Where it is looked for first.
        say: Is told what is not used, and why.

    Returns:
        The address. The environment has it, too, and the home remembers it.

    Raises:
        ServerError: The server cannot be used, and it was its address that somebody named.
    """
    from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415 - it takes seconds

    found, why = place(api, home)
    if why:
        say(why)
    with temporary_settings(updates={PREFECT_API_URL: found}):
        yield found


def place(api: str, home: Home) -> tuple[str, str]:
    """Return the address of the server that is to be used, and why it is not the one that was given.

    A server that is not meant for this home is left alone, and the home's own gets another port. One of this
    home itself that is of another version is ended, to be started anew.

    Raises:
        ServerError: The server cannot be used, and it was its address that somebody named.
    """
    port, why = urlsplit(api).port or 0, _unfit(api, home)
    if not why:
        return api, ""
    if _process(home).is_alive_with(str(port)):
        _process(home).stop()
        _wait_free(port)
        return api, f"The Prefect server of this folder is started anew, for {why}."
    there = f"The Prefect server at {api.removesuffix('/api')} ({_owner(port)})"
    if api != environment.usual(home):
        raise ServerError(
            f"{there} cannot be used, for {why}. Stop it, or name another address in PREFECT_API_URL, "
            "such as http://127.0.0.1:4201/api"
        )
    other = f"http://127.0.0.1:{next(each for each in _PORTS if Listener.at(each) is None)}"
    home.prefect.mkdir(parents=True, exist_ok=True)
    home.server_at.write_text(f"{other}/api")
    os.environ["PREFECT_API_URL"] = f"{other}/api"
    return f"{other}/api", f"{there} is left alone, for {why}. This one is at {other}"


def _unfit(api: str, home: Home) -> str:
    """Tell why a server that answers is not the one to be used; empty where it is, or none answers."""
    where = urlsplit(api)
    if where.hostname not in _LOOPBACK or not where.port or not answers(api):
        return ""
    found = Listener.at(where.port)
    if found and found.has_lost_its_folder:
        return "the folder in which it keeps its runs was deleted"
    if api != environment.usual(home):  # what somebody named is used, whosever it is
        return ""
    if found and not found.is_mine:
        return "it is another user's"
    version = _version(api)
    return "" if version == _VERSION else f"it is Prefect {version}, and this is {_VERSION}"


def _version(api: str) -> str:
    try:
        with urllib.request.urlopen(f"{api}/admin/version", timeout=_ASK_S) as reply:  # noqa: S310 - http, ours
            return str(json.loads(reply.read()))
    except (OSError, ValueError):
        return "of an unknown version"


def _owner(port: int) -> str:
    found = Listener.at(port)
    if found is None:
        return "which has ended"
    pid = found.pid
    return f"process {pid}" if pid else f"of the user with the number {found.user}"


def _wait_free(port: int) -> None:
    until = time.monotonic() + _FREE_WITHIN_S
    while Listener.at(port) and time.monotonic() < until:
        time.sleep(_PAUSE_S)


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
    home.server_at.unlink(missing_ok=True)
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
