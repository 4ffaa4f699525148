"""What a run needs in a cluster: put there once, and left alone where it is there already."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml

from netcadence.kube.access import Access
from netcadence.kube.installation import InstallationError, install
from netcadence.kube.resource import (
    CRD,
    NAMESPACE,
    REQUEST,
    ROLE,
    ROLE_BINDING,
    RUN,
    SERVICE_ACCOUNT,
    Resource,
)

OBJECTS = [
    (CRD, "networktestrequests.netcadence.io"),
    (CRD, "networktestruns.netcadence.io"),
    (NAMESPACE, "fresh"),
    (SERVICE_ACCOUNT, "netcadence-worker"),
    (ROLE, "netcadence-worker"),
    (ROLE_BINDING, "netcadence-worker"),
]
CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")


@pytest.fixture(scope="module")
def bare(up):
    """A cluster on which nothing has been installed yet."""
    with up() as cluster:
        access = Access.connect(kubeconfig=cluster.kubeconfig)
        yield access
        access.close()


def versions(access):
    return [access.get(resource, name, "fresh")["metadata"]["resourceVersion"] for resource, name in OBJECTS]


def test_installing_twice_changes_nothing_the_second_time(bare, manifests):
    install(bare, "fresh", manifests)
    before = versions(bare)
    install(bare, "fresh", manifests)
    assert versions(bare) == before


def test_what_somebody_has_changed_is_not_changed_back(bare, manifests):
    install(bare, "fresh", manifests)
    bare.patch(ROLE, "netcadence-worker", {"rules": []}, "fresh")
    install(bare, "fresh", manifests)
    assert bare.get(ROLE, "netcadence-worker", "fresh")["rules"] == []


def test_the_workers_account_is_bound_in_the_namespace_that_was_asked_for(bare, manifests):
    install(bare, "elsewhere", manifests)
    (subject,) = bare.get(ROLE_BINDING, "netcadence-worker", "elsewhere")["subjects"]
    assert subject["namespace"] == "elsewhere"


def test_the_custom_resources_can_be_listed_at_once(up, manifests):
    with up(nodes=1) as cluster:
        access = Access.connect(kubeconfig=cluster.kubeconfig)
        install(access, "fresh", manifests)
        assert [access.list(resource, "fresh")[0] for resource in (REQUEST, RUN)] == [[], []]
        access.close()


def test_a_namespace_that_is_being_deleted_is_refused(bare, manifests):
    install(bare, "leaving", manifests)
    held = {"name": "held", "finalizers": ["tests.example/hold"]}
    bare.create(CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": held}, "leaving")
    bare.delete(NAMESPACE, "leaving")
    with pytest.raises(InstallationError, match="leaving is being deleted; wait until it is gone, or name"):
        install(bare, "leaving", manifests)
    bare.patch(CONFIG_MAP, "held", {"metadata": {"finalizers": None}}, "leaving")


def test_pods_in_their_nodes_network_get_a_namespace_that_lets_them_in(bare, manifests):
    install(bare, "hosts", manifests, on_host=True)
    labels = bare.get(NAMESPACE, "hosts")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"
    assert bare.get(SERVICE_ACCOUNT, "netcadence-worker", "hosts")
    install(bare, "hosts", manifests, on_host=True)


def test_a_namespace_that_keeps_them_out_is_refused_with_what_to_do(bare, manifests):
    install(bare, "closed", manifests)
    with pytest.raises(
        InstallationError, match=r"level restricted.*kubectl apply -k deployments/host-network"
    ):
        install(bare, "closed", manifests, on_host=True)


def test_the_overlay_for_the_host_network_grants_the_same_orchestrator_the_same_rights(manifests):
    """Built by kustomize, as a person applies it: nothing that both hold is in it twice."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed here")
    folder = manifests.parent / "host-network"
    built = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=True)
    found = {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(built.stdout)}
    assert sorted(found) == [
        ("Namespace", "netcadence-host"),
        *(
            (kind, f"netcadence-{who}")
            for kind in ("Role", "RoleBinding")
            for who in ("orchestrator", "worker")
        ),
        ("ServiceAccount", "netcadence-worker"),
    ]
    own = yaml.safe_load((folder / "namespace.yaml").read_text())
    assert found["Namespace", "netcadence-host"] == own
    subjects = {
        who: found["RoleBinding", f"netcadence-{who}"]["subjects"] for who in ("orchestrator", "worker")
    }
    assert {who: each[0]["namespace"] for who, each in subjects.items()} == {
        "orchestrator": "netcadence",
        "worker": "netcadence-host",
    }
