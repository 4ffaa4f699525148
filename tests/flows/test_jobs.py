"""Flow runs as Jobs, which Prefect's own worker for Kubernetes makes through the API of an embedded cluster.

That worker is not here by itself, for each Prefect process loads it where it is: `make test-jobs` fetches it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from flows.environment import CHECKOUT, MANIFESTS
from netcadence.embedded import Cluster, Image, Settings
from netcadence.home import VARIABLE
from netcadence.kube.access import Access
from netcadence.kube.resource import DEPLOYMENT, POD, REQUEST, RUN, Resource
from netcadence.lake import Lake
from netcadence.order import Where
from tests.conftest import KINDS

PACKAGES = Path(sys.prefix) / "prefect-kubernetes"
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not PACKAGES.exists(), reason="Prefect's worker for Kubernetes is not here; make test-jobs fetches it"
    ),
]
JOB = Resource("batch", "v1", "jobs", "Job")
ACCOUNT = "netcadence-flow-runner"
RUNNER = list(yaml.safe_load_all((MANIFESTS / "flow-runner.yaml").read_text(encoding="utf-8")))
EXECUTE = ("prefect", "flow-run", "execute")
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
#: A Job begins with importing Prefect, twice.
PATIENCE_S = 180


@pytest.fixture(scope="module")
def lab(home, manifests_applied):
    """A cluster with all that is applied to it; its pods share the Prefect server's loopback."""
    path = os.pathsep.join((os.environ["PATH"], str(Path(sys.executable).parent)))
    variables = {VARIABLE: str(home.root), "NETCADENCE_CHECKOUT": str(CHECKOUT), "PATH": path}
    python = (sys.executable, "-c")
    images = {
        "netcadence-worker": Image(argv=(sys.executable, "-m", "netcadence_worker"), preloaded=True),
        "netcadence-flow-run": Image(
            argv=(sys.executable, "-m"), arguments=(EXECUTE,), environment=variables
        ),
        "idle": Image(argv=(*python, "import time; time.sleep(600)"), arguments=(EXECUTE,)),
        "broken": Image(argv=(*python, "raise SystemExit('no flows in here')"), arguments=(EXECUTE,)),
    }
    settings = Settings(name=f"jobs-{os.getpid()}", network="loopback", images=images)
    with (
        Cluster.up(settings) as cluster,
        contextlib.closing(Access.connect(kubeconfig=cluster.kubeconfig)) as access,
    ):
        namespace = manifests_applied(access)
        for body in (each for each in RUNNER if each["kind"] in KINDS):
            access.create(KINDS[body["kind"]], body, namespace)
        yield SimpleNamespace(cluster=cluster, access=access, namespace=namespace)


@pytest.fixture(scope="module")
def pool(prefect, tmp_path_factory):
    """The Kubernetes pool with the deployments of cluster `jobs`, which wait to be asked; and its lake."""
    del prefect
    from prefect import get_client  # noqa: PLC0415 - imports Prefect

    from flows import deploying  # noqa: PLC0415 - likewise

    lake = str(tmp_path_factory.mktemp("lake"))
    pool = deploying.kubernetes_pool("registry.example/netcadence-flow-run:0.1.0")
    told = deploying.variables(Where(cluster="jobs"), pool=pool, lake=lake, timezone="UTC")
    names = deploying.register(told, pool)
    with get_client(sync_client=True) as client:
        for name in names:
            client.pause_deployment(client.read_deployment_by_name(name).id)
    return SimpleNamespace(name=pool.name, lake=Lake(lake))


@pytest.fixture(scope="module")
def worker(lab, pool, kubeconfig_of, prefect, free_port, until, tmp_path_factory):  # noqa: PLR0917 - fixtures
    """The worker as its manifest runs it, under that account, but as a process of this machine."""
    (container,) = RUNNER[-1]["spec"]["template"]["spec"]["containers"]
    assert container["args"][container["args"].index("--pool") + 1] == pool.name
    port = free_port()
    variables = {each["name"]: each["value"] for each in container["env"]} | {
        "PREFECT_API_URL": prefect,
        "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
        "PREFECT_WORKER_WEBSERVER_PORT": str(port),
        "KUBECONFIG": str(kubeconfig_of(lab.cluster, lab.namespace, ACCOUNT)),
        "PYTHONPATH": str(PACKAGES),
    }
    log = tmp_path_factory.mktemp("worker") / "log"
    probe = f"http://127.0.0.1:{port}{container['livenessProbe']['httpGet']['path']}"

    def healthy():
        with contextlib.suppress(urllib.error.URLError):
            return urllib.request.urlopen(probe, timeout=5).status == 200
        assert process.poll() is None, log.read_text()
        return False

    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *container["args"]],
            env=os.environ | variables,
            stdout=output,
            stderr=output,
        )
        try:
            until(healthy, PATIENCE_S)
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            finally:
                process.kill()


@pytest.fixture(scope="module")
def begin(worker, pool, ask, write_scenario):
    """Return what has a run of the hourly deployment begin; gives its id."""
    del worker, pool
    deployment = ask("deployments/name/watch/hourly-jobs")

    def begin(duration_s=1, **job_variables):
        files = [str(write_scenario("tcp-job", duration_s=duration_s))]
        order = deployment["parameters"]["order"] | {"scenarios": [], "files": files}
        body = {"parameters": {"order": order}, "job_variables": job_variables}
        return ask(f"deployments/{deployment['id']}/create_flow_run", body)["id"]

    return begin


@pytest.fixture(scope="module")
def job_of(lab, until):
    """Return what waits for the Job of a flow run."""

    def job_of(flow_run):
        def jobs():
            return lab.access.list(JOB, lab.namespace, selector=f"prefect.io/flow-run-id={flow_run}")[0]

        return until(jobs, PATIENCE_S)[0]

    return job_of


@pytest.fixture(scope="module")
def ended(ask, until):
    """Return what waits for the end of a flow run; gives the state's name and message."""

    def ended(flow_run):
        def final():
            found = ask(f"flow_runs/{flow_run}")
            return found if found["state_type"] in FINAL else None

        found = until(final, PATIENCE_S)
        return found["state_name"], found["state"]["message"]

    return ended


@pytest.fixture(scope="module")
def nothing_left(lab, until):
    """Return what waits until nothing of any run is in the cluster, also no Job if told so."""

    def nothing_left(*but):
        def gone():
            kinds = (each for each in (JOB, POD, DEPLOYMENT, RUN, REQUEST) if each not in but)
            return not any(lab.access.list(each, lab.namespace)[0] for each in kinds)

        return until(gone, PATIENCE_S)

    return nothing_left


@pytest.fixture(scope="module")
def done(begin, job_of, ended, nothing_left):
    """A run whose Job may live on for a second: the Job as it was, and how the run ended."""
    flow_run = begin(finished_job_ttl=1)
    return job_of(flow_run), ended(flow_run), nothing_left()


@pytest.fixture(scope="module")
def cut_short(begin, job_of, ended, nothing_left, lab, until):  # noqa: PLR0917 - fixtures
    """A run whose pod is deleted in its traffic: its id, its Job at the end, and how the run ended."""
    flow_run = begin(duration_s=60)
    job = job_of(flow_run)["metadata"]["name"]

    def traffic():
        statuses = [each.get("status", {}) for each in lab.access.list(REQUEST, lab.namespace)[0]]
        return [each for each in statuses if each.get("client", {}).get("phase") == "Running"]

    until(traffic, PATIENCE_S)
    (pod,) = lab.access.list(POD, lab.namespace, selector=f"batch.kubernetes.io/job-name={job}")[0]
    lab.access.delete(POD, pod["metadata"]["name"], lab.namespace)
    end = ended(flow_run)
    nothing_left(JOB)
    return flow_run, lab.access.get(JOB, job, lab.namespace), end


@pytest.fixture(scope="module")
def cancelled(begin, job_of, ask, ended):
    """The end of a run that was cancelled before its pod got so far as to begin."""
    flow_run = begin(image="idle")
    job_of(flow_run)
    ask(f"flow_runs/{flow_run}/set_state", {"state": {"type": "CANCELLING"}})
    return ended(flow_run)


@pytest.fixture(scope="module")
def deleted(begin, job_of, ended, lab):
    """The end of a run whose Job somebody deletes."""
    flow_run = begin(image="idle")
    lab.access.delete(JOB, job_of(flow_run)["metadata"]["name"], lab.namespace)
    return ended(flow_run)


@pytest.fixture(scope="module")
def broken(begin, ended, ask, until):
    """The end of a run whose pod dies at once, and what Prefect's log says of it."""
    flow_run = begin(image="broken")
    end = ended(flow_run)

    def logged():
        found = ask("logs/filter", {"logs": {"flow_run_id": {"any_": [flow_run]}}})
        return [each["message"] for each in found if "no flows in here" in each["message"]]

    return end, until(logged, PATIENCE_S)


def test_a_scheduled_run_becomes_a_job_that_measures_passes_and_goes(done, pool):
    job, end, gone = done
    assert end == ("Completed", "PASS: tcp-job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example/netcadence-flow-run:0.1.0"
    (run,) = (each for each in pool.lake.runs().to_dict("records") if each["verdict"] == "PASS")
    results = pool.lake.results()
    assert "throughput" in set(results[results["run_id"] == run["run_id"]]["metric"])
    assert gone


def test_a_run_whose_pod_is_taken_away_stores_what_it_has_cleans_the_cluster_and_is_not_begun_again(
    cut_short, pool, ask
):
    flow_run, job, end = cut_short
    assert end == ("Crashed", "No active or succeeded pods found for any job")
    assert job["status"]["failed"] == 1
    states = [each["name"] for each in ask(f"flow_run_states/?flow_run_id={flow_run}")]
    assert "AwaitingRetry" not in states
    assert "INVALID" in list(pool.lake.runs()["verdict"])


def test_a_run_that_is_cancelled_before_it_begins_takes_its_job_along(cancelled):
    assert cancelled[0] == "Cancelled"


def test_a_run_whose_job_is_deleted_says_so(deleted):
    assert deleted == ("Crashed", "Kubernetes job was deleted")


def test_what_the_pod_of_a_run_said_that_never_began_is_in_the_runs_log(broken):
    (name, _), logged = broken
    assert name == "Crashed"
    assert logged


@pytest.mark.usefixtures("done", "cut_short", "cancelled", "deleted", "broken")
def test_each_right_of_the_flow_runner_is_used_and_each_that_is_used_is_granted(lab, granted, uses_of):
    rights = granted("flow-runner.yaml")
    assert uses_of(lab.cluster, lab.namespace, ACCOUNT) == {
        (verb, resource, is_namespaced) for verb, resource, is_namespaced, _ in rights
    }
