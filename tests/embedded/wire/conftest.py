"""An embedded cluster that has ClusterLoader2's worker image, and others in its place."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from netcadence.embedded import Cluster, Image, Settings
from netcadence.embedded.state import ROOT_VARIABLE
from netcadence.kube import leftovers
from netcadence.kube.access import Access
from netcadence.kube.cleanup import clean_up
from netcadence.kube.conduct import conduct_of
from netcadence.kube.run import Run
from netcadence.kube.wire import CLUSTERLOADER
from netcadence.scenario import Scenario
from netcadence_worker import clusterloader

MANIFESTS = Path(__file__).resolve().parents[3] / "deployments" / "kubernetes"
STAND_IN = (sys.executable, str(Path(__file__).with_name("upstream_worker.py")))
SILENCE = "import threading; threading.Event().wait()"
IMAGES = {
    clusterloader.IMAGE: Image(argv=STAND_IN, allow_arguments=True),
    "short": Image(argv=STAND_IN, allow_arguments=True, environment={"KEPT_METRICS": "1"}),
    "silent": Image(argv=(sys.executable, "-c", SILENCE), allow_arguments=True),
    # What our own worker is to the other side's orchestrator: nothing tells it whose requests these are.
    "ours": Image(argv=(sys.executable, "-m", "netcadence_worker"), allow_arguments=True, preloaded=True),
}


@pytest.fixture(scope="session")
def patience_s():
    return 60.0


@pytest.fixture(scope="session")
def access(tmp_path_factory):
    """A connection to the session's cluster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ROOT_VARIABLE, str(tmp_path_factory.mktemp("wire")))
        with Cluster.up(Settings(name=f"wire-{os.getpid()}", images=IMAGES)) as cluster:
            if cluster.network != "namespaces":
                pytest.skip(
                    "this worker listens on all addresses: it needs a network of its own, that is root"
                )
            access = Access.connect(kubeconfig=cluster.kubeconfig)
            yield access
            access.close()


@pytest.fixture
def new_run(access, until):
    """Return what begins a run over that wire; after the test it must have left nothing."""
    begun = []

    def new_run(image=clusterloader.IMAGE, protocol="TCP", **fields):
        tool = "siege" if protocol == "HTTP" else "iperf"
        content = {"name": "wire", "title": "A test", "protocol": protocol, "tool": tool, "duration_s": 2}
        if protocol == "UDP":
            content["options"] = {"iperf": {"bandwidth": 8_000_000}}
        scenario = Scenario.model_validate(content | {"worker": {"image": image}} | fields)
        run = Run(access, CLUSTERLOADER.place(""), f"run-{len(begun)}", scenario, CLUSTERLOADER)
        conduct_of(run).prepare(run, MANIFESTS)
        begun.append(run)
        return run

    yield new_run
    for run in begun:
        assert clean_up(run)
        until(lambda run=run: not leftovers.of(run))
