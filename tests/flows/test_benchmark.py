"""The whole flow for each protocol: what it leaves in the lake, in Prefect and on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from netcadence.lake import Lake
from netcadence.record import Verdict

README = Path(__file__).resolve().parents[2] / "README.md"
FIGURES = {
    "TCP": {"transferred", "throughput"},
    "UDP": {"throughput", "jitter", "packet_loss", "latency_avg", "total_packets"},
    "HTTP": {"response_time", "transactions", "availability"},
}


@pytest.fixture(scope="module", params=["TCP", "UDP", "HTTP"])
def protocol(request):
    return request.param


@pytest.fixture(scope="module")
def state(measure, write_scenario, protocol):
    """The final state of a run of that protocol."""
    return measure(write_scenario(f"{protocol.lower()}-1:1", protocol, duration_s=2))


@pytest.fixture(scope="module")
def report(state):
    return state.result()


@pytest.fixture(scope="module")
def rows(report):
    """Return what reads this run's rows of one of the lake's tables."""
    lake, run_id = Lake(report.lake), report.record.facts.run_id
    return lambda table: getattr(lake, table)(run_id=run_id)


def test_a_run_within_its_thresholds_completes_with_pass(state, report):
    assert state.is_completed()
    assert report.judgement.verdict is Verdict.PASS
    assert state.message.startswith("PASS: ")


def test_its_figures_are_in_the_lake(rows, protocol):
    results = rows("results")
    assert FIGURES[protocol] <= set(results["metric"])
    assert results["value"].notna().all()
    assert results["error_reason"].isna().all()


def test_its_row_tells_cluster_network_phases_and_verdict(rows, cluster):
    (run,) = rows("runs").to_dict("records")
    assert run["verdict"] == "PASS"
    assert run["cluster"] == "lab"
    assert run["network"] == cluster.network
    assert (run["planned_pairs"], run["measured_pairs"], run["error_count"]) == (1, 1, 0)
    assert {node["name"] for node in run["nodes"]} == {"node-0", "node-1"}
    assert {"deploy", "ready", "arm", "fire", "traffic", "clean up", "judge"} <= set(run["phases_s"])
    assert run["skew_p99_ms"] < run["skew_bound_ms"]


def test_its_verdicts_are_in_the_lake(rows):
    verdicts = rows("verdicts")
    assert set(verdicts["suite"]) == {"data", "sla"}
    assert set(verdicts["verdict"]) == {"PASS"}


def test_what_its_tools_printed_is_kept(rows, protocol):
    raw = rows("raw")
    assert set(raw["role"]) == ({"client"} if protocol == "HTTP" else {"client", "server"})
    assert (raw["stdout"] + raw["stderr"]).str.len().min() > 0


def test_its_seconds_are_in_the_lake_where_the_tool_counts_them(rows, protocol):
    intervals = rows("intervals")
    if protocol == "HTTP":
        assert intervals.empty
    else:
        assert (intervals["end_s"] > intervals["start_s"]).all()
        assert "throughput" in set(intervals["metric"])


def test_its_data_docs_are_a_page_of_their_own(report):
    page = Path(unquote(urlsplit(report.judgement.docs).path))
    assert report.record.facts.run_id in page.read_text()


def test_its_flow_run_is_named_and_tagged_for_what_it_is(state, report, flow_run):
    facts = report.record.facts
    found = flow_run(state)
    assert found["name"] == f"{facts.scenario} on lab {facts.run_id}"
    assert {f"scenario:{facts.scenario}", "cluster:lab", f"run:{facts.run_id}"} <= set(found["tags"])


def test_its_artifacts_show_the_verdict_and_where_the_docs_are(state, report, artifacts):
    texts = "\n".join(str(artifact["data"]) for artifact in artifacts(state))
    assert "PASS" in texts
    assert report.judgement.docs in texts
    assert report.page in texts


def test_its_page_shows_the_verdict_and_what_the_pairs_did_as_far_as_it_was_told(report):
    page = Path(unquote(urlsplit(report.page).path)).read_text(encoding="utf-8")
    assert 'class="hero PASS"' in page
    assert ("Throughput by the second" in page) == any(each.intervals for each in report.record.outcomes)
    assert report.record.facts.run_id in page


def test_the_lake_answers_the_query_of_the_readme(report, home, tmp_path):
    """The three lines run as they stand, beside a checkout's `.netcadence`."""
    code = README.read_text().partition("```python\n")[2].partition("```")[0]
    (tmp_path / ".netcadence").symlink_to(home.root)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert report.record.facts.scenario in done.stdout
