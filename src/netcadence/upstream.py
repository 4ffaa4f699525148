"""What ClusterLoader2's worker can be asked, and what its reports mean in our terms.

It reports figures by position and, as far as is known, no errors: whatever it says, a figure is taken only if
the array is as long as its protocol's and each number can be true.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from netcadence.errors import InvalidInputError
from netcadence.nodes import Nodes
from netcadence.pairing import Placement
from netcadence.scenario import Scenario
from netcadence.schedule import Shape
from netcadence.traffic_path import TrafficPath
from netcadence_worker.clusterloader import SIEGE_DELAY_S, TOOL_OF
from netcadence_worker.clusterloader_request import UpstreamSpec, UpstreamStatus
from netcadence_worker.contract import (
    HTTP_PORT,
    IPERF_PORT,
    Mark,
    Phase,
    Protocol,
    Reason,
    ReportedError,
    RequestStatus,
    Result,
    Role,
    SideStatus,
    SiegeOptions,
    reporting_role,
)
from netcadence_worker.metrics import METRICS, POSITIONS


def check(scenario: Scenario) -> None:
    """Refuse a scenario that cannot be put into ClusterLoader2's words.

    Raises:
        InvalidInputError: The text names the field and what is allowed.
    """
    port = HTTP_PORT if scenario.protocol is Protocol.HTTP else IPERF_PORT
    siege = scenario.options.siege or SiegeOptions()
    wanted = (
        ("protocol", scenario.protocol.value, scenario.protocol in TOOL_OF, "TCP, UDP, HTTP"),
        ("tool", scenario.tool.value, scenario.tool is TOOL_OF.get(scenario.protocol), "iperf, siege"),
        ("shape", scenario.shape.value, scenario.shape is Shape.RATIO, "ratio"),
        (
            "servers",
            scenario.servers,
            scenario.servers == scenario.clients,
            f"{scenario.clients}, as many as clients, for its worker serves one request only",
        ),
        ("path", scenario.path.value, scenario.path is TrafficPath.POD_IP, "pod-ip"),
        (
            "ip_family",
            scenario.ip_family and scenario.ip_family.value,
            scenario.ip_family is None,
            "none, for it is the cluster's first",
        ),
        (
            "baseline",
            scenario.baseline and scenario.baseline.value,
            scenario.baseline is None,
            "none, for its worker does not run on a node's network",
        ),
        ("rounds", scenario.rounds, scenario.rounds == 1, "1, for its worker serves one test only"),
        ("repeats", "given", scenario.repeats is None, "none, for the same reason"),
        ("streams", scenario.streams, scenario.streams == 1, "1"),
        ("port", scenario.port, scenario.port == port, str(port)),
        (
            "placement",
            scenario.placement.value,
            scenario.placement in (Placement.CROSS_NODE, Placement.ANY),
            "cross-node, any",
        ),
        ("nodes", "given", scenario.nodes == Nodes(), "none, for one Deployment makes all workers"),
        ("options.siege.delay", siege.delay, siege.delay == SIEGE_DELAY_S, f"{SIEGE_DELAY_S:g}"),
        (
            "options.iperf",
            "given",
            scenario.protocol is Protocol.UDP or scenario.options.iperf is None,
            "none but for UDP",
        ),
    )
    for field, value, fits, allowed in wanted:
        if not fits:
            raise InvalidInputError(
                f"scenario {scenario.name}: {field} {value!r} cannot be asked of ClusterLoader2's worker; "
                f"allowed: {allowed}"
            )


def status_of(spec: Any, status: Any) -> RequestStatus:
    """Read a request's status; one without figures or error is Pending.

    A worker that says it was late has told when its client started (over HTTP, where the client reports).
    One that was not late has said nothing more exact than that.
    """
    try:
        asked = UpstreamSpec.model_validate(spec)
        said = UpstreamStatus.model_validate(status or {})
    except ValidationError as error:
        return _failed(Reason.PARSE_FAILED, f"a request that is not understood: {error.errors()[0]['msg']}")
    if said.error:
        return _failed(Reason.TOOL_FAILED, said.error)
    if not said.metrics and said.worker_delay is None:
        return RequestStatus()
    names = POSITIONS[asked.protocol]
    if len(said.metrics) != len(names):
        found = f"{len(said.metrics)} figures where {asked.protocol} has {len(names)}"
        return _failed(Reason.PARSE_FAILED, f"the worker reported {found}: {list(said.metrics)}")
    values = dict(zip(names, said.metrics, strict=True))
    for name, value in values.items():
        if not METRICS[name].is_sane(value):
            return _failed(Reason.PARSE_FAILED, f"{name} of {value:g} {METRICS[name].unit} cannot be true")
    return RequestStatus(
        phase=Phase.SUCCEEDED,
        client=SideStatus(phase=Phase.SUCCEEDED, started_at=_started_at(asked, said)),
        server=SideStatus(phase=Phase.SUCCEEDED),
        results=tuple(Result.of(name, value) for name, value in values.items()),
        metrics=said.metrics,
        marks=_marks(values),
        worker_delay=said.worker_delay,
    )


def _started_at(asked: UpstreamSpec, said: UpstreamStatus) -> datetime | None:
    if reporting_role(asked.protocol, TOOL_OF[asked.protocol]) is not Role.CLIENT or not said.worker_delay:
        return None
    start = datetime.fromtimestamp(asked.client_start_timestamp, UTC)
    return start + timedelta(seconds=said.worker_delay)


def _marks(values: dict[str, float]) -> tuple[Mark, ...]:
    if "latency_avg" not in values:
        return ()
    least, mean, most = (values[f"latency_{part}"] for part in ("min", "avg", "max"))
    return () if 0 <= least <= mean <= most else (Mark.CLOCKS_DISAGREE,)


def _failed(reason: Reason, message: str) -> RequestStatus:
    error = ReportedError.of(reason, message)
    side = SideStatus(phase=Phase.FAILED)
    return RequestStatus(phase=Phase.FAILED, client=side, server=side, error=error)
