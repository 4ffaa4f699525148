"""Runs that go wrong half-way: nothing is lost, each pair says what became of it, no verdict is green."""

from __future__ import annotations

import os
import subprocess

import pyarrow.parquet as pq
import pytest

from netcadence.embedded import Cluster, Settings
from netcadence.errors import InvalidInputError
from netcadence.kube.resource import DEPLOYMENT, POD, REQUEST, RUN
from netcadence.lake import Lake
from netcadence.lake.errors import LakeRefusedError
from netcadence.record import Verdict
from netcadence_worker.contract import Reason


@pytest.fixture(autouse=True)
def nothing_left(access):
    """Whatever a run went through, nothing of it stays in the cluster."""
    yield
    assert [access.list(resource, "netcadence")[0] for resource in (RUN, REQUEST, DEPLOYMENT, POD)] == [
        []
    ] * 4


def errors_of(report):
    return {outcome.pair.index: outcome.error for outcome in report.record.errors}


def only_error_of(report):
    (error,) = errors_of(report).values()
    return error


def failed_requirements(report):
    return {
        finding.requirement: finding.detail
        for finding in report.judgement.findings
        if finding.verdict is not Verdict.PASS
    }


def test_a_breached_threshold_is_a_failure_named_for_it(measure, write_scenario, write_sla, flow_run):
    """An automation tells it from a crash by the state's name, and a person from the message."""
    # Of a stated rate: what processors held up does not fail, and here they may hold up anything.
    scenario = write_scenario("udp-slow", "UDP")
    state = measure(scenario, sla=write_sla(throughput_min_kbytes=1_000_000_000))
    assert (state.type.value, state.name) == ("FAILED", "SLABreached")
    assert flow_run(state)["state"]["name"] == "SLABreached"
    report = state.result(raise_on_failure=False)
    assert report.judgement.verdict is Verdict.FAIL
    assert set(failed_requirements(report)) == {"throughput_min_kbytes"}
    assert "throughput_min_kbytes" in state.message


def test_a_worker_killed_in_the_traffic_costs_its_own_pair_alone(
    measure, write_scenario, in_traffic, worker_processes, access
):
    """The others keep their results, and the verdict is not green."""

    def kill_first_client():
        requests, _ = access.list(REQUEST, "netcadence")
        (first,) = (each["spec"] for each in requests if each["spec"]["pairIndex"] == 0)
        worker_processes()[first["clientPodName"]].kill()

    scenario = write_scenario("tcp-3:3", clients=3, duration_s=2)
    state = measure(scenario, meddle=in_traffic(kill_first_client))
    report = state.result(raise_on_failure=False)
    errors = errors_of(report)
    assert set(errors) == {0}
    assert errors[0].reason is Reason.POD_LOST
    assert "exit code 137" in errors[0].message
    assert state.name == "InvalidMeasurement"
    assert report.judgement.verdict is Verdict.INVALID
    rows = Lake(report.lake).results(run_id=report.record.facts.run_id)
    assert {
        index: set(pair["metric"].dropna()) >= {"transferred", "throughput"}
        for index, pair in rows.groupby("pair_index")
    } == {
        0: False,
        1: True,
        2: True,
    }
    assert rows.query("pair_index == 0")["value"].isna().all()


def test_a_worker_without_its_tool_is_an_error_that_names_it(measure, write_scenario):
    state = measure(write_scenario("tcp-toolless", worker={"image": "toolless"}))
    error = only_error_of(state.result(raise_on_failure=False))
    assert error.reason is Reason.TOOL_MISSING
    assert "ToolMissing: not on the PATH: iperf" in error.message
    assert state.name == "InvalidMeasurement"


def test_a_tool_that_hangs_is_ended_at_its_deadline(measure, write_scenario):
    state = measure(write_scenario("tcp-hanging", worker={"image": "hanging"}))
    error = only_error_of(state.result(raise_on_failure=False))
    assert error.reason is Reason.TOOL_TIMEOUT
    assert "iperf was still running at its deadline" in error.message
    assert state.name == "InvalidMeasurement"


def test_a_tool_that_prints_garbage_is_quoted(measure, write_scenario):
    state = measure(write_scenario("tcp-babbling", worker={"image": "babbling"}))
    report = state.result(raise_on_failure=False)
    error = only_error_of(report)
    assert error.reason is Reason.PARSE_FAILED
    assert "lots of bananas/sec" in error.message
    raw = Lake(report.lake).raw(run_id=report.record.facts.run_id)
    assert raw["stdout"].str.contains("bananas").any()


def test_an_image_that_nobody_has_is_reported_with_the_pod_s_own_words(measure, write_scenario):
    state = measure(write_scenario("tcp-no-image", worker={"image": "registry.example/nothing:1"}))
    error = only_error_of(state.result(raise_on_failure=False))
    assert error.reason is Reason.WORKER_NOT_READY
    assert 'Back-off pulling image "registry.example/nothing:1"' in error.message
    assert state.name == "InvalidMeasurement"


def test_a_restart_of_the_api_server_in_the_traffic_loses_nothing(
    measure, write_scenario, in_traffic, cluster
):
    scenario = write_scenario("tcp-restart", clients=3, duration_s=2)
    state = measure(scenario, meddle=in_traffic(lambda: cluster.restart_api(0.5)))
    assert state.is_completed(), state.message
    assert state.result().record.errors == ()


def test_one_node_is_said_to_be_too_few_for_pairs_that_cross_nodes(measure, write_scenario, images):
    with Cluster.up(Settings(name=f"single-{os.getpid()}", nodes=1, images=images)) as single:
        state = measure(write_scenario("tcp-one-node", clients=2), on=single)
    report = state.result(raise_on_failure=False)
    errors = errors_of(report)
    assert {index: error.reason for index, error in errors.items()} == dict.fromkeys(
        (0, 1), Reason.NOT_PAIRED
    )
    assert "needs 2 nodes for 4 workers; there is 1 of 1 node (node-0): 1 node missing" in errors[0].message
    assert state.name == "InvalidMeasurement"


def test_a_second_run_with_the_same_id_changes_nothing(measure, write_scenario, home):
    def kept():
        folders = (home.lake, home.root / "gx")
        files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
        return {path: path.read_bytes() for path in files}

    scenario = write_scenario("tcp-again")
    assert measure(scenario, run_id="again").is_completed()
    before = kept()
    error = measure(scenario, run_id="again").result(raise_on_failure=False)
    assert isinstance(error, InvalidInputError)
    assert "run id 'again' is that of a run in the lake" in str(error)
    assert kept() == before


@pytest.fixture
def full_disk(tmp_path):
    """A file system with room for two small files."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_an_error_and_leaves_no_half_file(measure, write_scenario, full_disk):
    state = measure(write_scenario("tcp-full-disk"), lake=str(full_disk))
    error = state.result(raise_on_failure=False)
    assert state.is_failed()
    assert isinstance(error, LakeRefusedError)
    assert "No space left on device" in str(error)
    files = [path for path in full_disk.rglob("*") if path.is_file()]
    assert [path.suffix for path in files] == [".parquet"] * len(files)
    for file in files:
        assert "run_id" in pq.read_table(file).column_names
    assert Lake(full_disk).runs().empty
