"""The image and the pods that are made from it say the same."""

from __future__ import annotations

import json
import re

from flows.embedded_commands import WORKER_IMAGE
from flows.environment import CHECKOUT
from netcadence.kube.worker_deployment import WorkerTemplate, _pod_spec
from netcadence.nodes import Pool
from netcadence_worker.contract import HEALTH_PORT

TEXT = (CHECKOUT / "worker-image" / "Containerfile").read_text()
POD = _pod_spec({}, WorkerTemplate(), Pool(), most_on_node=None)


def said(instruction):
    return re.findall(rf"^{instruction} (.+)$", TEXT, re.MULTILINE)[-1]


def test_the_image_runs_as_the_user_that_pods_ask_for():
    user = POD["securityContext"]["runAsUser"]
    assert said("USER") == f"{user}:{user}"


def test_pods_leave_the_entry_point_to_the_image_and_it_is_what_embedded_nodes_run():
    (container,) = POD["containers"]
    assert not {"command", "args"} & container.keys()
    embedded = WORKER_IMAGE["netcadence-worker"]
    assert tuple(json.loads(said("ENTRYPOINT"))[-2:]) == embedded.argv[-2:]


def test_the_image_exposes_the_port_that_is_probed():
    assert said("EXPOSE") == f"{HEALTH_PORT}/tcp"
