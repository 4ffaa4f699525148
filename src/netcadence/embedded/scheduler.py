"""The scheduler: it binds each pod to a node, or says why it cannot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from netcadence.embedded.api.pod_phase import is_final
from netcadence.embedded.api.store import ApiError, Object, Store
from netcadence.embedded.events import EventRecorder
from netcadence.embedded.placement import NodeView, UnschedulableError, place
from netcadence.embedded.pod_status import with_times

_Key = tuple[str, str]


class Scheduler:
    """Follows pods and nodes; what could not be placed is tried again whenever something has made room."""

    def __init__(self, store: Store, recorder: EventRecorder) -> None:
        self._store = store
        self._recorder = recorder
        self._nodes: dict[str, NodeView] = {}
        self._placed: dict[_Key, Mapping[str, Any]] = {}
        self._waiting: dict[_Key, Mapping[str, Any]] = {}
        self._work = asyncio.Event()

    async def run(self) -> None:
        """Schedule until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_nodes())
            group.create_task(self._follow_pods())
            group.create_task(self._schedule())

    async def _follow_nodes(self) -> None:
        async for event in self._store.watch("nodes"):
            name = event.object["metadata"]["name"]
            if event.type == "DELETED":
                self._nodes.pop(name, None)
                continue
            before = self._nodes.get(name)
            self._nodes[name] = _view(event.object, before.pods if before else [])
            if before is None:
                self._nodes[name].pods += [
                    pod for pod in self._placed.values() if pod["spec"]["nodeName"] == name
                ]
            self._work.set()

    async def _follow_pods(self) -> None:
        async for event in self._store.watch("pods"):
            pod, metadata = event.object, event.object["metadata"]
            key = (metadata["namespace"], metadata["name"])
            if event.type != "DELETED" and _version(pod) <= _version(self._placed.get(key)):
                continue  # from before this scheduler bound it
            gone = event.type == "DELETED" or is_final(pod)
            self._forget(key)
            if gone:
                self._work.set()  # there is room now
            elif pod["spec"].get("nodeName"):
                self._remember(key, pod)
            elif "deletionTimestamp" not in metadata:
                self._waiting[key] = pod
                self._work.set()

    async def _schedule(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            if not self._nodes:
                continue
            for key, pod in list(self._waiting.items()):
                with contextlib.suppress(ApiError):  # deleted meanwhile: the watch says so next
                    self._schedule_one(key, pod)
            # Let nodes and clients go on with what is bound before the next changes are looked at.
            await asyncio.sleep(0)

    def _schedule_one(self, key: _Key, pod: Mapping[str, Any]) -> None:
        namespace, name = key
        try:
            node = place(pod, list(self._nodes.values()))
        except UnschedulableError as error:
            self._say_why(pod, str(error))
            return
        del self._waiting[key]

        def bind(obj: Object) -> None:
            obj["spec"]["nodeName"] = node

        def condition(obj: Object) -> None:
            _set_scheduled(obj, {"type": "PodScheduled", "status": "True"})

        # The condition first: whoever sees the pod bound then sees it scheduled, too.
        self._store.mutate("pods", name, namespace, condition, subresource="status")
        bound = self._store.mutate("pods", name, namespace, bind)
        self._remember(key, bound)
        message = f"Successfully assigned {namespace}/{name} to {node}"
        self._recorder.record(bound, "Normal", "Scheduled", message, component="default-scheduler")

    def _say_why(self, pod: Mapping[str, Any], why: str) -> None:
        metadata = pod["metadata"]

        def change(obj: Object) -> None:
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}
            _set_scheduled(obj, condition)

        self._store.mutate("pods", metadata["name"], metadata["namespace"], change, subresource="status")
        if why != _reason_before(pod):
            self._recorder.record(pod, "Warning", "FailedScheduling", why, component="default-scheduler")

    def _remember(self, key: _Key, pod: Mapping[str, Any]) -> None:
        self._forget(key)
        self._placed[key] = pod
        if node := self._nodes.get(pod["spec"]["nodeName"]):
            node.pods.append(pod)

    def _forget(self, key: _Key) -> None:
        self._waiting.pop(key, None)
        pod = self._placed.pop(key, None)
        if pod and (node := self._nodes.get(pod["spec"]["nodeName"])):
            node.pods[:] = [each for each in node.pods if each is not pod]


def _version(pod: Mapping[str, Any] | None) -> int:
    return int(pod["metadata"]["resourceVersion"]) if pod else -1


def _view(node: Mapping[str, Any], pods: list[Mapping[str, Any]]) -> NodeView:
    status = node.get("status", {})
    ready = any(
        each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or []
    )
    return NodeView(
        name=node["metadata"]["name"],
        labels=node["metadata"].get("labels") or {},
        taints=node["spec"].get("taints") or (),
        ready=ready,
        unschedulable=bool(node["spec"].get("unschedulable")),
        max_pods=int(status.get("allocatable", {}).get("pods", 0)),
        pods=pods,
    )


def _set_scheduled(pod: Object, condition: Object) -> None:
    status = pod.setdefault("status", {})
    before = status.get("conditions") or []
    others = [each for each in before if each["type"] != "PodScheduled"]
    status["conditions"] = others + with_times(before, [condition])


def _reason_before(pod: Mapping[str, Any]) -> str:
    conditions = pod.get("status", {}).get("conditions") or []
    return next((each.get("message", "") for each in conditions if each["type"] == "PodScheduled"), "")
