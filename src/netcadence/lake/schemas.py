"""The tables' columns, explicit and versioned.

Schemas only grow: a column is added at the end, with a higher version; none is renamed, retyped or removed.
A reader gives null for what an older file does not have, and leaves out what a newer one has in addition.
`cluster` and `date` are in the path, not in the file, as Hive-partitioned readers want it.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

SCHEMA_VERSION: Final = 3
#: Keys of the file's metadata by which a reader knows that a file is of this lake.
TABLE_KEY: Final = b"netcadence.table"
VERSION_KEY: Final = b"netcadence.schema_version"

_TEXT = pa.string()
_INSTANT = pa.timestamp("us", tz="UTC")


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


#: Columns that every table has: which run, and when it started, so that all filter alike.
_RUN = (
    _required("run_id", _TEXT),
    _required("scenario", _TEXT),
    _required("started_at", _INSTANT),
)

#: Columns that say which pair, and between what.
_PAIR = (
    _required("round", pa.int32()),
    _required("pair_index", pa.int32()),
    pa.field("client_pod", _TEXT),
    pa.field("client_node", _TEXT),
    pa.field("client_zone", _TEXT),
    pa.field("client_ip", _TEXT),
    pa.field("server_pod", _TEXT),
    pa.field("server_node", _TEXT),
    pa.field("server_zone", _TEXT),
    pa.field("server_ip", _TEXT),
    pa.field("port", pa.int32()),
    pa.field("protocol", _TEXT),
)

_NODE = pa.struct(
    [
        pa.field(name, _TEXT)
        for name in ("name", "zone", "instance_type", "kernel", "os_image", "container_runtime", "kubelet")
    ]
    # Since version 2; a struct grows like a table, and an older file's has null for what it lacks.
    + [
        pa.field("region", _TEXT),
        pa.field("architecture", _TEXT),
        pa.field("allocatable_cpu", pa.float64()),
        pa.field("allocatable_memory_bytes", pa.int64()),
        pa.field("mtu", pa.int32()),
    ]
)

#: Latencies above one bound and at most the other, in the row's unit.
_BUCKET = pa.struct(
    [pa.field("over", pa.float64()), pa.field("up_to", pa.float64()), pa.field("count", pa.int64())]
)

_FIELDS: Final[dict[str, tuple[pa.Field, ...]]] = {
    "results": (
        *_RUN,
        *_PAIR,
        pa.field("metric", _TEXT),
        pa.field("unit", _TEXT),
        pa.field("value", pa.float64()),
        pa.field("direction", _TEXT),
        pa.field("error_reason", _TEXT),
        pa.field("error_message", _TEXT),
        pa.field("marks", pa.list_(_TEXT)),
        pa.field("client_started_at", _INSTANT),
        pa.field("client_ended_at", _INSTANT),
        pa.field("start_offset_s", pa.float64()),
        pa.field("clock_reference", _TEXT),
        pa.field("clock_offset_s", pa.float64()),
        pa.field("clock_uncertainty_s", pa.float64()),
        # Since version 3: null for what a run of ours measured, else where it is from, such as `perfdata`.
        pa.field("origin", _TEXT),
        # Since version 3; the repeat is null where nothing was repeated, or the pair only warmed up.
        pa.field("repeat", pa.int32()),
        pa.field("limit", _TEXT),
        pa.field("clock_offset_after_s", pa.float64()),
        pa.field("clock_uncertainty_after_s", pa.float64()),
        # Since version 3: the way, where it led, and to which address a name was resolved.
        pa.field("path", _TEXT),
        pa.field("target", _TEXT),
        pa.field("target_ip", _TEXT),
        pa.field("target_port", pa.int32()),
    ),
    # Since version 3: what others have measured, where they published statistics over the pairs only.
    "summaries": (
        *_RUN,
        pa.field("protocol", _TEXT),
        pa.field("ratio", _TEXT),
        _required("metric", _TEXT),
        _required("statistic", _TEXT),
        _required("value", pa.float64()),
        pa.field("unit", _TEXT),
        pa.field("direction", _TEXT),
        _required("origin", _TEXT),
        pa.field("source", _TEXT),
    ),
    # Since version 3: how long single requests took that succeeded, of tools that count them, by bucket.
    "latencies": (
        *_RUN,
        *_PAIR,
        pa.field("repeat", pa.int32()),
        _required("metric", _TEXT),
        _required("unit", _TEXT),
        _required("count", pa.int64()),
        _required("least", pa.float64()),
        _required("most", pa.float64()),
        _required("sum", pa.float64()),
        _required("buckets", pa.list_(_BUCKET)),
    ),
    "intervals": (
        *_RUN,
        *_PAIR,
        _required("start_s", pa.float64()),
        _required("end_s", pa.float64()),
        _required("metric", _TEXT),
        pa.field("unit", _TEXT),
        _required("value", pa.float64()),
    ),
    "raw": (
        *_RUN,
        _required("round", pa.int32()),
        _required("pair_index", pa.int32()),
        _required("role", _TEXT),
        pa.field("tool", _TEXT),
        pa.field("version", _TEXT),
        pa.field("argv", pa.list_(_TEXT)),
        pa.field("stdout", _TEXT),
        pa.field("stderr", _TEXT),
        pa.field("exit_code", pa.int32()),
        pa.field("truncated", pa.bool_()),
        pa.field("undecoded", _TEXT),
    ),
    "verdicts": (
        *_RUN,
        _required("suite", _TEXT),
        _required("requirement", _TEXT),
        pa.field("metric", _TEXT),
        pa.field("statistic", _TEXT),
        pa.field("value", pa.float64()),
        pa.field("unit", _TEXT),
        pa.field("comparison", _TEXT),
        pa.field("threshold", pa.float64()),
        _required("verdict", _TEXT),
        pa.field("detail", _TEXT),
        # Since version 3.
        pa.field("interval_low", pa.float64()),
        pa.field("interval_high", pa.float64()),
        pa.field("interval_level", pa.float64()),
        pa.field("interval_repeats", pa.int32()),
        pa.field("interval_pairs", pa.int32()),
        pa.field("interval_seed", pa.int64()),
    ),
    # Since version 3: one row a check; what is null has no single figure that decided.
    "acceptances": (
        *_RUN,
        _required("acceptance_id", _TEXT),
        _required("acceptance_started_at", _INSTANT),
        _required("acceptance_ended_at", _INSTANT),
        _required("acceptance_verdict", _TEXT),
        _required("profile", _TEXT),
        _required("profile_hash", _TEXT),
        _required("strict", pa.bool_()),
        _required("position", pa.int32()),
        _required("check", _TEXT),
        pa.field("title", _TEXT),
        _required("level", _TEXT),
        _required("verdict", _TEXT),
        pa.field("requirement", _TEXT),
        pa.field("metric", _TEXT),
        pa.field("statistic", _TEXT),
        pa.field("value", pa.float64()),
        pa.field("unit", _TEXT),
        pa.field("comparison", _TEXT),
        pa.field("threshold", pa.float64()),
        pa.field("detail", _TEXT),
        pa.field("netcadence_version", _TEXT),
    ),
    "runs": (
        *_RUN,
        _required("ended_at", _INSTANT),
        _required("verdict", _TEXT),
        pa.field("protocol", _TEXT),
        pa.field("tool", _TEXT),
        pa.field("duration_s", pa.int32()),
        _required("planned_pairs", pa.int32()),
        _required("measured_pairs", pa.int32()),
        _required("error_count", pa.int32()),
        pa.field("skew_p50_ms", pa.float64()),
        pa.field("skew_p99_ms", pa.float64()),
        pa.field("skew_max_ms", pa.float64()),
        pa.field("skew_bound_ms", pa.float64()),
        pa.field("network", _TEXT),
        pa.field("kubernetes_version", _TEXT),
        pa.field("cni", _TEXT),
        pa.field("mtu", pa.int32()),
        pa.field("netcadence_version", _TEXT),
        pa.field("nodes", pa.list_(_NODE)),
        pa.field("phases_s", pa.map_(_TEXT, pa.float64())),
        pa.field("labels", pa.map_(_TEXT, _TEXT)),
        pa.field("config", _TEXT),
        pa.field("config_hash", _TEXT),
        pa.field("docs", _TEXT),
        # Since version 3.
        pa.field("path", _TEXT),
        pa.field("ip_family", _TEXT),
        pa.field("tool_version", _TEXT),
    ),
    # Since version 3: one row a level that somebody accepted; `run_id` is the acceptance's own id.
    "accepted_levels": (
        *_RUN,
        _required("metric", _TEXT),
        _required("statistic", _TEXT),
        _required("path", _TEXT),
        _required("ip_family", _TEXT),
        _required("node", _TEXT),
        _required("part", _TEXT),
        _required("origin", _TEXT),
        _required("changed_at", _INSTANT),
        _required("level", pa.float64()),
        _required("level_before", pa.float64()),
        _required("unit", _TEXT),
        _required("accepted_by", _TEXT),
        _required("reason", _TEXT),
    ),
}

#: Columns that the path holds.
PARTITION: Final = (pa.field("cluster", _TEXT), pa.field("date", _TEXT))

#: What is in a file.
FILE_SCHEMAS: Final[dict[str, pa.Schema]] = {
    name: pa.schema(fields, metadata={TABLE_KEY: name.encode(), VERSION_KEY: str(SCHEMA_VERSION).encode()})
    for name, fields in _FIELDS.items()
}

#: What a reader gets: every column may be null, since an older file may not have it.
READ_SCHEMAS: Final[dict[str, pa.Schema]] = {
    name: pa.schema([field.with_nullable(nullable=True) for field in (fields[0], *PARTITION, *fields[1:])])
    for name, fields in _FIELDS.items()
}


def written_as(schema: pa.Schema) -> dict[str, object]:
    """Return how a file of these columns is written."""
    # Figures hardly ever repeat; a dictionary of them is made in vain.
    repeated = [field.name for field in schema if not pa.types.is_floating(field.type)]
    return {"compression": "zstd", "use_dictionary": repeated}


def version_of(schema: pa.Schema) -> int:
    """Return the schema version that wrote a file of the lake; what does not tell is of the first."""
    told = (schema.metadata or {}).get(VERSION_KEY, b"1")
    return int(told) if told.isdigit() else 1


def name_column(table: str) -> str:
    """Return the column after which a table's files are named."""
    return "acceptance_id" if table == "acceptances" else "run_id"


def table_of(schema: pa.Schema) -> str | None:
    """Return which of the lake's tables a file of this schema belongs to; None for a foreign file."""
    name = (schema.metadata or {}).get(TABLE_KEY, b"").decode("utf-8", "replace")
    return name if name in FILE_SCHEMAS else None
