"""The environment in which Prefect and Great Expectations run: ours alone, and silent towards the world.

It has to stand before either is imported, so this module imports neither.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from netcadence import sla
from netcadence.errors import InvalidInputError
from netcadence.home import VARIABLE, Home

CHECKOUT: Final = Path(__file__).resolve().parents[1]
MANIFESTS: Final = CHECKOUT / "deployments" / "kubernetes"
EXPECTATIONS: Final = sla.DEFAULT

_DEFAULT_API: Final = "http://127.0.0.1:4200/api"
_QUIET: Final = {
    # Nothing phones home, whatever the defaults of a future version are.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "GX_ANALYTICS_ENABLED": "false",
    # The progress display speaks on the terminal; the log is in the Prefect UI.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",
}
#: Of the server that is started here: what tasks do is written together and not one by one. Whoever begins a
#: flow run while SQLite is written is refused, and tries again 2 s later.
_GATHERING: Final = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    # In whole seconds: Prefect cuts a fraction off, and to flush every 0 s takes half a processor.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}


def prepare(home: Home) -> str:
    """Set what is not set yet, and return the address of the Prefect API to be used."""
    for name, value in (_QUIET | _GATHERING).items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_HOME", str(home.prefect))
    os.environ.setdefault("PREFECT_PROFILES_PATH", str(home.prefect / "profiles.toml"))
    return os.environ.setdefault("PREFECT_API_URL", usual(home))


def usual(home: Home) -> str:
    """Return where the Prefect API is that nobody has named."""
    try:
        return home.server_at.read_text()
    except OSError:
        return _DEFAULT_API


def home() -> Home:
    """Return where everything is kept on this machine."""
    return Home.beside(CHECKOUT)


def make_home() -> Home:
    """Return the same, and make it: Prefect wants its folder when it is imported, and makes no parents.

    Raises:
        InvalidInputError: It cannot be made, or is another user's.
    """
    found = home()
    try:
        found.prefect.mkdir(parents=True, exist_ok=True)
        if not os.access(found.prefect, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise InvalidInputError(
            f"{found.prefect} cannot be written to: {error.strerror}; name another folder with {VARIABLE}"
        ) from error
    return found


def lake(address: str | None) -> str:
    """Return the address of the lake that is meant, where none was given."""
    return address or str(home().lake)


def api() -> str:
    """Return the address of the Prefect API in use."""
    return os.environ.get("PREFECT_API_URL", _DEFAULT_API)


def ui() -> str:
    """Return the address of the Prefect UI that belongs to the API in use."""
    return api().removesuffix("/api")
