"""A Prefect server that the processes of one run of tests share, for its start takes many seconds of work.

Most of them go into its database, which it makes by a hundred migrations. So the first run of tests in a
checkout keeps a copy of that as it was made, and later ones begin with it.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

from flows import server
from flows.environment import CHECKOUT
from netcadence.home import VARIABLE, Home

#: Another process starts the server and ends, as the command line does.
START = """
from flows import environment, server
from netcadence.home import Home
home = Home.beside(environment.CHECKOUT)
server.start(environment.prepare(home), home)
"""


#: Of one version, for the next may have more migrations.
MADE = CHECKOUT / ".pytest_cache" / f"prefect-{importlib.metadata.version('prefect')}.db"


class SharedServer:
    """Is started by whoever comes first, and stopped by the last one to leave.

    Args:
        folder: A folder that all who share the server name.
        free_port: Finds a port that nobody listens on.

    Attributes:
        home: From which it runs.
        api: Where it answers while anybody is within `running`.
    """

    def __init__(self, folder, free_port):
        folder.mkdir(exist_ok=True)
        self.home = Home(folder)
        self._users = folder / "users"
        address = folder / "address"
        with self._door():
            if not address.exists():
                address.write_text(f"http://127.0.0.1:{free_port()}/api")
        self.api = address.read_text()

    @contextmanager
    def running(self):
        """Have it running."""
        with self._users.open("w") as users:
            with self._door():
                fcntl.flock(users, fcntl.LOCK_SH)
                self._begin_with_what_was_made()
                subprocess.run([sys.executable, "-c", START], env=self._surroundings(), check=True)
            try:
                server.wait(self.api, self.home)
                with self._door():
                    self._keep_what_was_made()
                yield
            finally:  # also one that did not answer in time
                with self._door():
                    stopped = server.stop(self.home) if _is_last(users) else True
            assert stopped

    @property
    def _database(self):
        return self.home.prefect / "prefect.db"

    def _begin_with_what_was_made(self):
        if MADE.exists() and not self._database.exists():
            self.home.prefect.mkdir(parents=True, exist_ok=True)
            shutil.copy(MADE, self._database)

    def _keep_what_was_made(self):
        if MADE.exists():
            return
        MADE.parent.mkdir(exist_ok=True)
        partial = MADE.with_suffix(f".{os.getpid()}")
        with closing(sqlite3.connect(self._database)) as made, closing(sqlite3.connect(partial)) as copy:
            made.backup(copy)
        partial.replace(MADE)

    def _surroundings(self):
        """Return an environment in which no folder is that of the process that happens to come first."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return others | {VARIABLE: str(self.home.root), "PREFECT_API_URL": self.api}

    @contextmanager
    def _door(self):
        """Let one come or go at a time."""
        with (self.home.root / "door").open("w") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            yield


def _is_last(users):
    """Tell whether nobody else has it running; one that died has it no longer."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
