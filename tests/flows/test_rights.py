"""A whole run with the rights that the manifests grant and no others: none is missing, none is surplus."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from types import SimpleNamespace

import pytest
import yaml

from flows.command_line import application, outcome_of
from flows.environment import MANIFESTS
from netcadence.embedded import Cluster, Settings
from netcadence.kube import leftovers
from netcadence.kube.access import Access
from netcadence.kube.facts import cluster_facts
from netcadence.kube.lease import Terms, held
from netcadence.kube.permissions import PermissionMissingError
from netcadence.kube.resource import LEASE, NAMESPACE
from netcadence.kube.wire import HOST_NAMESPACE, NETCADENCE
from netcadence.record import Verdict

ORCHESTRATOR, WORKER = "netcadence-orchestrator", "netcadence-worker"


@pytest.fixture(scope="module")
def lab(home, images):
    """A cluster on which nobody has done anything yet."""
    del home
    with Cluster.up(Settings(name=f"rights-{os.getpid()}", images=images)) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def namespace(lab, manifests_applied):
    with contextlib.closing(Access.connect(kubeconfig=lab.kubeconfig)) as access:
        return manifests_applied(access)


@pytest.fixture(scope="module")
def orchestrator(lab, namespace, kubeconfig_of):
    """The kubeconfig of who may do what `orchestrator.yaml` says."""
    return kubeconfig_of(lab, namespace, ORCHESTRATOR)


@pytest.fixture(scope="module")
def in_its_pod(orchestrator, tmp_path_factory):
    """Return a surrounding such as a pod of that account has: two variables, a token and a certificate."""
    config = yaml.safe_load(orchestrator.read_text())
    cluster, files = config["clusters"][0]["cluster"], tmp_path_factory.mktemp("serviceaccount")
    (files / "token").write_text(config["users"][0]["user"]["token"])
    shutil.copy(cluster["certificate-authority"], files / "ca.crt")
    host, _, port = cluster["server"].removeprefix("https://").rpartition(":")

    @contextlib.contextmanager
    def in_its_pod():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KUBERNETES_SERVICE_HOST", host)
            patch.setenv("KUBERNETES_SERVICE_PORT", port)
            patch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(files / "none"))
            patch.setenv("NETCADENCE_SERVICE_ACCOUNT", str(files))
            yield

    return in_its_pod


@pytest.fixture(scope="module")
def state(measure, write_scenario, in_its_pod):
    """The final state of a run under that account, without a kubeconfig; its workers are under theirs."""
    scenario = write_scenario("tcp-1:1", rounds=2)
    with in_its_pod():
        return measure(scenario, on=SimpleNamespace(kubeconfig=None))


@pytest.fixture(scope="module")
def over_services(measure, write_scenario, orchestrator):
    """The final state of a run by a path over Services."""
    scenario = write_scenario("tcp-1:1", path="cluster-ip")
    return measure(scenario, on=SimpleNamespace(kubeconfig=orchestrator))


@pytest.fixture(scope="module")
def out_of_reach(lab):
    """Resources that no run makes here, for this network does not do what they are for."""
    with contextlib.closing(Access.connect(kubeconfig=lab.kubeconfig)) as access:
        return {"services"} & cluster_facts(access).lacks


@pytest.fixture(scope="module")
def changing(measure, write_scenario, orchestrator, namespace):
    """Runs that make a Service anew, and a policy, and a look at what such runs may have left."""
    fields = {"tool": "probe", "duration_s": 2, "options": {"probe": {"hold": 1}}, "arm_timeout_s": 3}
    for change, path in (("service", "cluster-ip"), ("policy-deny", "pod-ip")):
        scenario = write_scenario(f"{change}-1:1", change=change, path=path, **fields)
        measure(scenario, on=SimpleNamespace(kubeconfig=orchestrator))
    with contextlib.closing(Access.connect(kubeconfig=orchestrator)) as access:
        leftovers.find(access, namespace, NETCADENCE)


@pytest.fixture(scope="module")
def tenancy(namespace, orchestrator, used_by, until):
    """The lease taken, renewed and given back by the account, as `netcadence.kube.lease` does it."""
    with contextlib.closing(Access.connect(kubeconfig=orchestrator)) as access:
        with held(access, namespace, "one", terms=Terms(duration_s=2, renew_s=0.1)):
            until(lambda: ("patch", LEASE.qualified, True) in used_by(ORCHESTRATOR))
        until(lambda: ("delete", LEASE.qualified, True) in used_by(ORCHESTRATOR))


@pytest.fixture(scope="module")
def used_by(lab, namespace, uses_of):
    return lambda account: uses_of(lab, namespace, account)


def test_a_run_in_a_pod_under_the_orchestrators_own_account_passes(state):
    assert state.result(raise_on_failure=False).judgement.verdict is Verdict.PASS


def test_the_command_line_reaches_the_cluster_of_its_pod(in_its_pod, home, capsys):
    del home
    with in_its_pod():
        code = outcome_of(lambda: application(["clean", "--dry-run", "--json"], standalone_mode=False))
    assert (code, json.loads(capsys.readouterr().out)["cluster"]) == (0, "in-cluster")


def test_a_job_of_a_flow_run_has_that_account_in_the_namespace_that_the_manifests_make(namespace):
    template = yaml.safe_load((MANIFESTS / "base-job-template.yaml").read_text(encoding="utf-8"))
    asked = template["variables"]["properties"]
    assert (asked["service_account_name"]["default"], asked["namespace"]["default"]) == (
        ORCHESTRATOR,
        namespace,
    )
    runner = yaml.safe_load_all((MANIFESTS / "flow-runner.yaml").read_text(encoding="utf-8"))
    assert {body["metadata"]["namespace"] for body in runner} == {namespace}


def test_a_run_over_services_under_that_account_passes_too(over_services, out_of_reach):
    verdict = over_services.result(raise_on_failure=False).judgement.verdict
    assert verdict is (Verdict.NOT_APPLICABLE if out_of_reach else Verdict.PASS)


def test_a_run_on_the_host_network_says_in_a_sentence_what_has_to_be_applied_for_it(
    measure, write_scenario, orchestrator, lab
):
    """Nothing was, for that namespace: neither is it made nor anything in it."""
    scenario = write_scenario("tcp-1:1", path="host-network")
    refused = measure(scenario, on=SimpleNamespace(kubeconfig=orchestrator)).result(raise_on_failure=False)
    assert isinstance(refused, PermissionMissingError)
    assert "in namespace netcadence-host" in str(refused)
    assert "kubectl apply -k deployments/host-network" in str(refused)
    with contextlib.closing(Access.connect(kubeconfig=lab.kubeconfig)) as access:
        assert access.find(NAMESPACE, HOST_NAMESPACE) is None


@pytest.mark.usefixtures("state", "over_services", "changing", "tenancy")
@pytest.mark.parametrize("account", [ORCHESTRATOR, WORKER])
def test_each_right_that_is_granted_is_used_and_each_that_is_used_is_granted(
    account, granted, used_by, out_of_reach
):
    rights = granted(f"{account.removeprefix('netcadence-')}.yaml")
    assert used_by(account) == {
        (verb, resource, is_namespaced)
        for verb, resource, is_namespaced, _ in rights
        if resource not in out_of_reach
    }
