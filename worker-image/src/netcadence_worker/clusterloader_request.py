"""ClusterLoader2's custom resource, as the orchestrator that drives its worker writes and reads it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from netcadence_worker.clusterloader import LATEST_START
from netcadence_worker.contract import Figure, PodIP, PodName, Protocol, Seconds


class _Edge(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class UpstreamSpec(_Edge):
    """What a pair is asked to measure."""

    client_pod_name: PodName
    server_pod_name: PodName
    server_pod_ip: PodIP = Field(alias="serverPodIP")
    protocol: Literal[Protocol.TCP, Protocol.UDP, Protocol.HTTP]
    #: Seconds of traffic.
    duration: Annotated[int, Field(ge=1, le=3_600)]
    #: Unix time in whole seconds at which the client starts.
    client_start_timestamp: Annotated[int, Field(ge=1, le=LATEST_START)]
    #: Connections that the server waits for; its client never makes more than one.
    number_of_clients: Annotated[int, Field(ge=1, le=2_147_483_647)] = 1


class UpstreamStatus(_Edge):
    """What the reporting worker says."""

    #: Figures by `metrics.POSITIONS`; empty until there are any.
    metrics: Annotated[tuple[Figure, ...], Field(max_length=16)] = ()
    error: Annotated[str, Field(max_length=65_536)] = ""
    #: Seconds by which the reporting worker itself was late.
    worker_delay: Seconds | None = None
