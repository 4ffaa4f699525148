"""Runs to make pages of, with names that would do harm on a page that believed them, and a real browser."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from netcadence.acceptance import programme as programmes
from netcadence.acceptance.outcome import CANARY, Acceptance, Measured, results_of
from netcadence.confidence import ConfidenceInterval
from netcadence.pair import Pair, WorkerPod
from netcadence.record import Finding, Judgement, NodeFacts, PairOutcome, RunFacts, RunRecord, Skew, Verdict
from netcadence.report.page import run_page
from netcadence.report.page.past import PastFinding
from netcadence_worker.contract import Interval, Mark, Reason, ReportedError, Result, Role, Tool, ToolVersion
from netcadence_worker.histogram import Bucket, Histogram

STARTED_AT = datetime(2026, 1, 31, 3, 30, tzinfo=UTC)
#: What a cluster could call its things.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=http://198.18.0.1/x onerror=alert(1)>',
    "</title></style></svg><iframe src=//198.18.0.1>",
    "' onmouseover='alert(1)",
    "{{ 7*7 }}{% raw %}<!--",
    "a&amp;b\x00\x1b[31m\u202e",
    "x" * 253,
)


def outcome(index, value=None, node=None):
    nodes = node or (f"node-{index % 4}", f"node-{(index + 1) % 4}")
    workers = [WorkerPod(f"w-{2 * index + side}", "", "198.18.0.2", name) for side, name in enumerate(nodes)]
    chance = Random(index)  # noqa: S311 - figures, no secret
    if value is None:
        error = ReportedError.of(Reason.CONNECTION_REFUSED, f"iperf said: {HOSTILE[index % len(HOSTILE)]}")
        return PairOutcome(Pair(index, *workers, 5001), error=error)
    return PairOutcome(
        Pair(index, *workers, 5001),
        results=(Result.of("throughput", value),),
        intervals=tuple(
            Interval(start=second, end=second + 1, values={"throughput": value * chance.uniform(0.9, 1.1)})
            for second in range(10)
        ),
        marks=(Mark.CPU_BOUND,) if index % 7 == 0 else (),
        tools={role: ToolVersion(name=Tool.IPERF, version="2.1.8") for role in Role},
        start_offset_s=0.0001 * index,
        limit="network-limited",
    )


@pytest.fixture(scope="session")
def make_record():
    """Make a run of these outcomes; keywords change its facts."""

    def make(*outcomes, **changes):
        facts = RunFacts(
            run_id="20260131-033000-tcp-50-50-abcd",
            cluster="lab",
            scenario="tcp-50:50",
            protocol="TCP",
            tool="iperf",
            started_at=STARTED_AT,
            ended_at=STARTED_AT + timedelta(seconds=14),
            duration_s=10,
            planned_pairs=len(outcomes),
            config="{}",
            config_hash="0" * 64,
            skew_bound_ms=100.0,
            nodes=tuple(NodeFacts(f"node-{number}", kernel="6.1", mtu=1500) for number in range(4)),
            phases_s={"deploy": 1.5, "traffic": 10.2},
        )
        return RunRecord(replace(facts, **changes), outcomes, Skew(0.8, 3.1, 4.0))

    return make


@pytest.fixture(scope="session")
def make_judgement():
    """Make a judgement by the median of the throughput."""

    def make(verdict=Verdict.PASS, *, value=70_000.0, threshold=1000.0, **changes):
        data = Finding("data", "pairs_planned", "", "rows", 50, "pairs", "==", 50, Verdict.PASS)
        asked = Finding(
            "sla",
            "throughput_min_kbytes",
            "throughput",
            "Perc50",
            value,
            "KBytes/s",
            ">=",
            threshold,
            verdict,
        )
        return Judgement(verdict, (data, replace(asked, **changes)), docs="file:///docs/index.html")

    return make


@pytest.fixture(scope="session")
def many(make_record):
    """Fifty pairs, all of them measured."""
    chance = Random(1)  # noqa: S311 - figures, no secret
    return make_record(*(outcome(index, chance.gauss(70_000, 4_000)) for index in range(50)))


@pytest.fixture(scope="session")
def wide_mesh(make_record):
    """Sixty nodes, each with the next seven, one of which receives slowly; one pair has no figure."""
    names = [f"node-{number:02}.eu-1.example" for number in range(60)]
    sides = [(one, (one + step) % 60) for one in range(60) for step in range(1, 8)]
    outcomes = [
        outcome(number, 40_000.0 if other == 33 else 70_000.0, (names[one], names[other]))
        for number, (one, other) in enumerate(sides)
    ]
    outcomes[0] = outcome(0, None, (names[0], names[1]))
    return make_record(*outcomes, config='{"shape": "mesh"}')


@pytest.fixture(scope="session")
def make_past():
    """Make what runs came to on so many nights until the run's own."""

    def make(nights, run_id="20260131-033000-tcp-50-50-abcd", threshold=1000.0):
        chance = Random(2)  # noqa: S311 - figures, no secret
        return tuple(
            PastFinding(
                run_id=f"run-{night}" if night else run_id,
                started_at=STARTED_AT - timedelta(days=night),
                requirement="throughput_min_kbytes",
                metric="throughput",
                statistic="Perc50",
                value=chance.gauss(70_000, 2_000),
                unit="KBytes/s",
                comparison=">=",
                threshold=threshold if night < nights / 2 else 500.0,
                verdict=Verdict.INVALID if night == 1 else Verdict.PASS,
            )
            for night in reversed(range(nights))
        )

    return make


@pytest.fixture(scope="session")
def hostile(make_record, make_judgement, make_past):
    """A page that shows all there is to show, of a cluster that means harm."""
    chance = Random(3)  # noqa: S311 - figures, no secret
    names = HOSTILE[:6]
    sides = [(one, other) for one in names for other in names if one != other]
    outcomes = [outcome(number, chance.gauss(70_000, 4_000), pair) for number, pair in enumerate(sides)]
    counted = Histogram(
        (Bucket(100_000, 200_000, 90), Bucket(900_000, 1_000_000, 10)), 150_000, 990_000, 23_000_000
    )
    outcomes[0] = replace(outcomes[0], latencies=counted)
    outcomes[-3:] = [outcome(len(outcomes) - 3 + place, None, sides[-1]) for place in range(3)]
    record = make_record(
        *outcomes,
        cluster=HOSTILE[0],
        scenario=HOSTILE[2],
        network=HOSTILE[1],
        cni=HOSTILE[3],
        config='{"shape": "mesh", "title": "</pre><script>alert(1)</script>"}',
        nodes=tuple(NodeFacts(name, kernel=HOSTILE[1], os_image=HOSTILE[4]) for name in names),
        labels={HOSTILE[0]: HOSTILE[1]},
    )
    judgement = make_judgement(
        Verdict.FAIL,
        detail=HOSTILE[1],
        interval=ConfidenceInterval(low=1.0, high=2.0, level=0.95, repeats=5, pairs=30, seed=1),
        threshold=71_000.0,
    )
    judgement = replace(judgement, docs="javascript:alert(1)")
    return run_page(record, judgement, history=make_past(9), lake=HOSTILE[1], left_out=[HOSTILE[0]])


PROFILE = """
name: lab
canary: true
checks:
  - {name: many, title: "%(title)s", level: required, scenario: "tcp-50:50",
     thresholds: {throughput_min_kbytes: {above: 1000}}}
  - {name: balanced, title: Load balancer, level: optional, scenario: load-balancer}
  - {name: calls, title: Calls, level: recommended, scenario: "http-1:1"}
"""


@pytest.fixture(scope="session")
def acceptance(tmp_path_factory, many, make_judgement):
    """An acceptance in which one check failed, one does not apply, and one has no result."""
    file = tmp_path_factory.mktemp("profile") / "lab.yaml"
    file.write_text(PROFILE % {"title": "<script>alert(1)</script>"}, encoding="utf-8")
    programme = programmes.load(file)
    measured = []
    for each in programme.measurements:
        run_id, findings = f"run-{each.scenario.name.replace(':', '-')}", make_judgement().findings
        verdict = Verdict.FAIL
        if each.scenario.protocol == "HTTP":
            measured.append(Measured(each, run_id, error=f"it said {HOSTILE[1]}"))
            continue
        if each.scenario.tool == "probe":
            verdict = Verdict.NOT_APPLICABLE
            findings = (replace(findings[0], verdict=verdict, detail="nobody gives an address"),)
            findings += tuple(
                replace(make_judgement(verdict, value=None).findings[1], requirement=one.name)
                for one in each.requirements
            )
        else:
            findings = make_judgement(verdict, value=900.0).findings
        record = replace(many, facts=replace(many.facts, run_id=run_id, scenario=each.scenario.name))
        measured.append(Measured(each, run_id, record, Judgement(verdict, findings)))
    found = [result for each in measured for result in results_of(each)]
    return Acceptance(
        acceptance_id="20260131-033000-lab-abcd",
        cluster=HOSTILE[0],
        programme=programme,
        started_at=STARTED_AT,
        ended_at=STARTED_AT + timedelta(seconds=61),
        results=tuple(each for each in found if each.level != CANARY),
        canary=next(each for each in found if each.level == CANARY),
    )
