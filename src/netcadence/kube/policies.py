"""NetworkPolicies for the workers of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from netcadence.kube.access import Object
from netcadence.kube.resource import NETWORK_POLICY
from netcadence.kube.run import Run
from netcadence.kube.worker_deployment import GROUP_LABEL
from netcadence.pair import Pair, WorkerPod
from netcadence_worker.contract import RUN_LABEL

_ALLOW: Final = "allow"
_DENY: Final = "deny"


@dataclass(frozen=True, slots=True)
class Policy:
    """A NetworkPolicy on what comes in to one worker.

    Attributes:
        server: The worker.
        clients: Who may reach it; nobody where there are none.
        ports: At which ports they may.
    """

    run: Run
    server: WorkerPod
    clients: tuple[WorkerPod, ...] = ()
    ports: tuple[int, ...] = ()

    @classmethod
    def denying(cls, run: Run, server: WorkerPod) -> Policy:
        return cls(run, server)

    @classmethod
    def allowing(cls, run: Run, server: WorkerPod, pairs: Iterable[Pair]) -> Policy:
        """Return the one that lets the clients of a server in, and nobody else."""
        own = [pair for pair in pairs if pair.server == server]
        clients = tuple(sorted({pair.client for pair in own}))
        return cls(run, server, clients, tuple(sorted({pair.port for pair in own})))

    def body(self, owner: Object) -> Object:
        """Return it as the API server wants it.

        Args:
            owner: Reference to the object with which it is to go.
        """
        what = _ALLOW if self.clients else _DENY
        peers = [{"podSelector": {"matchLabels": self._labels(client)}} for client in self.clients]
        ports = [{"protocol": "TCP", "port": port} for port in self.ports]
        return {
            "apiVersion": NETWORK_POLICY.api_version,
            "kind": NETWORK_POLICY.kind,
            "metadata": {
                "name": f"{what}-{self.server.group}-{self.run.run_id}",
                "labels": {RUN_LABEL: self.run.run_id},
                "ownerReferences": [owner],
            },
            "spec": {
                "podSelector": {"matchLabels": self._labels(self.server)},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": peers, "ports": ports}] if peers else [],
            },
        }

    def _labels(self, worker: WorkerPod) -> Mapping[str, str]:
        return {RUN_LABEL: self.run.run_id, GROUP_LABEL: worker.group}
