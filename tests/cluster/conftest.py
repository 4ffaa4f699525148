"""The cluster that KUBECONFIG names, used as a person would: through the command line.

Runs only where both KUBECONFIG and NETCADENCE_TEST_IMAGE are set, as `make test-cluster` does, so that an
ordinary test run never makes traffic on a cluster that happens to be configured.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from netcadence.kube.access import Access
from netcadence.kube.errors import ApiRefusedError
from netcadence.kube.resource import DEPLOYMENT, LEASE, POD, REQUEST, RUN, UPSTREAM_REQUEST
from netcadence.lake import Lake
from netcadence_worker import clusterloader
from netcadence_worker.contract import RUN_LABEL

IMAGE_VARIABLE = "NETCADENCE_TEST_IMAGE"
UPSTREAM_IMAGE_VARIABLE = "NETCADENCE_TEST_CLUSTERLOADER_IMAGE"
NAMESPACE = "netcadence"
NETCADENCE = Path(sys.executable).with_name("netcadence")
EASY = {"throughput_min_kbytes": 1, "packet_loss_max_percent": 99, "response_time_max_sec": 9}


@pytest.fixture(scope="session")
def image():
    """The worker image that the cluster's nodes can pull; without one, or a cluster, these tests skip."""
    missing = [name for name in ("KUBECONFIG", IMAGE_VARIABLE) if not os.environ.get(name)]
    if missing:
        pytest.skip(f"no cluster to test on: set {' and '.join(missing)}, or use make test-cluster IMAGE=…")
    return os.environ[IMAGE_VARIABLE]


@pytest.fixture(scope="session")
def upstream_image(image):
    """The image of ClusterLoader2's worker; without one, its wire is not tested."""
    del image
    found = os.environ.get(UPSTREAM_IMAGE_VARIABLE)
    if not found:
        pytest.skip(
            f"the wire clusterloader is not tested: set {UPSTREAM_IMAGE_VARIABLE} to its worker's image"
        )
    return found


@dataclass(frozen=True)
class Done:
    """How a run ended, as its caller sees it."""

    exit_code: int
    said: str
    lake: Path

    def rows(self, table):
        return getattr(Lake(str(self.lake)), table)()


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """The environment of a home of these tests' own; its Prefect server is stopped at the end."""
    own = os.environ | {"NETCADENCE_HOME": str(tmp_path_factory.mktemp("home"))}
    yield own
    subprocess.run([NETCADENCE, "stop"], env=own, check=True)


@pytest.fixture(scope="session")
def run(image, home, tmp_path_factory):
    """Return what runs a short scenario on the cluster and gives how it ended."""

    def run(name, protocol="TCP", *, worker=(), arguments=(), **fields):
        folder = tmp_path_factory.mktemp("run")
        content = {
            "name": name,
            "title": "A test",
            "protocol": protocol,
            "tool": "siege" if protocol == "HTTP" else "iperf",
            "duration_s": 2,
            "worker": {"image": image} | dict(worker),
        }
        if protocol == "UDP":
            content["options"] = {"iperf": {"bandwidth": 1_000_000}}
        scenario, sla, lake = folder / f"{name}.yaml", folder / "sla.yaml", folder / "lake"
        scenario.write_text(yaml.safe_dump(content | fields))
        sla.write_text(yaml.safe_dump({"scenarios": {"*": EASY}}))
        argv = ["run", str(scenario), "--sla", str(sla), "--lake", str(lake), *arguments]
        done = subprocess.run(
            [NETCADENCE, *argv],
            env=home,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        return Done(done.returncode, done.stdout + done.stderr, lake)

    return run


@pytest.fixture(autouse=True)
def nothing_left(image):
    """Whatever a case comes to, no object of its runs stays on the cluster."""
    del image
    before = _objects_of_runs()
    yield
    assert _objects_of_runs() <= before


def _objects_of_runs():
    """List the objects of runs that are not on their way out, and the lease; a cluster may be a bare one."""
    found = set()
    places = [(NAMESPACE, (RUN, REQUEST)), (clusterloader.NAMESPACE, (UPSTREAM_REQUEST,))]
    with contextlib.closing(Access.connect()) as access:
        for namespace, requests in places:
            for resource in (*requests, DEPLOYMENT, POD, LEASE):
                found |= {
                    (namespace, resource.plural, each["metadata"]["name"])
                    for each in _listed(access, resource, namespace)
                    if "deletionTimestamp" not in each["metadata"]
                }
    return found


def _listed(access, resource, namespace):
    selector = "" if resource == LEASE else RUN_LABEL
    try:
        return access.list(resource, namespace, selector=selector)[0]
    except ApiRefusedError as error:
        if error.is_missing:
            return []
        raise
