"""A pod on its node: its place in the network, its containers, its status, its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from netcadence.embedded import log
from netcadence.embedded.api.store import ApiError, Object, Store, not_found
from netcadence.embedded.container import Container, ContainerHost
from netcadence.embedded.dns.resolver import Resolver
from netcadence.embedded.environment import Surroundings
from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.events import EventKind, EventRecorder
from netcadence.embedded.network import Attachment, Network
from netcadence.embedded.place import Place
from netcadence.embedded.pod_status import pod_status, rejected_status
from netcadence.embedded.policy.enforcer import PolicyEnforcer
from netcadence.embedded.processes import carries, is_in_namespace, sweep
from netcadence.embedded.service_accounts import user_of
from netcadence.embedded.settings import Settings
from netcadence.embedded.starter import Starter

_log = logging.getLogger("netcadence.embedded")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeServices:
    """What nodes share with the rest of the cluster.

    Attributes:
        pods: Directory in which each pod gets one of its own.
        service_account: Returns the directory of a service account's files, by namespace, name
            and user.
        starter: Starts the processes of pods.
        resolver: How pods ask the cluster's name server, where there is one.
        api_host: Address at which pods reach the API server.
    """

    store: Store
    network: Network
    policies: PolicyEnforcer
    recorder: EventRecorder
    settings: Settings
    pods: Path
    service_account: Callable[[str, str, int | None], Path]
    starter: Starter
    resolver: Resolver | None
    api_host: str
    api_port: int


class Pod:
    """One pod, from when its node sees it until its processes are gone."""

    def __init__(self, services: NodeServices, pod: Object) -> None:
        self._services = services
        self._pod = pod
        self._node: str = pod["spec"]["nodeName"]
        self._attachment: Attachment | None = None
        self._containers: list[_Running] = []
        self._changed = asyncio.Event()
        self._ending = asyncio.Event()
        self._silent = False

    @property
    def uid(self) -> str:
        uid: str = self._pod["metadata"]["uid"]
        return uid

    @property
    def _directory(self) -> Path:
        return self._services.pods / self.uid

    async def run(self) -> None:
        """Run the pod until `terminate` or `vanish`, and remove it from the API after `terminate`."""
        publisher = asyncio.create_task(self._publish())
        try:
            if refusal := _refusal(self._pod["spec"]):
                self._reject(refusal)
            else:
                await self._live_or_say_why_not()
            await self._ending.wait()
        finally:
            publisher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await publisher
            await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)
        if not self._silent:
            metadata = self._pod["metadata"]
            with contextlib.suppress(ApiError):  # removed by force meanwhile
                self._services.store.delete(
                    "pods", metadata["name"], metadata["namespace"], grace_s=0, uid=self.uid
                )

    def terminate(self, grace_s: float) -> None:
        """Ask all containers to end; end them after so many seconds."""
        self._ending.set()
        for each in self._containers:
            if not each.container.stop(grace_s) and each.task:
                each.task.cancel()

    def vanish(self) -> None:
        """End all processes at once and say nothing: the node lost power, or the pod was removed by force."""
        self._silent = True
        self._ending.set()
        for each in self._containers:
            each.container.kill()
            if each.task:
                each.task.cancel()

    def logs(self, container: str, *, follow: bool, tail: int | None, previous: bool) -> AsyncIterator[bytes]:
        """Return a container's log in pieces.

        Raises:
            ApiError: There is no such container, or it has no such run.
        """
        name = self._pod["metadata"]["name"]
        found = next((each for each in self._containers if each.container.name == container), None)
        if found is None:
            raise not_found("containers", container)
        restart = found.container.restart_count - (1 if previous else 0)
        path = found.container.log_path(restart)
        if restart < 0 or not path.exists():
            kind = "previous terminated container" if previous else "container"
            state = found.container.state.get("waiting", {}).get("reason", "not started")
            message = f'{kind} "{container}" in pod "{name}" has no log: {state}'
            raise ApiError(400, "BadRequest", message)
        restarts = found.container.restart_count

        def still_written() -> bool:
            current = found.container
            return not previous and current.restart_count == restarts and "running" in current.state

        return log.read(path, follow=follow, tail_lines=tail, still_written=still_written)

    def cut_logs(self) -> None:
        """Keep the logs of the containers' present runs from filling the machine."""
        for each in self._containers:
            log.cut_short(each.container.log_path(each.container.restart_count))

    async def _live_or_say_why_not(self) -> None:
        """Run the pod; an error nobody foresaw ends this pod with a status that tells, and nothing else."""
        try:
            await self._live()
        except Exception as error:  # noqa: BLE001 - whatever it is, the pod's status has to say so
            _log.exception("pod %s", self._pod["metadata"]["name"])
            self._reject(f"{type(error).__name__}: {error}")

    async def _live(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._attachment = await self._attach()
        except EmbeddedClusterError as error:
            self._refuse_place(error)
            return
        try:
            try:
                await self._services.policies.admit(self._pod, self._attachment)
            except EmbeddedClusterError as error:
                self._refuse_place(error)
                return
            if self._ending.is_set():
                return
            before = {
                each["name"]: each for each in self._pod.get("status", {}).get("containerStatuses") or []
            }
            host = self._host(self._attachment)
            for spec in self._pod["spec"]["containers"]:
                self._containers.append(_Running(Container(host, spec, before.get(spec["name"]))))
            for each in self._containers:
                each.task = asyncio.create_task(each.container.run())
            ends = await asyncio.gather(
                *(each.task for each in self._containers if each.task), return_exceptions=True
            )
            for end in ends:
                if isinstance(end, Exception):
                    raise end
        finally:
            self._end_processes(self._attachment)
            self._services.policies.release(self.uid)
            await self._services.network.detach(self._attachment)

    def _refuse_place(self, error: EmbeddedClusterError) -> None:
        self._report("Warning", "FailedCreatePodSandBox", str(error))
        self._reject(str(error))

    async def _attach(self) -> Attachment:
        network = self._services.network
        if self._pod["spec"].get("hostNetwork"):
            return network.attach_to_node(self._node)
        return await network.attach(self._node)

    def _host(self, attachment: Attachment) -> ContainerHost:
        services, metadata = self._services, self._pod["metadata"]
        account = self._pod["spec"].get("serviceAccountName") or "default"
        surroundings = Surroundings(
            pod=self._pod,
            ips=attachment.ips,
            host_ips=services.network.node_ips(self._node),
            directory=self._directory,
            service_account=services.service_account(
                metadata["namespace"], account, user_of(self._pod["spec"])
            ),
            api_host=services.api_host,
            api_port=services.api_port,
        )
        return ContainerHost(
            images=services.settings.images,
            network=services.network,
            surroundings=surroundings,
            starter=services.starter,
            place=self._place(attachment),
            restart_backoff_s=services.settings.restart_backoff_s,
            changed=self._changed.set,
            report=self._report,
        )

    def _place(self, attachment: Attachment) -> Place:
        resolver = self._services.resolver
        return replace(attachment.place, mounts=resolver.mounts(self._pod) if resolver else None)

    def _end_processes(self, attachment: Attachment) -> None:
        """End what the containers have left behind."""
        if attachment.namespace:
            inodes = frozenset({attachment.namespace.stat().st_ino})
            sweep(lambda pid: is_in_namespace(pid, inodes))
        else:
            sweep(lambda pid: carries(pid, self.uid))

    async def _publish(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._write(self._set_status)

    def _set_status(self, pod: Object) -> None:
        pod["status"] = pod_status(
            pod,
            [each.container.status for each in self._containers],
            ips=self._attachment.ips if self._attachment else (),
            host_ips=self._services.network.node_ips(self._node),
        )

    def _reject(self, message: str) -> None:
        def change(pod: Object) -> None:
            pod["status"] = rejected_status(pod, "UnexpectedAdmissionError", message)

        self._write(change)
        self._report("Warning", "UnexpectedAdmissionError", message)

    def _write(self, change: Callable[[Object], None]) -> None:
        metadata = self._pod["metadata"]
        store = self._services.store
        with contextlib.suppress(ApiError):  # removed by force: the node's watch says so next
            current = store.revision("pods", metadata["name"], metadata["namespace"])
            if not self._silent and current.content["metadata"]["uid"] == self.uid:
                store.mutate("pods", metadata["name"], metadata["namespace"], change, subresource="status")

    def _report(self, kind: EventKind, reason: str, message: str) -> None:
        if not self._silent:
            self._services.recorder.record(
                self._pod, kind, reason, message, component="kubelet", node=self._node
            )


@dataclass(slots=True)
class _Running:
    container: Container
    task: asyncio.Task[None] | None = field(default=None)


def _refusal(spec: Mapping[str, Any]) -> str:
    """Return what a pod asks for that embedded nodes do not offer, or an empty text."""
    asked = [
        name for name in ("initContainers", "hostPID", "hostIPC", "ephemeralContainers") if spec.get(name)
    ]
    asked += [
        f"volume {volume['name']}"
        for volume in spec.get("volumes") or []
        if "emptyDir" not in volume and not _is_in_place(volume, spec)
    ]
    return f"embedded nodes do not offer {', '.join(asked)}" if asked else ""


def _is_in_place(volume: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    """Tell whether a volume is a folder of the machine where its containers see it anyway."""
    folder = (volume.get("hostPath") or {}).get("path")
    mounts = [
        mount["mountPath"]
        for container in spec["containers"]
        for mount in container.get("volumeMounts") or ()
        if mount["name"] == volume["name"]
    ]
    return folder is not None and all(path == folder for path in mounts)
