"""What a run would do: what it makes, where, how much it sends and how long it takes. Nothing is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from netcadence import pairing
from netcadence.budget import OverBudgetError
from netcadence.change import Change
from netcadence.layout import Layout, MeshError, lay_out
from netcadence.nodes import Site
from netcadence.pair import WorkerPod
from netcadence.pairing import PairingError
from netcadence.scenario import Scenario
from netcadence.schedule import Schedule

#: What arming may take beyond the workers' own deadline, publishing the start, and cleaning up at most.
_ARM_SLACK_S, _LEAD_S, _CLEAN_UP_S = 5, 5, 60


@dataclass(frozen=True, slots=True)
class Making:
    """Objects of one kind that a run makes.

    Attributes:
        namespace: Empty for an object of the whole cluster.
        stays: Whether they are still there after the run.
    """

    kind: str
    count: int
    namespace: str
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """Two nodes and the pairs between them that measure at the same time, in the round with the most."""

    client_node: str
    server_node: str
    pairs: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one run of a scenario would do.

    Attributes:
        links: Which nodes measure with each other in any round; None where no cluster was looked at.
        certain: Whether `links` is decided; otherwise it holds if the scheduler spreads workers evenly.
        traffic_s: Seconds of traffic.
        at_most_s: Seconds after which the run is over, whatever happens, by its own time limits.
        refusals: Why the run would be refused; empty where it would go.
        schedule: Who measures with whom; of a mesh without a cluster, the least.
    """

    scenario: Scenario
    schedule: Schedule
    makings: tuple[Making, ...]
    links: tuple[Link, ...] | None
    certain: bool
    traffic_s: int
    at_most_s: int
    refusals: tuple[str, ...]


def forecast(scenario: Scenario, *, namespace: str, sites: Sequence[Site] | None = None) -> Forecast:
    """Return what a run would do.

    Args:
        sites: All nodes of the cluster; None where there is no cluster to look at.
    """
    refusals: list[str] = []
    layout: Layout | None = None
    if sites is not None:
        try:
            layout = lay_out(scenario.wish, sites)
        except (PairingError, MeshError) as error:
            refusals.append(str(error))
    schedule = layout.schedule if layout else scenario.schedule
    try:
        scenario.require_within_limits(schedule)
    except OverBudgetError as error:
        refusals.append(str(error))
    arming_s = scenario.arm_timeout_s + _ARM_SLACK_S + _LEAD_S
    round_s = arming_s + scenario.duration_s + scenario.report_timeout_s
    links = _links(scenario, layout, sites or ()) if layout else None
    return Forecast(
        scenario=scenario,
        schedule=schedule,
        makings=_makings(scenario, schedule, namespace, len(layout.groups) if layout else 1, links or ()),
        links=links,
        certain=bool(layout and (layout.places or scenario.external)),
        traffic_s=scenario.traffic_of(schedule).seconds,
        at_most_s=scenario.worker.ready_timeout_s
        + (scenario.address_timeout_s if scenario.path.has_service else 0)
        + len(schedule.rounds) * scenario.most_repeats * (2 if scenario.baseline else 1) * round_s
        + _CLEAN_UP_S,
        refusals=tuple(refusals),
    )


def _makings(
    scenario: Scenario, schedule: Schedule, namespace: str, groups: int, links: Sequence[Link]
) -> tuple[Making, ...]:
    workers = schedule.workers - (1 if scenario.external else 0)
    requests = schedule.pairs * scenario.most_repeats
    if scenario.baseline:
        nodes = {node for link in links for node in (link.client_node, link.server_node)}
        hosts = len(nodes) or scenario.demand.nodes
        groups, workers, requests = groups + hosts, workers + hosts, 2 * requests
    if scenario.change is Change.POLICY_NEW_POD:
        groups, workers = groups + schedule.pairs, workers + schedule.pairs
    servers = {match.server for matches in schedule.rounds for match in matches}
    return (
        Making("CustomResourceDefinition", 2, "", stays=True),
        Making("Namespace", 1, "", stays=True),
        *(Making(kind, 1, namespace, stays=True) for kind in ("ServiceAccount", "Role", "RoleBinding")),
        Making("NetworkTestRun", 1, namespace),
        Making("Deployment", groups, namespace),
        Making("Pod", workers, namespace),
        *([Making("Service", len(servers), namespace)] if scenario.path.has_service else []),
        *_policies(scenario, len(servers), namespace),
        Making("NetworkTestRequest", requests, namespace),
    )


def _policies(scenario: Scenario, servers: int, namespace: str) -> Iterator[Making]:
    if scenario.change in (Change.POLICY_DENY, Change.POLICY_NEW_POD):
        yield Making("NetworkPolicy", servers, namespace)
    elif scenario.change is Change.POLICY_ALLOW:
        yield Making("NetworkPolicy", 2 * servers, namespace)


def _links(scenario: Scenario, layout: Layout, sites: Sequence[Site]) -> tuple[Link, ...]:
    if scenario.external:
        return ()
    found = layout.node_pairs() or Counter(_spread(scenario, sites))
    return tuple(Link(client, server, pairs) for (client, server), pairs in sorted(found.items()))


def _spread(scenario: Scenario, sites: Sequence[Site]) -> list[tuple[str, str]]:
    """Pair workers that are dealt out to the nodes in turn, as far as these have room."""
    met = sorted((site.facing(scenario.worker.tolerations) for site in sites), key=lambda site: site.name)
    found = [site for site in met if not site.closed and scenario.nodes.takes(site)]
    left = {site.name: scenario.demand.workers if site.room is None else site.room for site in found}
    turns = (node for turn in range(scenario.demand.workers) for node in left if turn < left[node])
    nodes = islice(turns, scenario.demand.workers)
    pods = [WorkerPod(f"{number:05}", str(number), "", node) for number, node in enumerate(nodes)]
    try:
        pairs = pairing.plan(
            pods, pairs=scenario.pairs, base_port=scenario.port, placement=scenario.placement
        )
    except PairingError:
        return []
    return [(pair.client.node, pair.server.node) for pair in pairs]
