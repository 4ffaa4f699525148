-- Spark SQL 3.4 and later. New days: MSCK REPAIR TABLE runs_files.
-- A run counts from one file: its month's, of several the one with most runs, otherwise its own.
CREATE TABLE IF NOT EXISTS runs_files (
    `run_id` string,
    `scenario` string,
    `started_at` timestamp,
    `ended_at` timestamp,
    `verdict` string,
    `protocol` string,
    `tool` string,
    `duration_s` int,
    `planned_pairs` int,
    `measured_pairs` int,
    `error_count` int,
    `skew_p50_ms` double,
    `skew_p99_ms` double,
    `skew_max_ms` double,
    `skew_bound_ms` double,
    `network` string,
    `kubernetes_version` string,
    `cni` string,
    `mtu` int,
    `netcadence_version` string,
    `nodes` array<struct<name:string,zone:string,instance_type:string,kernel:string,os_image:string,container_runtime:string,kubelet:string,region:string,architecture:string,allocatable_cpu:double,allocatable_memory_bytes:bigint,mtu:int>>,
    `phases_s` map<string,double>,
    `labels` map<string,string>,
    `config` string,
    `config_hash` string,
    `docs` string,
    `path` string,
    `ip_family` string,
    `tool_version` string,
    `cluster` string,
    `date` date
)
USING PARQUET PARTITIONED BY (`cluster`, `date`) LOCATION 'LAKE/runs';
MSCK REPAIR TABLE runs_files;

CREATE OR REPLACE VIEW runs AS
SELECT * EXCEPT (place, latest) FROM (
    SELECT *, max(place) OVER (PARTITION BY cluster, run_id) AS latest
    FROM (SELECT *, CASE WHEN _metadata.file_name RLIKE '^[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet$'
                         THEN concat('1', substring(_metadata.file_name, 9)) ELSE '0' END AS place
          FROM runs_files))
WHERE place = latest;

CREATE TABLE IF NOT EXISTS results_files (
    `run_id` string,
    `scenario` string,
    `started_at` timestamp,
    `round` int,
    `pair_index` int,
    `client_pod` string,
    `client_node` string,
    `client_zone` string,
    `client_ip` string,
    `server_pod` string,
    `server_node` string,
    `server_zone` string,
    `server_ip` string,
    `port` int,
    `protocol` string,
    `metric` string,
    `unit` string,
    `value` double,
    `direction` string,
    `error_reason` string,
    `error_message` string,
    `marks` array<string>,
    `client_started_at` timestamp,
    `client_ended_at` timestamp,
    `start_offset_s` double,
    `clock_reference` string,
    `clock_offset_s` double,
    `clock_uncertainty_s` double,
    `origin` string,
    `repeat` int,
    `limit` string,
    `clock_offset_after_s` double,
    `clock_uncertainty_after_s` double,
    `path` string,
    `target` string,
    `target_ip` string,
    `target_port` int,
    `cluster` string,
    `date` date
)
USING PARQUET PARTITIONED BY (`cluster`, `date`) LOCATION 'LAKE/results';
MSCK REPAIR TABLE results_files;

CREATE OR REPLACE VIEW results AS
SELECT * EXCEPT (place, latest) FROM (
    SELECT *, max(place) OVER (PARTITION BY cluster, run_id) AS latest
    FROM (SELECT *, CASE WHEN _metadata.file_name RLIKE '^[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet$'
                         THEN concat('1', substring(_metadata.file_name, 9)) ELSE '0' END AS place
          FROM results_files))
WHERE place = latest;

CREATE TABLE IF NOT EXISTS accepted_levels_files (
    `run_id` string,
    `scenario` string,
    `started_at` timestamp,
    `metric` string,
    `statistic` string,
    `path` string,
    `ip_family` string,
    `node` string,
    `part` string,
    `origin` string,
    `changed_at` timestamp,
    `level` double,
    `level_before` double,
    `unit` string,
    `accepted_by` string,
    `reason` string,
    `cluster` string,
    `date` date
)
USING PARQUET PARTITIONED BY (`cluster`, `date`) LOCATION 'LAKE/accepted_levels';
MSCK REPAIR TABLE accepted_levels_files;

CREATE OR REPLACE VIEW accepted_levels AS
SELECT * EXCEPT (place, latest) FROM (
    SELECT *, max(place) OVER (PARTITION BY cluster, run_id) AS latest
    FROM (SELECT *, CASE WHEN _metadata.file_name RLIKE '^[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet$'
                         THEN concat('1', substring(_metadata.file_name, 9)) ELSE '0' END AS place
          FROM accepted_levels_files))
WHERE place = latest;
