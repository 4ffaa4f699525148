"""The image of flow runs: a deployment's run as the Job that Prefect's worker makes of it, in a pod's place.

It takes minutes and some gigabytes to build; NETCADENCE_TEST_FLOW_RUN_IMAGE names one to be tested instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from types import SimpleNamespace

import pytest
import yaml
from kubernetes import client

from flows.environment import CHECKOUT
from netcadence.embedded import Cluster, Image, Settings
from netcadence.embedded.environment import SERVICE_ACCOUNT
from netcadence.embedded.state import ROOT_VARIABLE
from netcadence.kube.access import Access
from netcadence.order import Where
from tests.image.conftest import GIVEN, LAUNCH, laid_out, run
from tests.shared_server import SharedServer

pytestmark = pytest.mark.timeout(1800)
BASE, IMAGE = "localhost/netcadence-test-python:13", "localhost/netcadence-flow-run:test"
BUILT = os.environ.get("NETCADENCE_TEST_FLOW_RUN_IMAGE", "")
PACKAGES = ("python3", "python3-venv", "python3-pip", "ca-certificates")
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
PROGRAM = LAUNCH.with_name("prefect_job.py").read_text(encoding="utf-8")
WORKER = (sys.executable, "-m", "netcadence_worker")


@pytest.fixture(scope="module")
def flow_run_image(based, tmp_path_factory):
    """The image's files."""
    if GIVEN:
        pytest.skip("NETCADENCE_TEST_IMAGE names a worker's image to be tested, and that alone")
    if not BUILT:
        run(
            "buildah", "build", "--file", "deployments/flow-run-image/Containerfile", "--tag", IMAGE,
            "--build-arg", f"BASE={based(BASE, *PACKAGES)}",
            "--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro", ".",
            cwd=CHECKOUT,
        )  # fmt: skip
    with laid_out(BUILT or IMAGE, tmp_path_factory.mktemp("flow-run")) as directory:
        yield directory


@pytest.fixture(scope="module")
def in_image(flow_run_image):
    """Return what runs a command in the image, as a restricted pod does; gives what it wrote."""

    def in_image(*command, given="", **variables):
        done = subprocess.run(
            [sys.executable, str(LAUNCH), str(flow_run_image), *command],
            input=given,
            env={"PATH": os.environ["PATH"], "NETCADENCE_EMPTY_DIR": "/home/netcadence", **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    return in_image


@pytest.fixture(scope="module")
def lab(tmp_path_factory, manifests_applied, kubeconfig_of):
    """A cluster with what the manifests make, and what a pod of the orchestrator's account has in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ROOT_VARIABLE, str(tmp_path_factory.mktemp("clusters")))
        images = {"netcadence-worker": Image(argv=WORKER, preloaded=True)}
        with Cluster.up(Settings(name="flow-run", images=images)) as cluster:
            with contextlib.closing(Access.connect(kubeconfig=cluster.kubeconfig)) as access:
                namespace = manifests_applied(access)
            kubeconfig = kubeconfig_of(cluster, namespace, "netcadence-orchestrator")
            config = yaml.safe_load(kubeconfig.read_text())
            there, files = config["clusters"][0]["cluster"], tmp_path_factory.mktemp("serviceaccount")
            (files / "token").write_text(config["users"][0]["user"]["token"])
            (files / "namespace").write_text(namespace)
            shutil.copy(there["certificate-authority"], files / "ca.crt")
            host, _, port = there["server"].removeprefix("https://").rpartition(":")
            yield {
                "KUBERNETES_SERVICE_HOST": host,
                "KUBERNETES_SERVICE_PORT": port,
                SERVICE_ACCOUNT: str(files),
            }


@pytest.fixture(scope="module")
def prefect(tmp_path_factory):
    """A Prefect server; its API's address, and what asks it."""

    def free_port():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return listener.getsockname()[1]

    server = SharedServer(tmp_path_factory.mktemp("server"), free_port)

    def ask(path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(  # noqa: S310 - http, ours
            urllib.request.Request(f"{server.api}/{path}", data=data, headers=headers),  # noqa: S310 - likewise
            timeout=30,
        ) as reply:
            return json.loads(reply.read())

    with server.running():
        yield SimpleNamespace(api=server.api, ask=ask)


@pytest.fixture(scope="module")
def job(prefect, in_image):
    """The manifest of the Job for a run of the hourly deployment with less to do, and the flow run's id."""
    from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415 - reads the environment

    from flows import deploying  # noqa: PLC0415 - imports Prefect

    pool = deploying.kubernetes_pool("registry.example/netcadence-flow-run:0.1.0")
    told = deploying.variables(Where(cluster="lab"), pool=pool, lake="s3://bucket/lake", timezone="UTC")
    with temporary_settings({PREFECT_API_URL: prefect.api}):
        deploying.register(told, pool)
    deployment = prefect.ask("deployments/name/watch/hourly-lab")
    order = deployment["parameters"]["order"] | {"scenarios": ["tcp-1:1"], "lake": "/home/netcadence/lake"}
    flow_run = prefect.ask(
        f"deployments/{deployment['id']}/create_flow_run", {"parameters": {"order": order}}
    )
    about = {
        "flow_run": flow_run,
        "deployment": deployment,
        "flow": prefect.ask(f"flows/{deployment['flow_id']}"),
        "template": pool.base_job_template,
    }
    said = in_image("python", "-c", PROGRAM, given=json.dumps(about), PREFECT_API_URL=prefect.api)
    return json.loads(said.splitlines()[-1]), flow_run["id"]


def unknown(content, kind, path):
    """Yield the fields of a manifest that Kubernetes has no name for."""
    if kind.startswith("list["):
        for place, each in enumerate(content):
            yield from unknown(each, kind[5:-1], f"{path}[{place}]")
    elif (model := getattr(client, kind, None)) and isinstance(content, dict):
        names = {there: here for here, there in model.attribute_map.items()}
        for name, value in content.items():
            if name in names:
                yield from unknown(value, model.openapi_types[names[name]], f"{path}.{name}")
            else:
                yield f"{path}.{name}"


def test_prefects_worker_makes_a_job_of_a_run_that_kubernetes_knows_each_field_of(job):
    manifest, flow_run = job
    # Prefect looks for these two there; Kubernetes leaves them aside.
    assert set(unknown(manifest, "V1Job", "job")) <= {
        "job.spec.template.spec.parallelism", "job.spec.template.spec.completions",
    }  # fmt: skip
    pod = manifest["spec"]["template"]["spec"]
    assert (pod["serviceAccountName"], manifest["metadata"]["namespace"]) == (
        "netcadence-orchestrator", "netcadence",
    )  # fmt: skip
    (container,) = pod["containers"]
    assert container["image"] == "registry.example/netcadence-flow-run:0.1.0"
    assert {"name": "PREFECT__FLOW_RUN_ID", "value": flow_run} in container["env"]


def test_a_run_in_the_image_measures_the_cluster_of_its_pod_and_passes(job, lab, prefect, in_image):
    manifest, flow_run = job
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    in_image(*container["args"], **variables, **lab)
    ended = prefect.ask(f"flow_runs/{flow_run}")
    assert f"{ended['state_name']}, {ended['state']['message']}" == "Completed, PASS: tcp-1:1"
    assert ended["name"] == "tcp-1:1 on lab"
