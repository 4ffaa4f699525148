"""Credentials that are replaced while somebody works with them: read anew where the server refuses them."""

from __future__ import annotations

import contextlib
import socket
import stat
import threading

import pytest
import yaml

from netcadence.kube.access import Access
from netcadence.kube.errors import ApiRefusedError, ApiUnavailableError
from netcadence.kube.resource import Resource

ACCOUNT = Resource("", "v1", "serviceaccounts", "ServiceAccount")
SELF_REVIEW = Resource(
    "authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", namespaced=False
)


@pytest.fixture(scope="module")
def tokens(access):
    """Return a token of each of two service accounts, by name, so that it shows which one is used."""
    tokens = {}
    for name in ("first", "second"):
        metadata = {"name": name}
        access.create(ACCOUNT, {"apiVersion": "v1", "kind": ACCOUNT.kind, "metadata": metadata}, "default")
        path = Resource("", "v1", f"serviceaccounts/{name}/token", "TokenRequest")
        tokens[name] = access.create(path, {"metadata": {}, "spec": {}}, "default")["status"]["token"]
    return tokens


@pytest.fixture
def authority(cluster):
    """The file with the certificate of the cluster's authority."""
    return cluster._state.authority


def by_token_file(_monkeypatch, kubeconfig, file):
    return kubeconfig({"tokenFile": str(file)})


def by_exec_plugin(_monkeypatch, kubeconfig, file):
    plugin = file.with_name("plugin")
    credential = '{"apiVersion": "%s", "kind": "ExecCredential", "status": {"token": "%s"}}'
    version = "client.authentication.k8s.io/v1"
    plugin.write_text(f"#!/bin/sh\nprintf '{credential}' {version} $(cat {file})\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IEXEC)
    run = {"apiVersion": version, "command": str(plugin), "interactiveMode": "Never"}
    return kubeconfig({"exec": run})


def by_service_account(monkeypatch, kubeconfig, file):
    config = yaml.safe_load(kubeconfig({}).read_text())["clusters"][0]["cluster"]
    host, _, port = config["server"].removeprefix("https://").rpartition(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_TOKEN_FILENAME", str(file))
    monkeypatch.setattr(
        "kubernetes.config.incluster_config.SERVICE_CERT_FILENAME", config["certificate-authority"]
    )
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file) + ".none")


@pytest.fixture
def kubeconfig(cluster, tmp_path, authority):
    """Return what writes a kubeconfig of the cluster with other credentials."""

    def kubeconfig(user):
        config = yaml.safe_load(cluster.kubeconfig.read_text())
        there = config["clusters"][0]["cluster"]
        there.pop("certificate-authority-data", None)
        there["certificate-authority"] = str(authority)
        config["users"][0]["user"] = user
        file = tmp_path / "kubeconfig"
        file.write_text(yaml.safe_dump(config))
        return file

    return kubeconfig


def user_of(access):
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": SELF_REVIEW.kind, "metadata": {}}
    return access.create(SELF_REVIEW, body)["status"]["userInfo"]["username"]


@pytest.fixture
def token_file(tmp_path):
    return tmp_path / "token"


@pytest.fixture(params=[by_token_file, by_exec_plugin, by_service_account])
def connect_by(request, monkeypatch, kubeconfig, token_file):
    """Return what connects with credentials out of the token's file, in each of the ways there are."""
    with contextlib.ExitStack() as ends:

        def connect_by():
            access = Access.connect(kubeconfig=request.param(monkeypatch, kubeconfig, token_file))
            ends.callback(access.close)
            return access

        yield connect_by


def test_a_token_that_was_replaced_is_read_anew_once_the_old_one_is_refused(
    tokens, token_file, connect_by, faults, struck
):
    token_file.write_text(tokens["first"])
    access = connect_by()
    assert user_of(access) == "system:serviceaccount:default:first"
    token_file.write_text(tokens["second"])
    faults(fraction=1, code=401, path=SELF_REVIEW.path(), count=1)
    assert user_of(access) == "system:serviceaccount:default:second"
    assert struck() == 1


def test_a_token_that_nobody_knows_any_more_gives_way_to_the_one_that_is_there_now(
    tokens, token_file, connect_by
):
    token_file.write_text("long-expired")
    access = connect_by()
    token_file.write_text(tokens["first"])
    assert user_of(access) == "system:serviceaccount:default:first"


def test_credentials_that_stay_refused_are_named_with_what_to_do(tmp_path, kubeconfig):
    file = tmp_path / "token"
    file.write_text("long-expired")
    config = kubeconfig({"tokenFile": str(file)})
    with (
        contextlib.closing(Access.connect(kubeconfig=config)) as access,
        pytest.raises(ApiRefusedError, match=r"401 Unauthorized.*were read anew.*log in again") as refusal,
    ):
        access.raw("/version")
    assert f"kubeconfig {config}, context " in str(refusal.value)
    assert refusal.value.code == 401


def test_reading_credentials_anew_does_not_move_a_run_to_the_context_that_is_current_now(tokens, kubeconfig):
    config_file = kubeconfig({"token": "long-expired"})
    config = yaml.safe_load(config_file.read_text())
    with contextlib.closing(Access.connect(kubeconfig=config_file)) as access:
        elsewhere = {"server": "https://127.0.0.1:1"}
        config["clusters"].append({"name": "elsewhere", "cluster": elsewhere})
        config["users"][0]["user"] = {"token": tokens["first"]}
        user = config["users"][0]["name"]
        config["contexts"].append({"name": "elsewhere", "context": {"cluster": "elsewhere", "user": user}})
        config["current-context"] = "elsewhere"
        config_file.write_text(yaml.safe_dump(config))
        assert user_of(access) == "system:serviceaccount:default:first"


def test_a_server_that_hangs_up_in_the_handshake_is_unavailable_and_not_untrusted(kubeconfig):
    """As one does that is stopped just then: to try again may help."""
    config_file = kubeconfig({"token": "any"})
    config = yaml.safe_load(config_file.read_text())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{listener.getsockname()[1]}"
        config_file.write_text(yaml.safe_dump(config))

        def hang_up():
            with contextlib.suppress(OSError):  # the listener is closed
                while True:
                    connection, _ = listener.accept()
                    connection.recv(65_536)  # its greeting, for what is unread resets a connection
                    connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        with (
            contextlib.closing(Access.connect(kubeconfig=config_file)) as access,
            pytest.raises(ApiUnavailableError, match="hung up on GET /version"),
        ):
            access.with_patience(0).raw("/version")
