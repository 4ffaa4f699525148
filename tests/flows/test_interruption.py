"""Ctrl-C while pairs arm and in the traffic, and the signal by which schedulers end what takes too long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows import environment
from netcadence.embedded import Cluster
from netcadence.embedded.state import ROOT_VARIABLE
from netcadence.home import Home
from netcadence.lake import Lake

NETCADENCE = Path(sys.executable).with_name("netcadence")


#: What strikes, and once what is under way.
CASES = {
    "SIGINT as pairs arm": (signal.SIGINT, "arming"),
    "SIGTERM in the traffic": (signal.SIGTERM, "traffic"),
}


@pytest.fixture(scope="module", params=CASES)
def interrupted(*, request, prefect, write_scenario, processes_of, networks_of, until):
    """A command that was interrupted: what it printed, and what was there of it before."""
    del prefect
    scenario = write_scenario("tcp-interrupted", clients=2, duration_s=60, options={})
    number, moment = CASES[request.param]
    run_id = f"interrupted-{request.param.lower().replace(' ', '-')}"
    command = [NETCADENCE, "run", str(scenario), "--embedded", "--run-id", run_id]
    # A shell has what it starts in the background ignore SIGINT, and that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            folder = Path(os.environ[ROOT_VARIABLE]) / f"run-{process.pid}"

            def sending():
                # Tools are alive, and stopped, before their start.
                tools = [pid for pid in processes_of(folder) if name_of(pid) == "iperf"]
                return [pid for pid in tools if processor_s(pid) > 0.2]

            if moment == "arming":
                assert any("arming" in line for line in process.stdout)
            else:
                until(lambda: len(sending()) == 4, deadline_s=120)
            (cluster,) = (each for each in Cluster.all() if each.name == folder.name)
            namespaces = networks_of(cluster)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return Interrupted(
        number,
        run_id,
        process.returncode,
        err,
        folder,
        namespaces,
        Lake(Home.beside(environment.CHECKOUT).lake),
    )


@dataclass
class Interrupted:
    number: signal.Signals
    run_id: str
    code: int
    err: str
    folder: Path
    namespaces: set[tuple[str, int]]
    lake: Lake


def name_of(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def processor_s(pid):
    """Return the processor time that a process has used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_it_ends_as_a_shell_expects_and_without_a_traceback(interrupted):
    expected = 130 if interrupted.number is signal.SIGINT else -signal.SIGTERM
    assert interrupted.code == expected, interrupted.err
    assert interrupted.err == ("netcadence: interrupted\n" if expected == 130 else "")


def test_workers_tools_and_cluster_are_gone(interrupted, processes_of, until):
    """After a SIGTERM the cluster sees by itself that nobody needs it, which takes a moment."""

    def gone():
        return not interrupted.folder.exists() and not processes_of(interrupted.folder)

    until(gone)
    assert interrupted.folder.name not in {cluster.name for cluster in Cluster.all()}


def test_its_network_namespaces_are_gone(interrupted, networks_left, until):
    if not interrupted.namespaces:
        pytest.skip("pods shared the loopback interface; namespaces of their own need root")
    assert len(interrupted.namespaces) >= 4

    def gone():
        return not networks_left(interrupted.namespaces)

    until(gone)


def test_what_there_was_is_stored_as_interrupted(interrupted):
    rows = interrupted.lake.results(run_id=interrupted.run_id)
    assert set(rows["pair_index"]) == {0, 1}
    assert set(rows["error_reason"]) == {"Interrupted"}
    assert rows["value"].isna().all()


def test_its_flow_run_was_stopped_by_a_person_or_has_crashed_and_no_task_goes_on(interrupted, ask, until):
    wanted = {"flow_runs": {"tags": {"any_": [f"run:{interrupted.run_id}"]}}}

    def tasks_ended():
        return all(each["end_time"] for each in ask("task_runs/filter", wanted))

    until(tasks_ended)
    (flow_run,) = ask("flow_runs/filter", wanted)
    by_a_person = interrupted.number is signal.SIGINT
    assert flow_run["state_name"] == ("Cancelled" if by_a_person else "Crashed")


def test_the_run_is_listed_as_invalid(interrupted):
    (run,) = interrupted.lake.runs(run_id=interrupted.run_id).to_dict("records")
    assert run["verdict"] == "INVALID"
