"""Rules by which a summary of siege becomes figures, a mark or a reason."""

import json

import pytest

from netcadence_worker.contract import Mark, Reason
from netcadence_worker.parsing import UnusableOutput, siege
from netcadence_worker.parsing.siege import read_siege

TEXT = """\
** SIEGE 4.1.7
** Preparing 2 concurrent users for battle.
The server is now under siege...
Lifting the server siege...
Transactions:		      300    hits
Availability:		      100.00 %
Elapsed time:		       10.00 secs
Data transferred:	        5.00 MB
Response time:		       33.00 ms
Transaction rate:	       30.00 trans/sec
Throughput:		        0.50 MB/sec
Concurrency:		        0.99
Successful transactions:      300
Failed transactions:	        0
Longest transaction:	       40.00 ms
Shortest transaction:	       30.00 ms

"""
FIGURES = {
    "transactions": 300,
    "availability": 100.0,
    "elapsed_time": 10.0,
    "data_transferred": 5.0,
    "response_time": 0.033,
    "transaction_rate": 30.0,
    "throughput": 0.5,
    "concurrency": 0.99,
    "successful_transactions": 300,
    "failed_transactions": 0,
    "longest_transaction": 0.04,
    "shortest_transaction": 0.03,
}
POSITIONAL = (300, 100, 10, 5, 0.033, 30, 0.5, 0.99, 300, 0, 0.04)


def refusal(output):
    with pytest.raises(UnusableOutput) as refused:
        read_siege(output, duration_s=10)
    return refused.value


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_text_is_read_from_either_stream(tool_output, stream):
    """Where the summary goes depends on version and configuration."""
    measurement = read_siege(tool_output(**{stream: TEXT}), duration_s=10)
    assert measurement.metrics == POSITIONAL
    assert measurement.results[-1].metric == "shortest_transaction"
    assert measurement.results[-1].value == 0.03


def test_json_is_read_after_leading_lines(tool_output):
    """The first run in a new home prints two lines before it."""
    stdout = f"New configuration template added to /home/bench/.siege\nRun siege -C\n{json.dumps(FIGURES)}\n"
    assert read_siege(tool_output(stdout), duration_s=10).metrics == POSITIONAL


def test_a_blank_after_the_colon_is_not_needed(tool_output):
    """Large numbers fill their column."""
    output = tool_output(stderr=TEXT.replace("transactions:      300", "transactions:300"))
    assert read_siege(output, duration_s=10).metrics == POSITIONAL


@pytest.mark.parametrize(
    ("printed", "wrong"),
    [
        ("33.00 ms", "33.00 minutes"),
        ("33.00 ms", "nan ms"),
        ("33.00 ms", "99.00 ms"),
        ("Concurrency:		        0.99\n", ""),
        ("Shortest transaction:	       30.00", "Shortest transaction:	       90.00"),
        ("Concurrency:", "Elapsed time:  10.00 secs\nConcurrency:"),
        ("30.00 trans", "60.00 trans"),
        ("0.50 MB/sec", "5.50 MB/sec"),
        ("100.00 %", "50.00 %"),
        ("10.00 secs", "4.00 secs"),
        ("10.00 secs", "20.00 secs"),
    ],
)
def test_a_summary_that_contradicts_itself_is_refused(tool_output, printed, wrong):
    """Missing, doubled, in an unknown unit, or at odds with its other figures."""
    assert printed in TEXT
    output = tool_output(stderr=TEXT.replace(printed, wrong))
    assert refusal(output).reason is Reason.PARSE_FAILED


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", '"fast"', "null", "true", "-1", "1e999", "1" * 5000])
def test_a_json_figure_that_is_no_figure_is_refused(tool_output, wrong):
    """JSON lets through more than a measurement can be."""
    output = tool_output(json.dumps(FIGURES).replace("0.033", wrong))
    assert refusal(output).reason is Reason.PARSE_FAILED


@pytest.mark.parametrize("missing", FIGURES)
def test_json_without_one_of_the_figures_is_refused(tool_output, missing):
    """Half a summary is none."""
    left = {name: figure for name, figure in FIGURES.items() if name != missing}
    assert refusal(tool_output(json.dumps(left))).reason is Reason.PARSE_FAILED


def test_a_coarse_response_time_is_a_value_and_marked(tool_output):
    """0.00 s means less than siege can see, not that nothing was seen."""
    measurement = read_siege(tool_output(json.dumps(FIGURES | {"response_time": 0.0})), duration_s=10)
    assert measurement.metrics[4] == 0
    assert measurement.marks == (Mark.COARSE_CLOCK,)


def test_an_abort_in_json_shows_by_its_time(tool_output):
    """siege does not say there that it gave up."""
    aborted = FIGURES | {
        "elapsed_time": 5.0,
        "transaction_rate": 60.0,
        "throughput": 1.0,
        "failed_transactions": 1024,
        "availability": 22.66,
    }
    refused = refusal(
        tool_output(json.dumps(aborted), "[error] socket: unable to connect: Connection refused")
    )
    assert refused.reason is Reason.CONNECTION_REFUSED


def test_some_failures_in_a_full_run_are_figures(tool_output):
    """Availability is what tells them."""
    failing = FIGURES | {"failed_transactions": 100, "availability": 75.0}
    assert read_siege(tool_output(json.dumps(failing)), duration_s=10).metrics[1] == 75


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ("[error] socket: unable to connect sock.c:282: Connection refused", Reason.CONNECTION_REFUSED),
        ("[error] socket: unable to connect sock.c:282: No route to host", Reason.CONNECT_TIMEOUT),
        ("[error] Host not found: nowhere", Reason.TOOL_FAILED),
        ("", Reason.TOOL_FAILED),
    ],
)
def test_failures_alone_have_the_reason_that_siege_complains_of(tool_output, stderr, reason):
    """The summary itself only counts them."""
    nothing = dict.fromkeys(FIGURES, 0.0) | {"elapsed_time": 9.5, "failed_transactions": 7}
    assert refusal(tool_output(json.dumps(nothing), stderr)).reason is reason


@pytest.mark.parametrize(("exit_code", "reason"), [(0, Reason.PARSE_FAILED), (-9, Reason.TOOL_FAILED)])
def test_no_summary_has_a_reason(tool_output, exit_code, reason):
    """Without a word of siege's there is nothing to parse."""
    assert refusal(tool_output("hello", exit_code=exit_code)).reason is reason


@pytest.mark.parametrize(("option", "accepted"), [("j", True), ("b", False)])
def test_only_options_about_printing_may_be_unknown(tool_output, option, accepted):
    """3.1.4 cannot print JSON; without -b it would be another benchmark."""
    output = tool_output(stderr=f"siege: invalid option -- '{option}'\n{TEXT}")
    if accepted:
        assert read_siege(output, duration_s=10).metrics == POSITIONAL
    else:
        assert refusal(output).reason is Reason.TOOL_FAILED


def test_the_version_is_what_the_tool_calls_itself():
    """It prints it on stderr, above a licence."""
    assert siege.version("SIEGE 4.0.7\n\nCopyright (C) 2018\n") == "4.0.7"
    with pytest.raises(ValueError, match="siege"):
        siege.version("command not found")
