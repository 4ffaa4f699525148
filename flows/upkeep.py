"""Flow `upkeep`: put the lake's small files together and remove what is old (`compact`, `retention`)."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import flow

from flows.environment import CHECKOUT
from netcadence.home import Home
from netcadence.lake.compaction import Compaction
from netcadence.lake.retention import Retirement, parse
from tasks.lake import compact, retire
from tasks.report import report_upkeep


@flow(name="upkeep", flow_run_name="upkeep of the lake", validate_parameters=False)
def upkeep(
    *, lake: str | None = None, keep: Sequence[str] = (), older_than_days: int = 2, keep_replaced_s: int = 0
) -> tuple[Compaction, Retirement]:
    """Keep the lake readable; two of these at once, or one beside runs and readers, do no harm.

    Args:
        lake: Address of the lake; by default the one in the checkout's home.
        keep: How long tables are kept, such as `raw=90d`; those that are not named are kept for ever.
        older_than_days: Only runs that began so many days ago are put together; 2 or more.
        keep_replaced_s: How long a file stays beside the one that replaces it.
    """
    address, rules = lake or str(Home.beside(CHECKOUT).lake), parse(keep)
    retired = retire(address, rules)
    compacted = compact(address, max(2, older_than_days), keep_replaced_s)
    report_upkeep(compacted, retired)
    return compacted, retired
