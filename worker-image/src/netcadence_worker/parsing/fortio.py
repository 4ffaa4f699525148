"""fortio, 1.66: the JSON result of a timed load of HTTP or of gRPC pings.

Its own percentiles are of all requests, and those that failed are often the fastest. Here they are of the
requests that succeeded: fortio counts the others in a histogram of their own, which is taken off the first.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from netcadence_worker.contract import Mark, Reason
from netcadence_worker.histogram import Bucket, Histogram
from netcadence_worker.metrics import PERCENT_OF
from netcadence_worker.parsing.complaints import find_complaint
from netcadence_worker.parsing.output import Measurement, ToolOutput, UnusableOutput, results_of

_NS: Final = 1_000_000_000
#: What bounds fortio's buckets, in units of the resolution (stats/stats.go); above the last one is one more.
_STEPS: Final = (
    *range(12),
    *range(12, 20, 2),
    *range(20, 50, 5),
    *range(50, 100, 10),
    *range(100, 200, 20),
    *range(200, 500, 50),
    *range(500, 1000, 100),
    *(1_000, 2_000, 3_000, 4_000, 5_000, 7_500),
    *(10_000, 20_000, 30_000, 40_000, 50_000, 75_000, 100_000),
)
#: Upper bound of that last bucket, the same for all pairs so that they can be merged: longer than any run.
_BEYOND_NS: Final = 100_000 * _NS

#: Share of the calls that were asked for below which the rate was not kept.
_KEPT_SHARE: Final = 0.98
#: How early a run may end: without catching up, calls that are late are left out, the last ones as well.
_EARLY_S: Final = 0.1
_EARLY_SHARE: Final = 0.02
#: How late: the last calls of all connections have to be answered, or time out after 3 s.
_LATE_S: Final = 5.0
_LATE_SHARE: Final = 0.1

_MEANINGS: Final = (
    (re.compile(r"connection refused"), Reason.CONNECTION_REFUSED),
    (re.compile(r"Unable to lookup|no such host"), Reason.TOOL_FAILED),
    (
        re.compile(
            r"no route to host|(?:network|host) is unreachable|connection timed out"
            r"|dial tcp \S{1,64}: i/o timeout"
        ),
        Reason.CONNECT_TIMEOUT,
    ),
    (
        re.compile(r"i/o timeout|Client\.Timeout exceeded|deadline exceeded|error reading server preface"),
        Reason.TOOL_TIMEOUT,
    ),
    (re.compile(r"flag provided but not defined|invalid value|Aborting because of"), Reason.TOOL_FAILED),
)

_VERSION: Final = re.compile(r"^(\d{1,4}(?:\.\d{1,4}){1,3}[\w.+-]{0,16})\s{0,4}$", re.MULTILINE)

#: What counts as answered: a status of success, the teapot that fortio's own tests use, and a ping that came
#: back.
_OK: Final = re.compile(r"2\d\d|418|SERVING")

_Seconds = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0, le=1_000_000_000_000)]
_Sum = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class _Bucket(_Part):
    start: _Seconds = Field(alias="Start")
    end: _Seconds = Field(alias="End")
    count: Annotated[int, Field(ge=1, le=1_000_000_000_000)] = Field(alias="Count")


class _Durations(_Part):
    count: _Count = Field(alias="Count")
    least: _Seconds = Field(alias="Min")
    most: _Seconds = Field(alias="Max")
    total: Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)] = Field(alias="Sum")
    #: null where nothing was counted.
    data: Annotated[list[_Bucket], Field(max_length=128)] | None = Field(alias="Data")


class _Sizes(_Part):
    count: _Count = Field(alias="Count")
    total: _Sum = Field(alias="Sum")


class _Result(_Part):
    """The parts of fortio's result that are used."""

    requested_qps: Annotated[str, Field(max_length=32)] = Field(alias="RequestedQPS")
    actual_qps: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] = Field(alias="ActualQPS")
    actual_duration_ns: Annotated[int, Field(ge=0, le=10**15)] = Field(alias="ActualDuration")
    connections: Annotated[int, Field(ge=0, le=1_000_000)] = Field(alias="NumThreads")
    durations: _Durations = Field(alias="DurationHistogram")
    errors: _Durations = Field(alias="ErrorsDurationHistogram")
    codes: Annotated[dict[str, _Count], Field(max_length=1_000)] = Field(alias="RetCodes")
    sizes: _Sizes | None = Field(default=None, alias="Sizes")
    header_sizes: _Sizes | None = Field(default=None, alias="HeaderSizes")

    @property
    def seconds(self) -> float:
        return self.actual_duration_ns / _NS


def version(text: str) -> str:
    """Return the version, such as 1.66.3, out of what `fortio version` prints.

    Raises:
        ValueError: The text is not fortio's.
    """
    found = _VERSION.search(text)
    if found is None:
        raise ValueError(f"no version of fortio in {text[:200]!r}")
    return found[1]


def read_fortio(
    output: ToolOutput, *, duration_s: float, qps: float | None, connections: int, resolution_s: float
) -> Measurement:
    """Read the result of a timed load.

    Latencies are of the requests that succeeded. Where some failed, the greatest or least latency may be one
    of theirs; the bound of the bucket stands for it then.

    Args:
        output: fortio's output, its JSON on stdout.
        duration_s: Seconds asked for (-t).
        qps: Requests per second asked for (-qps); None for as many as go.
        connections: Connections asked for (-c).
        resolution_s: Width of the narrowest buckets asked for (-r).

    Raises:
        UnusableOutput: The server refused (ConnectionRefused), could not be reached (ConnectTimeout) or kept
            silent (ToolTimeout); fortio failed, ended early, or no single request succeeded (ToolFailed); the
            result is missing or contradicts itself or what was asked for (ParseFailed).
    """
    result = _result(output)
    try:
        _check(result, qps, connections)
        failed = _failed(result)
        if failed == result.durations.count:
            raise _nothing_succeeded(result, output)
        _refuse_early_end(result, duration_s, qps, output)
        histogram = _succeeded(result, _edges(resolution_s))
        results = results_of(_figures(result, failed, histogram, qps))
    except ValueError as error:
        raise _unusable(Reason.PARSE_FAILED, f"fortio's result is unusable: {error}", output) from error
    kept = qps is None or result.durations.count >= _KEPT_SHARE * _planned(qps, duration_s, connections)
    return Measurement(results, (), () if kept else (Mark.RATE_MISSED,), histogram)


def _result(output: ToolOutput) -> _Result:
    complaint = find_complaint(output.stderr, _MEANINGS)
    if output.exit_code != 0:
        ending = "was ended by a signal" if output.ended_by_signal else f"ended with {output.exit_code}"
        reason = complaint.reason if complaint else Reason.TOOL_FAILED
        said = f": {complaint.line}" if complaint else ""
        raise _unusable(reason, f"fortio {ending}{said}", output)
    try:
        return _Result.model_validate_json(output.stdout)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "stdout"
        summary = f"fortio's result is unusable: {place}: {first['msg']}"
        raise _unusable(Reason.PARSE_FAILED, summary, output) from error


def _unusable(reason: Reason, summary: str, output: ToolOutput) -> UnusableOutput:
    """Refuse a result with the tool's last words, of which brackets and percentiles are none."""
    return UnusableOutput(reason, summary, replace(output, stdout="") if output.stderr else output)


def _check(result: _Result, qps: float | None, connections: int) -> None:
    """Hold the result against itself and against what was asked for."""
    count = result.durations.count
    for name, durations in (("durations", result.durations), ("errors", result.errors)):
        counted = sum(bucket.count for bucket in durations.data or ())
        if counted != durations.count:
            raise ValueError(f"{durations.count} {name}, {counted} of them in buckets")
    if sum(result.codes.values()) != count:
        raise ValueError(f"{count} durations, {sum(result.codes.values())} answers and failures")
    if _failed(result) != result.errors.count:
        raise ValueError(f"{result.errors.count} errors, {_failed(result)} by their codes")
    if abs(result.actual_qps * result.seconds - count) > 0.001 * count + 1:
        raise ValueError(f"{result.actual_qps:g} requests/s for {result.seconds:g} s are not {count}")
    if result.connections != connections:
        raise ValueError(f"{result.connections} connections instead of {connections}")
    asked = "max" if qps is None else f"{qps:.9g}"
    if result.requested_qps != asked:
        raise ValueError(f"{result.requested_qps} requests/s were asked for instead of {asked}")


def _failed(result: _Result) -> int:
    return sum(count for code, count in result.codes.items() if not _OK.fullmatch(code))


def _nothing_succeeded(result: _Result, output: ToolOutput) -> UnusableOutput:
    complaint = find_complaint(output.stderr, _MEANINGS)
    said = ", ".join(f"{code}: {count}" for code, count in sorted(result.codes.items()))
    summary = f"none of {result.durations.count} requests succeeded ({said or 'there were none'})"
    if complaint:
        return _unusable(complaint.reason, f"{summary}: {complaint.line}", output)
    return _unusable(Reason.TOOL_FAILED, summary, output)


def _refuse_early_end(result: _Result, duration_s: float, qps: float | None, output: ToolOutput) -> None:
    # A connection without catching up may leave out its last call.
    pause_s = result.connections / qps if qps else 0.0
    if result.seconds < duration_s - _EARLY_S - _EARLY_SHARE * duration_s - pause_s:
        summary = f"fortio ran for {result.seconds:g} s instead of {duration_s:g} s"
        raise _unusable(Reason.TOOL_FAILED, summary, output)
    if result.seconds > duration_s + _LATE_S + _LATE_SHARE * duration_s + pause_s:
        raise ValueError(f"it ran for {result.seconds:g} s instead of {duration_s:g} s")


def _planned(qps: float, duration_s: float, connections: int) -> int:
    """Return how many calls fortio makes at a rate: as many for each of its connections."""
    return int(qps * duration_s) // connections * connections


def _figures(result: _Result, failed: int, histogram: Histogram, qps: float | None) -> Mapping[str, float]:
    count = result.durations.count
    values = {
        "requests": count,
        "failed_requests": failed,
        "request_errors": 100 * failed / count,
        "request_rate": result.actual_qps,
        "request_latency_avg": histogram.mean_ms,
        "request_latency_min": histogram.least_ms,
        "request_latency_max": histogram.most_ms,
        **{metric: histogram.percentile_ms(percent) for metric, percent in PERCENT_OF.items()},
    }
    if qps is not None:
        values["request_rate_asked"] = qps
    if result.sizes and result.header_sizes:
        # Of an answer that never came one of fortio's clients counts -1.
        values["response_size"] = max(result.sizes.total - result.header_sizes.total, 0) / count
    return values


def _edges(resolution_s: float) -> list[int]:
    return [*(round(step * resolution_s * _NS) for step in _STEPS), _BEYOND_NS]


def _succeeded(result: _Result, edges: Sequence[int]) -> Histogram:
    """Return the histogram of the requests that succeeded."""
    every, failed = result.durations, result.errors
    counts, less = _counts(every, edges), _counts(failed, edges)
    for place, count in less.items():
        counts[place] = counts.get(place, 0) - count
    if min(counts.values()) < 0:
        raise ValueError("a bucket holds more errors than requests")
    buckets = tuple(
        Bucket(edges[place], edges[place + 1], count) for place, count in sorted(counts.items()) if count
    )
    least, most = _ns(every.least), _ns(every.most)
    if failed.count and failed.least <= every.least:
        least = max(least, buckets[0].over_ns)
    if failed.count and failed.most >= every.most:
        most = min(most, buckets[-1].up_to_ns)
    least = max(least, buckets[0].over_ns)
    most = min(most, buckets[-1].up_to_ns)
    count = sum(bucket.count for bucket in buckets)
    total = _ns(every.total - failed.total)
    # Both are sums of rounded seconds: within a share of a millionth they are what they have to be.
    slack = count + _ns(every.total) // 1_000_000
    if not count * least - slack <= total <= count * most + slack:
        raise ValueError(f"{total} ns are not the sum of {count} durations from {least} to {most} ns")
    return Histogram(buckets, least, most, min(max(total, count * least), count * most))


def _counts(durations: _Durations, edges: Sequence[int]) -> dict[int, int]:
    """Return fortio's counts by place of the bucket among the edges.

    It prints the least duration as the start of the first bucket, and the greatest as the end of the last.
    """
    counts: dict[int, int] = {}
    before = -1
    for bucket in durations.data or ():
        start, end = _ns(bucket.start), _ns(bucket.end)
        place = bisect_left(edges, end) - 1
        if not before < place < len(edges) - 1 or not edges[place] <= start <= end <= edges[place + 1]:
            raise ValueError(f"a bucket from {bucket.start:g} to {bucket.end:g} s is none of fortio's")
        counts[place], before = bucket.count, place
    return counts


def _ns(seconds: float) -> int:
    return round(seconds * _NS)
