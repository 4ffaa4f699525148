"""Whole runs that change something while probers look on."""

from __future__ import annotations

import os

import pytest

from flows.exit_code import of_verdict
from netcadence.embedded import Cluster, Settings
from netcadence.kube.facts import cluster_facts
from netcadence.kube.resource import NETWORK_POLICY, SERVICE
from netcadence.lake import Lake
from netcadence.record import Verdict
from netcadence_worker.contract import RUN_LABEL, Mark, Reason

QUICK = {"tool": "probe", "options": {"probe": {"interval_ms": 5, "hold": 1}}}


@pytest.fixture
def offered(access):
    """Skips where the embedded network serves no Services or enforces no policies."""
    if lacks := cluster_facts(access).lacks & {"services", "policies"}:
        pytest.skip(f"the embedded network does no {' and no '.join(sorted(lacks))}")


@pytest.fixture
def probed(measure, write_scenario, write_sla, tmp_path):
    """Return what runs a short scenario that probes, and gives its final state and its report."""
    asked = write_sla(effect_after_max_ms=60_000, leaks_max=0, flaps_max=0)

    def probed(name, change, *, protocol="TCP", duration_s=20, **more):
        on = {"on": more.pop("on")} if "on" in more else {}
        scenario = write_scenario(name, protocol, **QUICK, change=change, duration_s=duration_s, **more)
        state = measure(scenario, sla=asked, lake=str(tmp_path / "lake"), **on)
        return state, state.result(raise_on_failure=False)

    return probed


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize(("protocol", "path"), [("TCP", "cluster-ip"), ("HTTP", "node-port")])
def test_a_service_is_timed_from_its_creation_to_its_first_answer(probed, access, tmp_path, protocol, path):
    """The figures are in the lake with what they are uncertain by; the Service is gone with the run."""
    _, report = probed("service-2:2", "service", protocol=protocol, path=path, clients=2)
    assert report.judgement.verdict is Verdict.PASS, report.judgement
    rows = Lake(tmp_path / "lake").results().pivot_table(index="pair_index", columns="metric", values="value")
    assert (rows["effect_after"] > 0).all()
    assert (rows["effect_uncertainty"] >= 5).all()
    assert (rows["probe_attempts"] > 50).all()
    assert access.list(SERVICE, "netcadence", selector=RUN_LABEL)[0] == []


@pytest.mark.usefixtures("offered")
def test_a_policy_that_allows_is_timed_from_a_denied_state(probed, access):
    _, report = probed("policy-allow-1:1", "policy-allow")
    assert report.judgement.verdict is Verdict.PASS, report.judgement
    assert [span.reachable for span in report.record.outcomes[0].spans] == [False, True]
    assert access.list(NETWORK_POLICY, "netcadence", selector=RUN_LABEL)[0] == []


@pytest.mark.usefixtures("offered")
def test_a_policy_that_is_late_is_seen_to_be_late(probed, cluster):
    cluster.set_policies(delay_s=0.5)
    try:
        _, report = probed("policy-deny-1:1", "policy-deny")
    finally:
        cluster.set_policies()
    outcome = report.record.outcomes[0]
    assert report.judgement.verdict is Verdict.PASS, report.judgement
    assert outcome.value("effect_after") + outcome.value("effect_uncertainty") >= 500
    assert [span.reachable for span in outcome.spans] == [True, False]


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize("change", ["policy-deny", "policy-allow"])
def test_a_network_that_enforces_no_policies_fails(probed, cluster, change):
    """Whatever the threshold is: a missing effect never passes."""
    cluster.set_policies(enforced=False)
    try:
        state, report = probed(f"{change}-1:1", change, duration_s=2, arm_timeout_s=3)
    finally:
        cluster.set_policies()
    assert (report.judgement.verdict, state.name) == (Verdict.FAIL, "SLABreached")
    assert Mark.NO_EFFECT in report.record.outcomes[0].marks
    findings = {each.requirement: each for each in report.judgement.findings}
    assert "1 of 1 pair saw no effect at all" in findings["effect_after_max_ms"].detail
    assert findings["leaks_max"].verdict is Verdict.FAIL


@pytest.mark.usefixtures("offered")
def test_of_new_pods_those_that_are_denied_get_nothing_through_and_the_others_do(probed):
    """Each tries from its first moment on, long before it is asked to measure anything."""
    _, report = probed("policy-new-pod-2:2", "policy-new-pod", clients=2)
    denied, allowed = report.record.outcomes
    assert report.judgement.verdict is Verdict.PASS, report.judgement
    assert [span.reachable for span in denied.spans] == [False]
    assert allowed.spans[-1].reachable
    start = denied.started_at
    assert all((start - each.spans[0].first_at).total_seconds() > 0.3 for each in (denied, allowed))


@pytest.mark.usefixtures("offered")
def test_a_new_pod_gets_through_where_policies_are_not_enforced(probed, cluster):
    cluster.set_policies(enforced=False)
    try:
        _, report = probed("policy-new-pod-2:2", "policy-new-pod", clients=2)
    finally:
        cluster.set_policies()
    assert report.judgement.verdict is Verdict.FAIL
    assert [outcome.value("probe_leaks") > 0 for outcome in report.record.outcomes] == [True, False]


def test_where_nobody_gives_load_balancers_that_is_not_applicable(probed, images, offered):
    """The state is neither green nor red, and the reason is said."""
    del offered
    settings = Settings(name=f"unbalanced-{os.getpid()}", images=images, load_balancer_delay_s=None)
    with Cluster.up(settings) as lab:
        state, report = probed("balanced-1:1", "service", path="load-balancer", on=lab, address_timeout_s=1)
    assert report.judgement.verdict is Verdict.NOT_APPLICABLE
    assert (state.name, state.type.value, of_verdict(report.judgement.verdict)) == (
        "NotApplicable",
        "CANCELLED",
        7,
    )
    (outcome,) = report.record.outcomes
    assert outcome.error.reason is Reason.NOT_APPLICABLE
    assert "No controller gives Services of type LoadBalancer an address" in outcome.error.message


def test_on_the_loopback_network_policies_are_not_applicable(probed, images, tmp_path):
    """That is known before anything is made, and stands in the lake."""
    with Cluster.up(Settings(name=f"loopback-{os.getpid()}", images=images, network="loopback")) as lab:
        _, report = probed("policy-deny-1:1", "policy-deny", on=lab)
    assert report.judgement.verdict is Verdict.NOT_APPLICABLE
    assert "enforces no NetworkPolicies" in report.record.not_applicable
    assert set(Lake(tmp_path / "lake").results()["error_reason"]) == {"NotApplicable"}


@pytest.mark.usefixtures("offered")
def test_a_load_balancers_address_and_its_answer_are_both_timed(probed):
    _, report = probed("balanced-1:1", "service", path="load-balancer")
    (outcome,) = report.record.outcomes
    assert report.judgement.verdict is Verdict.PASS, report.judgement
    assert 0 < outcome.value("assigned_after") < outcome.value("effect_after")
