"""Flow `trends`: look at the lake's history for levels that have changed, as `netcadence trends` does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows import environment
from netcadence.trends.history import Query
from netcadence.trends.look import Look
from tasks.trends import look, report_trends, state_of

#: Ten million rows take 18 s on two processors; far away and on one, this is still enough.
TIMEOUT_S = 3600


@flow(name="trends", flow_run_name="trends", timeout_seconds=TIMEOUT_S)
def trends(order: Look = Look()) -> State[Any]:  # noqa: B008 - frozen
    """Find what has changed in the lake's history; ends as Regressed where nobody has accepted it.

    Args:
        order: Which runs are looked at, and what counts as a change.
    """
    now = datetime.now(UTC)
    since = now - timedelta(days=order.days) if order.days else None
    query = Query(
        cluster=order.cluster or None, scenario=order.scenario or None, nodes=order.nodes, since=since
    )
    home = environment.home()
    address = environment.lake(order.lake)
    found = look(address, query, now, order.least_change)
    report_trends(found, address, home)
    return state_of(found)
