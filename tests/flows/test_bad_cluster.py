"""Clusters that cannot be measured: one sentence, an exit code, and the cluster as it was found."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from unittest import mock

import kubernetes
import pytest
import yaml

from flows.command_line import application, outcome_of
from netcadence.embedded import Cluster, Settings
from netcadence.kube.access import Access
from netcadence.kube.installation import install
from netcadence.kube.resource import (
    CRD,
    DEPLOYMENT,
    LEASE,
    NAMESPACE,
    POD,
    REQUEST,
    ROLE,
    ROLE_BINDING,
    RUN,
    SERVICE_ACCOUNT,
)

MANIFESTS = Path(__file__).resolve().parents[2] / "deployments" / "kubernetes"
MADE = (CRD, NAMESPACE, SERVICE_ACCOUNT, ROLE, ROLE_BINDING, RUN, REQUEST, DEPLOYMENT, POD, LEASE)
#: A port on which nothing listens: only the kernel's own services could.
NOBODY = "https://127.0.0.1:9"


@pytest.fixture(scope="module")
def small(home, images):
    """A cluster of one node that has room for two pods, ready to be used."""
    del home
    settings = Settings(name=f"small-{os.getpid()}", images=images, nodes=1, max_pods=2)
    with Cluster.up(settings) as cluster:
        with contextlib.closing(Access.connect(kubeconfig=cluster.kubeconfig)) as access:
            install(access, "netcadence", MANIFESTS)
        yield cluster


@pytest.fixture(scope="module")
def admin(small):
    with contextlib.closing(Access.connect(kubeconfig=small.kubeconfig)) as access:
        yield access


@pytest.fixture(autouse=True)
def untouched(admin):
    """Require that a test leaves every object there was, and no other, as it was found."""

    def found():
        return {
            (
                resource.plural,
                each["metadata"].get("namespace"),
                each["metadata"]["name"],
                each["metadata"]["uid"],
            )
            for resource in MADE
            for each in admin.list(resource)[0]
        }

    before = found()
    yield
    assert found() == before


@pytest.fixture
def run(prefect, small, write_scenario, capsys):
    """Return what runs a scenario as a command does; gives its exit code and its words, line ends aside."""
    del prefect

    def run(*words, **fields):
        line = ["run", str(write_scenario("tcp-1:1", **fields)), *words]
        if "--kubeconfig" not in words:
            line += ["--kubeconfig", str(small.kubeconfig)]
        with mock.patch.dict(os.environ, COLUMNS="300"):
            code = outcome_of(lambda: application(line, standalone_mode=False))
        said = capsys.readouterr()
        return code, " ".join((said.out + said.err).split())

    return run


@pytest.fixture
def changed(small, tmp_path):
    """Return what writes the cluster's kubeconfig with something in it replaced."""

    def changed(pattern, replacement):
        file = tmp_path / "kubeconfig"
        file.write_text(re.sub(pattern, replacement, small.kubeconfig.read_text()))
        return file

    return changed


def test_a_folder_is_no_kubeconfig(run, tmp_path):
    code, said = run("--kubeconfig", str(tmp_path))
    assert code == 2
    assert f"kubeconfig {tmp_path}: Is a directory" in said


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no kubeconfig"),
        ("", "file is empty"),
        ("a: [", "while parsing a flow node"),
        ("just words", "is not a kubeconfig"),
        ("contexts: 7", "is not a kubeconfig"),
        ("apiVersion: v1\nkind: Config\n", "names no current context"),
    ],
)
def test_a_kubeconfig_that_cannot_be_read_is_named(run, tmp_path, content, sentence):
    file = tmp_path / "mine"
    if content is not None:
        file.write_text(content)
    code, said = run("--kubeconfig", str(file))
    assert code == 2
    assert "No cluster to talk to: " in said
    assert str(file) in said
    assert sentence in said
    assert "Traceback" not in said


def test_a_context_that_is_not_there_is_refused_with_those_that_are(run, small):
    code, said = run("--context", "elsewhere")
    known = yaml.safe_load(small.kubeconfig.read_text())["current-context"]
    assert (code, "has no context 'elsewhere'; it has: " + known in said) == (2, True)


def test_a_certificate_of_an_authority_that_is_not_known_is_said(run, changed):
    code, said = run("--kubeconfig", str(changed(r" +certificate-authority: .*\n", "")))
    assert code == 5
    assert "do not accept each other's certificates" in said
    assert "certificate verify failed" in said
    assert "Is the certificate-authority right, and not expired, in kubeconfig" in said


def test_a_cluster_with_too_few_nodes_is_said_before_anything_is_made(run):
    code, said = run()
    assert code == 3
    assert "NotPaired" in said
    assert "needs 2 nodes" in said


def test_a_cluster_without_room_for_all_workers_is_said_before_anything_is_made(run):
    code, said = run(placement="same-node", clients=2)
    assert code == 3
    assert "needs 4 workers on 1 node; node-0 takes 2 and has to take 4" in said


def test_an_image_that_cannot_be_pulled_is_said_in_the_pod_s_words(run):
    code, said = run(placement="same-node", worker={"image": "example.invalid/nothing:1"})
    assert code == 3
    assert "ImagePullBackOff" in said
    assert "example.invalid/nothing:1" in said


def test_a_definition_of_another_shape_is_refused_with_what_differs(run, admin):
    name = f"{REQUEST.plural}.{REQUEST.group}"
    ours = admin.get(CRD, name)["spec"]["versions"]
    theirs = yaml.safe_load(yaml.safe_dump(ours))
    del theirs[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["duration"]["maximum"]
    admin.patch(CRD, name, {"spec": {"versions": theirs}})
    try:
        code, said = run(placement="same-node")
    finally:
        admin.patch(CRD, name, {"spec": {"versions": ours}})
    assert code == 5
    assert f"{name} is installed in another shape" in said
    assert "duration.maximum differs; have ours applied" in said


def test_a_namespace_that_is_being_deleted_is_refused(run, admin, until):
    admin.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "leaving"}})
    held = {"name": "held", "finalizers": ["tests.example/hold"]}
    admin.create(SERVICE_ACCOUNT, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": held}, "leaving")
    admin.delete(NAMESPACE, "leaving")
    code, said = run("--namespace", "leaving", placement="same-node")
    assert code == 5
    assert "Namespace leaving is being deleted; wait until it is gone, or name another" in said
    assert [each["metadata"]["name"] for each in admin.list(SERVICE_ACCOUNT, "leaving")[0]] == ["held"]
    assert admin.list(DEPLOYMENT, "leaving")[0] == []
    admin.patch(SERVICE_ACCOUNT, "held", {"metadata": {"finalizers": None}}, "leaving")

    def is_gone():
        return "leaving" not in {each["metadata"]["name"] for each in admin.list(NAMESPACE)[0]}

    until(is_gone)


def test_a_server_that_is_not_there_is_not_waited_for(run, changed):
    code, said = run("--kubeconfig", str(changed("server: .*", f"server: {NOBODY}")))
    assert code == 5
    assert re.search(
        rf"The API server of cluster \S+ \({NOBODY}\) does not answer .*refused.* "
        r"Is the cluster up, and its address in the kubeconfig right\? Nothing was created\.",
        said,
    )


def test_a_token_that_is_not_known_is_said(run, changed):
    code, said = run("--kubeconfig", str(changed("token: .*", "token: wrong")))
    assert (code, "does not know the identity in use" in said) == (5, True)


def test_an_identity_with_too_few_rights_is_told_which_are_missing(run, small, changed):
    with kubernetes.config.new_client_from_config(config_file=str(small.kubeconfig)) as client:
        asked = kubernetes.client.CoreV1Api(client).create_namespaced_service_account_token(
            "netcadence-worker",
            "netcadence",
            kubernetes.client.AuthenticationV1TokenRequest(
                spec=kubernetes.client.V1TokenRequestSpec(audiences=[])
            ),
        )
    code, said = run("--kubeconfig", str(changed("token: .*", f"token: {asked.status.token}")))
    assert code == 5
    # A worker may list runs, and list and watch requests; nothing else that a run has to do.
    assert "create, get, patch, delete networktestruns.netcadence.io in namespace netcadence; " in said
    assert "create networktestrequests.netcadence.io in namespace netcadence; " in said
    assert "list nodes in the cluster; " in said
    assert (
        "have it granted by someone who may (kubectl apply -k deployments/kubernetes), "
        "or use another context. Nothing was created."
    ) in said
