"""A new user on a cluster: apply the manifests, run, see the verdict, delete everything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from flows.command_line import application, outcome_of
from netcadence.embedded import Cluster, Settings

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = "deployments/kubernetes"


@pytest.fixture(scope="module")
def fresh(home, images):
    """A two-node cluster that netcadence has never seen."""
    del home
    with Cluster.up(Settings(name=f"fresh-{os.getpid()}", images=images)) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def kubectl(fresh, tmp_path_factory):
    """Return what runs the real kubectl in the checkout and gives what it printed."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    cache = tmp_path_factory.mktemp("cache")

    def kubectl(*words, kubeconfig=fresh.kubeconfig):
        line = [program, "--kubeconfig", str(kubeconfig), "--cache-dir", str(cache), *words]
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return kubectl


@pytest.fixture(scope="module")
def everything(kubectl):
    """Return what names every object in the cluster, but events, which tell of what was."""

    def everything():
        listable = kubectl("api-resources", "--verbs=list", "-o", "name").split()
        kinds = ",".join(resource for resource in listable if not resource.startswith("events"))
        return set(kubectl("get", kinds, "-A", "--ignore-not-found", "-o", "name").split())

    return everything


@pytest.fixture
def run(*, prefect, fresh, write_scenario, write_sla, monkeypatch, capsys):
    """Return what runs a short scenario as a person would; gives its exit code and what it said."""
    del prefect
    # Where KUBECONFIG leads; the official client looks at that once, as it is imported.
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(fresh.kubeconfig))
    scenario, sla = write_scenario("tcp-1:1"), write_sla(throughput_min_kbytes=1)

    def run(*words):
        line = ["run", str(scenario), "--sla", str(sla), *map(str, words)]
        code = outcome_of(lambda: application(line, standalone_mode=False))
        return code, "".join(capsys.readouterr())

    return run


@pytest.fixture
def orchestrator(kubectl, tmp_path):
    """Return what writes the kubeconfig of the orchestrator's own account, with a token made by kubectl."""

    def orchestrator():
        token = kubectl("create", "token", "netcadence-orchestrator", "-n", "netcadence").strip()
        own = tmp_path / "orchestrator"
        own.write_text(re.sub("token: .*", f"token: {token}", kubectl("config", "view", "--raw")))
        return own

    return orchestrator


def test_what_was_applied_serves_both_identities_and_all_of_it_can_be_deleted(
    kubectl, everything, run, until, orchestrator
):
    untouched = everything()
    kubectl("apply", "-k", MANIFESTS)
    installed = everything()

    code, said = run("--context", kubectl("config", "current-context").strip())
    assert code == 0, said
    assert "PASS" in said
    assert everything() == installed

    own = orchestrator()
    assert "system:serviceaccount:netcadence:netcadence-orchestrator" in kubectl(
        "auth", "whoami", kubeconfig=own
    )
    code, said = run("--kubeconfig", own)
    assert code == 0, said
    assert everything() == installed

    # Its namespace is deleted first and takes along what is in it.
    kubectl("delete", "-k", MANIFESTS, "--ignore-not-found")

    def all_is_gone():
        return everything() == untouched

    until(all_is_gone)
