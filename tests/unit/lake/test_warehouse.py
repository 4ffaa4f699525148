"""The SQL that people take to their own engines: run where the engine is here, else read by a parser of it.

What can be is asked in DuckDB: each engine's views are translated, over tables that have what the engine
tells of a row's file.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from netcadence.lake.accepted import AcceptedLevel
from netcadence.lake.schemas import FILE_SCHEMAS
from netcadence.lake.series_key import SeriesKey

WAREHOUSE = Path(__file__).parents[3] / "deployments" / "warehouse"
TABLES = ("runs", "results", "accepted_levels")
ELSEWHERE = ("athena", "bigquery", "snowflake", "spark", "trino")
#: What the parser knows as words only.
UNREAD = ("MSCK REPAIR TABLE ", "ALTER EXTERNAL TABLE ", "CREATE OR REPLACE EXTERNAL TABLE netcadence.")
#: A table's files as engines show them: with the file that a row is from, each under its own name.
FILES = """
    CREATE VIEW TABLE_files AS
    SELECT * EXCLUDE (filename), filename AS "$path", filename AS _FILE_NAME, filename AS "METADATA$FILENAME",
           {'file_name': parse_filename(filename)} AS _metadata
    FROM read_parquet(getvariable('lake') || '/TABLE/*/*/*.parquet',
                      hive_partitioning = true, union_by_name = true, filename = true)
"""
ROWS = {"runs": 3, "results": 3 * 23 + 11, "accepted_levels": 1}
ANSWERS = [2, 3, 2, 1, 1]


@pytest.fixture
def halfway(nights, make_record):
    """A lake whose files were put together, and are still there beside their month's; a level is accepted."""
    at = make_record().facts.started_at
    key = SeriesKey("staging", "udp-1:1", "jitter", "Perc50")
    nights.accept_level(
        AcceptedLevel("level-1", key, at - timedelta(days=9), at, 0.2, 0.1, "eve", "so be it")
    )
    nights.compact(keep_replaced_s=3600)
    return nights


@pytest.fixture
def warehouse(halfway):
    """DuckDB over that lake, with our views."""
    with duckdb.connect() as connection:
        connection.execute("SET VARIABLE lake = ?", [halfway.url])
        connection.execute((WAREHOUSE / "duckdb.sql").read_text())
        yield connection


def statements(name):
    lines = (WAREHOUSE / name).read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("--"))
    return [each.strip() for each in text.split(";\n") if each.strip().strip(";")]


def parsed(engine, text):
    # Athena has two kinds of SQL: that of its tables is Hive's, that of its views is Trino's.
    is_view = engine == "athena" and not text.startswith("CREATE EXTERNAL")
    return sqlglot.parse_one(text, read="trino" if is_view else engine)


@pytest.mark.parametrize("kept_s", [0, 3600])
def test_the_warehouse_counts_each_run_once_also_while_files_are_put_together(halfway, kept_s):
    halfway.compact(keep_replaced_s=kept_s)
    with duckdb.connect() as connection:
        connection.execute("SET VARIABLE lake = ?", [halfway.url])
        connection.execute((WAREHOUSE / "duckdb.sql").read_text())
        counts = {name: connection.sql(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in TABLES}  # noqa: S608 - our names
        assert counts == ROWS
        answers = [connection.sql(question).fetchall() for question in statements("queries.sql")]
    assert [len(rows) for rows in answers] == ANSWERS


def test_in_duckdb_a_lake_without_accepted_levels_has_a_view_of_them_with_the_same_columns(nights, warehouse):
    query = "SELECT * FROM accepted_levels"
    before = warehouse.sql(query).description
    for level in (Path(nights.url) / "accepted_levels").rglob("*.parquet"):
        level.unlink()
    warehouse.execute((WAREHOUSE / "duckdb.sql").read_text())
    now = warehouse.sql(query)
    assert now.fetchall() == []
    assert [(name, str(kind)) for name, kind, *_ in now.description] == [
        (name, str(kind)) for name, kind, *_ in before
    ]


@pytest.mark.timeout(600)
def test_spark_counts_each_run_once_while_files_are_put_together(halfway, tmp_path):
    """Not in every test run: PySpark is 400 MB, and takes a Java machine and a minute (`make test-spark`)."""
    spark_sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed, which tries spark.sql")
    builder = spark_sql.SparkSession.builder.master("local[1]")
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(tmp_path / "spark"),
    }
    session = builder.config(map=settings).getOrCreate()
    try:
        for statement in statements("spark.sql"):
            session.sql(statement.replace("LAKE", halfway.url))
        counts = {name: session.sql(f"SELECT count(*) AS n FROM {name}").collect()[0].n for name in TABLES}  # noqa: S608 - our names
        assert counts == ROWS
        assert [len(session.sql(each).collect()) for each in statements("queries.sql")] == ANSWERS
    finally:
        session.stop()


@pytest.mark.parametrize("engine", [each for each in ELSEWHERE if each != "bigquery"])
def test_each_warehouse_knows_every_column(engine):
    """BigQuery takes them from the files."""
    for table in TABLES:
        (made,) = (each for each in statements(f"{engine}.sql") if f"{table}_files (" in each)
        columns = [column.name.lower() for column in parsed(engine, made).find_all(exp.ColumnDef)]
        known = ["value" if name == "figure" else name for name in columns]  # see snowflake.sql
        assert [name for name in FILE_SCHEMAS[table].names if name not in known] == []


@pytest.mark.parametrize("engine", ELSEWHERE)
def test_each_statement_is_of_its_engines_sql(engine):
    for statement in statements(f"{engine}.sql"):
        found = parsed(engine, statement)
        assert isinstance(found, exp.Create | exp.Command), statement
        if isinstance(found, exp.Command):
            assert statement.startswith(UNREAD)


@pytest.mark.parametrize("engine", ELSEWHERE)
def test_each_engines_views_and_questions_say_what_duckdbs_do(warehouse, engine):
    kept = statements(f"{engine}.sql")
    for table in TABLES:
        warehouse.execute(FILES.replace("TABLE", table))
        if engine == "snowflake":
            add_what_an_external_table_computes(warehouse, table, kept)
        (view,) = (each for each in kept if each.startswith("CREATE OR REPLACE VIEW") and f"{table}_" in each)
        warehouse.execute(f"CREATE VIEW theirs AS {in_duckdb(parsed(engine, view).expression)}")
        columns = "cluster, run_id, value" if table == "results" else "cluster, run_id"
        ours, theirs = (
            warehouse.sql(f"SELECT {columns} FROM {name} ORDER BY ALL").fetchall()  # noqa: S608 - our names
            for name in (table, "theirs")
        )
        assert theirs == ours
        warehouse.execute("DROP VIEW theirs")
    for question in statements("queries.sql"):
        translated = in_duckdb(parsed(engine, question))
        assert warehouse.sql(translated).fetchall() == warehouse.sql(question).fetchall()


def in_duckdb(query):
    """Return a query as DuckDB takes it, of tables without catalogue and schema."""
    for each in query.find_all(exp.Table):
        each.set("db", None)
        each.set("catalog", None)
    return query.sql("duckdb", identify=True)


def add_what_an_external_table_computes(warehouse, table, kept):
    """Give a table the columns that Snowflake computes: the rank of its file, the row, a figure's name."""
    (made,) = (each for each in kept if f"EXTERNAL TABLE {table}_files (" in each)
    (rank,) = (each for each in parsed("snowflake", made).find_all(exp.ColumnDef) if each.name == "place")
    place = rank.find(exp.ComputedColumnConstraint).this.sql("duckdb", identify=True)
    columns = "* RENAME (value AS figure)" if table == "results" else "*"
    warehouse.execute(
        f"""CREATE TABLE computed AS SELECT {columns}, {place} AS place FROM {table}_files;
            DROP VIEW {table}_files;
            CREATE TABLE {table}_files AS SELECT *, 'all of the row' AS value FROM computed;
            DROP TABLE computed"""  # noqa: S608 - ours
    )
