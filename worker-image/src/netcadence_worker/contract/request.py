"""What one pair is asked to measure."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from netcadence_worker.contract.names import MOST_PAIRS, Protocol, Role, Tool, own_ports, reporting_role
from netcadence_worker.contract.options import TOOLS_OF, ToolOptions
from netcadence_worker.contract.values import PodIP, PodName, Port, RunID, Strict, TargetAddress


class Target(Strict):
    """Where a client connects, if not to its server's own address: a Service's, a node's, a name."""

    address: TargetAddress
    port: Port


class RequestSpec(Strict):
    """What one pair is asked to measure."""

    run_id: RunID = Field(alias="runID")
    pair_index: Annotated[int, Field(ge=0, le=MOST_PAIRS)]
    round: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    client_pod_name: PodName
    server_pod_name: PodName
    #: Where the server listens.
    server_pod_ip: PodIP = Field(alias="serverPodIP")
    port: Port
    #: Where the client connects; by default where the server listens. It has to lead to this server alone,
    #: which the check of the path proves.
    target: Target | None = None
    protocol: Protocol
    tool: Tool
    #: Seconds of traffic.
    duration: Annotated[int, Field(ge=1, le=3_600)]
    #: Microseconds after the round's published start at which this pair's client starts.
    start_delay_us: Annotated[int, Field(ge=0, le=100_000)] = 0
    #: Parallel streams (iperf), simulated users (siege) or connections (fortio).
    number_of_clients: Annotated[int, Field(ge=1, le=128)] = 1
    #: Seconds within which both sides have to be armed, counted from when a worker sees the request.
    arm_timeout: Annotated[int, Field(ge=1, le=600)] = 10
    options: ToolOptions = ToolOptions()

    @model_validator(mode="after")
    def _tool_fits(self) -> Self:
        if self.tool not in TOOLS_OF[self.protocol]:
            allowed = ", ".join(sorted(TOOLS_OF[self.protocol]))
            raise ValueError(f"tool {self.tool} cannot make {self.protocol} traffic; allowed: {allowed}")
        for name in type(self.options).model_fields:
            if name != self.tool and getattr(self.options, name) is not None:
                raise ValueError(f"options.{name} are given, but the tool is {self.tool}")
        obstacle = self.options.obstacle(
            self.protocol, duration_s=self.duration, streams=self.number_of_clients
        )
        if obstacle is not None:
            raise ValueError("options.{} {}".format(*obstacle))
        return self

    @model_validator(mode="after")
    def _two_pods_and_a_free_port(self) -> Self:
        if self.client_pod_name == self.server_pod_name:
            raise ValueError(f"client and server are the same pod, {self.client_pod_name}")
        if self.port in own_ports(self.protocol, self.tool):
            raise ValueError(f"port {self.port} is the worker's own for {self.protocol}")
        return self

    @property
    def destination(self) -> Target:
        """Where the client connects."""
        return self.target or Target(address=self.server_pod_ip, port=self.port)

    def pod_name(self, role: Role) -> str:
        return self.client_pod_name if role is Role.CLIENT else self.server_pod_name

    @property
    def reporter(self) -> Role:
        """The side whose worker reports the figures, and the request's own phase and error."""
        bounces = self.options.iperf is not None and self.options.iperf.bounceback is not None
        return reporting_role(self.protocol, self.tool, bounces=bounces)
