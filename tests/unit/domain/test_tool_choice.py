"""Which tool measures what, and why."""

from io import StringIO

import pytest
from rich.console import Console

from netcadence import scenario, tool_choice
from netcadence.errors import InvalidInputError
from netcadence.report import scenario_list
from netcadence_worker.contract import TOOLS_OF, Protocol, Tool

MINIMAL = "name: mine\ntitle: Mine\n"
RATE = "options: {iperf: {bandwidth: 1000000}}\n"


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "mine.yaml"
        path.write_text(MINIMAL + text, encoding="utf-8")
        return scenario.load(path)

    return load


@pytest.mark.parametrize(
    ("text", "protocol", "tool"),
    [
        ("use: cni\n", "TCP", "iperf"),
        ("use: cni\nprotocol: UDP\n" + RATE, "UDP", "iperf"),
        ("use: voice\n" + RATE, "UDP", "iperf"),
        ("use: games\n" + RATE, "UDP", "iperf"),
        ("use: rest\n", "HTTP", "fortio"),
        ("use: rest\ntool: siege\n", "HTTP", "siege"),
        ("use: grpc\n", "GRPC", "fortio"),
        ("use: service-mesh\n", "GRPC", "fortio"),
        ("use: service-mesh\nprotocol: HTTP\n", "HTTP", "fortio"),
        ("protocol: TCP\n", "TCP", "iperf"),
        ("protocol: HTTP\n", "HTTP", "fortio"),
        ("protocol: GRPC\n", "GRPC", "fortio"),
        ("protocol: TCP\noptions: {iperf3: {mss: 1000}}\n", "TCP", "iperf3"),
        ("protocol: HTTP\noptions: {siege: {delay: 0}}\n", "HTTP", "siege"),
    ],
)
def test_a_scenario_gets_the_tool_of_its_use_or_its_protocol_or_its_options(load, text, protocol, tool):
    chosen = load(text)
    assert (chosen.protocol, chosen.tool) == (protocol, tool)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("use: voice\nprotocol: TCP\n", "protocol: 'TCP': does not fit use voice; allowed: UDP"),
        ("use: voip\nprotocol: TCP\n", "use: 'voip': allowed: 'cni', 'voice', 'games'"),
        ("use: grpc\ntool: siege\n", "tool: 'siege': cannot make GRPC traffic; allowed: fortio"),
        ("tool: iperf\n", "protocol: is missing"),
    ],
)
def test_what_contradicts_its_use_is_refused(load, text, refusal):
    with pytest.raises(InvalidInputError) as refused:
        load(text)
    assert refusal in str(refused.value)


@pytest.mark.parametrize(
    ("protocol", "tool"), [(protocol, tool) for protocol in Protocol for tool in sorted(TOOLS_OF[protocol])]
)
def test_every_tool_has_a_reason_for_what_it_can_measure(protocol, tool):
    chosen = scenario.find("tcp-1:1").model_copy(update={"protocol": protocol, "tool": tool})
    assert tool_choice.why(chosen).startswith("for ")


def test_every_use_is_measured_by_a_tool_that_can():
    for fit in tool_choice.FITS.values():
        assert all(fit.tool in TOOLS_OF[protocol] for protocol in fit.protocols)


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_says_which_tool_measures_and_why_and_fits_the_terminal(width):
    written = StringIO()
    Console(file=written, width=width).print(scenario_list(scenario.shipped()))
    lines = written.getvalue().splitlines()
    assert all(len(line.rstrip()) <= width for line in lines)
    assert "TCP by iperf, for CNIs: bare TCP, as most who compare them measure it" in lines
    named = [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert sorted(named) == sorted(each.name for each in scenario.shipped())
    headings = [line for line in lines if " by " in line and not line.startswith(" ")]
    assert {heading.split()[2].rstrip(",") for heading in headings} <= set(Tool)
