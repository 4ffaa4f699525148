"""One API server for all tests here, on loopback with TLS, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import http.client
import ipaddress
import json
import secrets
import shutil
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from netcadence.embedded.api.access import Identity, Tokens
from netcadence.embedded.api.server import ApiServer
from netcadence.embedded.api.status import bad_request
from netcadence.embedded.api.store import Store
from netcadence.embedded.controllers import run_controllers

DEADLINE_S = 10


@dataclass
class Answer:
    code: int
    body: Any
    headers: dict[str, str]
    warnings: list[str] = field(default_factory=list)


class RunningServer:
    """A served store, and plain requests to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = secrets.token_urlsafe(24)
        self.reader_token = secrets.token_urlsafe(24)
        self.certificate, self._key = _certificate(folder)
        with socket.create_server(("127.0.0.1", 0)) as choice:
            address = choice.getsockname()
        self.socket = socket.create_server(address)
        self.url = f"https://127.0.0.1:{self.socket.getsockname()[1]}"
        self.context = ssl.create_default_context(cafile=str(self.certificate))
        self._connection = self.connect()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(DEADLINE_S)

    def stop(self) -> None:
        self._connection.close()
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE_S)
        self.socket.close()

    async def _main(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.store = Store()
        tokens = Tokens()
        tokens.add(self.token, Identity("admin", ("system:masters",)))
        tokens.add(self.reader_token, Identity("reader"))
        self.server = ApiServer(
            self.store,
            tokens,
            sockets=[self.socket],
            certificate=self.certificate,
            key=self._key,
            logs=_logs,
        )
        self.server.service.bookmark_interval_s = 0.2
        async with run_controllers(self.store):
            self.store.create("namespaces", {"metadata": {"name": "default"}})
            await self.server.start()
            self._ready.set()
            await self._stop.wait()
            await self.server.stop()

    def inside(self, function, *arguments, **options):
        """Call a function in the server's loop, as a controller or a node would, and return its result."""

        async def call():
            return function(*arguments, **options)

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(DEADLINE_S)

    def start_inside(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    @contextlib.contextmanager
    def open(self, path, accept="application/json"):
        """Read an answer as it comes, over a connection of its own."""
        connection = self.connect()
        headers = {"Authorization": f"Bearer {self.token}", "Accept": accept}
        connection.request("GET", path, headers=headers)
        try:
            yield connection.getresponse()
        finally:
            connection.close()

    def connect(self):
        return http.client.HTTPSConnection(
            "127.0.0.1", self.socket.getsockname()[1], context=self.context, timeout=DEADLINE_S
        )

    def ask(self, path, method="GET", body=None, *, token=None, **headers) -> Answer:
        """Send a request over the one connection that is kept, and return whatever comes back, errors too."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers["Authorization"] = f"Bearer {self.token if token is None else token}"
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self._connection.request(method, path, body, headers)
        except OSError:  # the server has closed it meanwhile, as it does with one that was idle for long
            self._connection.close()
            self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        raw = response.read()
        kind = response.headers.get("Content-Type", "")
        content = json.loads(raw) if kind.startswith("application/json") else raw.decode()
        return Answer(
            response.status, content, dict(response.headers), response.headers.get_all("Warning") or []
        )

    def watch(self, path, until=None, seconds=1):
        """Return the events of a watch: all until its timeout, or until one satisfies a condition."""
        seconds = seconds if until is None else DEADLINE_S
        join = "&" if "?" in path else "?"
        events = []
        with self.open(f"{path}{join}watch=1&timeoutSeconds={seconds}") as response:
            for line in response:
                events.append(json.loads(line))
                if until is not None and until(events[-1]):
                    break
        return events


def _logs(pod, container, *, follow, tail, previous):
    if previous:
        raise bad_request(
            f'previous terminated container "{container}" in pod "{pod["metadata"]["name"]}" not found'
        )

    async def lines():
        for number in list(range(5))[-(tail or 5) :]:
            yield f"line {number} of {container}\n".encode()
        if follow:
            yield b"followed\n"

    return lines()


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "netcadence test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    paths = folder / "server.crt", folder / "server.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


@pytest.fixture(scope="session")
def api(tmp_path_factory):
    running = RunningServer(tmp_path_factory.mktemp("api"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def own_api(tmp_path):
    """A server that a test may disturb."""
    running = RunningServer(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def namespace(api):
    """The name of a fresh namespace."""
    name = f"t-{secrets.token_hex(4)}"
    assert api.ask("/api/v1/namespaces", "POST", {"metadata": {"name": name}}).code == 201
    return name


@pytest.fixture(scope="session")
def definition(api):
    """The path of a custom resource with schema, defaults and status subresource."""
    answer = api.ask("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "POST", probe_definition())
    assert answer.code == 201
    return "/apis/example.org/v1"


def probe_definition(plural: str = "probes", kind: str = "Probe") -> dict[str, Any]:
    text = f"""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {plural}.example.org}}
spec:
  group: example.org
  scope: Namespaced
  names: {{kind: {kind}, plural: {plural}, shortNames: [{plural[:2]}]}}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {{status: {{}}}}
      additionalPrinterColumns:
        - {{name: Size, type: integer, jsonPath: .spec.size}}
        - {{name: Phase, type: string, jsonPath: .status.phase}}
        - {{name: Note, type: string, jsonPath: .spec.note, priority: 1}}
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            spec:
              type: object
              required: [size]
              properties:
                size: {{type: integer, minimum: 1, maximum: 10}}
                mode: {{type: string, enum: [fast, slow], default: fast}}
                note: {{type: string, maxLength: 8, pattern: "^[a-z]*$"}}
                since: {{type: string, format: date-time}}
                tags: {{type: array, maxItems: 3, items: {{type: string}}}}
                free: {{type: object, x-kubernetes-preserve-unknown-fields: true}}
                parts:
                  type: array
                  x-kubernetes-list-type: map
                  x-kubernetes-list-map-keys: [name]
                  items:
                    type: object
                    required: [name]
                    properties:
                      name: {{type: string}}
                      weight: {{type: number, default: 0.5}}
            status:
              type: object
              properties:
                phase: {{type: string, enum: [Pending, Done]}}
                client: {{type: object, properties: {{ready: {{type: boolean}}}}}}
"""
    return yaml.safe_load(text)


@pytest.fixture(scope="session")
def kubeconfig(api):
    path = api.folder / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {
                        "name": "c",
                        "cluster": {"server": api.url, "certificate-authority": str(api.certificate)},
                    }
                ],
                "users": [{"name": "u", "user": {"token": api.token}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    path.chmod(0o600)
    return path


@pytest.fixture(scope="session")
def kubectl(kubeconfig):
    """Run the real kubectl; a failure it is not expected to have fails the test with its words."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")

    def run(*arguments, stdin=None, succeeds=True):
        done = subprocess.run(
            [
                program,
                "--kubeconfig",
                str(kubeconfig),
                "--cache-dir",
                str(kubeconfig.parent / "cache"),
                *arguments,
            ],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def eventually():
    """Wait until a condition holds and return what it returned."""

    def wait(condition, within_s=DEADLINE_S):
        deadline = time.monotonic() + within_s
        while not (result := condition()):
            assert time.monotonic() < deadline, f"{condition} did not come true in {within_s} s"
            time.sleep(0.01)
        return result

    return wait
