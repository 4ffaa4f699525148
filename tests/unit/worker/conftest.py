"""An API server in the test's own process.

It keeps objects in memory and speaks the part of the Kubernetes API that a worker uses, over TLS; it can be
made to misbehave in the ways a real one does.
"""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from netcadence_worker.api import Endpoint
from netcadence_worker.contract import POD_LABEL_PREFIX, REQUESTS, RUNS, RequestStatus

NAMESPACE = "bench"
TOKEN = "first-token"  # noqa: S105 - known only to the server below

_addresses = itertools.count(1)


def wait_until(condition: Callable[[], Any], *, seconds: float = 10.0, what: str = "it") -> Any:
    """Wait for a condition with a deadline and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.005)
    return value


@dataclass
class Refusal:
    """An answer that is no success."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = '{"kind":"Status","message":"refused on purpose"}'
    content_type: str = "application/json"


class KubernetesApi:
    """Objects, a version for each change, and watches that follow the changes."""

    Refusal = Refusal

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects: dict[str, dict[str, dict[str, Any]]] = {REQUESTS: {}, RUNS: {}}
        self.changed = threading.Condition()
        self.events: list[tuple[int, str, str, dict[str, Any]]] = []
        self.version = 10
        #: Watches from before this version are too old.
        self.oldest = 0
        #: Open watches end when this changes.
        self.epoch = 0
        #: Whether open watches tell nothing, as those of a server that is going down.
        self.silent = False
        self.watches = 0
        self.asked: list[tuple[str, str]] = []
        self.connections = 0
        self.token = TOKEN
        #: What the next requests are answered with.
        self.refusals: list[Refusal] = []
        #: How many patches are obeyed but not answered.
        self.lose_answers = 0
        self.port = 0
        self._uids = itertools.count(1)
        self.start()

    def start(self) -> None:
        self._http = _Server(self)
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the listener and every connection; versions known before are too old afterwards."""
        self.expire()
        self._http.shutdown()
        self._http.server_close()
        self._http.cut_connections()
        self._thread.join()

    def cut_watches(self) -> None:
        """End open watches with a plain end of stream."""
        with self.changed:
            self.epoch += 1
            self.changed.notify_all()

    def expire(self) -> None:
        """Make all versions so far too old, and end the watches."""
        with self.changed:
            self.oldest = self.version + 1
            self.version += 2
            self.cut_watches()

    def put(
        self, plural: str, name: str, spec: Any, labels: dict[str, str] | None = None, **more: Any
    ) -> None:
        with self.changed:
            metadata = {"name": name, "uid": f"uid-{next(self._uids)}", "labels": labels or {}}
            self._record("ADDED", plural, {"metadata": metadata, "spec": spec, **more})

    def update(self, plural: str, name: str, change: Callable[[dict[str, Any]], None]) -> None:
        with self.changed:
            obj = deepcopy(self.objects[plural][name])
            change(obj)
            if obj != self.objects[plural][name]:
                self._record("MODIFIED", plural, obj)

    def delete(self, plural: str, name: str) -> None:
        with self.changed:
            self._record("DELETED", plural, deepcopy(self.objects[plural][name]))

    def status(self, name: str) -> RequestStatus:
        with self.changed:
            return RequestStatus.model_validate(self.objects[REQUESTS][name].get("status") or {})

    def request(self, name: str, *, client: str, server: str, **spec: Any) -> None:
        """Create a request as the orchestrator does."""
        usual = {
            "runID": "run-1",
            "pairIndex": 0,
            "port": 5001,
            "protocol": "TCP",
            "tool": "iperf",
            "duration": 1,
        }
        labels = {POD_LABEL_PREFIX + client: "client", POD_LABEL_PREFIX + server: "server"}
        whole = {**usual, "clientPodName": client, "serverPodName": server, **spec}
        self.put(REQUESTS, name, whole, labels)

    def run(self, reference: dict[str, str] | None = None, run_id: str = "run-1") -> None:
        """Create a run as the orchestrator does."""
        spec: dict[str, Any] = {"runID": run_id, "scenario": "tcp-1:1"}
        self.put(RUNS, run_id, spec | ({"reference": reference} if reference else {}))

    def fire(self, *, lead_s: float = 0.3, round_: int = 0, run_id: str = "run-1") -> datetime:
        """Publish a round's start; return it."""
        at = datetime.now(UTC) + timedelta(seconds=lead_s)
        start = {"round": round_, "at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}

        def publish(obj: dict[str, Any]) -> None:
            obj["spec"]["starts"] = [*obj["spec"].get("starts", []), start]

        self.update(RUNS, run_id, publish)
        return at

    def _record(self, kind: str, plural: str, obj: dict[str, Any]) -> None:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        if kind == "DELETED":
            del self.objects[plural][obj["metadata"]["name"]]
        else:
            self.objects[plural][obj["metadata"]["name"]] = obj
        self.events.append((self.version, kind, plural, obj))
        self.changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, api: KubernetesApi) -> None:
        self.api = api
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", api.port), _Handler)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(api.folder / "server.pem")
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        self.api.connections += 1
        try:
            request.do_handshake()
            super().finish_request(request, client_address)
        finally:
            self.open.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a worker that goes away: that is no error of this server."""

    def cut_connections(self) -> None:
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if not self._admitted():
            return
        api = self.server.api
        url = urlparse(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        plural = url.path.rsplit("/", 1)[1]
        if query.get("watch"):
            self._watch(plural, query)
            return
        with api.changed:
            items = [obj for obj in api.objects[plural].values() if _matches(obj, query)]
            body = json.dumps({"metadata": {"resourceVersion": str(api.version)}, "items": items})
        self._answer(Refusal(200, body=body))

    def do_PATCH(self) -> None:
        patch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._admitted():
            return
        api = self.server.api
        *_, plural, name, subresource = self.path.split("/")
        kind = self.headers["Content-Type"]
        if (subresource, kind) != ("status", "application/merge-patch+json"):
            self._answer(Refusal(415))
        elif name not in api.objects[plural]:
            self._answer(Refusal(404))
        else:
            api.update(plural, name, lambda obj: _merge(obj, patch))
            if api.lose_answers:
                api.lose_answers -= 1
                self.close_connection = True
            else:
                self._answer(Refusal(200, body=json.dumps(api.objects[plural][name])))

    def _admitted(self) -> bool:
        api = self.server.api
        api.asked.append((self.command, self.path))
        if self.headers["Authorization"] != f"Bearer {api.token}":
            self._answer(Refusal(401))
        elif api.refusals:
            self._answer(api.refusals.pop(0))
        else:
            return True
        return False

    def _answer(self, answer: Refusal) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _watch(self, plural: str, query: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        api = self.server.api
        with api.changed:
            epoch, version = api.epoch, int(query["resourceVersion"])
            too_old = version < api.oldest
        if too_old:
            status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
            self._chunk({"type": "ERROR", "object": status})
        else:
            self._chunk({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version)}}})
            self._follow(plural, query, version, epoch)
        self.wfile.write(b"0\r\n\r\n")

    def _follow(self, plural: str, query: dict[str, str], version: int, epoch: int) -> None:
        api = self.server.api
        deadline = time.monotonic() + float(query["timeoutSeconds"])
        api.watches += 1
        try:
            while time.monotonic() < deadline or api.silent:
                with api.changed:
                    new = [event for event in api.events if event[0] > version and event[2] == plural]
                    if api.epoch != epoch:
                        break
                    if not new or api.silent:
                        api.changed.wait(0.1)
                        continue
                for number, kind, _, obj in new:
                    version = number
                    if _matches(obj, query):
                        self._chunk({"type": kind, "object": obj})
        finally:
            api.watches -= 1

    def _chunk(self, event: dict[str, Any]) -> None:
        line = json.dumps(event).encode() + b"\n"
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _matches(obj: dict[str, Any], query: dict[str, str]) -> bool:
    selector = query.get("labelSelector")
    return selector is None or selector in obj["metadata"]["labels"]


def _merge(target: dict[str, Any], patch: dict[str, Any]) -> None:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            _merge(target.setdefault(key, {}), value)
        else:
            target[key] = value


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority's certificate and a server's, in one."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), 1, now - timedelta(hours=1), now + timedelta(days=1)
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "ca.crt").write_bytes(made.public_bytes(pem))
    private = key.private_bytes(pem, pkcs8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + made.public_bytes(pem))
    return folder


@pytest.fixture
def service_account(certificate: Path, tmp_path: Path) -> Path:
    """A service account's directory as a pod sees it."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "ca.crt").write_bytes((certificate / "ca.crt").read_bytes())
    (folder / "token").write_text(TOKEN)
    (folder / "namespace").write_text(NAMESPACE)
    return folder


@pytest.fixture
def api(certificate: Path) -> Iterator[KubernetesApi]:
    api = KubernetesApi(certificate)
    yield api
    api.stop()


@pytest.fixture
def endpoint(api: KubernetesApi, service_account: Path) -> Endpoint:
    return Endpoint("127.0.0.1", api.port, service_account, NAMESPACE)


@pytest.fixture
def wait() -> Callable[..., Any]:
    return wait_until


@pytest.fixture
def address() -> Callable[[], str]:
    """Return a loopback address that no other test uses, nor one in another process: ports are fixed."""

    def fresh() -> str:
        number = (os.getpid() % 2**13) << 10 | next(_addresses) % 2**10
        return str(ipaddress.IPv4Address("127.128.0.0") + number)

    return fresh


@pytest.fixture
def environment(api: KubernetesApi, service_account: Path) -> Callable[..., dict[str, str]]:
    """Return the environment of a worker's pod."""

    def build(name: str, ip: str, **more: str) -> dict[str, str]:
        return {
            "POD_NAME": name,
            "POD_NAMESPACE": NAMESPACE,
            "POD_UID": f"{name}-uid",
            "POD_IP": ip,
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(api.port),
            "NETCADENCE_SERVICE_ACCOUNT": str(service_account),
            "NETCADENCE_TOOLS": "iperf,siege",
            "PATH": os.environ["PATH"],
            **more,
        }

    return build


@pytest.fixture
def http_get() -> Callable[..., tuple[int, str]]:
    """GET something in plain HTTP and return status and body; status 0 if nobody answers."""

    def get(ip: str, path: str, port: int) -> tuple[int, str]:
        answer = b""
        try:
            with socket.create_connection((ip, port), timeout=2) as connection:
                connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                while data := connection.recv(4096):
                    answer += data
        except OSError as error:
            return 0, str(error)
        head, _, body = answer.decode().partition("\r\n\r\n")
        return int(head.split()[1]), body

    return get
