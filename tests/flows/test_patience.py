"""How soon what Prefect's server has refused is tried again."""

from __future__ import annotations

import httpx
import pytest
from prefect.client import base
from prefect.client.base import PrefectHttpxSyncClient

from tasks.patience import try_again_soon


@pytest.fixture
def waits(monkeypatch):
    """Seconds that Prefect's client waits; it does not."""
    found = []
    monkeypatch.setattr(base.time, "sleep", found.append)
    monkeypatch.setattr(base, "clamped_poisson_interval", base.clamped_poisson_interval)
    return found


def test_what_a_busy_server_refused_is_tried_again_at_once_and_a_server_that_is_away_is_waited_for(waits):
    try_again_soon()
    busy = httpx.MockTransport(lambda _: httpx.Response(503))
    client = PrefectHttpxSyncClient(transport=busy, base_url="http://127.0.0.1/api")
    with client, pytest.raises(httpx.HTTPStatusError):
        client.get("/flow_runs")
    assert sum(waits[:4]) < 3
    assert sum(waits) > 20
