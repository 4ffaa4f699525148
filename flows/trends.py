"""Flow `trends`: look at the lake's history for levels that have changed, as `netcadence trends` does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows import environment
from netcadence.home import Home
from netcadence.trends.detection import LEAST_CHANGE
from netcadence.trends.history import Query
from tasks.trends import look, report_trends, state_of


@flow(name="trends", flow_run_name="trends", validate_parameters=False)
def trends(
    *,
    lake: str | None = None,
    cluster: str | None = None,
    scenario: str | None = None,
    days: int | None = None,
    nodes: bool = True,
    least_change: float = LEAST_CHANGE,
) -> State[Any]:
    """Find what has changed in the lake's history; ends as Regressed where nobody has accepted it.

    Args:
        lake: Address of the lake; by default the one in the checkout's home.
        cluster: Only this one.
        scenario: Only this one.
        days: Only runs of so many days; by default all.
        nodes: Whether each node's own series are looked at besides.
        least_change: The least relative change that counts.
    """
    now = datetime.now(UTC)
    since = now - timedelta(days=days) if days else None
    query = Query(cluster=cluster, scenario=scenario, nodes=nodes, since=since)
    home = Home.beside(environment.CHECKOUT)
    address = lake or str(home.lake)
    found = look(address, query, now, least_change)
    report_trends(found, address, home)
    return state_of(found)
