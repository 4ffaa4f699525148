"""Workers of a run: ready, or the reason why not in the pod's own words and at once."""

from __future__ import annotations

import time

import pytest

from netcadence.kube.workers import WorkersFailedError, WorkersLateError, wait_ready

#: None of the failures is found out by waiting for this.
LONG_S = 60


def trouble_of(run, workers=2):
    """Wait for workers that will not come; return what is said, long before the time is up."""
    began = time.monotonic()
    with pytest.raises(WorkersFailedError) as failure:
        wait_ready(run, replicas=workers, timeout_s=LONG_S)
    assert time.monotonic() - began < LONG_S / 2
    return str(failure.value)


def test_ready_workers_are_on_both_nodes_with_addresses_of_their_own(ready):
    _, _, workers = ready(clients=2)
    assert sorted(worker.node for worker in workers) == ["node-0", "node-0", "node-1", "node-1"]
    assert len({worker.ip for worker in workers}) == 4
    assert {worker.zone for worker in workers} == {"zone-0", "zone-1"}


def test_progress_is_told_up_to_the_number_wanted(deployed):
    run, _ = deployed()
    told = []
    wait_ready(run, replicas=2, timeout_s=LONG_S, on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (2, 2)


def test_an_image_that_nobody_has_is_reported_with_its_name(deployed):
    run, _ = deployed(image="registry.example/nothing:1")
    assert 'ImagePullBackOff: Back-off pulling image "registry.example/nothing:1"' in trouble_of(run)


def test_a_worker_without_its_tool_says_which(deployed):
    run, _ = deployed(tools=("fortio",))
    said = trouble_of(run)
    assert "CrashLoopBackOff (exit code 78): ToolMissing: not on the PATH: fortio" in said
    assert run.workers_name in said


@pytest.fixture(scope="module")
def cramped(up, connect):
    """Access to a cluster whose two nodes take one pod each."""
    with up(max_pods=1) as cluster:
        access = connect(cluster)
        yield access
        access.close()


def test_more_workers_than_nodes_take_are_reported_as_unschedulable(cramped, deployed):
    run, _ = deployed(workers=3, access=cramped)
    assert "Unschedulable: 0/2 nodes are available" in trouble_of(run, workers=3)


def test_workers_that_take_too_long_are_counted_and_one_is_named(deployed):
    run, _ = deployed()
    with pytest.raises(WorkersLateError, match=r"^0 of 2 workers were ready within 0 s"):
        wait_ready(run, replicas=2, timeout_s=0.01)
