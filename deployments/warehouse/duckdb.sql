-- Views over a lake in DuckDB; SET VARIABLE lake = 'LAKE' comes first, such as '/var/lib/netcadence' or 's3://bucket/lake'.
-- A run counts from one file: its month's, of several the one with most runs, otherwise its own.
CREATE OR REPLACE MACRO file_rank(file) AS
    CASE WHEN regexp_matches(file, '/[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet$')
         THEN '1' || regexp_extract(file, '[.]([0-9]{8}-[0-9a-f]{16})[.]parquet$', 1) ELSE '0' END;

CREATE OR REPLACE VIEW runs AS
WITH rows AS (
    SELECT * FROM read_parquet(getvariable('lake') || '/runs/*/*/*.parquet',
                               hive_partitioning = true, union_by_name = true, filename = true))
SELECT * EXCLUDE (filename) FROM rows
WHERE (cluster, run_id, file_rank(filename)) IN
      (SELECT (cluster, run_id, max(file_rank(filename))) FROM rows GROUP BY cluster, run_id);

CREATE OR REPLACE VIEW results AS
WITH rows AS (
    SELECT * FROM read_parquet(getvariable('lake') || '/results/*/*/*.parquet',
                               hive_partitioning = true, union_by_name = true, filename = true))
SELECT * EXCLUDE (filename) FROM rows
WHERE (cluster, run_id, file_rank(filename)) IN
      (SELECT (cluster, run_id, max(file_rank(filename))) FROM rows GROUP BY cluster, run_id);

-- DuckDB takes no view over no file. As long as nobody has accepted a level this is one without rows, until this file is run
-- again: in each session it is, for variables are a session's.
SET VARIABLE accepted_levels_rows = (
    SELECT CASE count(*) WHEN 0
        THEN 'SELECT unnest(NULL::STRUCT(
                  run_id VARCHAR, scenario VARCHAR, started_at TIMESTAMPTZ, metric VARCHAR, statistic VARCHAR,
                  path VARCHAR, ip_family VARCHAR, node VARCHAR, part VARCHAR, origin VARCHAR,
                  changed_at TIMESTAMPTZ, level DOUBLE, level_before DOUBLE, unit VARCHAR,
                  accepted_by VARCHAR, reason VARCHAR, filename VARCHAR, cluster VARCHAR, date DATE)) LIMIT 0'
        ELSE 'FROM read_parquet(getvariable(''lake'') || ''/accepted_levels/*/*/*.parquet'',
                                hive_partitioning = true, union_by_name = true, filename = true)' END
    FROM glob(getvariable('lake') || '/accepted_levels/*/*/*.parquet'));

CREATE OR REPLACE VIEW accepted_levels AS
WITH rows AS (SELECT * FROM query(getvariable('accepted_levels_rows')))
SELECT * EXCLUDE (filename) FROM rows
WHERE (cluster, run_id, file_rank(filename)) IN
      (SELECT (cluster, run_id, max(file_rank(filename))) FROM rows GROUP BY cluster, run_id);
