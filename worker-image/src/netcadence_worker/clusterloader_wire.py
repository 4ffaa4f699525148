"""Serving ClusterLoader2's orchestrator: its requests as ours, our reports as its own.

It counts every update of a request as the response to it. So exactly one is made, by the side that reports
(see `reporting_role`), when the pair has ended.
"""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from netcadence_worker import clusterloader
from netcadence_worker.contract import (
    HTTP_PORT,
    IPERF_PORT,
    POD_LABEL_PREFIX,
    IperfOptions,
    Phase,
    Protocol,
    Role,
    RoundStart,
    RunSpec,
)
from netcadence_worker.watch import Watch

if TYPE_CHECKING:
    from netcadence_worker.api import Connection, Endpoint, Object
    from netcadence_worker.requests import Requests

#: Seconds beyond the start in which the two sides may still find each other.
_ARM_SLACK_S: Final = 10
_LONGEST_ARMING_S: Final = 600
#: Its orchestrator waits ten seconds or more beyond the traffic; what starts later than that is in vain.
_START_TOLERANCE_S: Final = 10.0


class ClusterloaderWire:
    """Whole objects, positional figures, a start in whole seconds that every request carries itself.

    Args:
        udp_options: What iperf's UDP client is told beyond what a request says.
    """

    api_version: Final = clusterloader.API_VERSION
    start_tolerance_s: Final = _START_TOLERANCE_S

    def __init__(self, udp_options: IperfOptions | None = None) -> None:
        self._udp_options = udp_options

    def watches(self, endpoint: Endpoint, requests: Requests, pod_name: str) -> tuple[Watch, ...]:
        follower = _Translating(requests, self._udp_options)
        selector = clusterloader.selector(pod_name)
        return (Watch(endpoint, clusterloader.REQUESTS, follower, selector=selector),)

    def report(self, status: Object) -> Object | None:
        match status.get("phase"):
            case Phase.SUCCEEDED:
                return {"metrics": status["metrics"], "workerDelay": status.get("workerDelay", 0.0)}
            case Phase.FAILED:
                error = status["error"]
                return {"metrics": [], "error": f"{error['reason']}: {error['message']}"}
        return None

    def deliver(self, connection: Connection, name: str, report: Object) -> None:
        request = connection.get(clusterloader.REQUESTS, name)
        if request.get("status") != report:  # else an earlier try has arrived, and only its answer was lost
            connection.replace(clusterloader.REQUESTS, name, request | {"status": report})


class _Translating:
    """Passes requests on as the contract has them, each with a run of its own that is published already."""

    def __init__(self, requests: Requests, udp_options: IperfOptions | None) -> None:
        self._requests = requests
        self._udp_options = udp_options

    def seen(self, obj: Object) -> None:
        name, translated = obj["metadata"]["name"], as_contract(obj, self._udp_options)
        at = _instant(obj["spec"].get("clientStartTimestamp"))
        if at is not None:
            starts = (RoundStart(round=0, at=at),)
            run_id = translated["spec"]["runID"]
            self._requests.observe_run(name, RunSpec(run_id=run_id, scenario="clusterloader", starts=starts))
        self._requests.seen(translated)

    def deleted(self, name: str) -> None:
        self._requests.deleted(name)
        self._requests.forget_run(name)


def as_contract(obj: Object, udp_options: IperfOptions | None) -> Object:
    """Return a request as the contract has it; whether it is acceptable is decided as for any other.

    Its definition bounds next to nothing, so nothing of it is believed here.
    """
    metadata = obj["metadata"]
    roles = {
        POD_LABEL_PREFIX + key: role.value
        for key, label in (metadata.get("labels") or {}).items()
        if (role := clusterloader.role_of(label))
    }
    spec = _spec(metadata["uid"], obj["spec"], udp_options)
    return {"metadata": metadata | {"labels": roles}, "spec": spec, "status": _status(obj.get("status"))}


def _spec(uid: str, spec: Object, udp_options: IperfOptions | None) -> Object:
    protocol, start = spec.get("protocol"), spec.get("clientStartTimestamp")
    at = _instant(start)
    patience_s = math.ceil(at.timestamp() - time.time()) + _ARM_SLACK_S if at else _ARM_SLACK_S
    options: dict[str, Any] = {}
    if protocol == Protocol.UDP and udp_options is not None:
        options = {"iperf": udp_options.model_dump(by_alias=True, exclude_none=True)}
    if protocol == Protocol.HTTP:
        options = {"siege": {"delay": clusterloader.SIEGE_DELAY_S}}
    # The contract has no such field: a start that is none is refused under its own name.
    unusable = {} if at else {"clientStartTimestamp": start}
    return unusable | {
        # A name may be longer than a run's, and have dots.
        "runID": uid,
        "pairIndex": 0,
        "clientPodName": spec.get("clientPodName"),
        "serverPodName": spec.get("serverPodName"),
        "serverPodIP": spec.get("serverPodIP"),
        "port": HTTP_PORT if protocol == Protocol.HTTP else IPERF_PORT,
        "protocol": protocol,
        "tool": next((tool for known, tool in clusterloader.TOOL_OF.items() if known == protocol), None),
        "duration": spec.get("duration"),
        # One, whatever numberOfClients says: its client never makes more, and the server waits for each.
        "numberOfClients": 1,
        "armTimeout": min(max(patience_s, _ARM_SLACK_S), _LONGEST_ARMING_S),
        "options": options,
    }


def _instant(timestamp: Any) -> datetime | None:
    """Return a start in Unix time as an instant; None for one that cannot be."""
    if isinstance(timestamp, int) and 0 < timestamp <= clusterloader.LATEST_START:
        return datetime.fromtimestamp(timestamp, UTC)
    return None


def _status(status: Any) -> Object:
    """Tell both sides that a request which has its report is over."""
    told = status if isinstance(status, dict) else {}
    if told.get("metrics"):
        phase = Phase.SUCCEEDED
    elif told.get("error"):
        phase = Phase.FAILED
    else:
        return {}
    return {role.value: {"phase": phase.value} for role in Role}
