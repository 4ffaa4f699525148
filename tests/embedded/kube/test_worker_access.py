"""The worker's own client against the embedded API: its reports arrive once, and what happens it sees."""

from __future__ import annotations

import contextlib
import itertools
import time
from urllib.parse import urlsplit

import pytest
import yaml

from netcadence.kube.resource import REQUEST, RUN
from netcadence_worker import watch as watch_module
from netcadence_worker.api import Connection, Endpoint
from netcadence_worker.contract import RUNS
from netcadence_worker.reporter import Reporter
from netcadence_worker.watch import Watch

NAMESPACE = "benchmarks"
AGENT = "netcadence-worker"
ARMED = {"client": {"phase": "Armed"}}
_numbers = itertools.count()


class Notes:
    """A follower that writes down the names that it is told."""

    def __init__(self):
        self.names = []

    def seen(self, obj):
        self.names.append(obj["metadata"]["name"])

    def deleted(self, name):
        del name


@pytest.fixture
def token_file(tmp_path):
    return tmp_path / "token"


@pytest.fixture
def endpoint(access, cluster, tmp_path, token_file):
    """The cluster as a pod sees it, with the definitions installed and the administrator's token."""
    del access
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    (tmp_path / "ca.crt").write_bytes(cluster._state.authority.read_bytes())
    token_file.write_text(config["users"][0]["user"]["token"])
    place = urlsplit(cluster.api_url)
    return Endpoint(place.hostname, place.port, tmp_path, NAMESPACE)


@pytest.fixture
def see_run(access, notes, until):
    """Return what makes a run's object and waits until the worker has seen it; it is gone after the test."""
    made = []

    def see_run():
        name = f"seen-{next(_numbers)}"
        metadata = {"name": name, "labels": {"test": "worker"}}
        spec = {"runID": name, "scenario": "tcp-1:1"}
        body = {"apiVersion": RUN.api_version, "kind": RUN.kind, "metadata": metadata, "spec": spec}
        access.create(RUN, body, NAMESPACE)
        made.append(name)
        until(lambda: name in notes.names)

    yield see_run
    for name in made:
        access.delete(RUN, name, NAMESPACE)


class UnservedRequest:
    """A request whose pods are nobody's, so that only the test reports about it."""

    def __init__(self, access):
        self._access = access
        self.name = f"reported-{next(_numbers)}"
        spec = {
            "runID": self.name,
            "pairIndex": 0,
            "clientPodName": "nobody",
            "serverPodName": "nobody-else",
            "serverPodIP": "198.18.0.1",
            "port": 5001,
            "protocol": "TCP",
            "tool": "iperf",
            "duration": 1,
        }
        body = {"apiVersion": REQUEST.api_version, "kind": REQUEST.kind, "metadata": {"name": self.name}}
        made = access.create(REQUEST, body | {"spec": spec}, NAMESPACE)
        self._since = made["metadata"]["resourceVersion"]

    @property
    def recorded(self):
        """The statuses that it has had, one for each change."""
        with self._access.watch(REQUEST, NAMESPACE, selector="", since=self._since, timeout_s=1) as events:
            changed = [event["object"] for event in events if event["type"] == "MODIFIED"]
        return [each["status"] for each in changed if each["metadata"]["name"] == self.name]

    def delete(self):
        self._access.delete(REQUEST, self.name, NAMESPACE)


@pytest.fixture
def unserved(access):
    unserved = UnservedRequest(access)
    yield unserved
    unserved.delete()


@pytest.fixture
def strike(cluster, faults, struck, until):
    """Return what strikes the worker's watches of runs, and returns once one that was open has been."""

    def strike(**fault):
        faults(fraction=1, agent=AGENT, path=RUN.path(NAMESPACE), **fault)
        cluster._command("cut-watches", {})
        until(lambda: struck() > 0)

    return strike


@pytest.fixture
def reporter(endpoint):
    reporter = Reporter(endpoint)
    reporter.start()
    yield reporter
    reporter.stop()
    reporter.join(10)
    assert not reporter.is_alive()


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def watch(endpoint, notes, until):
    watch = Watch(endpoint, RUNS, notes, selector="test=worker")
    watch.start()
    until(lambda: watch.established)
    yield watch
    watch.stop()
    watch.join(10)
    assert not watch.is_alive()


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "lose-reply"},
        {"effect": "end"},
        {"code": 401},
        {"code": 404},
        {"code": 409},
        {"code": 429, "retry_after_s": 1},
        {"code": 500},
    ],
)
def test_a_report_that_meets_a_fault_is_sent_again_and_recorded_once(
    reporter, unserved, faults, struck, fault
):
    faults(fraction=1, verb="patch", path=REQUEST.path(NAMESPACE), agent=AGENT, count=1, **fault)
    reporter.send(unserved.name, ARMED)
    assert reporter.flush(20)
    assert struck() == 1
    assert unserved.recorded == [ARMED]


def test_a_report_about_a_request_that_is_gone_is_dropped(reporter):
    reporter.send("never-there", ARMED)
    assert reporter.flush(10)


@pytest.mark.parametrize("fault", [{"effect": "end"}, {"code": 410}])
@pytest.mark.usefixtures("watch")
def test_streams_that_bring_nothing_are_not_asked_for_as_fast_as_they_end(
    strike, struck, until, see_run, fault
):
    strike(verb="watch", count=60, **fault)
    until(lambda: struck() > 5)  # the pauses are a second or more from now on
    before = struck()
    time.sleep(2)
    assert struck() - before <= 4
    strike(count=1, **fault)  # and never again
    see_run()


def test_a_worker_waits_no_less_than_the_server_asks(watch, strike, struck):
    strike(code=429, retry_after_s=3)
    time.sleep(2.5)
    assert struck() == 1
    assert "429" in watch.trouble


def test_a_token_that_was_replaced_is_read_anew_while_the_worker_lives(
    cluster, watch, token_file, until, see_run
):
    valid = token_file.read_text()
    token_file.write_text("long-expired")
    cluster._command("cut-watches", {})
    until(lambda: "401" in watch.trouble and not watch.established)
    token_file.write_text(valid)
    see_run()


def test_a_server_that_was_set_back_to_an_earlier_version_is_listed_anew(
    endpoint, notes, see_run, until, monkeypatch
):
    monkeypatch.setattr(watch_module, "_QUIET_S", 1.0)
    monkeypatch.setattr("netcadence_worker.api._WATCH_S", (1, 1))
    lists = []

    class Ahead(Connection):
        """A connection whose first list was made before the server was restored."""

        def list(self, plural, selector):
            objects, version = super().list(plural, selector)
            lists.append(version)
            return objects, str(int(version) + 1_000_000) if len(lists) == 1 else version

    monkeypatch.setattr(watch_module, "Connection", Ahead)
    watch = Watch(endpoint, RUNS, notes, selector="test=worker")
    with contextlib.ExitStack() as ends:
        ends.callback(watch.join, 10)
        ends.callback(watch.stop)
        watch.start()
        until(lambda: watch.established)
        see_run()
    assert len(lists) > 1
