"""What a run does on its cluster, step by step, as its wire wants it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from netcadence.kube import dispatch, worker_deployment
from netcadence.kube.access import Object
from netcadence.kube.dispatch import Arming
from netcadence.kube.installation import install
from netcadence.kube.observation import Observation
from netcadence.kube.resource import DEPLOYMENT
from netcadence.kube.run import Run
from netcadence.kube.worker_deployment import WorkerTemplate, container_resources, pod_wishes
from netcadence.layout import Layout
from netcadence.pair import Pair
from netcadence.worker_pod import DEFAULT_IMAGE
from netcadence_worker import clusterloader, contract
from netcadence_worker.clusterloader_arguments import udp_argument
from netcadence_worker.contract import RUN_LABEL

Progress = Callable[[int, int], None]

#: From creating the requests to the start: the server has to be up by then, and nothing tells when it is.
#: ClusterLoader2 itself allows fifteen seconds.
_LEAD_S: Final = 5.0
_LEAD_PER_PAIR_S: Final = 0.05


class Conduct(Protocol):
    """The steps that differ by wire; `owner` is the reference by which all of a run goes with one object."""

    def prepare(self, run: Run, manifests: Path) -> None:
        """Make sure of what has to be in the cluster; `manifests` is the folder `deployments/kubernetes`."""

    def deploy(self, run: Run, template: WorkerTemplate, layout: Layout) -> Object:
        """Create the workers; return the owner reference for all that follows."""

    def arm(
        self,
        run: Run,
        pairs: Sequence[Pair],
        *,
        owner: Object,
        observation: Observation,
        processors: Mapping[str, int],
        on_progress: Progress,
    ) -> Arming:
        """Make pairs stand ready, as far as the wire knows of that."""

    def fire(
        self, run: Run, pairs: Sequence[Pair], *, owner: Object, arming: Arming, observation: Observation
    ) -> datetime:
        """Make the pairs start together; return the instant at which they do."""


class _Netcadence:
    """Requests arm, then one write to the run's own object fires them."""

    def prepare(self, run: Run, manifests: Path) -> None:
        install(run.access, run.namespace, manifests, on_host=run.scenario.on_host)

    def deploy(self, run: Run, template: WorkerTemplate, layout: Layout) -> Object:
        owner = dispatch.create_run(run)
        for number, group in enumerate(layout.groups if run.has_own_workers else ()):
            worker_deployment.deploy(
                run,
                replicas=group.workers,
                template=template,
                owner=owner,
                where=group.where,
                group=number,
                is_placed=bool(layout.places),
                most_on_node=layout.most_on_node,
            )
        return owner

    def arm(
        self,
        run: Run,
        pairs: Sequence[Pair],
        *,
        owner: Object,
        observation: Observation,
        processors: Mapping[str, int],
        on_progress: Progress,
    ) -> Arming:
        if not observation.requests:  # one clock for all rounds, so that the estimates of all go together
            # A machine outside is reached by pods, and may reach none of them.
            dispatch.set_reference(run, pairs[0].server if run.scenario.external else pairs[0].client)
        return dispatch.arm(
            run,
            pairs,
            owner=owner,
            observation=observation,
            processors=processors,
            on_progress=on_progress,
        )

    def fire(
        self, run: Run, pairs: Sequence[Pair], *, owner: Object, arming: Arming, observation: Observation
    ) -> datetime:
        del owner
        return dispatch.fire(run, pairs[0].round, arming=arming, observation=observation)


class _Clusterloader:
    """Nothing arms: each request carries the start itself, so that creating them is firing them.

    The Deployment of the workers owns the requests. Its name is the same for every run, so that two runs
    cannot meet on one cluster: the second one's is refused.
    """

    def prepare(self, run: Run, manifests: Path) -> None:
        folder = manifests.parent / "clusterloader"
        install(run.access, run.namespace, folder, resources=run.wire.resources)

    def deploy(self, run: Run, template: WorkerTemplate, layout: Layout) -> Object:
        # Its check of the scenario leaves no choice: one group, anywhere.
        body = _deployment(run, template, layout.most_on_node)
        made = run.access.create(DEPLOYMENT, body, run.namespace)
        return {
            "apiVersion": DEPLOYMENT.api_version,
            "kind": DEPLOYMENT.kind,
            "name": made["metadata"]["name"],
            "uid": made["metadata"]["uid"],
            "controller": True,
        }

    def arm(
        self,
        run: Run,
        pairs: Sequence[Pair],
        *,
        owner: Object,
        observation: Observation,
        processors: Mapping[str, int],
        on_progress: Progress,
    ) -> Arming:
        del run, owner, observation, processors
        on_progress(len(pairs), len(pairs))
        indices = frozenset(pair.index for pair in pairs)
        return Arming(indices, slowest_notice_s=0.0, least_lead_s=_LEAD_S + _LEAD_PER_PAIR_S * len(pairs))

    def fire(
        self, run: Run, pairs: Sequence[Pair], *, owner: Object, arming: Arming, observation: Observation
    ) -> datetime:
        del observation
        start = math.ceil(time.time() + arming.lead_s)

        def create(pair: Pair) -> None:
            run.access.create(run.wire.requests, _request(run, pair, start, owner), run.namespace)

        dispatch.for_each(pairs, create)
        return datetime.fromtimestamp(start, UTC)


def _deployment(run: Run, template: WorkerTemplate, most_on_node: int | None) -> Object:
    labels = {**clusterloader.POD_LABELS, RUN_LABEL: run.run_id}
    worker = template.worker
    image = clusterloader.IMAGE if worker.image == DEFAULT_IMAGE else worker.image
    arguments = ["--log_file=/var/log/netperf.log", "--logtostderr=false", "--v=4"]
    if run.scenario.protocol is contract.Protocol.UDP and run.scenario.options.iperf:
        arguments.append(udp_argument(run.scenario.options.iperf))
    container = {
        "name": "worker",
        "image": image,
        "imagePullPolicy": worker.image_pull_policy.value,
        "args": arguments,
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "resources": container_resources(worker),
        "volumeMounts": [{"name": "log", "mountPath": "/var/log"}],
    }
    pod = {
        "terminationGracePeriodSeconds": 3,
        **pod_wishes(worker, labels, most_on_node),
        "containers": [container],
        "volumes": [{"name": "log", "emptyDir": {}}],
    }
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "metadata": {"name": clusterloader.DEPLOYMENT, "labels": labels},
        "spec": {
            "replicas": run.scenario.demand.workers,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _request(run: Run, pair: Pair, start: int, owner: Object) -> Object:
    client, server = pair.client, pair.server
    return {
        "apiVersion": clusterloader.API_VERSION,
        "kind": clusterloader.KIND,
        "metadata": {
            "name": clusterloader.request_name(pair.index),
            "labels": {RUN_LABEL: run.run_id, **clusterloader.labels(client.name, server.name)},
            "ownerReferences": [owner],
        },
        "spec": {
            "clientPodName": client.name,
            "serverPodName": server.name,
            "serverPodIP": server.ip,
            "protocol": run.scenario.protocol.value,
            "duration": run.scenario.duration_s,
            "clientStartTimestamp": start,
            "numberOfClients": 1,
        },
        "status": {"metrics": []},
    }


_CONDUCTS: Final[Mapping[str, Conduct]] = {"netcadence": _Netcadence(), "clusterloader": _Clusterloader()}


def conduct_of(run: Run) -> Conduct:
    """Return how a run is conducted."""
    return _CONDUCTS[run.wire.name]
