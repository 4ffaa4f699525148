"""What a refusal tells, and how figures take their positions."""

from netcadence_worker.contract import Reason, ReportedError
from netcadence_worker.parsing import Measurement, UnusableOutput
from netcadence_worker.parsing.output import results_of


def test_a_message_ends_with_the_last_lines_and_fits_the_contract(tool_output):
    """However much a tool printed, its end is what tells."""
    output = tool_output("out\n" * 50_000, "err\n" * 50_000 + "the very end\n")
    refused = UnusableOutput(Reason.TOOL_FAILED, "it failed " * 1000, output)
    assert refused.message.endswith("the very end")
    assert ReportedError(reason=refused.reason, message=refused.message).message == refused.message


def test_a_message_is_plain_text(tool_output):
    """Colours, control characters and broken text do not travel into a status."""
    output = tool_output(stderr="[\x1b[1;33merror\x1b[0m] no\x08 \udcff\x00")
    message = UnusableOutput(Reason.TOOL_FAILED, "it failed", output).message
    assert message == "it failed\nstderr:\n[error] no ?"


def test_silence_is_said(tool_output):
    """An empty message would look like a mistake."""
    assert "printed nothing" in UnusableOutput(Reason.TOOL_FAILED, "it failed", tool_output()).message


def test_positions_are_those_of_the_protocol():
    """Two figures are TCP's; jitter makes them UDP's, up to the first that is missing."""
    tcp = {"transferred": 3.0, "throughput": 1.0}
    assert Measurement(results_of(tcp), (), ()).metrics == (3, 1)
    udp = tcp | {"jitter": 0.5, "packet_rate": 9.0}
    assert Measurement(results_of(udp), (), ()).metrics == (3, 1, 0.5)
    assert Measurement((), (), ()).metrics == ()
