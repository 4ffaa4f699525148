"""Paths and schemas."""

from __future__ import annotations

from datetime import date

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence.lake.layout import Place
from netcadence.lake.schemas import FILE_SCHEMAS, SCHEMA_VERSION, table_of

#: Tables that a concluded run need not have.
_OTHERS = {"summaries", "acceptances", "latencies", "accepted_levels"}


@given(cluster=st.text(min_size=1, max_size=40), day=st.dates())
def test_a_place_is_read_back_from_its_path(cluster, day):
    place = Place("runs", cluster, day, "run-1")
    assert Place.of(place.path) == place
    assert place.path.count("/") == 3


@pytest.mark.parametrize(
    "path",
    [
        "runs/run-1.parquet",
        "runs/cluster=a/run-1.parquet",
        "runs/cluster=a/date=2026-02-30/run-1.parquet",
        "",
    ],
)
def test_a_path_outside_the_layout_is_no_place(path):
    assert Place.of(path) is None


def test_a_day_is_written_as_iso_date():
    assert (
        Place("runs", "a", date(2026, 1, 2), "run-1").path == "runs/cluster=a/date=2026-01-02/run-1.parquet"
    )


@pytest.mark.parametrize("table", sorted(FILE_SCHEMAS.keys() - _OTHERS))
def test_a_file_carries_its_table_and_schema_version(lake, record, judgement, table):
    schema = pq.read_schema(lake.conclude(record, judgement).paths[table])
    assert table_of(schema) == table
    assert schema.metadata[b"netcadence.schema_version"] == str(SCHEMA_VERSION).encode()
    assert schema.equals(FILE_SCHEMAS[table])
