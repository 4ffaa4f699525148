"""One connection to a cluster: what it refuses to start with, and what it survives."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlsplit

import pytest
import yaml

from netcadence.kube.access import Access
from netcadence.kube.errors import ApiRefusedError, ApiUnavailableError, ClusterUnknownError
from netcadence.kube.resource import Resource

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")


def config_map(name):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


@pytest.fixture
def faults(cluster):
    """Return what has the API server refuse a share of requests; after the test it refuses none."""
    yield lambda **body: cluster._command("faults", body)
    cluster._command("faults", {})


def test_a_kubeconfig_that_is_not_there_is_named_in_one_sentence(tmp_path):
    file = tmp_path / "nowhere"
    with pytest.raises(ClusterUnknownError, match=r"^No cluster to talk to: .*--embedded") as refusal:
        Access.connect(kubeconfig=file)
    assert str(file) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_without_any_kubeconfig_one_is_told_how_to_name_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    with pytest.raises(ClusterUnknownError, match="--kubeconfig or KUBECONFIG"):
        Access.connect()


@pytest.mark.parametrize("text", ["", "{", "just words", "[]", "apiVersion: v1\nkind: Config\n"])
def test_a_file_that_is_no_kubeconfig_is_refused_in_one_sentence(tmp_path, text):
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(ClusterUnknownError) as refusal:
        Access.connect(kubeconfig=file)
    assert str(file) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_unknown_context_is_refused_with_those_that_there_are(cluster):
    with pytest.raises(
        ClusterUnknownError, match=f"has no context 'nonsense'; it has: netcadence-{cluster.name}"
    ):
        Access.connect(kubeconfig=cluster.kubeconfig, context="nonsense")


def test_a_cluster_goes_by_its_name_in_the_kubeconfig_unless_another_is_given(cluster):
    assert Access.connect(kubeconfig=cluster.kubeconfig).cluster == f"netcadence-{cluster.name}"
    assert Access.connect(kubeconfig=cluster.kubeconfig, cluster="lab").cluster == "lab"


def test_an_api_server_that_is_not_there_is_named_once_the_patience_is_over(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("netcadence.kube.access._RETRY_FOR_S", 0.3)
    access = Access.connect(kubeconfig=moved(cluster, tmp_path, closed_port()))
    with pytest.raises(ApiUnavailableError, match=r"https://127\.0\.0\.1:\d+.* does not answer GET /version"):
        access.raw("/version")


def test_a_refusal_carries_the_server_s_own_words_and_is_not_retried(access):
    with pytest.raises(ApiRefusedError, match='configmaps "nobody" not found') as refusal:
        access.get(CONFIG_MAP, "nobody", "default")
    assert refusal.value.is_missing


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_server_that_refuses_half_of_all_requests_is_asked_until_it_answers(access, faults, code):
    faults(fraction=0.5, code=code, retry_after_s=0, seed=7)
    for _ in range(8):
        assert access.raw("/version")["gitVersion"]


def test_a_restarting_api_server_is_waited_for(access, cluster):
    cluster.restart_api(0.5)
    assert access.raw("/version")["gitVersion"]


def test_deleting_what_is_gone_is_fine(access):
    access.delete(CONFIG_MAP, "nobody", "default")


def test_an_object_whose_reply_was_lost_is_made_once_and_counted_as_made(cluster, tmp_path, access):
    with LosingProxy(cluster.api_url) as proxy:
        through = Access.connect(kubeconfig=moved(cluster, tmp_path, proxy.port))
        through.raw("/version")
        proxy.lose_next_reply()
        made = through.create(CONFIG_MAP, config_map("once"), "default")
        through.close()
    assert proxy.lost == 1
    assert made["metadata"]["uid"] == access.get(CONFIG_MAP, "once", "default")["metadata"]["uid"]


def test_an_object_that_was_there_before_is_not_counted_as_made(access):
    access.create(CONFIG_MAP, config_map("twice"), "default")
    with pytest.raises(ApiRefusedError) as refusal:
        access.create(CONFIG_MAP, config_map("twice"), "default")
    assert refusal.value.is_conflict


def moved(cluster, folder, port):
    """Return a kubeconfig of the cluster that names another port."""
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class LosingProxy:
    """Stands between a client and an API server, and loses a reply when it is told to."""

    def __init__(self, api_url):
        self._to = ("127.0.0.1", urlsplit(api_url).port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._losing = threading.Event()
        self.lost = 0

    def lose_next_reply(self):
        """Cut the connection when the server answers the next request, which it has then carried out."""
        self._losing.set()

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):  # closed: no more clients
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._to)
                for pump, source, sink in (
                    (self._forward, client, server),
                    (self._return, server, client),
                ):
                    threading.Thread(target=pump, args=(source, sink), daemon=True).start()

    def _forward(self, client, server):
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                server.sendall(data)
        _close(client, server)

    def _return(self, server, client):
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                if self._losing.is_set():
                    self._losing.clear()
                    self.lost += 1
                    break
                client.sendall(data)
        _close(client, server)


def _close(*sockets):
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
