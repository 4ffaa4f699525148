"""How this worker hears of requests and where its reports go: the one place that knows whose API it speaks.

Whatever the wire, a request is served by the same job and described by the same report; a wire turns what it
watches into the contract's objects, and a report into what its orchestrator reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from netcadence_worker import contract
from netcadence_worker.requests import Runs
from netcadence_worker.watch import Watch

if TYPE_CHECKING:
    from netcadence_worker.api import Connection, Endpoint, Object
    from netcadence_worker.requests import Requests


#: A start may be seen so late and is still worth making; a client that starts later would measure another
#: moment than the others do. The bound on skew, which judges the run, is well below.
_START_TOLERANCE_S: Final = 0.25


class Wire(Protocol):
    """Whose custom resources a worker serves.

    Attributes:
        api_version: Their group and version.
        start_tolerance_s: How late a client may start and still be worth measuring.
    """

    @property
    def api_version(self) -> str: ...
    @property
    def start_tolerance_s(self) -> float: ...

    def watches(self, endpoint: Endpoint, requests: Requests, pod_name: str) -> tuple[Watch, ...]:
        """Return what tells `requests` of this pod's requests and their starts, not yet started."""

    def report(self, status: Object) -> Object | None:
        """Turn a worker's own part of the contract's status into what is sent; None for nothing."""

    def deliver(self, connection: Connection, name: str, report: Object) -> None:
        """Send a report; may be repeated.

        Raises:
            ApiError: It did not arrive.
        """


class NetcadenceWire:
    """Our own: requests with a status subresource, and a run that publishes the start."""

    api_version: Final = contract.API_VERSION
    start_tolerance_s: Final = _START_TOLERANCE_S

    def watches(self, endpoint: Endpoint, requests: Requests, pod_name: str) -> tuple[Watch, ...]:
        own = contract.POD_LABEL_PREFIX + pod_name
        return (
            Watch(endpoint, contract.RUNS, Runs(requests)),
            Watch(endpoint, contract.REQUESTS, requests, selector=own),
        )

    def report(self, status: Object) -> Object | None:
        return status

    def deliver(self, connection: Connection, name: str, report: Object) -> None:
        connection.patch_status(contract.REQUESTS, name, report)
