-- Snowflake: an external stage `netcadence_lake` of the lake's address, for example
--   CREATE STAGE netcadence_lake URL = 'LAKE' STORAGE_INTEGRATION = ...;
-- Each external table has a column `value` of its own, the whole row, so that a result's is called `figure` until the view.
-- A run counts from one file: its month's, of several the one with most runs, otherwise its own.
CREATE OR REPLACE EXTERNAL TABLE runs_files (
    cluster VARCHAR AS (SPLIT_PART(REGEXP_SUBSTR(METADATA$FILENAME, 'cluster=[^/]+'), '=', 2)),
    date DATE AS (TO_DATE(SPLIT_PART(REGEXP_SUBSTR(METADATA$FILENAME, 'date=[^/]+'), '=', 2))),
    place VARCHAR AS (IFF(METADATA$FILENAME REGEXP '.*/[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet',
                          '1' || SPLIT_PART(METADATA$FILENAME, '.', -2), '0')),
    "RUN_ID" VARCHAR AS (value:"run_id"::VARCHAR),
    "SCENARIO" VARCHAR AS (value:"scenario"::VARCHAR),
    "STARTED_AT" TIMESTAMP_NTZ AS (value:"started_at"::TIMESTAMP_NTZ),
    "ENDED_AT" TIMESTAMP_NTZ AS (value:"ended_at"::TIMESTAMP_NTZ),
    "VERDICT" VARCHAR AS (value:"verdict"::VARCHAR),
    "PROTOCOL" VARCHAR AS (value:"protocol"::VARCHAR),
    "TOOL" VARCHAR AS (value:"tool"::VARCHAR),
    "DURATION_S" INTEGER AS (value:"duration_s"::INTEGER),
    "PLANNED_PAIRS" INTEGER AS (value:"planned_pairs"::INTEGER),
    "MEASURED_PAIRS" INTEGER AS (value:"measured_pairs"::INTEGER),
    "ERROR_COUNT" INTEGER AS (value:"error_count"::INTEGER),
    "SKEW_P50_MS" DOUBLE AS (value:"skew_p50_ms"::DOUBLE),
    "SKEW_P99_MS" DOUBLE AS (value:"skew_p99_ms"::DOUBLE),
    "SKEW_MAX_MS" DOUBLE AS (value:"skew_max_ms"::DOUBLE),
    "SKEW_BOUND_MS" DOUBLE AS (value:"skew_bound_ms"::DOUBLE),
    "NETWORK" VARCHAR AS (value:"network"::VARCHAR),
    "KUBERNETES_VERSION" VARCHAR AS (value:"kubernetes_version"::VARCHAR),
    "CNI" VARCHAR AS (value:"cni"::VARCHAR),
    "MTU" INTEGER AS (value:"mtu"::INTEGER),
    "NETCADENCE_VERSION" VARCHAR AS (value:"netcadence_version"::VARCHAR),
    "NODES" VARIANT AS (value:"nodes"::VARIANT),
    "PHASES_S" VARIANT AS (value:"phases_s"::VARIANT),
    "LABELS" VARIANT AS (value:"labels"::VARIANT),
    "CONFIG" VARCHAR AS (value:"config"::VARCHAR),
    "CONFIG_HASH" VARCHAR AS (value:"config_hash"::VARCHAR),
    "DOCS" VARCHAR AS (value:"docs"::VARCHAR),
    "PATH" VARCHAR AS (value:"path"::VARCHAR),
    "IP_FAMILY" VARCHAR AS (value:"ip_family"::VARCHAR),
    "TOOL_VERSION" VARCHAR AS (value:"tool_version"::VARCHAR)
)
PARTITION BY (cluster, date)
LOCATION = @netcadence_lake/runs/
FILE_FORMAT = (TYPE = PARQUET) PATTERN = '.*[.]parquet' AUTO_REFRESH = FALSE;
ALTER EXTERNAL TABLE runs_files REFRESH;

CREATE OR REPLACE VIEW runs AS
SELECT * EXCLUDE (value, place) FROM runs_files
QUALIFY place = MAX(place) OVER (PARTITION BY cluster, run_id);

CREATE OR REPLACE EXTERNAL TABLE results_files (
    cluster VARCHAR AS (SPLIT_PART(REGEXP_SUBSTR(METADATA$FILENAME, 'cluster=[^/]+'), '=', 2)),
    date DATE AS (TO_DATE(SPLIT_PART(REGEXP_SUBSTR(METADATA$FILENAME, 'date=[^/]+'), '=', 2))),
    place VARCHAR AS (IFF(METADATA$FILENAME REGEXP '.*/[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet',
                          '1' || SPLIT_PART(METADATA$FILENAME, '.', -2), '0')),
    "RUN_ID" VARCHAR AS (value:"run_id"::VARCHAR),
    "SCENARIO" VARCHAR AS (value:"scenario"::VARCHAR),
    "STARTED_AT" TIMESTAMP_NTZ AS (value:"started_at"::TIMESTAMP_NTZ),
    "ROUND" INTEGER AS (value:"round"::INTEGER),
    "PAIR_INDEX" INTEGER AS (value:"pair_index"::INTEGER),
    "CLIENT_POD" VARCHAR AS (value:"client_pod"::VARCHAR),
    "CLIENT_NODE" VARCHAR AS (value:"client_node"::VARCHAR),
    "CLIENT_ZONE" VARCHAR AS (value:"client_zone"::VARCHAR),
    "CLIENT_IP" VARCHAR AS (value:"client_ip"::VARCHAR),
    "SERVER_POD" VARCHAR AS (value:"server_pod"::VARCHAR),
    "SERVER_NODE" VARCHAR AS (value:"server_node"::VARCHAR),
    "SERVER_ZONE" VARCHAR AS (value:"server_zone"::VARCHAR),
    "SERVER_IP" VARCHAR AS (value:"server_ip"::VARCHAR),
    "PORT" INTEGER AS (value:"port"::INTEGER),
    "PROTOCOL" VARCHAR AS (value:"protocol"::VARCHAR),
    "METRIC" VARCHAR AS (value:"metric"::VARCHAR),
    "UNIT" VARCHAR AS (value:"unit"::VARCHAR),
    "FIGURE" DOUBLE AS (value:"value"::DOUBLE),
    "DIRECTION" VARCHAR AS (value:"direction"::VARCHAR),
    "ERROR_REASON" VARCHAR AS (value:"error_reason"::VARCHAR),
    "ERROR_MESSAGE" VARCHAR AS (value:"error_message"::VARCHAR),
    "MARKS" VARIANT AS (value:"marks"::VARIANT),
    "CLIENT_STARTED_AT" TIMESTAMP_NTZ AS (value:"client_started_at"::TIMESTAMP_NTZ),
    "CLIENT_ENDED_AT" TIMESTAMP_NTZ AS (value:"client_ended_at"::TIMESTAMP_NTZ),
    "START_OFFSET_S" DOUBLE AS (value:"start_offset_s"::DOUBLE),
    "CLOCK_REFERENCE" VARCHAR AS (value:"clock_reference"::VARCHAR),
    "CLOCK_OFFSET_S" DOUBLE AS (value:"clock_offset_s"::DOUBLE),
    "CLOCK_UNCERTAINTY_S" DOUBLE AS (value:"clock_uncertainty_s"::DOUBLE),
    "ORIGIN" VARCHAR AS (value:"origin"::VARCHAR),
    "REPEAT" INTEGER AS (value:"repeat"::INTEGER),
    "LIMIT" VARCHAR AS (value:"limit"::VARCHAR),
    "CLOCK_OFFSET_AFTER_S" DOUBLE AS (value:"clock_offset_after_s"::DOUBLE),
    "CLOCK_UNCERTAINTY_AFTER_S" DOUBLE AS (value:"clock_uncertainty_after_s"::DOUBLE),
    "PATH" VARCHAR AS (value:"path"::VARCHAR),
    "TARGET" VARCHAR AS (value:"target"::VARCHAR),
    "TARGET_IP" VARCHAR AS (value:"target_ip"::VARCHAR),
    "TARGET_PORT" INTEGER AS (value:"target_port"::INTEGER)
)
PARTITION BY (cluster, date)
LOCATION = @netcadence_lake/results/
FILE_FORMAT = (TYPE = PARQUET) PATTERN = '.*[.]parquet' AUTO_REFRESH = FALSE;
ALTER EXTERNAL TABLE results_files REFRESH;

CREATE OR REPLACE VIEW results AS
SELECT * EXCLUDE (value, place) RENAME (figure AS value) FROM results_files
QUALIFY place = MAX(place) OVER (PARTITION BY cluster, run_id);

CREATE OR REPLACE EXTERNAL TABLE accepted_levels_files (
    cluster VARCHAR AS (SPLIT_PART(REGEXP_SUBSTR(METADATA$FILENAME, 'cluster=[^/]+'), '=', 2)),
    date DATE AS (TO_DATE(SPLIT_PART(REGEXP_SUBSTR(METADATA$FILENAME, 'date=[^/]+'), '=', 2))),
    place VARCHAR AS (IFF(METADATA$FILENAME REGEXP '.*/[0-9]{4}-[0-9]{2}[.][0-9]{8}-[0-9a-f]{16}[.]parquet',
                          '1' || SPLIT_PART(METADATA$FILENAME, '.', -2), '0')),
    "RUN_ID" VARCHAR AS (value:"run_id"::VARCHAR),
    "SCENARIO" VARCHAR AS (value:"scenario"::VARCHAR),
    "STARTED_AT" TIMESTAMP_NTZ AS (value:"started_at"::TIMESTAMP_NTZ),
    "METRIC" VARCHAR AS (value:"metric"::VARCHAR),
    "STATISTIC" VARCHAR AS (value:"statistic"::VARCHAR),
    "PATH" VARCHAR AS (value:"path"::VARCHAR),
    "IP_FAMILY" VARCHAR AS (value:"ip_family"::VARCHAR),
    "NODE" VARCHAR AS (value:"node"::VARCHAR),
    "PART" VARCHAR AS (value:"part"::VARCHAR),
    "ORIGIN" VARCHAR AS (value:"origin"::VARCHAR),
    "CHANGED_AT" TIMESTAMP_NTZ AS (value:"changed_at"::TIMESTAMP_NTZ),
    "LEVEL" DOUBLE AS (value:"level"::DOUBLE),
    "LEVEL_BEFORE" DOUBLE AS (value:"level_before"::DOUBLE),
    "UNIT" VARCHAR AS (value:"unit"::VARCHAR),
    "ACCEPTED_BY" VARCHAR AS (value:"accepted_by"::VARCHAR),
    "REASON" VARCHAR AS (value:"reason"::VARCHAR)
)
PARTITION BY (cluster, date)
LOCATION = @netcadence_lake/accepted_levels/
FILE_FORMAT = (TYPE = PARQUET) PATTERN = '.*[.]parquet' AUTO_REFRESH = FALSE;
ALTER EXTERNAL TABLE accepted_levels_files REFRESH;

CREATE OR REPLACE VIEW accepted_levels AS
SELECT * EXCLUDE (value, place) FROM accepted_levels_files
QUALIFY place = MAX(place) OVER (PARTITION BY cluster, run_id);
