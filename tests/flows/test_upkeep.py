"""The flow that keeps the lake readable."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from netcadence.foreign import ForeignFigure, ForeignRun
from netcadence.lake import Lake
from netcadence.lake.upkeep import Upkeep


def test_two_upkeeps_of_one_lake_leave_it_whole_and_say_what_they_did(tmp_path, artifacts):
    from flows.upkeep import upkeep  # noqa: PLC0415 - imports Prefect

    lake = Lake(tmp_path)
    for night in range(3):
        test = ForeignRun(
            run_id=f"perfdata-{night}",
            cluster="lab",
            scenario="nightly",
            started_at=datetime(2026, 1, 1 + night, tzinfo=UTC),
            protocol="TCP",
            ratio="1:1",
            origin="perfdata",
            source="nightly.json",
            figures=(ForeignFigure("throughput", 1.0),),
        )
        lake.keep_foreign(test)
    with ThreadPoolExecutor(1) as beside:
        other = beside.submit(lake.compact)
        state = upkeep(Upkeep(lake=str(tmp_path), keep=("raw=90d",)), return_state=True)
        other.result()
    compacted, retired = state.result()
    assert retired.paths == ()
    assert all(each.runs == 3 for each in compacted.merged)
    assert len(lake.results()) == 3
    assert len(list(tmp_path.rglob("*.parquet"))) == 1
    (artifact,) = artifacts(state)
    assert artifact["key"] == "upkeep"
