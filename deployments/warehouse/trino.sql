-- Trino with the Hive connector: catalog `hive`, schema `netcadence`. New days: CALL hive.system.sync_partition_metadata('netcadence', 'runs_files', 'ADD').
-- A run counts from one file: its month's, of several the one with most runs, otherwise its own.
CREATE TABLE hive.netcadence.runs_files (
    run_id varchar,
    scenario varchar,
    started_at timestamp(6),
    ended_at timestamp(6),
    verdict varchar,
    protocol varchar,
    tool varchar,
    duration_s integer,
    planned_pairs integer,
    measured_pairs integer,
    error_count integer,
    skew_p50_ms double,
    skew_p99_ms double,
    skew_max_ms double,
    skew_bound_ms double,
    network varchar,
    kubernetes_version varchar,
    cni varchar,
    mtu integer,
    netcadence_version varchar,
    nodes array(row(name varchar, zone varchar, instance_type varchar, kernel varchar, os_image varchar, container_runtime varchar, kubelet varchar, region varchar, architecture varchar, allocatable_cpu double, allocatable_memory_bytes bigint, mtu integer)),
    phases_s map(varchar, double),
    labels map(varchar, varchar),
    config varchar,
    config_hash varchar,
    docs varchar,
    path varchar,
    ip_family varchar,
    tool_version varchar,
    cluster varchar,
    date varchar
)
WITH (format = 'PARQUET', external_location = 'LAKE/runs', partitioned_by = ARRAY['cluster', 'date']);

CREATE OR REPLACE VIEW hive.netcadence.runs AS
SELECT * FROM (
    SELECT f.*, max(place) OVER (PARTITION BY cluster, run_id) AS latest
    FROM (SELECT *, CASE WHEN regexp_like("$path", '/[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet$')
                         THEN '1' || regexp_extract("$path", '[.]([0-9]{8}-[0-9a-f]{16})[.]parquet$', 1)
                         ELSE '0' END AS place
          FROM hive.netcadence.runs_files) f)
WHERE place = latest;

CREATE TABLE hive.netcadence.results_files (
    run_id varchar,
    scenario varchar,
    started_at timestamp(6),
    round integer,
    pair_index integer,
    client_pod varchar,
    client_node varchar,
    client_zone varchar,
    client_ip varchar,
    server_pod varchar,
    server_node varchar,
    server_zone varchar,
    server_ip varchar,
    port integer,
    protocol varchar,
    metric varchar,
    unit varchar,
    value double,
    direction varchar,
    error_reason varchar,
    error_message varchar,
    marks array(varchar),
    client_started_at timestamp(6),
    client_ended_at timestamp(6),
    start_offset_s double,
    clock_reference varchar,
    clock_offset_s double,
    clock_uncertainty_s double,
    origin varchar,
    repeat integer,
    limit varchar,
    clock_offset_after_s double,
    clock_uncertainty_after_s double,
    path varchar,
    target varchar,
    target_ip varchar,
    target_port integer,
    cluster varchar,
    date varchar
)
WITH (format = 'PARQUET', external_location = 'LAKE/results', partitioned_by = ARRAY['cluster', 'date']);

CREATE OR REPLACE VIEW hive.netcadence.results AS
SELECT * FROM (
    SELECT f.*, max(place) OVER (PARTITION BY cluster, run_id) AS latest
    FROM (SELECT *, CASE WHEN regexp_like("$path", '/[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet$')
                         THEN '1' || regexp_extract("$path", '[.]([0-9]{8}-[0-9a-f]{16})[.]parquet$', 1)
                         ELSE '0' END AS place
          FROM hive.netcadence.results_files) f)
WHERE place = latest;

CREATE TABLE hive.netcadence.accepted_levels_files (
    run_id varchar,
    scenario varchar,
    started_at timestamp(6),
    metric varchar,
    statistic varchar,
    path varchar,
    ip_family varchar,
    node varchar,
    part varchar,
    origin varchar,
    changed_at timestamp(6),
    level double,
    level_before double,
    unit varchar,
    accepted_by varchar,
    reason varchar,
    cluster varchar,
    date varchar
)
WITH (format = 'PARQUET', external_location = 'LAKE/accepted_levels', partitioned_by = ARRAY['cluster', 'date']);

CREATE OR REPLACE VIEW hive.netcadence.accepted_levels AS
SELECT * FROM (
    SELECT f.*, max(place) OVER (PARTITION BY cluster, run_id) AS latest
    FROM (SELECT *, CASE WHEN regexp_like("$path", '/[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet$')
                         THEN '1' || regexp_extract("$path", '[.]([0-9]{8}-[0-9a-f]{16})[.]parquet$', 1)
                         ELSE '0' END AS place
          FROM hive.netcadence.accepted_levels_files) f)
WHERE place = latest;
