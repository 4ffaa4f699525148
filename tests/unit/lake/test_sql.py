"""Questions in SQL, by our own views."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows import lake_commands
from netcadence.errors import InvalidInputError
from netcadence.lake import sql
from netcadence.lake.schemas import READ_SCHEMAS
from netcadence.lake.storage import Storage


def asked(lake, query):
    return sql.ask(Storage(lake.url), query).rows.to_pylist()


@pytest.mark.parametrize("together", [False, True])
def test_a_query_sees_every_table_as_it_is_now(nights, together):
    if together:
        nights.compact()
    (row,) = asked(
        nights, "SELECT count(*) AS n, count(DISTINCT run_id) AS runs, min(date) AS day FROM results"
    )
    assert row == {"n": 3 * 23 + 11, "runs": 3, "day": "2026-01-22"}
    for table in READ_SCHEMAS:
        counted = asked(nights, f"SELECT count(*) AS n FROM {table}")  # noqa: S608 - our names
        assert counted == [{"n": len(getattr(nights, table)())}]


def test_what_was_measured_has_neither_baselines_nor_errors_nor_runs_that_do_not_hold(nights):
    query = "SELECT run_id, count(*) AS n FROM measured WHERE metric = 'jitter' GROUP BY ALL ORDER BY ALL"
    assert asked(nights, query) == [{"run_id": "run-1", "n": 2}, {"run_id": "run-2", "n": 2}]


def test_a_file_that_is_broken_far_inside_is_named_and_the_rest_is_asked(nights):
    path = next(Path(nights.url, "results").rglob("run-2.parquet"))
    data = bytearray(path.read_bytes())
    data[4:400] = bytes(396)
    path.write_bytes(data)
    answer = sql.ask(
        Storage(nights.url), "SELECT DISTINCT run_id, count(*) FROM results GROUP BY ALL ORDER BY ALL"
    )
    assert answer.rows.column("run_id").to_pylist() == ["run-1", "run-3"]
    assert "run-2.parquet: not readable as Parquet" in answer.left_out[0]


def test_a_query_that_is_none_is_refused_in_duckdbs_words(nights):
    with pytest.raises(InvalidInputError, match=r"query: Parser Error"):
        asked(nights, "SELECT * FRO runs")
    with pytest.raises(InvalidInputError, match="velocity"):
        asked(nights, "SELECT velocity FROM runs")


def test_a_table_that_there_is_not_is_refused_with_those_that_there_are(nights):
    with pytest.raises(InvalidInputError, match=r"no table run \(did you mean 'runs'\?\); allowed: runs, "):
        asked(nights, "SELECT * FROM run")


def test_a_table_ends_after_a_thousand_rows_and_the_other_forms_have_all(nights, capsys):
    query = "SELECT unnest(range(1001)) AS n, 'nan'::DOUBLE AS missing FROM runs LIMIT 1001"
    printed = {}
    for form in lake_commands.Format:
        lake_commands.sql(query, lake=nights.url, form=form)
        printed[form.value] = capsys.readouterr()
    assert len(printed["table"].out.splitlines()) == 2 + 1000
    assert printed["table"].err == "the first 1,000 rows; --format csv or json prints all\n"
    assert len(printed["csv"].out.splitlines()) == 1 + 1001
    rows = json.loads(printed["json"].out, parse_constant=pytest.fail)
    assert (len(rows), rows[-1]) == (1001, {"n": 1000, "missing": None})


def test_rows_are_printed_as_table_csv_or_json(nights, capsys):
    query = "SELECT run_id, planned_pairs, started_at FROM runs ORDER BY run_id LIMIT 1"
    for form, expected in {
        "table": ["run_id  planned_pairs  started_at", "run-1               3  2026-01-22 23:30:00"],
        "csv": ["run_id,planned_pairs,started_at", "run-1,3,2026-01-22 23:30:00.123456+00:00"],
    }.items():
        lake_commands.sql(query, lake=nights.url, form=lake_commands.Format(form))
        lines = capsys.readouterr().out.splitlines()
        assert [lines[0], lines[-1]] == expected
    lake_commands.sql(query, lake=nights.url, form=lake_commands.Format.JSON)
    assert json.loads(capsys.readouterr().out)[0]["planned_pairs"] == 3
    lake_commands.sql(tables=True)
    assert "client_retransmits" not in (told := capsys.readouterr().out)
    assert all(f"{table}: " in told for table in sql.TABLES)
