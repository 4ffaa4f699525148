"""Flow `upkeep`: put the lake's small files together and remove what is old (`compact`, `retention`)."""

from __future__ import annotations

from prefect import flow

from flows import environment
from netcadence.lake.compaction import Compaction
from netcadence.lake.retention import Retirement, parse
from netcadence.lake.upkeep import Upkeep
from tasks.lake import compact, retire
from tasks.report import report_upkeep

#: A first one of years in a bucket takes long; one that is cut short goes on with the next.
TIMEOUT_S = 4 * 3600


@flow(name="upkeep", flow_run_name="upkeep of the lake", timeout_seconds=TIMEOUT_S)
def upkeep(order: Upkeep = Upkeep()) -> tuple[Compaction, Retirement]:  # noqa: B008 - frozen
    """Keep the lake readable; two of these at once, or one beside runs and readers, do no harm.

    Args:
        order: Which files are put together, and which are kept for how long.
    """
    address = environment.lake(order.lake)
    retired = retire(address, parse(order.keep))
    compacted = compact(address, order.older_than_days, order.keep_replaced_s)
    report_upkeep(compacted, retired)
    return compacted, retired
