"""Real embedded clusters, one of each kind of network for a session, and pods on them."""

from __future__ import annotations

import contextlib
import itertools
import sys
from pathlib import Path

import pytest
from kubernetes import client, config

from netcadence.embedded import Cluster, Image, Settings
from netcadence.embedded.network import choose_kind
from netcadence.embedded.state import ROOT_VARIABLE

PROGRAMS = {"PYTHONPATH": str(Path(__file__).with_name("programs"))}
IMAGES = {
    "python": Image(argv=(sys.executable, "-S", "-u", "-c"), allow_command=True),
    "sleeper": Image(argv=("sleep", "600")),
    "obedient": Image(
        argv=(sys.executable, "-m", "obedient"), environment=PROGRAMS, allow_arguments=True, preloaded=True
    ),
    "broken": Image(argv=(sys.executable, "-m", "broken"), environment=PROGRAMS, preloaded=True),
}


@pytest.fixture
def images():
    return IMAGES


@pytest.fixture(scope="session", autouse=True)
def root(tmp_path_factory):
    """Keep these tests' clusters apart from those that somebody uses."""
    root = tmp_path_factory.mktemp("clusters")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ROOT_VARIABLE, str(root))
        yield root


@pytest.fixture(scope="session", params=["namespaces", "loopback"])
def cluster(request):
    if request.param == "namespaces" and choose_kind("auto") != "namespaces":
        pytest.skip("network namespaces need root here")
    settings = Settings(
        name=f"nodes-{request.param}", images=IMAGES, network=request.param, restart_backoff_s=0.3
    )
    with Cluster.up(settings) as cluster:
        yield cluster


@contextlib.contextmanager
def connection(cluster):
    with config.new_client_from_config(str(cluster.kubeconfig)) as api:
        yield client.CoreV1Api(api)


@pytest.fixture
def connect():
    """Return what opens a core API client to a cluster."""
    with contextlib.ExitStack() as stack:
        yield lambda cluster: stack.enter_context(connection(cluster))


@pytest.fixture(scope="session")
def core(cluster):
    with connection(cluster) as core:
        yield core


class Pod:
    """A pod in a test."""

    def __init__(self, core, name):
        self._core = core
        self.name = name

    def read(self):
        return self._core.read_namespaced_pod(self.name, "default")

    @property
    def ip(self):
        return self.read().status.pod_ip

    @property
    def container(self):
        statuses = self.read().status.container_statuses
        return statuses[0] if statuses else None

    @property
    def ready(self):
        return bool(self.container and self.container.ready)

    @property
    def waiting_for(self):
        """Return why its container waits; an empty text if it does not."""
        state = self.container and self.container.state.waiting
        return state.reason if state else ""

    @property
    def log(self):
        return self._core.read_namespaced_pod_log(self.name, "default")

    @property
    def gone(self):
        selector = f"metadata.name={self.name}"
        return not self._core.list_namespaced_pod("default", field_selector=selector).items

    def delete(self, grace_s=0):
        self._core.delete_namespaced_pod(self.name, "default", grace_period_seconds=grace_s)

    def label(self, key, value):
        body = {"metadata": {"labels": {key: value}}}
        self._core.patch_namespaced_pod(self.name, "default", body)

    def events(self):
        selector = f"involvedObject.name={self.name}"
        return self._core.list_namespaced_event("default", field_selector=selector).items


@pytest.fixture
def start_pod(core):
    """Return what starts a pod of one container; the test's pods are deleted after it."""
    with contextlib.ExitStack() as stack:
        yield lambda **spec: _start(core, stack, **spec)


@pytest.fixture
def start_pod_on():
    """Return what starts a pod through a given API client."""
    with contextlib.ExitStack() as stack:
        yield lambda core, **spec: _start(core, stack, clean_up=False, **spec)


_numbers = itertools.count()


def _start(core, stack, *, code=None, image="python", container=None, clean_up=True, labels=None, **spec):
    name = f"pod-{next(_numbers)}"
    body = {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "main", "image": image, **(container or {})}],
            **spec,
        },
    }
    if code:
        body["spec"]["containers"][0]["args"] = [code]
    core.create_namespaced_pod("default", body)
    pod = Pod(core, name)
    if clean_up:
        stack.callback(_delete, pod)
    return pod


def _delete(pod):
    with contextlib.suppress(client.ApiException):
        pod.delete()
