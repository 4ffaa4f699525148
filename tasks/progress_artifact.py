"""Live progress on a flow run's page: what a terminal shows, for runs that nobody started at one."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from prefect import get_client, get_run_logger
from prefect.artifacts import create_progress_artifact
from prefect.client.schemas.actions import ArtifactUpdate

from tasks.progress import Listener, heard_by

#: Seconds between two updates. Each is one short request, for on a small machine it runs beside the traffic.
_EVERY_S: Final = 2.0
_WHOLE: Final = 100.0


class ProgressArtifact(Listener):
    """A listener: each step is a line of the flow run's log, traffic a bar that fills while it flows.

    Counts are passed over: many pairs report within a second, and each would be a request.
    """

    def __init__(self) -> None:
        self._logger = get_run_logger()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def step(self, what: str) -> None:
        """Say that a step begins; traffic before it is over then."""
        self.end()
        self._logger.info(what)
        self._what = what

    def remark(self, what: str) -> None:
        """Log it where warnings are looked for."""
        self._logger.warning(what)

    def traffic(self, seconds: float) -> None:
        """Show a bar for as long as traffic will flow."""
        self.end()
        found = create_progress_artifact(0.0, key=None, description=f"{self._what}, {seconds:.0f} s")
        assert isinstance(found, UUID)  # noqa: S101 - a coroutine in an async flow only, which none here is
        self._over = threading.Event()
        # Prefect knows by its context which server this is.
        here = contextvars.copy_context()
        fill = (self._fill, found, seconds, self._over)
        self._thread = threading.Thread(target=here.run, args=fill, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Fill the bar that there is, for its traffic is over."""
        if self._thread:
            self._over.set()
            self._thread.join()
            self._thread = None

    def _fill(self, artifact: UUID, seconds: float, over: threading.Event) -> None:
        begun = time.monotonic()
        try:
            with get_client(sync_client=True) as client:
                while not over.wait(_EVERY_S):
                    share = min(_WHOLE, _WHOLE * (time.monotonic() - begun) / seconds)
                    client.update_artifact(artifact, ArtifactUpdate(data=share))
                client.update_artifact(artifact, ArtifactUpdate(data=_WHOLE))
        except Exception as error:  # noqa: BLE001 - whatever keeps a bar from filling concerns the bar alone
            self._logger.warning("The bar of progress stays as it is: %s", error)


@contextmanager
def shown() -> Iterator[None]:
    """Show the progress of what is done within on the flow run's page."""
    listener = ProgressArtifact()
    try:
        with heard_by(listener):
            yield
    finally:
        listener.end()
