"""Two runs on one cluster, and what a killed one leaves: they take turns, and what is dead is swept up."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager

import pytest

from flows import environment
from flows.command_line import application, outcome_of
from flows.exit_code import ExitCode
from netcadence.kube import lease, leftovers
from netcadence.kube.dispatch import create_run
from netcadence.kube.installation import install
from netcadence.kube.lease import IfBusy, Terms, held
from netcadence.kube.resource import DEPLOYMENT, LEASE, POD, REQUEST, RUN
from netcadence.kube.run import Run
from netcadence.kube.wire import HOST_NAMESPACE, NETCADENCE
from netcadence.lake import Lake
from netcadence.order import Sweep
from netcadence.record import Verdict
from netcadence.scenario import shipped

QUICK = Terms(duration_s=5, renew_s=0.2)


@pytest.fixture(scope="module", autouse=True)
def prepared(measure, write_scenario):
    """The session's cluster has what runs need."""
    measure(write_scenario("tcp-first"))


@pytest.fixture(autouse=True)
def nothing_left(access):
    """Nothing of any run is there when a test ends."""
    yield
    kinds = (RUN, REQUEST, DEPLOYMENT, POD, LEASE)
    assert {kind.kind: access.list(kind, "netcadence")[0] for kind in kinds} == {
        kind.kind: [] for kind in kinds
    }


@pytest.fixture
def lake(home):
    return Lake(home.lake)


@pytest.fixture
def netcadence(prefect, cluster):
    """Return what runs a command on the session's cluster and returns its exit code."""
    del prefect

    def netcadence(command, *words):
        arguments = [command, "--kubeconfig", str(cluster.kubeconfig), *map(str, words)]
        return outcome_of(lambda: application(arguments, standalone_mode=False))

    return netcadence


@contextmanager
def another_run(access, run_id="another", runs=()):
    """Hold the lease as a run does that measures, or an acceptance of runs, until told that it is done."""
    done = threading.Event()
    holding = threading.Event()

    def hold():
        with held(access, "netcadence", run_id, runs=runs, terms=QUICK):
            holding.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(10)
    try:
        yield done.set
    finally:
        done.set()
        thread.join()


def taken_away(access):
    """Take the lease over, as a run does that found it abandoned."""
    access.patch(LEASE, lease.NAME, {"spec": {"holderIdentity": "usurper_1"}}, "netcadence")


def test_a_second_run_waits_for_the_first_and_then_measures(measure, write_scenario, meddle, access):
    with another_run(access) as end_it:
        waited = []

        def act():
            waited.append(True)
            end_it()

        state = measure(write_scenario("tcp-patient"), meddle=meddle("waiting for run another", act))
    assert waited == [True]
    assert state.result().judgement.verdict is Verdict.PASS


def test_a_second_run_is_refused_where_it_was_told_so(netcadence, write_scenario, access, lake, capsys):
    """The exit code is one of its own, and neither the cluster nor the lake has anything of that run."""
    with another_run(access):
        scenario = write_scenario("tcp-refused")
        code = netcadence("run", scenario, "--if-busy", "refuse", "--run-id", "refused-one")
    assert code == ExitCode.BUSY == 6
    assert "Run another is measuring" in capsys.readouterr().out
    assert lake.runs(run_id="refused-one").empty


def test_ctrl_c_while_waiting_leaves_nothing(measure, write_scenario, meddle, access, lake):
    def interrupt():
        raise KeyboardInterrupt

    with another_run(access), pytest.raises(KeyboardInterrupt):
        measure(
            write_scenario("tcp-waiting"),
            meddle=meddle("waiting for run another", interrupt),
            run_id="waiting-one",
        )
    assert lake.runs(run_id="waiting-one").empty


def test_a_run_whose_lease_was_taken_away_does_not_count(measure, write_scenario, in_traffic, access, lake):
    """Another run may have measured at the same time, so that the verdict is INVALID and says so."""
    state = measure(
        write_scenario("tcp-usurped", duration_s=20), meddle=in_traffic(lambda: taken_away(access))
    )
    access.delete(LEASE, lease.NAME, "netcadence")
    report = state.result(raise_on_failure=False)
    assert report.judgement.verdict is Verdict.INVALID
    (finding,) = [each for each in report.judgement.findings if each.requirement == "undisturbed"]
    assert finding.verdict is Verdict.INVALID
    assert "was taken over by usurper" in finding.detail
    run_id = report.record.facts.run_id
    (row,) = lake.results(run_id=run_id).to_dict("records")
    assert row["error_reason"] == "Interrupted"
    verdicts = lake.verdicts(run_id=run_id)
    assert set(verdicts[verdicts["verdict"] == "INVALID"]["requirement"]) >= {"undisturbed"}


@pytest.fixture
def killed_run(killed_at, write_scenario, access):
    """The id of a run whose orchestrator was killed as traffic began, its lease about to run out."""
    run_id = "killed-one"
    scenario = write_scenario("tcp-killed", duration_s=60)
    assert killed_at(" traffic between", scenario, run_id) == -signal.SIGKILL
    # A lease lasts for 45 s; the watcher goes by what it says.
    access.patch(LEASE, lease.NAME, {"spec": {"leaseDurationSeconds": 1}}, "netcadence")
    return run_id


@pytest.fixture
def states_of(ask):
    """Return what asks Prefect for the states of a run's flow runs, and of all that they did."""

    def states_of(run_id):
        wanted = {"flow_runs": {"tags": {"any_": [f"run:{run_id}"]}}}
        found = [*ask("flow_runs/filter", wanted), *ask("task_runs/filter", wanted)]
        return {each["state_name"] for each in found}

    return states_of


def test_what_a_killed_run_has_left_is_removed_and_nothing_else(
    killed_run, netcadence, access, capsys, states_of
):
    """First it is only shown; a run that lives keeps what it has made. One was on the host network."""
    install(access, HOST_NAMESPACE, environment.MANIFESTS, on_host=True)
    create_run(Run(access, HOST_NAMESPACE, "left-on-hosts", shipped()[0]))
    assert netcadence("clean", "--dry-run") == 0
    shown = capsys.readouterr().out
    assert "would be removed" in shown
    assert f"Deployment/worker-{killed_run}" in shown
    assert leftovers.find(access, "netcadence", NETCADENCE, run_id=killed_run)
    assert "Running" in states_of(killed_run)
    living = {"living-one", "of-its-checks"}
    with another_run(access, "living-one", living - {"living-one"}):
        for each in living:
            create_run(Run(access, "netcadence", each, shipped()[0]))
        assert netcadence("clean") == 0
        shown = capsys.readouterr().out
        assert "Run living-one is measuring" in shown
        assert f"Deployment/worker-{killed_run}" in shown
        assert {each.run_id for each in leftovers.find(access, "netcadence", NETCADENCE)} == living
        assert not leftovers.find(access, HOST_NAMESPACE, NETCADENCE)
        assert states_of(killed_run) <= {"Crashed", "Completed"}
        for each in living:
            assert netcadence("clean", "--run-id", each) == ExitCode.BUSY
    assert netcadence("clean") == 0
    assert not leftovers.find(access, "netcadence", NETCADENCE)


def test_the_next_run_takes_over_from_a_killed_one(
    killed_run, measure, write_scenario, netcadence, states_of
):
    """Also where it was told to refuse: only a run that lives keeps it away. Prefect learns of the other."""
    state = measure(write_scenario("tcp-next"), if_busy=IfBusy.REFUSE)
    assert state.result().judgement.verdict is Verdict.PASS
    assert states_of(killed_run) <= {"Crashed", "Completed"}
    assert netcadence("clean", "--run-id", killed_run) == 0


def test_housekeeping_leaves_a_table_of_what_it_removed(killed_run, cluster, artifacts, states_of):
    from flows.housekeeping import housekeeping  # noqa: PLC0415 - imports Prefect

    state = housekeeping(Sweep(kubeconfig=str(cluster.kubeconfig), cluster="lab"), return_state=True)
    done = state.result()
    assert {each.run_id for each in done.found} == {killed_run}
    assert done.lease_of == killed_run
    assert states_of(killed_run) <= {"Crashed", "Completed"}
    assert not done.remaining
    (artifact,) = artifacts(state)
    assert artifact["key"] == "housekeeping-lab"
    assert f"Deployment/worker-{killed_run}" in artifact["data"]


def test_a_clean_cluster_is_said_to_be_clean(netcadence, capsys):
    assert netcadence("clean") == 0
    assert "No run has left anything on cluster" in capsys.readouterr().out
