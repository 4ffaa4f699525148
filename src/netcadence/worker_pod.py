"""What the pods that make the traffic are asked to be; all that a cluster's rules may want of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from netcadence import document, quantity
from netcadence.nodes import LabelKey, Toleration
from netcadence.quantity import Quantity

#: The worker image where a scenario names none; each wire has its own.
DEFAULT_IMAGE: Final = "netcadence-worker"
#: Label of nodes, each of which has a value of its own.
HOST_LABEL: Final = "kubernetes.io/hostname"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]


class PullPolicy(StrEnum):
    """When a node fetches the image."""

    IF_NOT_PRESENT = "IfNotPresent"
    ALWAYS = "Always"
    NEVER = "Never"


class Spread(StrEnum):
    """What becomes of a worker that cannot be put where it keeps the spread."""

    PREFERRED = "ScheduleAnyway"
    REQUIRED = "DoNotSchedule"


class TopologySpread(_Strict):
    """How evenly workers are dealt out.

    Attributes:
        topology_key: Label of nodes whose values are the places.
        max_skew: By how many workers places may differ.
    """

    topology_key: LabelKey = HOST_LABEL
    max_skew: Annotated[int, Field(ge=1, le=10_000)] = 1
    when_unsatisfiable: Spread = Spread.PREFERRED


class WorkerResources(_Strict):
    """The pods that make the traffic.

    Requests are small, so that a hundred workers fit on a small cluster. There is a memory limit and no CPU
    limit: a CPU limit throttles the generator and is then measured in place of the network.

    Attributes:
        image_pull_policy: `IfNotPresent`, so that a run does not wait for a registry that it does not need.
        image_pull_secrets: Secrets of the namespace with which nodes fetch the image.
        cpu_limit: None by default; for namespaces whose quota wants one of every pod.
        tolerations: Taints of nodes that workers may be on all the same.
        priority_class: A PriorityClass of the cluster; empty for its default.
        topology_spread: How workers are dealt out where the scheduler chooses; evenly over nodes, as a wish,
            for pairing says clearly where it could not be.
        ready_timeout_s: Seconds until all workers have to be ready; covers pulling the image on every node.
    """

    image: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_.:/@-]+$")] = (
        DEFAULT_IMAGE
    )
    image_pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    image_pull_secrets: Annotated[tuple[_ObjectName, ...], Field(max_length=16)] = ()
    cpu_request: Quantity = "50m"
    cpu_limit: Quantity | None = None
    memory_request: Quantity = "64Mi"
    memory_limit: Quantity = "256Mi"
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32)] = ()
    priority_class: Annotated[str, Field(max_length=253, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")] = ""
    topology_spread: Annotated[tuple[TopologySpread, ...], Field(max_length=8)] = (TopologySpread(),)
    ready_timeout_s: Annotated[int, Field(ge=1, le=3_600)] = 180

    @model_validator(mode="after")
    def _limits_are_no_less_than_requests(self) -> Self:
        for what in ("cpu", "memory"):
            limit, request = getattr(self, f"{what}_limit"), getattr(self, f"{what}_request")
            if limit is not None and (quantity.parse(limit) or 0) < (quantity.parse(request) or 0):
                message = f"is less than {what}_request; allowed: {request} or more"
                raise document.RefusalError(f"{what}_limit", limit, message)
        return self
