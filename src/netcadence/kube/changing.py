"""Changing something on the cluster while probers look on: a Service or a NetworkPolicy for each server.

A prober has to try an address before there is anything behind it. So a Service is made once beforehand, its
address and its node port noted, and is removed again; the change makes it anew with the same ones. What a
load balancer gives cannot be asked for, so there the change comes first, and probers start once there is an
address.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from netcadence.change import Change, ChangeMade
from netcadence.errors import NotApplicableError
from netcadence.kube import services, ways
from netcadence.kube.access import Object
from netcadence.kube.dispatch import Arming, for_each, reference_now
from netcadence.kube.observation import Observation
from netcadence.kube.policies import Policy
from netcadence.kube.resource import NETWORK_POLICY, SERVICE, Resource
from netcadence.kube.run import Run
from netcadence.kube.services import Service
from netcadence.nodes import Site
from netcadence.pair import Pair, WorkerPod
from netcadence.traffic_path import AddressMissingError, TrafficPath

#: Seconds for which probers see the state before the change.
_BEFORE_S: Final = 0.3
#: Seconds after which a Service that no controller has touched is taken to have none that would: those of
#: clouds put a finalizer on it at once, others give it an address within this.
_SIGN_S: Final = 20.0
_LOOK_S: Final = 0.05
_GONE_WITHIN_S: Final = 30.0

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Preparation:
    """What was prepared for a change.

    Attributes:
        pairs: With where their clients connect.
        asked_s: Where the change has been made already, when it was asked for, by server pod and by our
            monotonic clock.
        assigned_s: Likewise, when there was an address.
    """

    pairs: tuple[Pair, ...]
    asked_s: Mapping[str, float] = field(default_factory=dict)
    assigned_s: Mapping[str, float] = field(default_factory=dict)


def prepare(
    run: Run, pairs: Sequence[Pair], *, owner: Object, sites: Sequence[Site], on_progress: Progress
) -> Preparation:
    """Bring about the state that the change is to end, and find out what probers are to try.

    Raises:
        AddressMissingError: A worker, a node or a Service has no address of the kind that is asked for.
        NotApplicableError: Nobody here gives Services an address from a load balancer.
    """
    scenario = run.scenario
    servers = sorted({pair.server for pair in pairs})
    for worker in {worker for pair in pairs for worker in (pair.client, pair.server)}:
        worker.address(scenario.ip_family)
    if scenario.change is Change.POLICY_ALLOW:
        _make(run, NETWORK_POLICY, {each.name: Policy.denying(run, each).body(owner) for each in servers})
    if scenario.change is not Change.SERVICE:
        return Preparation(tuple(pairs))
    wanted = {each: ways.service_of(run, ways.KIND_OF[scenario.path], each, pairs) for each in servers}
    asked_s = _make(run, SERVICE, {each.name: wanted[each].body(owner) for each in servers})
    if scenario.path is TrafficPath.LOAD_BALANCER:
        found, assigned_s = _await_balancer(run, wanted, on_progress)
    else:
        found, assigned_s = _reserve(run, wanted), {}
    nodes = {site.name: site for site in sites}
    aimed = tuple(
        replace(pair, target=ways.target_of(run, pair, found[wanted[pair.server].name], nodes))
        for pair in pairs
    )
    return Preparation(aimed, asked_s if assigned_s else {}, assigned_s)


def change(
    run: Run,
    pairs: Sequence[Pair],
    preparation: Preparation,
    *,
    owner: Object,
    start: datetime,
    arming: Arming,
    observation: Observation,
) -> dict[int, ChangeMade]:
    """Make the change once the probers have seen the state before, and return it by pair.

    Args:
        pairs: Of the round.
        start: The instant at which the probers start, by the reference's clock.
    """
    asked_s = preparation.asked_s
    if not asked_s:
        ahead_s = (start - reference_now(observation.requests.values())).total_seconds()
        time.sleep(max(ahead_s, 0.0) + _BEFORE_S)
        resource = SERVICE if run.scenario.change is Change.SERVICE else NETWORK_POLICY
        servers = sorted({pair.server for pair in pairs if pair.index in arming.armed})
        asked_s = _make(run, resource, {each.name: _body(run, each, pairs, owner) for each in servers})
    # Nothing is taken in between arming and this: what each worker said last is still that it is armed.
    now, now_s = reference_now(observation.requests.values()), time.monotonic()
    made = {}
    for pair in pairs:
        at_s = asked_s.get(pair.server.name)
        if at_s is not None:
            assigned_s = preparation.assigned_s.get(pair.server.name)
            made[pair.index] = ChangeMade(
                at=now - timedelta(seconds=now_s - at_s),
                uncertainty_s=arming.fastest_notice_s,
                assigned_after_s=None if assigned_s is None else assigned_s - at_s,
            )
    return made


def _body(run: Run, server: WorkerPod, pairs: Sequence[Pair], owner: Object) -> Object:
    match run.scenario.change:
        case Change.POLICY_DENY:
            return Policy.denying(run, server).body(owner)
        case Change.POLICY_ALLOW:
            return Policy.allowing(run, server, pairs).body(owner)
    own = [pair for pair in pairs if pair.server == server and pair.target]
    service = ways.service_of(run, ways.KIND_OF[run.scenario.path], server, own)
    targets = {pair.port: pair.target for pair in own if pair.target}
    if run.scenario.path is TrafficPath.NODE_PORT:
        return replace(service, node_ports={port: each.port for port, each in targets.items()}).body(owner)
    return replace(service, cluster_ip=next(iter(targets.values())).address).body(owner)


def _make(run: Run, resource: Resource, bodies: Mapping[str, Object]) -> dict[str, float]:
    """Create objects, several at a time; return when each was asked for.

    Each is tried once: of one that was asked for twice nobody knows which time counts.
    """
    at_once = run.access.with_patience(0)
    asked_s: dict[str, float] = {}

    def create(name: str) -> None:
        asked_s[name] = time.monotonic()
        at_once.create(resource, bodies[name], run.namespace)

    for_each(tuple(bodies), create)
    return asked_s


def _reserve(run: Run, wanted: Mapping[WorkerPod, Service]) -> dict[str, Object]:
    """Note the addresses of Services that were made, and remove them again."""
    found = services.wait_assigned(
        run.access,
        wanted.values(),
        run.namespace,
        selector=run.selector,
        timeout_s=run.scenario.address_timeout_s,
    )
    for name, service in found.items():
        run.access.delete(SERVICE, name, run.namespace, uid=service["metadata"]["uid"])
    deadline = time.monotonic() + _GONE_WITHIN_S
    while run.access.list(SERVICE, run.namespace, selector=run.selector)[0]:
        if time.monotonic() > deadline:
            raise AddressMissingError(f"Services are still there {_GONE_WITHIN_S:.0f} s after their removal")
        time.sleep(_LOOK_S)
    return found


def _await_balancer(
    run: Run, wanted: Mapping[WorkerPod, Service], on_progress: Progress
) -> tuple[dict[str, Object], dict[str, float]]:
    """Wait until each Service has an address; return them, and when that was seen of each server."""
    begun_s = time.monotonic()
    found: dict[str, Object] = {}
    assigned_s: dict[str, float] = {}
    while True:
        seen = run.access.list(SERVICE, run.namespace, selector=run.selector)[0]
        now_s = time.monotonic()
        by_name = {each["metadata"]["name"]: each for each in seen}
        for server, service in wanted.items():
            made = by_name.get(service.name)
            if server.name not in assigned_s and made and services.balancer_address(made):
                found[service.name], assigned_s[server.name] = made, now_s
        on_progress(len(found), len(wanted))
        if len(found) == len(wanted):
            return found, assigned_s
        if not found:
            _require_controller(run, seen, now_s - begun_s)
        if now_s - begun_s > run.scenario.address_timeout_s:
            raise AddressMissingError(
                f"Of {len(wanted)} Services {len(found)} were given an address by a load balancer within "
                f"{run.scenario.address_timeout_s} s; see kubectl describe service"
            )
        time.sleep(_LOOK_S)


def _require_controller(run: Run, seen: Sequence[Object], waited_s: float) -> None:
    """Give up early where nothing shows that anybody minds Services of type LoadBalancer here."""
    touched = any(
        each["metadata"].get("finalizers")
        or each["metadata"].get("annotations")
        or each.get("status", {}).get("conditions")
        for each in seen
    )
    patience_s = min(_SIGN_S, run.scenario.address_timeout_s)
    if waited_s > patience_s and not touched:
        raise NotApplicableError(
            f"No controller gives Services of type LoadBalancer an address here: none was given, and nothing "
            f"else was done to them, within {patience_s:.0f} s"
        )
