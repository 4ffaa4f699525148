"""Whole runs: a real Prefect server, a real embedded cluster, real tools, and false ones for some."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from unittest import mock

import pytest
import yaml

from flows import environment
from netcadence.embedded import Cluster, Image, Settings
from netcadence.embedded.processes import ProcessIdentity
from netcadence.embedded.state import ROOT_VARIABLE
from netcadence.home import VARIABLE, Home
from netcadence.kube.access import Access
from netcadence.kube.resource import POD, REQUEST
from netcadence_worker.contract import RUN_LABEL
from tasks.progress import Listener
from tests.shared_server import SharedServer

WORKER = (sys.executable, "-m", "netcadence_worker")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NAMESPACES = Path("/run/netns")
IPERF = shutil.which("iperf")
FALSE_WORKERS = Path(__file__).parent / "faults" / "false_workers"

#: A moderate rate, for traffic as fast as it goes takes the processors from the tests beside.
BITS_PER_S = {"TCP": 100_000_000, "UDP": 1_000_000}

#: What stands in the place of iperf in the images of that name. Each tells its version like a good tool.
FALSE_TOOLS = {
    # A client that connects to nobody and never ends.
    "hanging": f'case "$1" in -c) exec sleep 600;; *) exec {IPERF} "$@";; esac',
    # A server that moves all bytes and then says something else than how many.
    "babbling": f'case "$1" in -s) echo "Server listening on bananas"; {IPERF} "$@" >/dev/null; '
    f'echo "[  1] 0.0-1.0 sec  lots of bananas/sec";; *) exec {IPERF} "$@";; esac',
}


@pytest.fixture(scope="session")
def free_port():
    """Return what finds a TCP port that nobody listens on."""

    def free_port():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return listener.getsockname()[1]

    return free_port


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory, free_port):
    """A server that this process and those beside it share; it does not run yet."""
    base = tmp_path_factory.getbasetemp()
    return SharedServer((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "server", free_port)


@pytest.fixture(scope="session")
def home(tmp_path_factory, shared_server, processes_of, until):
    """A home of this session's own, which the environment names, with nothing running from it at the end."""
    home = Home(tmp_path_factory.mktemp("home"))
    own = {
        VARIABLE: str(home.root),
        ROOT_VARIABLE: str(tmp_path_factory.mktemp("clusters")),
        "PREFECT_API_URL": shared_server.api,
    }
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(("PREFECT_", "GX_"))]:
            del os.environ[name]
        os.environ.update(own)
        environment.prepare(home)
        yield home

    def nothing_runs_from_it():
        return processes_of(home.root) == []

    until(nothing_runs_from_it)  # what was told to end may take a moment


@pytest.fixture(scope="session")
def prefect(home, shared_server):
    """A Prefect server to which flows in this process report; its API's address."""
    del home
    from prefect.settings import (  # noqa: PLC0415 - Prefect reads its settings as it is imported
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )

    settings = {
        PREFECT_API_URL: shared_server.api,
        PREFECT_LOGGING_TO_API_ENABLED: False,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,  # for which a flow waits half a second: see flows.session
    }
    with shared_server.running(), temporary_settings(settings):
        yield shared_server.api


@pytest.fixture(scope="session")
def ask(prefect, until):
    """Return what asks Prefect's API: with a body it posts, without one it gets."""

    def ask(path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{prefect}/{path}", data=data, headers=headers)  # noqa: S310 - http, ours

        def answer():
            try:
                with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310 - likewise
                    return [json.loads(reply.read())]
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE:  # its database is locked by others
                    raise
            return []

        return until(answer)[0]

    return ask


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """The worker image, others that are lied to by their tools, and workers that err themselves."""
    folder = tmp_path_factory.mktemp("tools")
    found = {"netcadence-worker": Image(argv=WORKER, preloaded=True)}
    for program in FALSE_WORKERS.glob("*.py"):
        found[program.stem] = Image(argv=(sys.executable, str(program)))
    for name, script in FALSE_TOOLS.items():
        tool = folder / name / "iperf"
        tool.parent.mkdir()
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        found[name] = Image(argv=WORKER, preloaded=True, environment={"PATH": f"{tool.parent}:{SYSTEM_PATH}"})
    empty = folder / "toolless"
    empty.mkdir()
    for needed in ("nsenter", "setpriv", "env"):  # by which a node starts a process in its pod
        (empty / needed).symlink_to(shutil.which(needed))
    return found | {"toolless": Image(argv=WORKER, preloaded=True, environment={"PATH": str(empty)})}


@pytest.fixture(scope="session")
def cluster(home, images, networks_of, networks_left):
    """An embedded cluster of two nodes for the session."""
    del home
    with Cluster.up(Settings(name=f"flows-{os.getpid()}", images=images)) as cluster:
        made = networks_of(cluster)
        yield cluster
    assert not networks_left(made)


@pytest.fixture(scope="session")
def access(cluster):
    access = Access.connect(kubeconfig=cluster.kubeconfig)
    yield access
    access.close()


@pytest.fixture(scope="session")
def write_scenario(tmp_path_factory):
    """Return what writes a short scenario, of a moderate rate unless it has options, and returns its file."""

    def write(name, protocol="TCP", **fields):
        tool = "siege" if protocol == "HTTP" else "iperf"
        content = {"name": name, "title": "A test", "protocol": protocol, "tool": tool, "duration_s": 1}
        content["skew_max_ms"] = 2_000  # how late a crowded machine starts is no matter of most tests
        if fields.get("tool", tool) == "iperf":
            content["options"] = {"iperf": {"bandwidth": BITS_PER_S[protocol]}}
        file = tmp_path_factory.mktemp("scenario") / f"{name}.yaml"
        file.write_text(yaml.safe_dump(content | fields))
        return file

    return write


@pytest.fixture(scope="session")
def write_sla(tmp_path_factory):
    """Return what writes thresholds for every scenario and returns their file."""

    def write(**thresholds):
        file = tmp_path_factory.mktemp("sla") / "sla.yaml"
        file.write_text(yaml.safe_dump({"scenarios": {"*": thresholds}}))
        return file

    return write


@pytest.fixture(scope="session")
def measure(prefect, cluster, home, write_sla):
    """Return what runs the flow on the session's cluster and returns its final state.

    The thresholds are such that only what has no figure misses them.
    """
    del prefect, home
    from flows.benchmark import benchmark  # noqa: PLC0415 - imports Prefect
    from tasks.progress import heard_by  # noqa: PLC0415 - likewise

    easy = write_sla(throughput_min_kbytes=1, packet_loss_max_percent=99, response_time_max_sec=9)

    def measure(scenario, *, meddle=None, on=cluster, sla=easy, **options):
        with heard_by(meddle or Meddler()):
            return benchmark(
                str(scenario), kubeconfig=on.kubeconfig, cluster="lab", sla=sla, return_state=True, **options
            )

    return measure


@pytest.fixture(scope="session")
def killed_at(prefect, cluster):
    """Return what runs a scenario in a process that is killed with SIGKILL as it tells of some step.

    Args of the returned function: words of the step, the scenario's file and the run's id. It returns how the
    process ended.
    """
    del prefect
    program = [sys.executable, str(Path(__file__).with_name("doomed.py"))]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def killed_at(words, scenario, run_id):
            process.stdin.write("\t".join([words, str(scenario), str(cluster.kubeconfig), run_id]) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield killed_at
        process.stdin.close()
        assert process.wait(10) == 0


class Meddler(Listener):
    """Listens to a run's progress, and does something to it at a certain moment.

    Attributes:
        step: What the step's description begins with, at whose beginning it acts.
    """

    def __init__(self, step="", act=lambda: None):
        self._step = step
        self._act = act

    def step(self, what):
        if self._step and what.startswith(self._step):
            self._act()

    def traffic(self, _seconds):
        if self._step == "traffic":
            self._act()


@pytest.fixture(scope="session")
def meddle():
    return Meddler


@pytest.fixture
def in_traffic(access, until):
    """Return what does something once the first pair's tool runs."""

    def in_traffic(act):
        def running():
            requests, _ = access.list(REQUEST, "netcadence")
            return [
                each["metadata"]["labels"][RUN_LABEL]
                for each in requests
                if each["spec"]["pairIndex"] == 0
                and each.get("status", {}).get("client", {}).get("phase") == "Running"
            ]

        def when_running():
            until(running)
            act()

        return Meddler("traffic", when_running)

    return in_traffic


@pytest.fixture
def worker_processes(access, cluster):
    """Return what finds the worker processes of the runs under way, by pod name."""

    def worker_processes():
        pods, _ = access.list(POD, "netcadence")
        folder = Path(os.environ[ROOT_VARIABLE]) / cluster.name / "pods"
        found = {}
        for each in (pod["metadata"] for pod in pods):
            with contextlib.suppress(FileNotFoundError):  # of a run before, and gone with its process
                text = (folder / each["uid"] / "worker.pid").read_text()
                found[each["name"]] = ProcessIdentity.parse(text)
        return found

    return worker_processes


@pytest.fixture(scope="session")
def flow_run(ask):
    """Return what asks the server for the flow run that ended in a state."""
    return lambda state: ask(f"flow_runs/{state.state_details.flow_run_id}")


@pytest.fixture(scope="session")
def artifacts(ask):
    """Return what asks the server for the artifacts of the flow run that ended in a state."""

    def artifacts(state):
        wanted = {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}
        return ask("artifacts/filter", {"artifacts": wanted})

    return artifacts
