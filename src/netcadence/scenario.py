"""Scenarios: what is measured, between how many pods, for how long. One YAML file each."""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from netcadence import amount, budget, change_rules, document, pairing, path_rules, tool_choice
from netcadence.budget import Limits, Traffic
from netcadence.change import Change
from netcadence.errors import InvalidInputError
from netcadence.layout import MeshWish, Wish
from netcadence.nodes import Nodes
from netcadence.pairing import Demand, Placement
from netcadence.repeats import Repeats
from netcadence.schedule import Mesh, Ratio, Schedule, Shape
from netcadence.tool_choice import FITS, Use
from netcadence.traffic_path import Baseline, External, IPFamily, TrafficPath
from netcadence.words import counted
from netcadence.worker_pod import WorkerResources
from netcadence_worker.contract import (
    HTTP_PORT,
    IPERF_PORT,
    MOST_REQUESTS,
    TOOLS_OF,
    FortioOptions,
    Port,
    ProbeOptions,
    Protocol,
    Tool,
    ToolOptions,
    own_ports,
)

_SUFFIXES: Final = (".yaml", ".yml")
_HIGHEST_PORT: Final = 65_535
#: Whose tools can be told a rate in bits/s.
_PACED: Final = (Protocol.TCP, Protocol.UDP)


#: What an attempt sends at most, both ways, as payload.
_PROBE_BITS: Final = 8 * 1024


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _default_port(data: Mapping[str, Any]) -> int:
    return HTTP_PORT if data.get("protocol") in (Protocol.HTTP, Protocol.GRPC) else IPERF_PORT


def _as_many_as_node_pairs(data: Mapping[str, Any]) -> int:
    nodes = data.get("nodes", Nodes())
    return max(1, len(nodes.pairs))


def _as_many_as_clients(data: Mapping[str, Any]) -> int:
    return 1 if data.get("path") is TrafficPath.EXTERNAL else int(data.get("clients", 1))


def _in_bits(tool: str, own: Any) -> Any:
    """Return a tool's options with their bandwidth as a number."""
    if not isinstance(own, Mapping) or "bandwidth" not in own:
        return own
    try:
        return {**own, "bandwidth": amount.parse(own["bandwidth"])}
    except ValueError as error:
        raise document.RefusalError(f"{tool}.bandwidth", own["bandwidth"], str(error)) from error


class Scenario(_Strict):
    """One benchmark.

    Attributes:
        name: Identifier in results, SLA files and on the command line, such as `tcp-50:50`.
        title: A few words for a list.
        purpose: What the figures tell, for a person who chooses.
        use: What the network is used for; decides protocol and tool where they are not given.
        protocol: What travels between the two pods.
        tool: What makes the traffic. By default the one whose `options` are given, or that measures the use
            or the protocol best (see `netcadence scenarios`).
        path: Where a client connects to reach its server; by default at the server pod's own address.
        ip_family: Which of its addresses a server listens at; by default the first one that its pod has.
        change: What is made while probers look on, for the tool `probe`; duration_s is how long they do.
        external: The server of all pairs, where that is a machine outside of the cluster.
        baseline: What the pod network is compared with, in rounds of its own between the others.
        address_timeout_s: Seconds within which each Service has to have an address.
        nodes: Which nodes the pods may be on; by default all.
        shape: `ratio`, of clients to servers; or `mesh`: a pod on each of the nodes, and each node measured
            with each other in both directions, in rounds in which no node is in two pairs.
        degree: In a mesh, with how many others each node is measured; by default all.
        clients: Client pods. By default 1, or as many as `nodes.pairs` lists.
        servers: Server pods; by default as many, or one where that is outside of the cluster. Where they are
            not as many, there are as many pairs as there are of the more numerous side, dealt out in turn to
            the other's: each client has a server, and each server a client.
        rounds: How often the same pairs measure, one time after another; in a mesh, how often all do.
        repeats: How often all rounds are measured anew, so that verdicts rest on intervals; by default once.
        duration_s: Seconds of traffic in a round.
        streams: Parallel streams (iperf), simulated users (siege) or connections (fortio) in each pair.
        port: Port of the first listener of a server, which has one for each of its clients; by default 5001,
            for HTTP 5301.
        placement: Where a pair's two pods have to be.
        limits: Most that may be sent; a run that could send more is refused before anything is made.
        arm_timeout_s: Seconds within which both sides of a pair have to be armed.
        report_timeout_s: Seconds after the end of the traffic until a missing report counts as missing.
        skew_max_ms: Most that the 99th percentile of the distance from the common start may be. The default
            of 100 ms is 1 % of 10 s of traffic: hardly a pair is alone on the network for longer than that.
    """

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9][a-z0-9.:-]*$")]
    title: Annotated[str, Field(min_length=1, max_length=80)]
    purpose: Annotated[str, Field(max_length=500)] = ""
    use: Use | None = None
    protocol: Protocol
    tool: Annotated[Tool, Field(default_factory=tool_choice.tool_for)]
    path: TrafficPath = TrafficPath.POD_IP
    ip_family: IPFamily | None = None
    change: Change | None = None
    external: External | None = None
    baseline: Baseline | None = None
    address_timeout_s: Annotated[int, Field(ge=1, le=3_600)] = 120
    nodes: Nodes = Nodes()
    shape: Shape = Shape.RATIO
    degree: Annotated[int, Field(ge=1, le=10_000)] | None = None
    clients: Annotated[int, Field(ge=1, le=10_000, default_factory=_as_many_as_node_pairs)]
    servers: Annotated[int, Field(ge=1, le=10_000, default_factory=_as_many_as_clients)]
    rounds: Annotated[int, Field(ge=1, le=10_000)] = 1
    duration_s: Annotated[int, Field(ge=1, le=3_600)] = 10
    streams: Annotated[int, Field(ge=1, le=128)] = 1
    port: Annotated[Port, Field(default_factory=_default_port)]
    options: ToolOptions = ToolOptions()
    placement: Placement = Placement.CROSS_NODE
    limits: Limits = Limits()
    arm_timeout_s: Annotated[int, Field(ge=1, le=600)] = 10
    report_timeout_s: Annotated[int, Field(ge=1, le=600)] = 15
    skew_max_ms: Annotated[float, Field(gt=0, le=60_000, allow_inf_nan=False)] = 100.0
    worker: WorkerResources = WorkerResources()
    repeats: Repeats | None = None

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, content: Any) -> Any:
        return tool_choice.completed(content)

    @field_validator("options", mode="before")
    @classmethod
    def _rates_in_words(cls, content: Any) -> Any:
        """Take a rate as people and iperf write it, such as 10M."""
        return (
            {tool: _in_bits(tool, own) for tool, own in content.items()}
            if isinstance(content, Mapping)
            else content
        )

    @field_validator("protocol")
    @classmethod
    def _serves_the_use(cls, protocol: Protocol, info: ValidationInfo) -> Protocol:
        use = info.data.get("use")
        if use is not None and protocol not in FITS[use].protocols:
            raise ValueError(f"does not fit use {use}; allowed: {', '.join(FITS[use].protocols)}")
        return protocol

    @field_validator("tool")
    @classmethod
    def _makes_the_protocol(cls, tool: Tool, info: ValidationInfo) -> Tool:
        protocol = info.data.get("protocol")
        if protocol is not None and tool not in TOOLS_OF[protocol]:
            allowed = ", ".join(sorted(TOOLS_OF[protocol]))
            raise ValueError(f"cannot make {protocol} traffic; allowed: {allowed}")
        return tool

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        for name in ToolOptions.model_fields:
            if name != self.tool and getattr(self.options, name) is not None:
                message = f"is for another tool; allowed: options.{self.tool}"
                raise document.RefusalError(f"options.{name}", None, message)
        found = self.options.obstacle(self.protocol, duration_s=self.duration_s, streams=self.streams)
        if found is not None:
            name, message = found
            raise document.RefusalError(f"options.{name}", attrgetter(name)(self.options), message)
        if self.protocol is Protocol.UDP and self._bandwidth is None:
            message = "is missing; UDP sends at a stated rate, in bits/s for each stream"
            raise document.RefusalError(f"options.{self.tool}.bandwidth", None, message)
        return self

    @model_validator(mode="after")
    def _node_pairs_fit(self) -> Self:
        listed = self.nodes.pairs
        if len(listed) > self.pairs:
            message = f"are fewer than nodes.pairs lists; allowed: {len(listed)} or more, dealt out in turn"
            raise document.RefusalError(self.more_numerous, getattr(self, self.more_numerous), message)
        self._require_one_node_each()
        for position, each in enumerate(listed):
            same = each.client_node == each.server_node
            if same and self.placement in (Placement.CROSS_NODE, Placement.CROSS_ZONE):
                message = (
                    f"nodes.pairs.{position} is on one node, {each.client_node}; allowed: same-node, any"
                )
                raise document.RefusalError("placement", self.placement.value, message)
            if not same and self.placement is Placement.SAME_NODE:
                message = f"nodes.pairs.{position} is on two nodes; allowed: cross-node, cross-zone, any"
                raise document.RefusalError("placement", self.placement.value, message)
        return self

    def _require_one_node_each(self) -> None:
        """Refuse listed pairs of nodes that would put a worker of several pairs on several nodes."""
        listed = self.nodes.pairs
        for field, attribute, count in (
            ("clients", "client_node", self.clients),
            ("servers", "server_node", self.servers),
        ):
            for pair in range(count, self.pairs if listed else 0):
                one, other = (getattr(listed[each % len(listed)], attribute) for each in (pair % count, pair))
                if one != other:
                    message = (
                        f"are fewer than the pairs, and nodes.pairs puts one of them on {one} and {other}"
                    )
                    allowed = f"allowed: a multiple of {len(listed)}, or one {attribute} in all nodes.pairs"
                    raise document.RefusalError(field, count, f"{message}; {allowed}")

    @model_validator(mode="after")
    def _shape_fits(self) -> Self:
        if self.shape is Shape.RATIO:
            if self.degree is not None:
                message = "is for shape mesh; allowed in a ratio: none"
                raise document.RefusalError("degree", self.degree, message)
            return self
        of_a_ratio = (
            ("clients", self.clients, self.clients == 1, "none, for a mesh has a pod on each node"),
            ("servers", self.servers, self.servers == 1, "none, for a mesh has a pod on each node"),
            ("placement", self.placement.value, self.placement is Placement.CROSS_NODE, "cross-node"),
            ("nodes", None, not (self.nodes.pairs or self.nodes.has_pools), "selector, zones, names"),
        )
        for field, value, fits, allowed in of_a_ratio:
            if not fits:
                raise document.RefusalError(field, value, f"is for shape ratio; allowed in a mesh: {allowed}")
        return self

    @model_validator(mode="after")
    def _change_fits(self) -> Self:
        change_rules.require_fitting(self)
        return self

    @model_validator(mode="after")
    def _path_fits(self) -> Self:
        path_rules.require_fitting(self)
        return self

    @model_validator(mode="after")
    def _workers_can_serve(self) -> Self:
        most = MOST_REQUESTS * min(self.clients, self.servers)
        if self.pairs > most:
            each = f"more than {MOST_REQUESTS} pairs for a worker of the other side"
            message = f"would be {each}; allowed: up to {most:,}"
            raise document.RefusalError(self.more_numerous, getattr(self, self.more_numerous), message)
        # A node's one worker on the host network serves all the pairs there.
        ports = self.pairs if self.baseline else -(-self.clients // self.servers)
        last = self.port + ports - 1
        listeners = counted(ports, "listener")
        if last > _HIGHEST_PORT:
            allowed = f"allowed: up to {_HIGHEST_PORT + 1 - ports}"
            message = f"leaves no room for the {listeners} of a server; {allowed}"
            raise document.RefusalError("port", self.port, message)
        taken = [own for own in own_ports(self.protocol, self.tool) if self.port <= own <= last]
        for own in taken:
            allowed = f"allowed: up to {own - ports}, or from {own + 1}"
            message = f"puts the {listeners} of a server on the worker's own port {own}; {allowed}"
            raise document.RefusalError("port", self.port, message)
        return self

    @property
    def more_numerous(self) -> str:
        """The field of the side of which there are more."""
        return "servers" if self.servers > self.clients else "clients"

    @property
    def _bandwidth(self) -> int | None:
        if self.tool is Tool.PROBE:
            return _PROBE_BITS * 1_000 // self.probe.interval_ms
        options = self.options.iperf or self.options.iperf3
        return options.bandwidth if options else None

    @property
    def on_host(self) -> bool:
        """Whether pods of a run are in their nodes' own network."""
        return self.path is TrafficPath.HOST_NETWORK or self.baseline is not None

    @property
    def probe(self) -> ProbeOptions:
        """What all probers are told."""
        return self.options.probe or ProbeOptions()

    def probe_of(self, pair_index: int) -> ProbeOptions:
        """Return what one pair's prober is told.

        What a load balancer gives is known too late to be tried before.
        """
        newborn = self.change is Change.POLICY_NEW_POD
        told = {
            "reachable": self.change is None or self.change.makes_reachable(pair_index),
            "from_opposite": self.path is not TrafficPath.LOAD_BALANCER and not newborn,
            "newborn": newborn or None,
        }
        return self.probe.model_copy(update=told)

    def options_of(self, pair_index: int) -> ToolOptions:
        """Return what one pair's request says to the tool."""
        return ToolOptions(probe=self.probe_of(pair_index)) if self.tool is Tool.PROBE else self.options

    @property
    def form(self) -> Ratio | Mesh:
        """What decides who measures with whom."""
        if self.shape is Shape.MESH:
            return Mesh(self.degree, self.rounds)
        return Ratio(self.clients, self.servers, self.rounds)

    @property
    def schedule(self) -> Schedule:
        """Who measures with whom; of a mesh, whose nodes only a cluster has, the least: that of two nodes."""
        return self.form.over(2) if isinstance(self.form, Mesh) else self.form.schedule

    @property
    def pairs(self) -> int:
        """Pairs that measure at the same time; of a mesh, at least."""
        return self.schedule.at_once

    @property
    def planned_pairs(self) -> int:
        """Pairs over all rounds: as many outcomes as each repeat of a run has; of a mesh, at least."""
        return self.schedule.pairs

    @property
    def most_repeats(self) -> int:
        """How often all of that is measured at most, to warm up or to be judged."""
        return self.repeats.at_most if self.repeats else 1

    @property
    def demand(self) -> Demand:
        """Workers and nodes that have to be there, at least."""
        if self.external:
            return Demand(workers=self.clients, nodes=1)
        return pairing.demand(self.schedule.workers, self.placement)

    @property
    def wish(self) -> Wish | MeshWish:
        """What is wanted of the cluster's nodes."""
        if isinstance(self.form, Mesh):
            return MeshWish(self.name, self.form, self.nodes, self.worker.tolerations, self.path)
        wish = Wish(self.name, self.form, self.placement, self.nodes, self.worker.tolerations, self.path)
        return replace(wish, apart=self.change is not None)

    @property
    def traffic(self) -> Traffic:
        """What is sent at most; of a mesh, that of its least."""
        return self.traffic_of(self.schedule)

    def traffic_of(self, schedule: Schedule) -> Traffic:
        """Return what is sent at most where the pairs are these."""
        by_requests = self.tool is Tool.FORTIO
        return Traffic(
            stream_bits_per_s=self._payload_bits_per_s if by_requests else self._bandwidth,
            streams=self.streams,
            pairs=schedule.at_once,
            seconds=self.duration_s * len(schedule.rounds) * self.most_repeats * (2 if self.baseline else 1),
            pace=f"options.{self.tool}.bandwidth" if self.protocol in _PACED else self._request_pace,
            by_requests=by_requests,
        )

    @property
    def _request_pace(self) -> str:
        return "options.fortio.qps" if self.tool is Tool.FORTIO else ""

    @property
    def _payload_bits_per_s(self) -> int | None:
        """Payload of a connection's requests, there and back, at the rate that is asked for."""
        options = self.options.fortio or FortioOptions()
        return None if options.qps is None else -(-options.qps * options.payload * 2 * 8 // self.streams)

    def require_within_limits(self, schedule: Schedule | None = None) -> None:
        """Refuse a scenario that could send more than its limits allow.

        Args:
            schedule: Its pairs, once the nodes of a mesh are known.

        Raises:
            OverBudgetError: With what would be sent, what is allowed, and what to change.
        """
        budget.require_within(self.name, self.traffic_of(schedule or self.schedule), self.limits)

    def __str__(self) -> str:
        """Return its name, by which it goes also where it is handed over whole."""
        return self.name

    @property
    def config(self) -> str:
        """The whole scenario as JSON, defaults included, always in the same spelling."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @property
    def config_hash(self) -> str:
        """SHA-256 of `config`."""
        return hashlib.sha256(self.config.encode()).hexdigest()


def load(path: str | Path) -> Scenario:
    """Read a scenario from a YAML file.

    Raises:
        InvalidInputError: The file is not a scenario; the text names file, field, value and what is allowed.
    """
    return document.read(Path(path), Scenario)


@functools.cache
def shipped() -> tuple[Scenario, ...]:
    """Return the scenarios that come with netcadence: small ones first, by protocol; a mesh; what probes."""
    order = list(Protocol)
    with importlib.resources.as_file(importlib.resources.files("netcadence") / "scenarios") as folder:
        scenarios = [load(path) for path in folder.glob("*.yaml")]
    return tuple(
        sorted(
            scenarios,
            key=lambda each: (
                each.tool is Tool.PROBE,
                each.shape is Shape.MESH,
                each.pairs,
                order.index(each.protocol),
                each.name,
            ),
        )
    )


def find(name_or_path: str) -> Scenario:
    """Return the shipped scenario of that name, or the one in that YAML file.

    Raises:
        InvalidInputError: There is neither; the text lists what there is.
    """
    if name_or_path.endswith(_SUFFIXES):
        return load(name_or_path)
    known = {scenario.name: scenario for scenario in shipped()}
    if name_or_path in known:
        return known[name_or_path]
    hint = document.closest(name_or_path, known)
    raise InvalidInputError(
        f"scenario {name_or_path!r} is not known{hint}; allowed: {', '.join(known)}, "
        "or the path of a .yaml file"
    )
