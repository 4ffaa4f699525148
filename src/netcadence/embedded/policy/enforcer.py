"""Keeps every pod's packet filter as the policies of the cluster say."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from netcadence.embedded.api.store import Change, Store
from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.network import Attachment, Network
from netcadence.embedded.policy.ruleset import NO_TABLE, ruleset
from netcadence.embedded.policy.selection import PolicyPod, isolations

_POLICIES: Final = "networkpolicies.networking.k8s.io"
_log = logging.getLogger("netcadence.embedded")


@dataclass(slots=True)
class _Member:
    """A pod with a filter of its own.

    Attributes:
        pod: The pod as its node has seen it last.
        rules: Its present filter; empty without one.
        turn: By which turn of the enforcer.
        fault: Why the latest one could not be set.
    """

    pod: Mapping[str, Any]
    attachment: Attachment
    rules: str = ""
    turn: int = 0
    fault: str = ""


class PolicyEnforcer:
    """Follows policies, pods and namespaces, and sets the filters of the pods that are concerned.

    Changes that come while filters are being set are all part of the next turn.
    """

    def __init__(self, store: Store, network: Network, *, enforced: bool, delay_s: float) -> None:
        """Begin to follow the store.

        Args:
            store: The cluster's objects.
            network: Where pods have their places; without the feature `policies` nothing is ever enforced.
            enforced: Whether policies have any effect.
            delay_s: How much later than it is written a change has its effect; also that of a new pod, which
                is then open for so long.
        """
        self._store = store
        self._network = network
        self._enforced = enforced
        self._delay_s = delay_s
        self._members: dict[str, _Member] = {}
        self._late: set[asyncio.Task[None]] = set()
        self._turn = 0
        self._due = False
        self._changed = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        store.subscribe(self._on_change)

    async def run(self) -> None:
        """Enforce until cancelled."""
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                await self._settle()
        finally:
            self._drop_late()

    async def admit(self, pod: Mapping[str, Any], attachment: Attachment) -> None:
        """Take up a pod before anything runs in it; its filter then stands, and its peers know it.

        Raises:
            EmbeddedClusterError: The filter could not be set.
        """
        if "policies" not in self._network.features or attachment.namespace is None:
            return
        member = self._members[pod["metadata"]["uid"]] = _Member(pod, attachment)
        if self._store.view(_POLICIES):
            self._due = True
            await self._settle()
        if member.fault:
            raise EmbeddedClusterError(member.fault)

    def release(self, uid: str) -> None:
        """Let go of a pod whose place is about to be taken away."""
        if self._members.pop(uid, None):
            self._note()

    def change(self, *, enforced: bool, delay_s: float) -> None:
        """Enforce otherwise from now on; what was still to take effect does so by the new delay."""
        self._enforced, self._delay_s = enforced, delay_s
        self._drop_late()
        self._note()

    def _note(self) -> None:
        self._due = True
        self._changed.set()

    def _drop_late(self) -> None:
        for task in self._late:
            task.cancel()

    def _on_change(self, resource: str, change: Change) -> None:
        new = change.revision.content
        if resource == "pods":
            member = self._members.get(new["metadata"]["uid"])
            if member is None:
                return
            same = member.pod["metadata"].get("labels") == new["metadata"].get("labels")
            member.pod = new
            if same:
                return  # by far the most frequent: a status
        elif resource == "namespaces":
            if change.before and _labels(change.before.content) == _labels(new):
                return
        elif resource != _POLICIES:
            return
        self._note()

    async def _settle(self) -> None:
        """Bring all filters to what the objects say now; return when they stand, or will after the delay."""
        async with self._one_at_a_time:
            if not self._due:
                return  # another one's turn has done it
            self._due = False
            self._turn += 1
            began = time.monotonic()
            wanted = self._wanted()
            if self._delay_s:
                task = asyncio.create_task(self._set_later(self._turn, wanted, self._delay_s))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
            elif count := await self._set(self._turn, wanted):
                took_ms = (time.monotonic() - began) * 1000
                _log.info("policies: %d pods have another filter, %.0f ms after the change", count, took_ms)

    async def _set_later(self, turn: int, wanted: Mapping[str, str], delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        await self._set(turn, wanted)

    def _wanted(self) -> dict[str, str]:
        """Return the filter that each member should have."""
        found = dict.fromkeys(self._members, "")
        policies = self._store.view(_POLICIES) if self._enforced else []
        if policies:
            pods = {uid: self._policy_pod(member) for uid, member in self._members.items()}
            namespaces = {each["metadata"]["name"]: _labels(each) for each in self._store.view("namespaces")}
            for uid, isolation in isolations(policies, list(pods.values()), namespaces).items():
                found[uid] = ruleset(isolation, pods[uid].ips, pods[uid].node_ips)
        return found

    def _policy_pod(self, member: _Member) -> PolicyPod:
        metadata = member.pod["metadata"]
        ports = {
            (port.get("protocol", "TCP"), port["name"]): port["containerPort"]
            for container in member.pod["spec"]["containers"]
            for port in container.get("ports") or ()
            if port.get("name")
        }
        return PolicyPod(
            uid=metadata["uid"],
            namespace=metadata["namespace"],
            labels=_labels(member.pod),
            ips=member.attachment.ips,
            node_ips=self._network.node_ips(member.attachment.node),
            ports=ports,
        )

    async def _set(self, turn: int, wanted: Mapping[str, str]) -> int:
        """Set the filters that are not as wanted, unless a later turn has; return how many those are."""
        concerned = [
            (member, rules)
            for uid, rules in wanted.items()
            if (member := self._members.get(uid)) and member.rules != rules and member.turn < turn
        ]
        scripts = [(member.attachment, rules or NO_TABLE) for member, rules in concerned]
        faults = await self._network.set_filters(scripts)
        for (member, rules), fault in zip(concerned, faults, strict=True):
            member.fault = fault
            if not fault:
                member.rules, member.turn = rules, turn
            elif member.pod["metadata"]["uid"] in self._members:  # else its place is gone, and all is well
                _log.error("policies: the filter of pod %s: %s", member.pod["metadata"]["name"], fault)
        return len(concerned)


def _labels(obj: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return found
