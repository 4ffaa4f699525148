"""Rules by which a report of iperf 2 becomes figures, a mark or a reason."""

import math

import pytest

from netcadence_worker.contract import Mark, Reason
from netcadence_worker.parsing import UnusableOutput, iperf2
from netcadence_worker.parsing.iperf2 import check_client, read_tcp_server, read_udp_server

TCP_ROW = "[  1] 0.0000-3.0000 sec  30000 KBytes  10000 KBytes/sec"
UDP_ROW = (
    "[  1] 0.0000-3.0000 sec  3843 KBytes  1281 KBytes/sec   0.010 ms 3/2680 (0.11%)"
    " 0.010/0.002/3.000/0.100 ms 892 pps 2677/0(0) pkts 1000"
)


def values(measurement):
    return {result.metric: result.value for result in measurement.results}


def refusal(read, output, **asked):
    with pytest.raises(UnusableOutput) as refused:
        read(output, duration_s=3, **asked)
    return refused.value


def test_the_total_is_the_longest_row_from_the_start(tcp_report):
    """Neither the first row nor the last is the total, wherever sums stand."""
    output = tcp_report(
        "[  1] 0.0000-1.0000 sec  9000 KBytes  9000 KBytes/sec",
        "[  1] 0.0000-3.0100 sec  30100 KBytes  10000 KBytes/sec",
        "[  1] 1.0000-2.0000 sec  11000 KBytes  11000 KBytes/sec",
        "[SUM] 0.0000-3.0100 sec  60200 KBytes  20000 KBytes/sec",
    )
    measurement = read_tcp_server(output, duration_s=3)
    assert measurement.metrics == pytest.approx((30_100, 10_000))
    assert [interval.values["transferred"] for interval in measurement.intervals] == [9000, 11_000]


def test_streams_are_summed_over_the_longest_time(tcp_report):
    """The bytes of all streams came in while the slowest was running."""
    output = tcp_report(
        "[  1] 0.0000-3.0000 sec  30000 KBytes  10000 KBytes/sec",
        "[  2] 0.0000-3.3000 sec  33000 KBytes  10000 KBytes/sec",
    )
    assert read_tcp_server(output, duration_s=3, streams=2).metrics == pytest.approx((63_000, 63_000 / 3.3))


@pytest.mark.parametrize(
    ("amount", "kbytes"),
    [
        ("4791730176 Bytes  12777947136 bits/sec", 4_791_730_176 / 1024),
        ("30000 KBytes  10000 KBytes/sec", 30_000),
        ("286 MBytes   800 Mbits/sec", 286 * 1024),
        ("4.37 GBytes  12.5 Gbits/sec", 4.37 * 1024**2),
        ("1.00 TBytes   341 GBytes/sec", 1024**3),
    ],
)
def test_units_are_as_printed(tcp_report, amount, kbytes):
    """Bytes go by 1024, bits by 1000."""
    measurement = read_tcp_server(tcp_report(f"[  3]  0.0- 3.0 sec  {amount}"), duration_s=3)
    assert values(measurement)["transferred"] == pytest.approx(kbytes)


def test_the_rate_tells_more_than_a_rounded_time(tcp_report):
    """A time printed as 3.2 may be anything from 3.15 to 3.25."""
    measurement = read_tcp_server(
        tcp_report("[  4]  0.0- 3.2 sec  36992 KBytes  11627 KBytes/sec"), duration_s=3
    )
    assert values(measurement)["throughput"] == pytest.approx(11_627)


@pytest.mark.parametrize(
    "row",
    [
        "[  1] 0.0000-3.0000 sec  30000 KBytes  20000 KBytes/sec",
        "[  1] 0.0000-3.0000 sec  30000 KBytes  inf KBytes/sec",
        "[  1] 0.0000-3.0000 sec  30000 KBytes  -nan KBytes/sec",
        "[  1] 0.0000-3.0000 sec  -3000 KBytes  -1000 KBytes/sec",
        "[  1] 0.0000-3.0000 sec  16345076858880 KBytes  5448358952960 KBytes/sec",
        "[  1] 0.0000-3.0000 sec  0.000 KBytes  0.000 KBytes/sec",
        "[  1] 0.0000-2.7539 sec  1925 KBytes   699 KBytes/sec",
        "[  1] 0.0000-14.0000 sec  140000 KBytes  10000 KBytes/sec",
        "[  1] 0.0000-3.0000 sec",
    ],
)
def test_a_tcp_row_that_cannot_be_true_is_refused(tcp_report, row):
    """No figure is passed on that contradicts itself or what was asked for."""
    assert refusal(read_tcp_server, tcp_report(row)).reason is Reason.PARSE_FAILED


@pytest.mark.parametrize(
    ("printed", "wrong"),
    [
        ("3/2680 (0.11%)", "0/0 (-nan%)"),
        ("3/2680 (0.11%)", "2680/2680 (1e+02%)"),
        ("3/2680 (0.11%)", "2681/2680 (1e+02%)"),
        ("3/2680 (0.11%)", "3/2680 (nan%)"),
        ("3/2680 (0.11%)", "3/12 (25%)"),
        ("3/2680 (0.11%)", "-3/2680 (0%)"),
        ("0.010 ms 3", "224999.997 ms 3"),
        ("0.010 ms 3", "inf ms 3"),
        ("0.010/0.002/3.000/0.100 ms", "99999999999.0/0.002/99999999999.0/0.1 ms"),
        ("0.0000-3.0000", "0.0000-5.0000"),
        ("0.010 ms 3/2680 (0.11%)", ""),
    ],
)
def test_a_udp_row_that_cannot_be_true_is_refused(udp_report, printed, wrong):
    """Loss of nothing, counts without datagrams, and jitter of minutes are no measurement."""
    assert printed in UDP_ROW
    refused = refusal(read_udp_server, udp_report(UDP_ROW.replace(printed, wrong)))
    assert refused.reason is Reason.PARSE_FAILED


def test_udp_figures_come_from_the_counts(udp_report):
    """Loss and packet rate are computed, as iperf's own are rounded or wrong."""
    found = values(read_udp_server(udp_report(UDP_ROW.replace("892 pps", "446 pps")), duration_s=3))
    assert found["packet_loss"] == pytest.approx(300 / 2680)
    assert found["packet_rate"] == pytest.approx(2677 / 3)
    assert (found["lost_packets"], found["total_packets"], found["jitter"]) == (3, 2680, 0.01)


def test_udp_streams_are_pooled(udp_report):
    """Means are weighted by datagrams received; the deviation holds what lies between the means as well."""
    row = "[  {}] 0.0000-3.0000 sec  {} KBytes  {} KBytes/sec   {} ms {}/{} (0%) {} ms 9 pps 9/0(0) pkts 9"
    measurement = read_udp_server(
        udp_report(
            row.format(1, 1500, 500, "1.000", 0, 1000, "2.000/1.000/4.000/0.500"),
            row.format(2, 4500, 1500, "3.000", 1000, 4000, "6.000/3.000/9.000/1.500"),
        ),
        duration_s=3,
        streams=2,
    )
    found = values(measurement)
    assert found["jitter"] == pytest.approx(2.5)
    assert found["packet_loss"] == pytest.approx(20)
    assert (found["latency_min"], found["latency_max"]) == (1, 9)
    assert found["latency_avg"] == pytest.approx(5)
    assert found["latency_stdev"] == pytest.approx(math.sqrt((0.25 + 9 + 3 * (2.25 + 1)) / 4))


def test_an_idle_interval_has_no_latency_no_jitter_and_no_loss(udp_report):
    """Of datagrams that nobody sent nothing is known."""
    measurement = read_udp_server(
        udp_report(
            "[  1] 0.0000-1.0000 sec  0.000 KBytes  0.000 KBytes/sec   0.000 ms 0/0 (0%) -/-/-/- ms 0 pps",
            UDP_ROW,
        ),
        duration_s=3,
    )
    assert measurement.intervals[0].values == {
        "transferred": 0,
        "throughput": 0,
        "lost_packets": 0,
        "total_packets": 0,
        "packet_rate": 0,
    }


def test_latency_is_missing_not_zero_without_enhanced_reports(tool_output):
    """The positions end before the first figure that was not printed."""
    output = tool_output(
        "[  3] local 198.18.0.2 port 5001 connected with 198.18.0.1 port 53660\n"
        "[ ID] Interval       Transfer     Bandwidth        Jitter   Lost/Total Datagrams\n"
        "[  3]  0.0- 3.0 sec  18312 KBytes  6104 KBytes/sec   0.001 ms    0/12756 (0%)\n"
    )
    measurement = read_udp_server(output, duration_s=3)
    assert measurement.metrics == (18_312, 6104, 0.001, 0, 12_756, 0)
    assert "packet_rate" in values(measurement)


def test_sending_and_summing_headers_do_not_hide_the_receiving_one(udp_report):
    """2.1.8 prints a header for its sums between the rows of streams."""
    output = udp_report(
        "[  1] 0.0000-1.0000 sec  1281 KBytes  1281 KBytes/sec 0.010 ms 0/892 (0%) 0.1/0.1/0.1/0.0 ms 9 pps",
        "[ ID] Interval            Transfer     Bandwidth      Write/Err  PPS",
        "[SUM] 0.0000-1.0000 sec  1281 KBytes  1281 KBytes/sec  0/892     892 pps",
        UDP_ROW,
    )
    assert len(read_udp_server(output, duration_s=3).metrics) == 11


def test_an_interval_in_which_a_running_stream_is_missing_is_left_out(tcp_report):
    """A sum without one of its parts would look like a dip."""
    output = tcp_report(
        "[  1] 0.0000-1.0000 sec  10000 KBytes  10000 KBytes/sec",
        "[  2] 0.0000-1.0000 sec  10000 KBytes  10000 KBytes/sec",
        "[  1] 1.0000-2.0000 sec  10000 KBytes  10000 KBytes/sec",
        "[  1] 0.0000-3.0000 sec  30000 KBytes  10000 KBytes/sec",
        "[  2] 0.0000-3.0000 sec  30000 KBytes  10000 KBytes/sec",
    )
    intervals = read_tcp_server(output, duration_s=3, streams=2).intervals
    assert [(interval.start, interval.values["throughput"]) for interval in intervals] == [(0, 20_000)]


@pytest.mark.parametrize("asked", [1, 3])
def test_another_number_of_streams_than_asked_for_is_refused(tcp_report, asked):
    """Fewer measured less, more measured a stranger's traffic."""
    output = tcp_report(TCP_ROW, TCP_ROW.replace("[  1]", "[  2]"))
    refused = refusal(read_tcp_server, output, streams=asked)
    assert refused.reason is Reason.PARSE_FAILED
    assert f"2 streams instead of {asked}" in refused.message


def test_a_server_that_only_waited_after_the_time_is_refused(tcp_report):
    """Its rate is over a time in which nobody sent."""
    output = tcp_report(
        "[  1] 0.0000-3.0000 sec  15000 KBytes  5000 KBytes/sec",
        "[  1] 3.0000-6.0000 sec  0.000 KBytes  0.000 KBytes/sec",
        "[  1] 0.0000-8.0000 sec  15000 KBytes  1875 KBytes/sec",
    )
    assert "still waited" in refusal(read_tcp_server, output).message


def test_the_way_back_is_another_measurement(tcp_report):
    """Rows with a star are what the server sent."""
    output = tcp_report("[ *1] 0.0000-3.0000 sec  90000 KBytes  30000 KBytes/sec", TCP_ROW)
    assert read_tcp_server(output, duration_s=3).metrics == (30_000, 10_000)


@pytest.mark.parametrize(
    "latency",
    [
        "-249.9/-249.9/-249.8/0.005",
        "0.100/-0.200/0.300/0.1",
        "0.9/0.1/0.5/0.1",
        "0.1/0.2/0.5/0.1",
        "0.2/0.1/0.3/7.0",
    ],
)
def test_a_latency_that_no_agreeing_clocks_measure_is_kept_and_marked(udp_report, latency):
    """Negative, out of order, or deviating more than its range allows."""
    measurement = read_udp_server(
        udp_report(UDP_ROW.replace("0.010/0.002/3.000/0.100", latency)), duration_s=3
    )
    assert measurement.marks == (Mark.CLOCKS_DISAGREE,)
    assert values(measurement)["latency_avg"] == pytest.approx(float(latency.partition("/")[0]))


def test_the_tools_own_warnings_become_marks(udp_report):
    """A number with a warning is passed on with it."""
    output = udp_report(
        UDP_ROW,
        "[  1] 0.0000-3.0000 sec  2 datagrams received out-of-order",
        "WARN: this test may have been CPU bound (1) (or may not be detecting the network)",
    )
    assert read_udp_server(output, duration_s=3).marks == (Mark.OUT_OF_ORDER, Mark.CPU_BOUND)


def test_tcp_rows_are_no_udp_report_and_the_other_way_round(tcp_report, udp_report):
    """A request reads the protocol it asked for."""
    assert "one of TCP" in refusal(read_udp_server, tcp_report(TCP_ROW)).message
    assert "one of UDP" in refusal(read_tcp_server, udp_report(UDP_ROW)).message


@pytest.mark.parametrize(
    ("stderr", "exit_code", "reason"),
    [
        ("bind failed: Address already in use", 0, Reason.TOOL_FAILED),
        ("listener bind failed: Cannot assign requested address", 0, Reason.TOOL_FAILED),
        ("", 1, Reason.TOOL_FAILED),
        ("", None, Reason.TOOL_FAILED),
        ("", -15, Reason.TOOL_FAILED),
        ("", 0, Reason.PARSE_FAILED),
    ],
)
def test_a_server_without_any_report_says_why(tool_output, stderr, exit_code, reason):
    """Silence has a reason too."""
    output = tool_output(stderr=stderr, exit_code=exit_code)
    assert refusal(read_tcp_server, output).reason is reason


@pytest.mark.parametrize("stderr", ["iperf: unrecognized option `--window'", "iperf: unrecognized option: b"])
def test_an_option_that_the_tool_ignored_is_a_failure(tcp_report, stderr):
    """Both C libraries' words are understood; the run was another one than asked for."""
    for read in (read_tcp_server, check_client):
        assert refusal(read, tcp_report(TCP_ROW, stderr=stderr)).reason is Reason.TOOL_FAILED


def test_an_old_version_need_not_know_enhanced_reports(tcp_report):
    """They change what is printed, not what is measured."""
    output = tcp_report(TCP_ROW, stderr="iperf: invalid option -- e")
    assert read_tcp_server(output, duration_s=3).metrics == (30_000, 10_000)


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ("connect failed: Connection refused", Reason.CONNECTION_REFUSED),
        ("connect failed: No route to host", Reason.CONNECT_TIMEOUT),
        ("connect failed: Operation now in progress", Reason.CONNECT_TIMEOUT),
        ("[  1] tcp connect to 198.18.0.2 port 5001 failed (Connection timed out)", Reason.CONNECT_TIMEOUT),
        ("tcp connect failed: Network is unreachable", Reason.CONNECT_TIMEOUT),
        ("no-such-host.invalid: Host name lookup failure", Reason.TOOL_FAILED),
    ],
)
def test_a_clients_complaint_has_its_reason(tool_output, stderr, reason):
    """The exit code is 0 for all of them."""
    refused = refusal(check_client, tool_output(stderr=stderr))
    assert refused.reason is reason
    assert stderr in refused.message


def test_a_client_with_fewer_streams_than_asked_for_has_failed(tcp_report):
    """Four were asked for on its command line, one was sent."""
    output = tcp_report(TCP_ROW, argv=("iperf", "-c", "198.18.0.2", "-P", "4"))
    assert "1 of 4 streams" in refusal(check_client, output).message


def test_a_client_that_sent_nothing_has_failed(tcp_report):
    """Three seconds without a byte are no traffic."""
    output = tcp_report("[  1] 0.0000-3.0000 sec  0.000 KBytes  0.000 KBytes/sec")
    assert refusal(check_client, output).reason is Reason.TOOL_FAILED


def test_a_relayed_report_is_not_read(tcp_report):
    """It is garbage where versions differ, and the server's own is at hand."""
    output = tcp_report(
        TCP_ROW,
        "[  1] Server Report:",
        "[  1] 0.0000-1206.0000 sec  16320414351360 KBytes  99 KBytes/sec  1000.000 ms 0/0 (-nan%)",
    )
    check_client(output, duration_s=3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("iperf version 2.1.8 (12 August 2022) pthreads\n", "2.1.8"),
        ("iperf version 2.0.13 (21 Jan 2019) pthreads", "2.0.13"),
        ("iperf version 2.2.1-rc (4 Nov 2024) pthreads", "2.2.1-rc"),
    ],
)
def test_the_version_is_what_the_tool_calls_itself(text, expected):
    """Candidates keep their suffix."""
    assert iperf2.version(text) == expected


def test_another_tools_version_is_refused():
    """iperf 3 is another program."""
    with pytest.raises(ValueError, match="iperf 2"):
        iperf2.version("iperf 3.12 (cJSON 1.7.15)")
