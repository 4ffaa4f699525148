"""What keeps the embedded cluster as its objects say: deployments, jobs, pods, endpoints, owners, namespaces.

What belongs here: loops that read and write the store, as controllers of Kubernetes do. What must not:
anything that knows of HTTP, of nodes or of processes.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

from netcadence.embedded.controllers.deployment import DeploymentController
from netcadence.embedded.controllers.endpoint_slices import EndpointSliceController
from netcadence.embedded.controllers.events import EventExpiry
from netcadence.embedded.controllers.garbage import GarbageCollector
from netcadence.embedded.controllers.job import JobController
from netcadence.embedded.controllers.load_balancer import LoadBalancerController
from netcadence.embedded.controllers.namespace import NamespaceController
from netcadence.embedded.controllers.replica_set import ReplicaSetController

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from netcadence.embedded.api.service_addresses import ServiceRanges
    from netcadence.embedded.api.store import Store


class Controller(Protocol):
    """Something that works until it is cancelled."""

    async def run(self) -> None: ...


@contextlib.asynccontextmanager
async def run_controllers(
    store: Store, load_balancers: ServiceRanges | None = None, load_balancer_delay_s: float = 0
) -> AsyncIterator[None]:
    """Run all controllers while the context lasts; load balancers only with a pool of addresses for them."""
    controllers: list[Controller] = [
        NamespaceController(store),
        GarbageCollector(store),
        ReplicaSetController(store),
        DeploymentController(store),
        JobController(store),
        EndpointSliceController(store),
        EventExpiry(store),
    ]
    if load_balancers:
        controllers.append(LoadBalancerController(store, load_balancers, load_balancer_delay_s))
    tasks = [asyncio.create_task(each.run(), name=type(each).__name__) for each in controllers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
