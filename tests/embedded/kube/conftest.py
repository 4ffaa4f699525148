"""A real embedded cluster with workers that really run, seen through `netcadence.kube`."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from netcadence.embedded import Cluster, Image, Settings
from netcadence.embedded.processes import ProcessIdentity
from netcadence.embedded.state import ROOT_VARIABLE
from netcadence.kube import dispatch, leftovers
from netcadence.kube.access import Access
from netcadence.kube.cleanup import clean_up
from netcadence.kube.facts import cluster_facts
from netcadence.kube.installation import install
from netcadence.kube.run import Run
from netcadence.kube.worker_deployment import WorkerTemplate, deploy
from netcadence.kube.workers import wait_ready
from netcadence.scenario import Scenario
from netcadence.worker_pod import WorkerResources

MANIFESTS = Path(__file__).resolve().parents[3] / "deployments" / "kubernetes"
NAMESPACE = "benchmarks"
NAMESPACES = Path("/run/netns")
WORKER = (sys.executable, "-m", "netcadence_worker")


@pytest.fixture(scope="session")
def patience_s():
    return 20.0


@pytest.fixture(scope="session", autouse=True)
def root(tmp_path_factory, processes_of):
    """Keep these tests' clusters apart from those that somebody uses, and see that nothing of them stays."""
    root = tmp_path_factory.mktemp("kube")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ROOT_VARIABLE, str(root))
        yield root
    assert processes_of(root) == [], "processes of these tests' clusters are left"


@pytest.fixture(scope="session")
def manifests():
    return MANIFESTS


@pytest.fixture(scope="session")
def up(images, root):
    """Return what brings a cluster of this session up; it is down at the end of a `with` block."""
    del root
    numbers = itertools.count()

    def up(**settings):
        return Cluster.up(Settings(name=f"kube-{os.getpid()}-{next(numbers)}", images=images, **settings))

    return up


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """The worker's image, and one in which there is nothing else, whatever this machine has."""
    toolless = tmp_path_factory.mktemp("toolless")
    for needed in ("nsenter", "setpriv", "env"):  # by which a node starts a process in its pod
        (toolless / needed).symlink_to(shutil.which(needed))
    return {
        "netcadence-worker": Image(argv=WORKER, preloaded=True),
        "toolless": Image(argv=WORKER, preloaded=True, environment={"PATH": str(toolless)}),
    }


@pytest.fixture(scope="session")
def cluster(up, networks_of, networks_left):
    with up() as cluster:
        made = networks_of(cluster)
        yield cluster
    assert not networks_left(made)


@pytest.fixture(scope="session")
def connect():
    """Return what connects to a cluster and installs what a run needs there."""

    def connect(cluster):
        access = Access.connect(kubeconfig=cluster.kubeconfig)
        install(access, NAMESPACE, MANIFESTS)
        return access

    return connect


@pytest.fixture(scope="session")
def access(cluster, connect):
    access = connect(cluster)
    yield access
    access.close()


@pytest.fixture
def faults(cluster):
    """Return what has the API server strike requests; after the test it strikes none."""
    yield lambda **body: cluster._command("faults", body)
    cluster._command("faults", {})


@pytest.fixture
def struck(cluster):
    """Return what counts the requests that the present faults have struck."""
    with contextlib.closing(Access.connect(kubeconfig=cluster.kubeconfig)) as own:
        yield lambda: own.raw("/embedded/v1/faults")["struck"]


@pytest.fixture
def new_run(access, until):
    """Return what begins a run; after the test each must have left nothing."""
    begun = []

    def new_run(access=access, **fields):
        scenario = {"name": "kube", "title": "A test", "protocol": "TCP", "tool": "iperf", "duration_s": 1}
        if "tool" not in fields:  # at a moderate rate: as fast as it goes takes the processors from others
            scenario["options"] = {"iperf": {"bandwidth": 100_000_000}}
        run = Run(access, NAMESPACE, f"run-{next(_numbers)}", Scenario.model_validate(scenario | fields))
        begun.append(run)
        return run

    yield new_run
    for run in begun:
        assert clean_up(run)
        until(lambda run=run: not leftovers.of(run))


_numbers = itertools.count()


@pytest.fixture
def deployed(new_run):
    """Return what begins a run and deploys its workers, without waiting for them; gives run and owner."""

    def deployed(
        *, workers=None, image="netcadence-worker", tools=("iperf",), access=None, worker=None, **fields
    ):
        run = new_run(**({"access": access} if access else {}), **fields)
        owner = dispatch.create_run(run)
        template = WorkerTemplate(WorkerResources(image=image, **(worker or {})), tools)
        deploy(run, replicas=workers or run.scenario.demand.workers, template=template, owner=owner)
        return run, owner

    return deployed


@pytest.fixture
def ready(deployed):
    """Return what begins a run and waits for its workers; gives run, owner and workers."""

    def ready(**fields):
        run, owner = deployed(**fields)
        return (
            run,
            owner,
            wait_ready(
                run, replicas=run.scenario.demand.workers, timeout_s=60, zones=cluster_facts(run.access).zones
            ),
        )

    return ready


@pytest.fixture(scope="session")
def process_of(root):
    """Return what finds the process of a worker pod."""

    def process_of(worker):
        (file,) = root.glob(f"*/pods/{worker.uid}/worker.pid")
        return ProcessIdentity.parse(file.read_text())

    return process_of


@pytest.fixture
def freeze(process_of):
    """Return what makes a worker stand still: its pod is there, and nobody in it does anything."""
    frozen = []

    def freeze(worker):
        frozen.append(process_of(worker))
        frozen[-1].kill(signal.SIGSTOP)

    yield freeze
    for process in frozen:
        process.kill(signal.SIGCONT)
