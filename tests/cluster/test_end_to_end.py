"""The same end-to-end cases on a real cluster as on the embedded one; none leaves anything there."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.timeout(900)


def require_a_pass(done):
    assert done.exit_code == 0, done.said
    results = done.rows("results")
    assert results["error_reason"].isna().all()
    assert results["value"].notna().all()
    (row,) = done.rows("runs").to_dict("records")
    assert row["verdict"] == "PASS"


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "HTTP"])
def test_a_pair_measures_and_passes(run, protocol):
    require_a_pass(run(f"{protocol.lower()}-1:1", protocol))


def test_pairs_side_by_side_start_together_across_nodes(run):
    done = run("tcp-2:2", clients=2)
    assert done.exit_code == 0, done.said
    results = done.rows("results")
    assert (results["client_node"] != results["server_node"]).all()
    assert set(results["pair_index"]) == {0, 1}
    (row,) = done.rows("runs").to_dict("records")
    assert row["skew_p99_ms"] < row["skew_bound_ms"]


def test_rounds_follow_one_another_with_the_same_workers(run):
    done = run("tcp-rounds", rounds=2)
    assert done.exit_code == 0, done.said
    assert set(done.rows("results")["round"]) == {0, 1}


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "HTTP"])
def test_cluster_loader_s_worker_measures_and_passes(run, upstream_image, protocol):
    worker, arguments = {"image": upstream_image}, ("--wire", "clusterloader")
    done = run(f"{protocol.lower()}-1:1", protocol, worker=worker, arguments=arguments)
    results = done.rows("results")
    assert results["error_reason"].isna().all(), done.said
    assert results["value"].notna().all()
    # Its worker does not tell when its tool started, so that no run of it can prove that it was in time.
    assert done.exit_code in (0, 3), done.said


def test_a_missed_threshold_is_a_fail(run, tmp_path):
    sla = tmp_path / "hard.yaml"
    sla.write_text("scenarios: {'*': {throughput_min_kbytes: 1000000000}}\n")
    done = run("tcp-1:1", arguments=("--sla", str(sla)))
    assert done.exit_code == 1, done.said


def test_an_image_that_cannot_be_pulled_is_said_in_the_pods_own_words(run):
    done = run("tcp-1:1", worker={"image": "netcadence.invalid/no-such-image:0"})
    assert done.exit_code == 3, done.said
    assert "no-such-image" in done.said


def test_a_context_that_is_not_there_is_refused_before_anything_is_made(run):
    done = run("tcp-1:1", arguments=("--context", "no-such-context"))
    assert done.exit_code == 2, done.said
    assert "no-such-context" in done.said
