-- Athena. Partitions are projected, so that new ones need no command; clusters are named in `projection.cluster.values`.
-- One statement at a time, as Athena takes them.
-- A run counts from one file: its month's, of several the one with most runs, otherwise its own.
CREATE EXTERNAL TABLE runs_files (
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
    `tool_version` string
)
PARTITIONED BY (`cluster` string, `date` string)
STORED AS PARQUET
LOCATION 'LAKE/runs/'
TBLPROPERTIES (
    'projection.enabled' = 'true',
    'projection.cluster.type' = 'enum', 'projection.cluster.values' = 'CLUSTER-A,CLUSTER-B',
    'projection.date.type' = 'date', 'projection.date.format' = 'yyyy-MM-dd', 'projection.date.range' = '2024-01-01,NOW',
    'storage.location.template' = 'LAKE/runs/cluster=${cluster}/date=${date}');

CREATE OR REPLACE VIEW runs AS
SELECT * FROM (
    SELECT f.*, max(place) OVER (PARTITION BY cluster, run_id) AS latest
    FROM (SELECT *, CASE WHEN regexp_like("$path", '/[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet$')
                         THEN '1' || regexp_extract("$path", '[.]([0-9]{8}-[0-9a-f]{16})[.]parquet$', 1)
                         ELSE '0' END AS place
          FROM runs_files) f)
WHERE place = latest;

CREATE EXTERNAL TABLE results_files (
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
    `target_port` int
)
PARTITIONED BY (`cluster` string, `date` string)
STORED AS PARQUET
LOCATION 'LAKE/results/'
TBLPROPERTIES (
    'projection.enabled' = 'true',
    'projection.cluster.type' = 'enum', 'projection.cluster.values' = 'CLUSTER-A,CLUSTER-B',
    'projection.date.type' = 'date', 'projection.date.format' = 'yyyy-MM-dd', 'projection.date.range' = '2024-01-01,NOW',
    'storage.location.template' = 'LAKE/results/cluster=${cluster}/date=${date}');

CREATE OR REPLACE VIEW results AS
SELECT * FROM (
    SELECT f.*, max(place) OVER (PARTITION BY cluster, run_id) AS latest
    FROM (SELECT *, CASE WHEN regexp_like("$path", '/[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet$')
                         THEN '1' || regexp_extract("$path", '[.]([0-9]{8}-[0-9a-f]{16})[.]parquet$', 1)
                         ELSE '0' END AS place
          FROM results_files) f)
WHERE place = latest;

CREATE EXTERNAL TABLE accepted_levels_files (
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
    `reason` string
)
PARTITIONED BY (`cluster` string, `date` string)
STORED AS PARQUET
LOCATION 'LAKE/accepted_levels/'
TBLPROPERTIES (
    'projection.enabled' = 'true',
    'projection.cluster.type' = 'enum', 'projection.cluster.values' = 'CLUSTER-A,CLUSTER-B',
    'projection.date.type' = 'date', 'projection.date.format' = 'yyyy-MM-dd', 'projection.date.range' = '2024-01-01,NOW',
    'storage.location.template' = 'LAKE/accepted_levels/cluster=${cluster}/date=${date}');

CREATE OR REPLACE VIEW accepted_levels AS
SELECT * FROM (
    SELECT f.*, max(place) OVER (PARTITION BY cluster, run_id) AS latest
    FROM (SELECT *, CASE WHEN regexp_like("$path", '/[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet$')
                         THEN '1' || regexp_extract("$path", '[.]([0-9]{8}-[0-9a-f]{16})[.]parquet$', 1)
                         ELSE '0' END AS place
          FROM accepted_levels_files) f)
WHERE place = latest;
