"""Registering what runs by itself: a work pool, the deployments of a cluster, and who is told of what."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Final
from uuid import UUID

import yaml
from prefect import Flow, get_client
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.filters import WorkerFilter, WorkerFilterStatus
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions, WorkerStatus
from prefect.events import DeploymentTriggerTypes
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.utilities.callables import parameter_schema
from prefect.workers.process import ProcessWorker
from pydantic import BaseModel, ConfigDict

from flows.environment import CHECKOUT
from netcadence import document
from netcadence.errors import PermanentError
from netcadence.order import Where
from tasks.announcement import resource_of

DEPLOYMENTS: Final = CHECKOUT / "deployments" / "prefect.yaml"
AUTOMATIONS: Final = CHECKOUT / "deployments" / "automations.yaml"
JOB_TEMPLATE: Final = CHECKOUT / "deployments" / "kubernetes" / "base-job-template.yaml"
#: How `prefect.yaml` names what comes out of the environment.
_VARIABLE: Final = re.compile(r"\{\{ \$(\w+) \}\}")
#: The block that holds the webhook's address.
ALERTS: Final = "netcadence-alerts"


class DeploymentError(PermanentError):
    """Something could not be registered with the Prefect server."""


@dataclass(frozen=True, slots=True)
class Pool:
    """A work pool: who makes the flow runs' processes, and where these find the code."""

    name: str
    type: str
    base_job_template: Mapping[str, Any]


def process_pool() -> Pool:
    """Return the pool of a worker that starts a process for each run."""
    return Pool("netcadence", "process", ProcessWorker.get_default_base_job_template())


def kubernetes_pool(image: str) -> Pool:
    """Return the pool of a worker that makes a Kubernetes Job for each run, of this image."""
    template = yaml.safe_load(JOB_TEMPLATE.read_text())
    template["variables"]["properties"]["image"]["default"] = image
    return Pool("netcadence-kubernetes", "kubernetes", template)


def variables(where: Where, *, pool: Pool, lake: str, timezone: str) -> dict[str, str]:
    """Return what `prefect.yaml` takes from its environment."""
    return {
        "NETCADENCE_CLUSTER": where.cluster,
        "NETCADENCE_CONTEXT": where.context,
        "NETCADENCE_KUBECONFIG": where.kubeconfig,
        "NETCADENCE_CREDENTIALS": where.credentials,
        "NETCADENCE_LAKE": lake,
        "NETCADENCE_POOL": pool.name,
        "NETCADENCE_TIMEZONE": timezone,
    }


class _Limit(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int
    collision_strategy: ConcurrencyLimitStrategy


class _Pool(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    work_queue_name: str


class Entry(BaseModel):
    """A deployment as `prefect.yaml` has it: what is used here of Prefect's own format, and no more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str
    entrypoint: str
    tags: list[str]
    schedules: list[DeploymentScheduleCreate]
    triggers: list[DeploymentTriggerTypes] = []
    parameters: dict[str, Any]
    concurrency_limit: _Limit
    work_pool: _Pool

    @property
    def flow(self) -> Flow[..., Any]:
        """The flow.

        Raises:
            DeploymentError: It cannot be loaded, of which `prefect deploy` would say nothing.
        """
        path, _, function = self.entrypoint.partition(":")
        module = ".".join(Path(path).with_suffix("").parts)
        try:
            found = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise DeploymentError(f"{self.name}: {self.entrypoint} cannot be loaded: {error}") from error
        if not isinstance(found, Flow):
            raise DeploymentError(f"{self.name}: {self.entrypoint} is no flow")
        return found


def entries(told: Mapping[str, str], file: Path = DEPLOYMENTS) -> tuple[tuple[Entry, ...], list[Any]]:
    """Return the deployments in a file, and the steps by which a worker comes to the code.

    Raises:
        InvalidInputError: The file is not acceptable.
    """
    content = yaml.safe_load(file.read_text())

    def value(found: re.Match[str]) -> str:
        return told[found[1]]

    pull = content.get("pull", [])  # its placeholders are for the worker
    found = [
        document.validated(_scheduled(each), Entry, source=str(file))
        for each in _each_text(content["deployments"], lambda text: _VARIABLE.sub(value, text))
    ]
    return tuple(found), pull


def register(told: Mapping[str, str], pool: Pool, *, file: Path = DEPLOYMENTS) -> tuple[str, ...]:
    """Make the work pool, and all deployments of a cluster anew; return their full names.

    Raises:
        DeploymentError: A flow cannot be loaded, or the server refused.
    """
    found, pull = entries(told, file)
    flows = [each.flow for each in found]
    made = WorkPoolCreate(name=pool.name, type=pool.type, base_job_template=dict(pool.base_job_template))
    with get_client(sync_client=True) as client:
        client.create_work_pool(made, overwrite=True)
        for each, flow in zip(found, flows, strict=True):
            try:
                made_id = client.create_deployment(
                    client.create_flow(flow),
                    name=each.name,
                    description=each.description,
                    entrypoint=each.entrypoint,
                    path=".",
                    tags=each.tags,
                    schedules=each.schedules,
                    parameters=each.parameters,
                    concurrency_limit=each.concurrency_limit.limit,
                    concurrency_options=ConcurrencyOptions(
                        collision_strategy=each.concurrency_limit.collision_strategy
                    ),
                    work_pool_name=each.work_pool.name,
                    work_queue_name=each.work_pool.work_queue_name,
                    parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
                    enforce_parameter_schema=True,
                    pull_steps=pull,
                )
                _trigger(client, made_id, each.triggers)
            except PrefectHTTPStatusError as error:
                raise DeploymentError(f"the server refused {each.name}: {error}") from error
    return tuple(f"{flow.name}/{each.name}" for each, flow in zip(found, flows, strict=True))


def _trigger(client: SyncPrefectClient, deployment: UUID, triggers: list[DeploymentTriggerTypes]) -> None:
    """Make the automations that begin runs of a deployment anew, as `prefect deploy` does."""
    client.delete_resource_owned_automations(f"prefect.deployment.{deployment}")
    for each in triggers:
        each.set_deployment_id(deployment)
        client.create_automation(each.as_automation())


def _scheduled(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a deployment with its schedules as the API has them: the slug beside, all else within."""
    schedules = [
        {
            "slug": each["slug"],
            "active": True,
            "schedule": {name: value for name, value in each.items() if name != "slug"},
        }
        for each in entry.get("schedules", [])
    ]
    return entry | {"schedules": schedules}


@dataclass(frozen=True, slots=True)
class Alerts:
    """The automations of a cluster, by name, and whether any of them tells somebody."""

    names: tuple[str, ...]
    somebody_is_told: bool


def alert(cluster: str, webhook: str, *, file: Path = AUTOMATIONS) -> Alerts:
    """Make or renew the automations of a cluster.

    Args:
        webhook: Address that is told; where it is empty, the one that was given before. Without any, there
            are those automations only that tell nobody.
    """
    if webhook:
        block = Webhook(url=webhook, headers={"Content-Type": "application/json"})
        block.save(ALERTS, overwrite=True)
    with get_client(sync_client=True) as client:
        put_in = {"cluster": cluster, "resource": resource_of(cluster)}
        with suppress(ObjectNotFound):
            put_in["webhook"] = str(client.read_block_document_by_name(ALERTS, "webhook").id)
        made = [
            AutomationCore.model_validate(_each_text(each, lambda text: Template(text).substitute(put_in)))
            for each in yaml.safe_load(file.read_text())
            if "webhook" in put_in or "$webhook" not in str(each)
        ]
        for automation in made:
            known = client.read_automations_by_name(automation.name)
            if known:
                client.update_automation(known[0].id, automation)
            else:
                client.create_automation(automation)
    return Alerts(tuple(each.name for each in made), somebody_is_told="webhook" in put_in)


def is_online(pool: str) -> bool:
    """Tell whether a worker of a pool has reported lately."""
    online = WorkerFilter(status=WorkerFilterStatus(any_=[WorkerStatus.ONLINE]))
    with get_client(sync_client=True) as client:
        return bool(client.read_workers_for_work_pool(pool, worker_filter=online))


def _each_text(content: Any, change: Callable[[str], str]) -> Any:
    """Return content with all of its texts changed."""
    if isinstance(content, dict):
        return {name: _each_text(value, change) for name, value in content.items()}
    if isinstance(content, list):
        return [_each_text(each, change) for each in content]
    return change(content) if isinstance(content, str) else content
