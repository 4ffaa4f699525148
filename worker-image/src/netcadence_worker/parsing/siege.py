"""siege, from 3.1.4 to 4.1.7: the summary of a run as text or as JSON.

Its exit code is 0 whatever happens. `availability` is the share of requests that siege does not call failed;
to siege an answer of 404 is no failure, only no success.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import Mark, Reason
from netcadence_worker.metrics import METRICS, POSITIONS
from netcadence_worker.parsing.complaints import find_complaint, find_unknown_option
from netcadence_worker.parsing.output import Measurement, ToolOutput, UnusableOutput, results_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_METRICS: Final = (*POSITIONS["HTTP"], "shortest_transaction")
#: What siege calls a figure, where the catalogue's name differs.
_SIEGE_NAMES: Final = {"elapsed": "elapsed_time", "http_throughput": "throughput"}
_METRIC_OF: Final = {_SIEGE_NAMES.get(metric, metric): metric for metric in _METRICS}

#: Divisors from the unit in a line to the catalogue's unit. 4.1.7 went from seconds to ms, in text only.
_DIVISORS: Final[Mapping[str, Mapping[str, int]]] = {
    "hits": {"": 1, "hits": 1},
    "%": {"%": 1},
    "s": {"": 1, "secs": 1, "sec": 1, "ms": 1000},
    "MB": {"MB": 1},
    "hits/s": {"trans/sec": 1},
    "MB/s": {"MB/sec": 1},
    "connections": {"": 1},
}
_LINE: Final = re.compile(
    r"^(" + "|".join(name.capitalize().replace("_", " ") for name in _METRIC_OF) + r"):"
    r"[ \t]{0,60}(\d{1,15}(?:\.\d{1,9})?)[ \t]{0,20}([A-Za-z%/]{0,12})[ \t\r]{0,4}$",
    re.MULTILINE,
)
#: A flat object, also after the lines that the first run in a new home prints.
_OBJECT: Final = re.compile(r'\{\s{0,40}"transactions"[^{}\[\]]{1,4000}\}')

#: These change how a summary is printed, or switch off what old versions never had.
_HARMLESS_OPTIONS: Final = frozenset({"j", "json-output", "no-parser"})

#: Up to 4.0.7 a run ends at a whole second before the time asked for, from 4.1 at one after it.
_WHOLE_SECOND_S: Final = 1.0
_SLACK_S: Final = 0.1
_LATE_S: Final = 2.0
#: Figures are printed with two decimals: averages of fast servers become 0.00 s.
_RESOLUTION: Final = 0.01

_VERSION: Final = re.compile(r"SIEGE (\d{1,4}(?:\.\d{1,4}){1,3}[\w.+-]{0,16})")


def version(text: str) -> str:
    """Return the version, such as 4.0.7, out of what `siege -V` prints, which it does on stderr.

    Raises:
        ValueError: The text is not siege's.
    """
    found = _VERSION.search(text)
    if found is None:
        raise ValueError(f"no version of siege in {text[:200]!r}")
    return found[1]


def read_siege(output: ToolOutput, *, duration_s: float) -> Measurement:
    """Read the summary of a timed run: eleven figures by position, and the shortest transaction.

    0.00 is a value; where the mean response time is below 10 ms, `CoarseClock` says how little it means.

    Args:
        output: siege's output.
        duration_s: Seconds asked for (-t). siege may run 1.1 s shorter and 2 s longer.

    Raises:
        UnusableOutput: The server refused (ConnectionRefused) or could not be reached (ConnectTimeout);
            nothing was answered and nothing failed, that is the server accepted or swallowed the requests and
            kept silent (ToolTimeout); siege failed, gave up, did not know an option, or had no single success
            (ToolFailed); the summary is missing or contradicts itself (ParseFailed).
    """
    if option := find_unknown_option(output.stderr, _HARMLESS_OPTIONS):
        summary = f"this siege does not know the option {option!r} and ran without it"
        raise UnusableOutput(Reason.TOOL_FAILED, summary, output)
    try:
        values = _json_values(output.stdout) or _text_values(f"{output.stdout}\n{output.stderr}")
        if not values:
            raise _no_summary(output)
        results = results_of({metric: values[metric] for metric in _METRICS})
        _refuse_failed_run(output, values, duration_s)
        _check(values, duration_s)
    except ValueError as error:
        raise UnusableOutput(Reason.PARSE_FAILED, f"siege's summary is unusable: {error}", output) from error
    marks = (Mark.COARSE_CLOCK,) if values["response_time"] < _RESOLUTION else ()
    return Measurement(results, (), marks)


def _json_values(stdout: str) -> dict[str, float]:
    found = _OBJECT.search(stdout)
    if found is None:
        return {}
    figures = json.loads(found[0], parse_int=float)
    missing = [name for name in _METRIC_OF if type(figures.get(name)) is not float]
    if missing:
        raise ValueError(f"no number for {', '.join(missing)}")
    return {metric: figures[name] for name, metric in _METRIC_OF.items()}


def _text_values(text: str) -> dict[str, float]:
    values: dict[str, float] = {}
    for label, number, unit in _LINE.findall(text):
        metric = _METRIC_OF[label.lower().replace(" ", "_")]
        divisor = _DIVISORS[METRICS[metric].unit].get(unit)
        if divisor is None:
            raise ValueError(f"{label} is given in {unit or 'no unit'}")
        if metric in values:
            raise ValueError(f"{label} stands there twice")
        values[metric] = float(number) / divisor
    missing = [metric for metric in _METRICS if metric not in values]
    if values and missing:
        raise ValueError(f"no line for {', '.join(missing)}")
    return values


def _no_summary(output: ToolOutput) -> UnusableOutput:
    complaint = find_complaint(output.stderr)
    if complaint:
        return UnusableOutput(complaint.reason, f"siege printed no summary: {complaint.line}", output)
    failed = output.exit_code != 0 or "Usage: siege" in output.stdout
    reason = Reason.TOOL_FAILED if failed else Reason.PARSE_FAILED
    return UnusableOutput(reason, f"siege printed no summary; exit code {output.exit_code}", output)


def _refuse_failed_run(output: ToolOutput, values: Mapping[str, float], duration_s: float) -> None:
    """Refuse a run that measured nothing, or that siege broke off, which in JSON mode only the time shows."""
    answered, failed = int(values["transactions"]), int(values["failed_transactions"])
    if not answered and not failed:
        raise UnusableOutput(Reason.TOOL_TIMEOUT, "the server answered no request in time", output)
    aborted = "siege aborted" in output.stderr or (failed and values["elapsed"] < _shortest_s(duration_s))
    if aborted or not answered:
        complaint = find_complaint(output.stderr)
        what = "siege gave up" if aborted else "no request succeeded"
        summary = f"{what} after {values['elapsed']:g} s of {duration_s:g} s: {failed} requests failed"
        if complaint:
            raise UnusableOutput(complaint.reason, f"{summary}: {complaint.line}", output)
        raise UnusableOutput(Reason.TOOL_FAILED, summary, output)
    if not values["successful_transactions"]:
        summary = f"none of {answered} answers was a success: their status was 400 or more"
        raise UnusableOutput(Reason.TOOL_FAILED, summary, output)


def _shortest_s(duration_s: float) -> float:
    return duration_s - _WHOLE_SECOND_S - _SLACK_S


def _check(values: Mapping[str, float], duration_s: float) -> None:
    """Hold the figures against each other and against the time asked for."""
    elapsed = values["elapsed"]
    if not _shortest_s(duration_s) <= elapsed <= duration_s + _LATE_S or not elapsed:
        raise ValueError(f"it ran for {elapsed:g} s instead of {duration_s:g} s")
    _check_rate(values, "transactions", "transaction_rate")
    _check_rate(values, "data_transferred", "http_throughput")
    requests = values["transactions"] + values["failed_transactions"]
    if abs(values["availability"] - 100 * values["transactions"] / requests) > 2 * _RESOLUTION:
        raise ValueError("availability contradicts the transactions")
    longest, shortest = values["longest_transaction"], values["shortest_transaction"]
    if shortest > longest or values["response_time"] > longest + 2 * _RESOLUTION:
        raise ValueError("response time, longest and shortest transaction contradict each other")


def _check_rate(values: Mapping[str, float], amount: str, rate: str) -> None:
    least = (values[rate] - _RESOLUTION) * (values["elapsed"] - _RESOLUTION)
    most = (values[rate] + _RESOLUTION) * (values["elapsed"] + _RESOLUTION)
    if not least - _RESOLUTION <= values[amount] <= most + _RESOLUTION:
        raise ValueError(f"{rate} contradicts {amount}")
