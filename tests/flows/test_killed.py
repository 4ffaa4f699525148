"""What Prefect is told of runs that were killed by those who find them dead."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from netcadence.embedded.processes import ProcessIdentity


@pytest.fixture
def running(prefect, ask):
    """Return what has a flow run under way, as Prefect believes, with one task; gives its id."""
    del prefect

    from prefect import get_client  # noqa: PLC0415 - reads its settings as it is imported

    def running(process):
        state = {"type": "RUNNING"}
        made = ask("flow_runs/", {"flow_id": ask("flows/", {"name": "benchmark"})["id"], "state": state})[
            "id"
        ]
        ask("task_runs/", {"flow_run_id": made, "task_key": "traffic", "dynamic_key": "0", "state": state})
        with get_client(sync_client=True) as client:
            client.update_flow_run(made, infrastructure_pid=process)
        return made

    return running


@pytest.fixture
def gone():
    """How a flow run is marked whose process has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        identity = ProcessIdentity.of(process.pid)
        process.communicate(b"\n")
    return f"{socket.gethostname()}:{identity}"


def states(ask, flow_run):
    tasks = ask("task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run]}}})
    return ask(f"flow_runs/{flow_run}")["state_name"], *(each["state_name"] for each in tasks)


def test_what_a_process_of_this_machine_was_doing_that_is_gone_has_crashed_and_nothing_else(
    running, gone, ask
):
    from tasks import killed  # noqa: PLC0415 - imports Prefect

    others = [
        running(killed.this_process()),
        running(f"elsewhere:{gone.partition(':')[2]}"),
        running(
            f"{socket.gethostname()}:{gone.partition(':')[2].split()[0]}"
        ),  # as Prefect's worker marks its own
    ]
    dead = running(gone)
    killed.mourn_processes()
    assert states(ask, dead) == ("Crashed", "Crashed")
    assert [states(ask, each) for each in others] == [("Running", "Running")] * 3
    for each in others:
        ask(f"flow_runs/{each}/set_state", {"state": {"type": "COMPLETED"}, "force": True})
