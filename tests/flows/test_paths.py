"""Whole runs by each way from client to server, with real tools on the embedded cluster."""

from __future__ import annotations

import pytest

from netcadence.lake import Lake
from netcadence.record import Verdict


@pytest.fixture
def passed(measure, write_scenario, tmp_path):
    """Return what measures a scenario, sees that it passes, and gives its rows in the lake."""

    def passed(name, protocol="TCP", **fields):
        lake = tmp_path / "lake"
        state = measure(write_scenario(name, protocol, **fields), lake=str(lake))
        report = state.result(raise_on_failure=False)
        assert report.judgement.verdict is Verdict.PASS, report
        return Lake(lake).results()

    return passed


@pytest.fixture
def dual_stack(access):
    """Skips where the embedded network is without IPv6."""
    from netcadence.kube.facts import cluster_facts  # noqa: PLC0415 - as all that needs a cluster

    if cluster_facts(access).network != "namespaces":
        pytest.skip("pods have no IPv6 address: the embedded network is without namespaces")


@pytest.mark.usefixtures("dual_stack")
@pytest.mark.parametrize("protocol", ["TCP", "UDP", "HTTP"])
def test_each_protocol_is_measured_over_ipv6(passed, protocol):
    rows = passed(f"{protocol.lower()}-1:1", protocol, ip_family="ipv6")
    assert all(
        ":" in address for column in ("client_ip", "server_ip", "target_ip") for address in rows[column]
    )
    assert set(rows["path"]) == {"pod-ip"}
