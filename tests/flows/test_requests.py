"""The whole flow with fortio: percentiles of all requests of two pairs, from the wire to lake and report."""

from __future__ import annotations

import shutil

import pytest
from rich.console import Console

from netcadence.lake import Lake
from netcadence.record import Verdict
from netcadence.report import verdict_table
from netcadence.statistics import merged
from netcadence_worker.histogram import NS_PER_MS, Bucket, Histogram

pytestmark = pytest.mark.skipif(
    shutil.which("fortio") is None, reason="fortio is not on the PATH; where Go is, make setup builds it"
)
PER_PAIR = 100


@pytest.fixture(scope="module")
def report(measure, write_scenario, write_sla):
    scenario = write_scenario(
        "grpc-2:2",
        "GRPC",
        tool="fortio",
        clients=2,
        duration_s=2,
        streams=2,
        options={"fortio": {"qps": PER_PAIR // 2, "uniform": True, "payload": 100}},
    )
    sla = write_sla(latency_p50_max_ms=1000, latency_p999_max_ms=5000, qps_min=25, error_max_percent=1)
    return measure(scenario, sla=sla).result()


@pytest.fixture(scope="module")
def counts(report):
    """How many requests each pair sent: a crowded machine sends fewer than the rate asks for."""
    counts = [int(outcome.value("requests")) for outcome in report.record.outcomes]
    assert all(0.8 * PER_PAIR <= count <= PER_PAIR for count in counts)
    return counts


def test_every_request_of_both_pairs_is_counted_and_judged_together(report, counts):
    """The figure that is judged is the percentile of the merged histogram, not one of the pairs'."""
    outcomes = report.record.outcomes
    assert report.judgement.verdict is Verdict.PASS, report.judgement.findings
    assert [outcome.latencies.count for outcome in outcomes] == counts
    found = {each.requirement: each for each in report.judgement.findings}
    for requirement, percent in (("latency_p50_max_ms", 50), ("latency_p999_max_ms", 99.9)):
        expected = merged(percent).of_histograms(outcome.latencies for outcome in outcomes)
        assert found[requirement].value == pytest.approx(expected)


def test_the_lake_has_the_buckets_from_which_the_same_comes_again(report, counts):
    """Whoever reads the table can merge pairs, and runs."""
    run_id = report.record.facts.run_id
    rows = Lake(report.lake).latencies(run_id=run_id)
    assert rows["count"].tolist() == counts
    assert set(rows["metric"]) == {"request_latency"}
    assert set(rows["unit"]) == {"ms"}
    again = [
        Histogram(
            tuple(
                Bucket(round(each["over"] * NS_PER_MS), round(each["up_to"] * NS_PER_MS), each["count"])
                for each in row.buckets
            ),
            *(round(value * NS_PER_MS) for value in (row.least, row.most, row.sum)),
        )
        for row in rows.itertuples()
    ]
    assert again == [outcome.latencies for outcome in report.record.outcomes]


def test_the_report_tells_the_percentiles_of_all_requests(report, counts):
    """In the table as thresholds, below it as a line, within 80 columns."""
    console = Console(width=80, record=True)
    console.print(verdict_table(report.record, report.judgement))
    said = console.export_text()
    assert "Latency p99.9" in said
    assert f"{sum(counts)} requests in 2 pairs" in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 80
