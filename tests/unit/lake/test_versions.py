"""A lake of each schema version there was, written by the netcadence of its time, is read by today's.

`tests/data/lake/version-<n>` holds one run of each; a new version adds a folder, and no folder is ever
written anew.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from netcadence.lake import Lake, sql
from netcadence.lake.schemas import FILE_SCHEMAS, SCHEMA_VERSION, version_of
from netcadence.lake.storage import Storage

DATA = Path(__file__).parents[2] / "data" / "lake"
TABLES = ("runs", "results", "intervals", "verdicts", "raw")


@pytest.fixture(params=range(1, SCHEMA_VERSION + 1))
def version(request):
    return request.param


def test_a_lake_of_each_version_is_read_put_together_and_asked(version, tmp_path):
    shutil.copytree(DATA / f"version-{version}", tmp_path / "lake")
    lake = Lake(tmp_path / "lake")
    for table in TABLES:
        (file,) = Path(lake.url, table).rglob("*.parquet")
        assert version_of(pq.read_schema(file)) == version
    for _ in range(2):
        assert lake.runs()[["run_id", "planned_pairs", "error_count"]].to_numpy().tolist() == [
            ["run-1", 2, 1]
        ]
        results = lake.results()
        assert results["value"].count() == 11
        assert results["error_reason"].dropna().tolist() == ["ConnectionRefused"]
        assert results.attrs["left_out"] == []
        assert len(lake.intervals()) == 10
        assert {node["kernel"] for node in lake.runs()["nodes"][0]} == {"6.1", "6.2"}
        assert lake.raw()["stdout"].tolist() == ["pair 0\n"] * 2
        (row,) = sql.ask(Storage(lake.url), "SELECT count(*) AS n FROM results").rows.to_pylist()
        assert row == {"n": 12}
        lake.compact()


def test_lakes_of_all_versions_are_one_lake(tmp_path):
    for number in range(1, SCHEMA_VERSION + 1):
        for file in (DATA / f"version-{number}").rglob("*.parquet"):
            there = tmp_path / file.relative_to(DATA / f"version-{number}").with_name(f"run-{number}.parquet")
            there.parent.mkdir(parents=True, exist_ok=True)
            table = pq.ParquetFile(file).read()
            named = table.set_column(0, table.schema.field(0), [[f"run-{number}"] * len(table)])
            pq.write_table(named.replace_schema_metadata(table.schema.metadata), there)
    lake = Lake(tmp_path)
    before = lake.results()
    assert len(before) == 12 * SCHEMA_VERSION
    lake.compact()
    (file,) = Path(lake.url, "results").rglob("*.parquet")
    schema = pq.read_schema(file)
    assert schema.names == FILE_SCHEMAS["results"].names
    assert version_of(schema) == SCHEMA_VERSION
    assert sorted(lake.results()["value"].dropna()) == sorted(before["value"].dropna())
