-- BigQuery: external tables in the dataset `netcadence`; LAKE is gs://BUCKET/PREFIX.
-- A run counts from one file: its month's, of several the one with most runs, otherwise its own.
CREATE OR REPLACE EXTERNAL TABLE netcadence.runs_files
WITH PARTITION COLUMNS (cluster STRING, date DATE)
OPTIONS (format = 'PARQUET', uris = ['LAKE/runs/*.parquet'], hive_partition_uri_prefix = 'LAKE/runs');

CREATE OR REPLACE VIEW netcadence.runs AS
SELECT * EXCEPT (place) FROM (
    SELECT *, IF(REGEXP_CONTAINS(_FILE_NAME, r'/[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet$'),
                 CONCAT('1', REGEXP_EXTRACT(_FILE_NAME, r'[.]([0-9]{8}-[0-9a-f]{16})[.]parquet$')), '0') AS place
    FROM netcadence.runs_files)
WHERE TRUE
QUALIFY place = MAX(place) OVER (PARTITION BY cluster, run_id);

CREATE OR REPLACE EXTERNAL TABLE netcadence.results_files
WITH PARTITION COLUMNS (cluster STRING, date DATE)
OPTIONS (format = 'PARQUET', uris = ['LAKE/results/*.parquet'], hive_partition_uri_prefix = 'LAKE/results');

CREATE OR REPLACE VIEW netcadence.results AS
SELECT * EXCEPT (place) FROM (
    SELECT *, IF(REGEXP_CONTAINS(_FILE_NAME, r'/[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet$'),
                 CONCAT('1', REGEXP_EXTRACT(_FILE_NAME, r'[.]([0-9]{8}-[0-9a-f]{16})[.]parquet$')), '0') AS place
    FROM netcadence.results_files)
WHERE TRUE
QUALIFY place = MAX(place) OVER (PARTITION BY cluster, run_id);

CREATE OR REPLACE EXTERNAL TABLE netcadence.accepted_levels_files
WITH PARTITION COLUMNS (cluster STRING, date DATE)
OPTIONS (format = 'PARQUET', uris = ['LAKE/accepted_levels/*.parquet'], hive_partition_uri_prefix = 'LAKE/accepted_levels');

CREATE OR REPLACE VIEW netcadence.accepted_levels AS
SELECT * EXCEPT (place) FROM (
    SELECT *, IF(REGEXP_CONTAINS(_FILE_NAME, r'/[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet$'),
                 CONCAT('1', REGEXP_EXTRACT(_FILE_NAME, r'[.]([0-9]{8}-[0-9a-f]{16})[.]parquet$')), '0') AS place
    FROM netcadence.accepted_levels_files)
WHERE TRUE
QUALIFY place = MAX(place) OVER (PARTITION BY cluster, run_id);
