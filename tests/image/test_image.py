"""The image as a security team reads it, and its program as a restricted pod runs it."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

import certifi
import pytest

from flows.environment import CHECKOUT
from netcadence.embedded import Cluster, Image, Settings
from netcadence.embedded.environment import SERVICE_ACCOUNT
from netcadence.embedded.state import ROOT_VARIABLE
from netcadence.kube import dispatch
from netcadence.kube.access import Access
from netcadence.kube.cleanup import clean_up
from netcadence.kube.collection import collect, conclude
from netcadence.kube.installation import install
from netcadence.kube.observation import Observation
from netcadence.kube.run import Run
from netcadence.kube.worker_deployment import WorkerTemplate, deploy
from netcadence.kube.workers import wait_ready
from netcadence.pairing import plan
from netcadence.scenario import Scenario
from netcadence_worker.contract import HEALTH_PORT

#: Whichever test comes first waits for the image.
pytestmark = pytest.mark.timeout(900)
DEADLINE_S = 30
FORTIO_VERSION = (CHECKOUT / "worker-image/src/netcadence_worker/fortio.version").read_text().strip()
LOOK = """
import json, os
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
def writable(path):
    try:
        open(path + "/probe", "w").close()
    except OSError as error:
        return error.strerror
    return True
print(json.dumps({"uid": os.getuid(), "gid": os.getgid(), "status": {k: v.strip() for k, v in status.items()},
                  "writable": {path: writable(path) for path in ("", "/usr", "/var", "/tmp")}}))
"""


def require(tool, tools):
    if tool not in tools:
        pytest.skip(f"{tool} is not in the image; where Go is, make setup builds the one that is put in")


def said(launcher, *arguments):
    done = subprocess.run([*launcher, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("tool", "option", "words"),
    [
        ("iperf", "-v", "iperf version 2.2.1"),
        ("iperf3", "--version", "iperf 3.18"),
        ("siege", "-V", "SIEGE 4.1.6"),
        ("fortio", "version", FORTIO_VERSION.removeprefix("v")),
    ],
)
def test_each_tool_tells_the_version_that_is_pinned(launcher, tools, tool, option, words):
    require(tool, tools)
    assert words in said(launcher, tool, option)


def test_it_runs_without_rights_and_writes_nowhere_but_in_tmp(launcher):
    seen = json.loads(said(launcher, "python3.13", "-I", "-c", LOOK))
    assert (seen["uid"], seen["gid"]) == (65532, 65532)
    assert {seen["status"][name] for name in ("CapEff", "CapPrm", "CapBnd")} == {"0" * 16}
    assert (seen["status"]["NoNewPrivs"], seen["status"]["Seccomp"]) == ("1", "2")
    refused = "Read-only file system"
    assert seen["writable"] == {"": refused, "/usr": refused, "/var": refused, "/tmp": True}  # noqa: S108 - in the container


def test_there_is_no_shell_no_package_manager_and_no_file_that_gives_rights(image):
    root = (image / "root").resolve()
    programs = {path.name for path in root.glob("usr/*bin/*")}
    assert not {"sh", "bash", "dash", "dpkg", "apt", "apt-get", "su", "sudo"} & programs
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in files if path.stat().st_mode & 0o6000]


def test_what_it_is_made_of_can_be_listed(image, tools):
    root = (image / "root").resolve()
    database = (root / "var/lib/dpkg/status").read_text()
    assert all(f"Package: {name}\n" in database for name in ("iperf", "iperf3", "siege", "libssl3t64"))
    python = root / "usr/local/lib/python3.13/dist-packages"
    assert len(list(python.glob("pydantic_core-*.dist-info/METADATA"))) == 1
    if "fortio" in tools:  # Go's programs say what is in them
        assert (
            f"mod\tfortio.org/fortio\t{FORTIO_VERSION}\t".encode()
            in (root / "usr/local/bin/fortio").read_bytes()
        )
    labels = json.loads((image / "config.json").read_text())["Labels"]
    assert labels["org.opencontainers.image.version"]
    assert labels["org.opencontainers.image.revision"]


def test_the_worker_serves_its_probe_and_ends_when_told_to(launcher, tmp_path):
    for name in ("token", "namespace"):
        (tmp_path / name).write_text("x")
    shutil.copy(certifi.where(), tmp_path / "ca.crt")
    address = "127.99.0.7"
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "POD_NAME": "worker",
        "POD_NAMESPACE": "here",
        "POD_IP": address,
        "KUBERNETES_SERVICE_HOST": address,
        "KUBERNETES_SERVICE_PORT": "1",
        "NETCADENCE_TOOLS": "iperf,siege",
        SERVICE_ACCOUNT: str(tmp_path),
    }
    with subprocess.Popen(launcher, env=environment) as process:
        try:
            assert answer(f"http://{address}:{HEALTH_PORT}/livez", process) == b"ok\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()


def answer(url, process):
    deadline = time.monotonic() + DEADLINE_S
    while True:
        with contextlib.suppress(urllib.error.URLError):
            return urllib.request.urlopen(url, timeout=5).read()  # noqa: S310 - http
        assert process.poll() is None, "the worker has ended"
        assert time.monotonic() < deadline, "no answer"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def access(launcher, tmp_path_factory):
    """Access to an embedded cluster whose pods run the image."""
    settings = Settings(name="image", images={"netcadence-worker": Image(argv=launcher)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ROOT_VARIABLE, str(tmp_path_factory.mktemp("clusters")))
        with Cluster.up(settings) as cluster:
            access = Access.connect(kubeconfig=cluster.kubeconfig)
            install(access, "benchmarks", CHECKOUT / "deployments" / "kubernetes")
            yield access
            access.close()


@pytest.mark.parametrize(
    ("protocol", "tool"),
    [
        ("TCP", "iperf"),
        ("UDP", "iperf"),
        ("TCP", "iperf3"),
        ("HTTP", "siege"),
        ("HTTP", "fortio"),
        ("GRPC", "fortio"),
    ],
)
def test_two_pods_of_the_image_measure_each_other(access, tools, protocol, tool):
    require(tool, tools)
    wanted = {"name": "image", "title": "A test", "protocol": protocol, "tool": tool, "duration_s": 1}
    if protocol == "UDP":
        wanted["options"] = {"iperf": {"bandwidth": 1_000_000}}
    run = Run(access, "benchmarks", f"run-{tool}-{protocol.lower()}", Scenario.model_validate(wanted))
    owner = dispatch.create_run(run)
    try:
        deploy(run, replicas=2, template=WorkerTemplate(tools=(tool,)), owner=owner)
        workers = wait_ready(run, replicas=2, timeout_s=60)
        pairs = plan(workers, pairs=1, base_port=run.scenario.port)
        with Observation(run, workers) as observation:
            dispatch.set_reference(run, pairs[0].client)
            armed = dispatch.arm(run, pairs, owner=owner, observation=observation)
            start = dispatch.fire(run, 0, arming=armed, observation=observation)
            traffic_s = run.scenario.duration_s + armed.lead_s
            collect(observation, pairs, traffic_s=traffic_s, grace_s=run.scenario.report_timeout_s)
            (outcome,) = conclude(observation, pairs, starts={0: start})
        assert outcome.error is None
        assert outcome.results
    finally:
        assert clean_up(run)
