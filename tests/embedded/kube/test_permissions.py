"""What the manifests' accounts may do, held by the embedded API as a real one holds it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from netcadence.kube.access import Access
from netcadence.kube.errors import ApiRefusedError
from netcadence.kube.permissions import (
    APPLY_UPSTREAM,
    NEEDED,
    NEEDED_UPSTREAM,
    PermissionMissingError,
    needed,
    require,
)
from netcadence.kube.resource import DEPLOYMENT, LEASE, NAMESPACE, NODE, POD, REQUEST, ROLE, RUN, Resource
from netcadence.kube.wire import CLUSTERLOADER
from netcadence.scenario import Scenario

CHECKOUT = Path(__file__).resolve().parents[3]
ORCHESTRATOR, WORKER = "netcadence-orchestrator", "netcadence-worker"
CLUSTER_BINDING = Resource(
    "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)
CLUSTER_ROLE = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)
SECRET = Resource("", "v1", "secrets", "Secret")
TOKEN_OF_ORCHESTRATOR = Resource("", "v1", f"serviceaccounts/{ORCHESTRATOR}/token", "TokenRequest")
REQUEST_BODY = {
    "apiVersion": REQUEST.api_version,
    "kind": REQUEST.kind,
    "metadata": {"name": "one"},
    "spec": {
        "runID": "r",
        "pairIndex": 0,
        "clientPodName": "c",
        "serverPodName": "s",
        "serverPodIP": "198.18.0.9",
        "port": 5001,
        "protocol": "TCP",
        "tool": "iperf",
        "duration": 1,
    },
}


def body(resource, name="one", **fields):
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name},
        **fields,
    }


@pytest.fixture(scope="module")
def installed(up, manifests_applied):
    """A cluster with the manifests applied and one request in their namespace and in another; its admin."""
    with up(nodes=1) as cluster:
        admin = Access.connect(kubeconfig=cluster.kubeconfig)
        namespace = manifests_applied(admin)
        admin.create(NAMESPACE, body(NAMESPACE, "other"))
        for where in (namespace, "other"):
            admin.create(REQUEST, REQUEST_BODY, where)
            admin.create(SECRET, body(SECRET, stringData={"key": "word"}), where)
        yield cluster, admin, namespace
        admin.close()


@pytest.fixture(scope="module")
def account(installed, kubeconfig_of):
    """Return what connects as one of the namespace's service accounts."""
    cluster, _, namespace = installed
    with contextlib.ExitStack() as stack:

        def account(name):
            access = Access.connect(kubeconfig=kubeconfig_of(cluster, namespace, name))
            return stack.enter_context(contextlib.closing(access))

        yield account


@pytest.fixture(scope="module")
def worker(account):
    return account(WORKER)


@pytest.fixture(scope="module")
def orchestrator(account):
    return account(ORCHESTRATOR)


def rights(permissions):
    """Return permissions as `granted` returns those of a manifest."""
    return {
        (
            each.verb,
            each.resource.qualified,
            each.resource.namespaced or each.resource == NAMESPACE,
            each.name,
        )
        for each in permissions
    }


def test_what_a_run_asks_for_is_what_the_manifest_grants(granted):
    assert rights(NEEDED) == granted("orchestrator.yaml")


def test_what_clusterloaders_wire_takes_beside_that_is_what_its_own_manifest_grants(granted):
    """The lease, and the cluster's nodes, are the account's already."""
    shared = rights(each for each in NEEDED_UPSTREAM if each.resource in (LEASE, NODE))
    assert shared <= granted("orchestrator.yaml")
    assert rights(NEEDED_UPSTREAM) - shared == granted("../clusterloader/orchestrator.yaml")


def test_the_orchestrators_account_has_all_that_a_run_asks_for(installed, orchestrator):
    _, _, namespace = installed
    require(orchestrator, namespace)


def test_the_account_may_drive_clusterloaders_workers_once_that_was_granted(
    installed, orchestrator, manifests_applied
):
    _, admin, namespace = installed
    plain = Scenario.model_validate({"name": "x", "title": "A test", "protocol": "TCP", "tool": "iperf"})
    over_it = needed(CLUSTERLOADER, namespace, plain)
    with pytest.raises(PermissionMissingError, match=r"-k deployments/clusterloader\)"):
        require(orchestrator, "netperf", over_it, apply=APPLY_UPSTREAM)
    manifests_applied(admin, CHECKOUT / "deployments" / "clusterloader")
    require(orchestrator, "netperf", over_it)


def test_the_orchestrators_rights_end_at_its_namespace(orchestrator):
    with pytest.raises(PermissionMissingError) as caught:
        require(orchestrator, "other")
    assert "create, list, delete deployments.apps in namespace other" in str(caught.value)
    assert "nodes" not in str(caught.value)


def test_the_role_that_every_cluster_has_for_its_administrators_can_be_bound(installed, account):
    _, admin, namespace = installed
    anybody = account("default")
    with pytest.raises(ApiRefusedError, match=r'User "system:serviceaccount:.*:default" cannot list'):
        anybody.list(SECRET, "other")
    # As ClusterLoader2 binds it for its workers.
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": namespace}
    role = {"apiGroup": CLUSTER_ROLE.group, "kind": CLUSTER_ROLE.kind, "name": "cluster-admin"}
    binding = body(CLUSTER_BINDING, "networktestrequests-rbac", subjects=[subject], roleRef=role)
    admin.create(CLUSTER_BINDING, binding)
    assert anybody.list(SECRET, "other")[0]
    admin.delete(CLUSTER_BINDING, "networktestrequests-rbac")


@pytest.mark.parametrize("needed", NEEDED, ids=lambda each: f"{each.verb}-{each.resource.plural}-{each.name}")
def test_each_right_that_is_taken_away_is_named_alone(installed, orchestrator, without, needed):
    _, _, namespace = installed
    with without(needed), pytest.raises(PermissionMissingError) as caught:
        require(orchestrator, namespace)
    where = f"in namespace {namespace}" if needed.where(namespace) else "in the cluster"
    assert f"may not {needed.verb} {needed.resource.qualified} {where}; have it" in str(caught.value)


@pytest.fixture
def without(installed):
    """Return what takes one right from the orchestrator while a block lasts."""
    _, admin, namespace = installed

    @contextlib.contextmanager
    def without(permission):
        resource = ROLE if permission.where(namespace) else CLUSTER_ROLE
        rules = admin.get(resource, ORCHESTRATOR, namespace)["rules"]
        admin.patch(
            resource,
            ORCHESTRATOR,
            {"rules": [part for rule in rules for part in less(rule, permission)]},
            namespace,
        )
        yield
        admin.patch(resource, ORCHESTRATOR, {"rules": rules}, namespace)

    return without


def less(rule, permission):
    """Split a rule into one for each resource and name, and leave the verb out of the one that is meant."""
    for plural in rule["resources"]:
        for name in rule.get("resourceNames") or [""]:
            meant = (plural, rule["apiGroups"]) == (permission.resource.plural, [permission.resource.group])
            taken = {permission.verb} if meant and name == permission.name else set()
            yield {
                "apiGroups": rule["apiGroups"],
                "resources": [plural],
                "verbs": [verb for verb in rule["verbs"] if verb not in taken],
                **({"resourceNames": [name]} if name else {}),
            }


#: What somebody would do who has got hold of a worker's token.
ATTACKS = {
    "create pods": lambda access, here: access.create(POD, body(POD, spec={}), here),
    "list pods": lambda access, here: access.list(POD, here),
    "create deployments": lambda access, here: access.create(DEPLOYMENT, body(DEPLOYMENT, spec={}), here),
    "get secrets": lambda access, here: access.get(SECRET, "one", here),
    "list secrets": lambda access, here: access.list(SECRET, here),
    "create networktestrequests": lambda access, here: access.create(REQUEST, REQUEST_BODY, here),
    "patch networktestrequests": lambda access, here: access.patch(
        REQUEST, "one", {"spec": {"serverPodIP": "198.18.0.1"}}, here
    ),
    "delete networktestrequests": lambda access, here: access.delete(REQUEST, "one", here),
    "create networktestruns": lambda access, here: access.create(
        RUN, body(RUN, spec={"runID": "r", "scenario": "s"}), here
    ),
    "patch networktestruns": lambda access, here: access.patch(RUN, "one", {"spec": {}}, here),
    "get leases": lambda access, here: access.get(LEASE, "netcadence", here),
    "patch roles": lambda access, here: access.patch(ROLE, WORKER, {"rules": []}, here),
    "list nodes": lambda access, _here: access.list(NODE),
    "list networktestrequests everywhere": lambda access, _here: access.list(REQUEST),
    "list networktestrequests elsewhere": lambda access, _here: access.list(REQUEST, "other"),
    "report elsewhere": lambda access, _here: access.patch(
        Resource(REQUEST.group, REQUEST.version, "networktestrequests/one/status", REQUEST.kind),
        "",
        {"status": {"phase": "Armed"}},
        "other",
    ),
    "become the orchestrator": lambda access, here: access.create(
        TOKEN_OF_ORCHESTRATOR, {"kind": "TokenRequest", "spec": {}}, here
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_workers_token_is_good_for_nothing_but_its_work(installed, worker, attack):
    _, _, namespace = installed
    with pytest.raises(ApiRefusedError) as caught:
        ATTACKS[attack](worker, namespace)
    assert caught.value.reason == "Forbidden"
    assert f"system:serviceaccount:{namespace}:{WORKER}" in str(caught.value)


def test_a_worker_sees_requests_and_reports_on_them_without_touching_what_is_asked(installed, worker):
    _, admin, namespace = installed
    assert [each["metadata"]["name"] for each in worker.list(REQUEST, namespace)[0]] == ["one"]
    status = Resource(REQUEST.group, REQUEST.version, "networktestrequests/one/status", REQUEST.kind)
    change = {"status": {"phase": "Armed"}, "spec": {"serverPodIP": "198.18.0.1"}}
    worker.patch(status, "", change, namespace)
    found = admin.get(REQUEST, "one", namespace)
    assert found["status"]["phase"] == "Armed"
    assert found["spec"]["serverPodIP"] == REQUEST_BODY["spec"]["serverPodIP"]


@pytest.fixture
def typed(up, tmp_path):
    """What README's lines for the manifests and accounts print on a cluster called my-cluster."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    lines = re.findall(r"^    (kubectl (?:apply|create|config|auth) .*?)(?:   #.*)?$", README, re.MULTILINE)
    with up(nodes=1) as cluster:
        config = yaml.safe_load(cluster.kubeconfig.read_text())
        config["clusters"][0]["name"] = config["contexts"][0]["context"]["cluster"] = "my-cluster"
        file = tmp_path / "kubeconfig"
        file.write_text(yaml.safe_dump(config))
        (tmp_path / "deployments").symlink_to(CHECKOUT / "deployments")
        surroundings = {**os.environ, "KUBECONFIG": str(file), "KUBECACHEDIR": str(tmp_path / "cache")}
        yield [
            subprocess.run(
                ["bash", "-euc", line],
                cwd=tmp_path,
                env=surroundings,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for line in lines
        ]


README = (CHECKOUT / "README.md").read_text()


def test_what_readme_says_of_running_as_the_orchestrator_can_be_typed(typed):
    applied, *_, rights = typed
    assert f"role.rbac.authorization.k8s.io/{ORCHESTRATOR} created" in applied
    assert re.search(
        r"^networktestruns\.netcadence\.io .*\[create get list patch delete\]", rights, re.MULTILINE
    )
    assert "secrets" not in rights
