"""A node: it registers itself, runs the pods that are bound to it, and says that it is well."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from netcadence.embedded.api.pod_phase import is_final
from netcadence.embedded.api.store import Object, Selector, now
from netcadence.embedded.network import NetworkFeature
from netcadence.embedded.pod import NodeServices, Pod
from netcadence.embedded.pod_status import with_times

VERSION: Final = "v1.36.0-netcadence"
#: Says on each node how its pods are joined: `namespaces` or `loopback`.
NETWORK_ANNOTATION: Final = "netcadence.io/network"
#: Says on each node which of `services`, `policies` and `dns` its network really does, joined by commas.
#: What is not named has objects in the API all the same, but no effect: whoever tests it finds out here.
FEATURES_ANNOTATION: Final = "netcadence.io/network-features"
_HEARTBEAT_S: Final = 10.0
_UNREACHABLE: Final = "node.kubernetes.io/unreachable"


class Node:
    """One node of the cluster and the pods on it."""

    def __init__(self, name: str, services: NodeServices) -> None:
        self.name = name
        self._services = services
        self._pods: dict[str, tuple[Pod, asyncio.Task[None]]] = {}
        self._lost = False

    async def run(self) -> None:
        """Follow the pods bound to this node, until cancelled."""
        selector = Selector.parse(fields=f"spec.nodeName={self.name}", resource="pods")
        pods = self._services.store.watch("pods", selector=selector)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            async for event in pods:
                self._see(event.type, event.object)

    def pod(self, uid: str) -> Pod | None:
        """Return a pod that is on this node."""
        found = self._pods.get(uid)
        return found[0] if found else None

    async def stop(self) -> None:
        """End all pods at once and wait until nothing of them is left."""
        self._lost = True
        running = list(self._pods.values())
        for pod, _ in running:
            pod.vanish()
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)
        self._pods.clear()

    async def lose(self) -> None:
        """Lose power: all pods die at once, and after a while the cluster notices that the node is silent."""
        await self.stop()
        await asyncio.sleep(self._services.settings.node_grace_s)
        if not self._lost:
            return
        self._write_condition("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
        self._set_taint(present=True)
        for pod in self._bound():
            self._services.store.mutate(
                "pods",
                pod["metadata"]["name"],
                pod["metadata"]["namespace"],
                _mark_unready,
                subresource="status",
            )

    def come_back(self) -> None:
        """Return to power: pods still bound here start again, with new addresses and counted as restarted."""
        if not self._lost:
            return
        self._lost = False
        self._set_taint(present=False)
        self._write_condition("True", "KubeletReady", "the node runs pods")
        for pod in self._bound():
            self._see("ADDED", pod)

    def _see(self, event: str, pod: Object) -> None:
        if self._lost:
            return
        uid = pod["metadata"]["uid"]
        known = self._pods.get(uid)
        if event == "DELETED":
            if known:
                known[0].vanish()
            return
        if known is None:
            if is_final(pod):
                return
            runner = Pod(self._services, pod)
            task = asyncio.create_task(runner.run(), name=f"pod {pod['metadata']['name']}")
            task.add_done_callback(lambda done: self._forget(uid, done))
            known = self._pods[uid] = runner, task
        if "deletionTimestamp" in pod["metadata"]:
            known[0].terminate(pod["metadata"].get("deletionGracePeriodSeconds", 0))

    def _forget(self, uid: str, done: asyncio.Task[None]) -> None:
        current = self._pods.get(uid)
        if current and current[1] is done:
            del self._pods[uid]
        if not done.cancelled() and (error := done.exception()):
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"{done.get_name()} ended by an error of ours", "exception": error, "task": done}
            )

    def _bound(self) -> list[Object]:
        selector = Selector.parse(fields=f"spec.nodeName={self.name}", resource="pods")
        return self._services.store.list("pods", selector=selector)[0]

    def register(self) -> None:
        """Make the node known to the cluster, Ready at once."""
        settings, network = self._services.settings, self._services.network
        labels = {
            "kubernetes.io/hostname": self.name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": _architecture(),
            "topology.kubernetes.io/zone": settings.zone(self.name),
            "topology.kubernetes.io/region": "embedded",
        }
        annotations = {
            NETWORK_ANNOTATION: network.kind,
            FEATURES_ANNOTATION: ",".join(self._features()),
        }
        metadata = {"name": self.name, "labels": labels, "annotations": annotations}
        self._services.store.create("nodes", {"metadata": metadata, "spec": {}})
        addresses = [{"type": "InternalIP", "address": ip} for ip in network.node_ips(self.name)]
        capacity = _capacity(settings.max_pods)

        def change(node: Object) -> None:
            node["status"] = {
                "addresses": [*addresses, {"type": "Hostname", "address": self.name}],
                "capacity": capacity,
                "allocatable": capacity,
                "nodeInfo": _node_info(),
                "images": [{"names": [name], "sizeBytes": 0} for name in sorted(settings.images)],
            }

        self._services.store.mutate("nodes", self.name, None, change, subresource="status")
        self._write_condition("True", "KubeletReady", "the node runs pods")

    def _features(self) -> list[str]:
        named: list[NetworkFeature] = ["dns"] if self._services.resolver else []
        return sorted([*self._services.network.features, *named])

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            if self._lost:
                continue
            self._write_condition("True", "KubeletReady", "the node runs pods")
            for pod, _ in self._pods.values():
                pod.cut_logs()

    def _write_condition(self, ready: str, reason: str, message: str) -> None:
        def change(node: Object) -> None:
            status = node.setdefault("status", {})
            instant = now()
            conditions: list[Object] = [
                {
                    "type": kind,
                    "status": "False",
                    "reason": f"KubeletHas{word}",
                    "message": f"kubelet has {meaning}",
                    "lastHeartbeatTime": instant,
                }
                for kind, word, meaning in (
                    ("MemoryPressure", "SufficientMemory", "sufficient memory available"),
                    ("DiskPressure", "NoDiskPressure", "no disk pressure"),
                    ("PIDPressure", "SufficientPID", "sufficient PID available"),
                )
            ]
            conditions.append(
                {
                    "type": "Ready",
                    "status": ready,
                    "reason": reason,
                    "message": message,
                    "lastHeartbeatTime": instant,
                }
            )
            status["conditions"] = with_times(status.get("conditions") or [], conditions)

        self._services.store.mutate("nodes", self.name, None, change, subresource="status")

    def _set_taint(self, *, present: bool) -> None:
        def change(node: Object) -> None:
            taints = [each for each in node["spec"].get("taints") or [] if each["key"] != _UNREACHABLE]
            if present:
                taints.append({"key": _UNREACHABLE, "effect": "NoSchedule", "timeAdded": now()})
            node["spec"]["taints"] = taints

        self._services.store.mutate("nodes", self.name, None, change)


def _mark_unready(pod: Object) -> None:
    conditions = pod.get("status", {}).get("conditions") or []
    changed = [
        {**each, "status": "False", "reason": "NodeNotReady"} if each["type"] == "Ready" else {**each}
        for each in conditions
    ]
    pod.setdefault("status", {})["conditions"] = with_times(conditions, changed)


def _architecture() -> str:
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def _capacity(max_pods: int) -> dict[str, str]:
    memory_kib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
    return {"cpu": str(os.cpu_count() or 1), "memory": f"{memory_kib}Ki", "pods": str(max_pods)}


def _node_info() -> Mapping[str, Any]:
    system = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    return {
        "kernelVersion": platform.release(),
        "osImage": system.get("PRETTY_NAME", "Linux"),
        "operatingSystem": "linux",
        "architecture": _architecture(),
        "containerRuntimeVersion": f"netcadence://{VERSION.removeprefix('v').partition('-')[0]}",
        "kubeletVersion": VERSION,
        "kubeProxyVersion": "",
        "machineID": _read("/etc/machine-id"),
        "systemUUID": "",
        "bootID": _read("/proc/sys/kernel/random/boot_id"),
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
