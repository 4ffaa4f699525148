"""Command lines out of typed options."""

from __future__ import annotations

import pytest

from netcadence_worker.contract import TOOLS_OF, RequestSpec, Role, Tool
from netcadence_worker.destination import Destination
from netcadence_worker.path_check import Knock
from netcadence_worker.tools import DRIVEN, driver_of

BASE = {
    "runID": "r",
    "pairIndex": 0,
    "clientPodName": "c",
    "serverPodName": "s",
    "serverPodIP": "198.18.0.2",
    "port": 5001,
    "protocol": "TCP",
    "tool": "iperf",
    "duration": 10,
}


AT_SERVER = Destination("198.18.0.2", 5001)


def spec(**more):
    return RequestSpec.model_validate({**BASE, **more})


def client(asked, destination):
    return driver_of(asked.tool).client(asked, destination).argv


def server(asked):
    return driver_of(asked.tool).server(asked).argv


def test_whatever_makes_a_protocols_traffic_is_driven_or_the_workers_own_prober():
    named = set().union(*TOOLS_OF.values())
    assert named == {*DRIVEN, Tool.PROBE}


def test_tcp_pair():
    """TCP without options: seconds as rows, KBytes as unit."""
    common = "-e -f K -i 1 -p 5001 -P 1"
    assert " ".join(server(spec())) == f"iperf -s {common} -B 198.18.0.2"
    assert " ".join(client(spec(), AT_SERVER)) == f"iperf -c 198.18.0.2 -t 10 {common}"


def test_udp_pair():
    """UDP with a rate, a datagram size, a buffer and several streams."""
    options = {"iperf": {"bandwidth": 1_000_000, "length": 1400, "window": 65536}}
    udp = spec(protocol="UDP", numberOfClients=4, options=options)
    common = "-e -f K -i 1 -p 5001 -P 4 -u -l 1400 -w 65536"
    assert " ".join(server(udp)) == f"iperf -s {common} -B 198.18.0.2"
    expected = f"iperf -c 198.18.0.2 -t 10 {common} -b 1000000 -B 198.18.0.1"
    assert " ".join(client(udp, Destination("198.18.0.2", 5001, source="198.18.0.1"))) == expected


def test_ipv6_pair():
    """An IPv6 address asks both sides for IPv6."""
    six = spec(serverPodIP="fd00::2")
    assert "-V" in server(six)
    assert "-V" in client(six, Destination("fd00::2", 5001))


def test_two_ways_and_round_trips_are_asked_of_the_client_alone():
    """Its server is told by the client, and refuses the options."""
    duplex = spec(options={"iperf": {"mss": 900, "fullDuplex": True}})
    assert " ".join(client(duplex, AT_SERVER)).endswith("-P 1 -M 900 --full-duplex")
    bounces = spec(options={"iperf": {"bounceback": 50, "length": 200}})
    assert " ".join(client(bounces, AT_SERVER)).endswith("-P 1 -l 200 --bounceback=50")
    assert [server(asked)[-2:] for asked in (duplex, bounces)] == [("-B", "198.18.0.2")] * 2
    assert (duplex.reporter, bounces.reporter) == (Role.SERVER, Role.CLIENT)


def test_iperf3_pair():
    """One document holds all: the client asks for the server's, and the server serves once."""
    options = {"iperf3": {"bandwidth": 5_000_000, "length": 1000, "window": 65536, "mss": 900}}
    asked = spec(tool="iperf3", numberOfClients=2, options=options)
    line = client(asked, Destination("198.18.0.2", 5001, source="198.18.0.1"))
    expected = "iperf3 -c 198.18.0.2 -p 5001 -J --get-server-output -t 10 -i 1 -P 2"
    assert " ".join(line) == f"{expected} -b 5000000 -l 1000 -w 65536 -M 900 -B 198.18.0.1"
    assert " ".join(server(asked)) == "iperf3 -s -1 -J -i 1 -p 5001 -B 198.18.0.2"


def test_iperf3_reports_less_often_where_its_document_would_grow_out_of_bounds():
    """With the most streams for an hour each has a report a minute, the longest that iperf3 allows."""
    longest = spec(tool="iperf3", numberOfClients=128, duration=3_600)
    assert "-i 58" in " ".join(client(longest, AT_SERVER))
    assert "-i 58" in " ".join(server(longest))


def test_iperf3_checks_both_ways_that_it_takes():
    """Its control connection is TCP also where it sends datagrams."""
    udp = spec(tool="iperf3", protocol="UDP")
    assert driver_of(udp.tool).knocks(udp) == (Knock.STREAM, Knock.DATAGRAM)
    assert driver_of(udp.tool).knocks(spec(tool="iperf3")) == (Knock.STREAM,)


@pytest.mark.parametrize(("delay", "pace"), [(1, "-d1.000"), (0.05, "-d0.050"), (0, "-b"), (0.0001, "-b")])
def test_siege_pace(delay, pace):
    """A delay is given in plain decimals; none at all means benchmark mode."""
    http = spec(
        protocol="HTTP", tool="siege", port=5301, numberOfClients=3, options={"siege": {"delay": delay}}
    )
    assert client(http, Destination("198.18.0.2", 5301)) == (
        "siege",
        "http://198.18.0.2:5301/test",
        pace,
        "-t11S",
        "-c3",
    )


def test_siege_brackets_ipv6():
    """An IPv6 address stands in brackets in a URL."""
    http = spec(protocol="HTTP", tool="siege", serverPodIP="fd00::2")
    assert client(http, Destination("fd00::2", 5001))[1] == "http://[fd00::2]:5001/test"


LOAD = "fortio load -json - -payload-file - -log-errors=false -allow-initial-errors -timeout 3s"
SERVE = (
    "fortio server -http-port {} -grpc-port {} -tcp-port disabled -udp-port disabled -redirect-port disabled"
)


def fortio(protocol, **options):
    return spec(protocol=protocol, tool="fortio", numberOfClients=3, options={"fortio": options})


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (fortio("HTTP"), "-qps 0 -c 3 -t 10s -r 0.0001 http://198.18.0.2:5001/"),
        (fortio("HTTP", httpVersion=1, qps=7), "-qps 7 -c 3 -t 10s -r 0.0001 http://198.18.0.2:5001/"),
        (
            fortio("HTTP", httpVersion=2, qps=7, uniform=True, noCatchUp=True, resolutionUs=1),
            "-qps 7 -c 3 -t 10s -uniform -nocatchup -r 1e-06 -h2 http://198.18.0.2:5001/",
        ),
        (fortio("GRPC", qps=7), "-qps 7 -c 3 -t 10s -r 0.0001 -grpc -ping 198.18.0.2:5001"),
    ],
)
def test_fortio_load(asked, words):
    """Each option has its place; what fails is counted and not printed."""
    assert " ".join(client(asked, AT_SERVER)) == f"{LOAD} {words}"


@pytest.mark.parametrize("size", [0, 65_536])
def test_fortio_reads_what_it_sends_from_its_input(size):
    """So it stands ready before its start, and the command line stays short."""
    asked = fortio("GRPC", payload=size)
    gate = driver_of(asked.tool).client(asked, AT_SERVER).gate
    assert len(gate.input) == size
    assert gate.input.isascii()


def test_fortio_server_has_one_port():
    """HTTP or gRPC at the request's address, and nothing else: no pages, no settings."""
    host = "198.18.0.2:5001"
    closed = ("-ui-path", "", "-echo-debug-path", "", "-config-dir", "", "-quiet")
    http, grpc = server(fortio("HTTP")), server(fortio("GRPC"))
    assert http == (*SERVE.format(host, "disabled").split(), *closed)
    assert grpc == (*SERVE.format("disabled", host).split(), *closed)


def test_client_goes_to_its_target_and_the_server_stays():
    """Through a Service the client's address, port and family are the Service's own."""
    line = client(spec(), Destination("fd00::9", 30501))
    assert line[:3] == ("iperf", "-c", "fd00::9")
    assert "-p 30501" in " ".join(line)
    assert "-V" in line
    assert "-p 5001" in " ".join(server(spec()))
    assert "-V" not in server(spec())
    assert (
        client(spec(protocol="HTTP", tool="siege"), Destination("fd00::9", 80))[1]
        == "http://[fd00::9]:80/test"
    )
