"""Thresholds as people write them."""

from pathlib import Path

import pytest

from netcadence import scenario, sla
from netcadence.errors import InvalidInputError

WORDS = Path(sla.DEFAULT).with_name("README.md").read_text(encoding="utf-8")


def test_every_word_can_be_written_in_a_file_and_is_explained():
    assert sorted(sla.Thresholds.model_fields) == sorted(sla.VOCABULARY)
    assert [name for name in sla.VOCABULARY if f"| `{name}` |" not in WORDS] == []


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "sla.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def asked(write):
    """Return what a file's text asks of a scenario: threshold and statistic by name."""

    def asked(text, name):
        requirements = sla.load(write(text)).requirements_for(scenario.find(name))
        return {each.name: (each.threshold, str(each.statistic)) for each in requirements}

    return asked


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tcp-1:1", [("throughput", "Perc50", ">=", 1000, "KBytes/s")]),
        (
            "udp-50:50",
            [
                ("jitter", "Perc95", "<=", 5, "ms"),
                ("packet_loss", "Perc95", "<=", 0.1, "%"),
                ("latency_avg", "Perc95", "<=", 10, "ms"),
            ],
        ),
        ("http-1:1", [("response_time", "Perc95", "<=", 1, "s")]),
        (
            "grpc-qps",
            [
                ("request_latency_p50", "Merged50", "<=", 5, "ms"),
                ("request_latency_p90", "Merged90", "<=", 10, "ms"),
                ("request_latency_p99", "Merged99", "<=", 50, "ms"),
                ("request_latency_p999", "Merged99.9", "<=", 200, "ms"),
                ("request_rate", "Perc05", ">=", 190, "requests/s"),
                ("request_errors", "Perc95", "<=", 0.1, "%"),
            ],
        ),
        (
            "tcp-50:50",
            [
                ("throughput", "Perc50", ">=", 1000, "KBytes/s"),
                ("throughput", "Perc05/Perc50", ">=", 0.7, ""),
            ],
        ),
    ],
)
def test_the_defaults_ask_for_a_usable_network(name, expected):
    requirements = sla.default().requirements_for(scenario.find(name))
    assert [
        (each.metric.name, str(each.statistic), each.comparison, each.threshold, each.unit)
        for each in requirements
    ] == expected


@pytest.mark.parametrize("shipped", scenario.shipped(), ids=lambda each: each.name)
def test_the_defaults_ask_something_of_every_shipped_scenario(shipped):
    assert sla.default().requirements_for(shipped)


def test_a_scenarios_own_name_wins_over_patterns_wherever_it_stands(asked):
    text = "scenarios: {'tcp-1:1': {throughput_min_kbytes: 7}, 'tcp-*': {throughput_min_kbytes: 5}}"
    assert asked(text, "tcp-1:1") == {"throughput_min_kbytes": (7, "Perc50")}


def test_of_two_patterns_the_later_one_wins(asked):
    text = "scenarios: {'*': {throughput_min_kbytes: 7}, 'tcp-*': {throughput_min_kbytes: 5}}"
    assert asked(text, "tcp-1:1") == {"throughput_min_kbytes": (5, "Perc50")}


def test_entries_that_match_add_up(asked):
    text = "scenarios: {'tcp-*': {throughput_min_kbytes: 7}, 'tcp-50:50': {consistency_min: 0.5}}"
    assert set(asked(text, "tcp-50:50")) == {"throughput_min_kbytes", "consistency_min"}


def test_a_threshold_may_name_its_statistic(asked):
    text = "scenarios: {'udp-*': {jitter_max_ms: {value: 3, statistic: Perc100}}}"
    assert asked(text, "udp-50:50") == {"jitter_max_ms": (3, "Perc100")}


def test_a_pattern_passes_over_what_a_protocol_does_not_yield(asked):
    text = "scenarios: {'*': {jitter_max_ms: 5, response_time_max_sec: 1, consistency_min: 0.5}}"
    assert set(asked(text, "udp-50:50")) == {"jitter_max_ms", "consistency_min"}
    assert set(asked(text, "http-50:50")) == {"response_time_max_sec"}


def test_a_pattern_asks_no_consistency_of_a_single_pair(asked):
    assert asked("scenarios: {'tcp-*': {consistency_min: 0.5}}", "tcp-1:1") == {}


def test_nothing_is_asked_of_a_scenario_that_no_entry_matches(asked):
    assert asked("scenarios: {'tcp-*': {throughput_min_kbytes: 5}}", "udp-1:1") == {}


@pytest.mark.parametrize(
    ("name", "threshold", "complaint"),
    [
        (
            "tcp-round-trip",
            "throughput_min_kbytes: 1",
            "iperf with bounceback does not yield throughput; allowed: round_trip_max_ms",
        ),
        ("tcp-1:1", "round_trip_max_ms: 5", "TCP does not yield round_trip_avg; allowed: throughput_min_kb"),
        ("tcp-1:1", "jitter_max_ms: 5", "TCP does not yield jitter; allowed: throughput_min_kbytes"),
        (
            "http-1:1",
            "throughput_min_kbytes: 5",
            "HTTP does not yield throughput; allowed: response_time_max_sec",
        ),
        ("tcp-1:1", "consistency_min: 0.5", "one pair is always consistent with itself; allowed: throughput"),
        ("http-1:1", "qps_min: 5", "siege does not yield request_rate; allowed: response_time_max_sec"),
        ("http-qps", "response_time_max_sec: 5", "fortio does not yield response_time; allowed: latency_p50"),
        ("tcp-1:1", "latency_p99_max_ms: 5", "TCP does not yield request_latency_p99; allowed: throughput"),
    ],
)
def test_asking_exactly_one_scenario_for_what_it_cannot_yield_is_refused(write, name, threshold, complaint):
    path = write(f"scenarios: {{'{name}': {{{threshold}}}}}")
    field = threshold.split(":")[0]
    with pytest.raises(InvalidInputError) as caught:
        sla.load(path).requirements_for(scenario.find(name))
    assert str(caught.value).startswith(f"{path}: scenarios.{name}.{field}: {complaint}")


@pytest.mark.parametrize(
    ("threshold", "complaint"),
    [
        (
            "jitter_max_s: 1",
            "jitter_max_s: unknown key (did you mean 'jitter_max_ms'?); allowed here: throughput",
        ),
        ("jitter_min_ms: 1", "jitter_min_ms: unknown key (did you mean 'jitter_max_ms'?)"),
        (
            "throughput_max_kbytes: 1",
            "throughput_max_kbytes: unknown key (did you mean 'throughput_min_kbytes'?)",
        ),
        ("jitter_max_ms: -1", "jitter_max_ms.value: -1: should be greater than or equal to 0"),
        ("jitter_max_ms: 5 ms", "jitter_max_ms: '5 ms': allowed: a number, in ms, or a mapping of value and"),
        ("jitter_max_ms: yes", "jitter_max_ms: True: allowed: a number, in ms"),
        ("jitter_max_ms: .inf", "jitter_max_ms.value: inf: should be a finite number"),
        ("jitter_max_ms: {value: '5'}", "jitter_max_ms.value: '5': should be a valid number"),
        (
            "jitter_max_ms: {statistic: Perc50}",
            "jitter_max_ms.value: is missing; allowed: one of value, above and below",
        ),
        (
            "jitter_max_ms: {value: 5, unit: s}",
            "jitter_max_ms.unit: unknown key; allowed here: value, above, below, statistic",
        ),
        (
            "jitter_max_ms: {value: 5, below: 5}",
            "jitter_max_ms.value: there are value, below; allowed: one of value, above and below",
        ),
        ("jitter_max_ms: {above: 5}", "jitter_max_ms.above: 5.0: is the wrong side; allowed: value, below"),
        ("jitter_max_ms: {below: 0}", "jitter_max_ms.below: 0.0: is never reached; allowed: more than 0"),
        ("consistency_min: {above: 1}", "consistency_min.above: 1.0: is too large; allowed: up to 1"),
        ("consistency_min: 70", "consistency_min.value: 70.0: is too large; allowed: up to 1"),
        (
            "packet_loss_max_percent: 101",
            "packet_loss_max_percent.value: 101.0: is too large; allowed: up to 100",
        ),
        (
            "throughput_min_kbytes: 0",
            "throughput_min_kbytes.value: 0.0: is always reached; allowed: more than 0",
        ),
        (
            "jitter_max_ms: {value: 5, statistic: P95}",
            "jitter_max_ms.statistic: 'P95': is not known; allowed: Perc01 to Perc100",
        ),
        (
            "jitter_max_ms: {value: 5, statistic: Perc05/Perc50}",
            "jitter_max_ms.statistic: 'Perc05/Perc50': cannot be taken here; allowed: Perc01 to Perc100",
        ),
        (
            "jitter_max_ms: {value: 5, statistic: Merged99}",
            "jitter_max_ms.statistic: 'Merged99': cannot be taken here; allowed: Perc01 to Perc100",
        ),
        (
            "latency_p99_max_ms: {value: 5, statistic: Merged50}",
            "latency_p99_max_ms.statistic: 'Merged50': cannot be taken here; allowed: Merged99, Perc01 to",
        ),
        (
            "latency_p9_max_ms: 5",
            "latency_p9_max_ms: unknown key (did you mean 'latency_p99_max_ms'?); allowed here: throughput",
        ),
        ("error_max_percent: 101", "error_max_percent.value: 101.0: is too large; allowed: up to 100"),
        ("qps_min: 0", "qps_min.value: 0.0: is always reached; allowed: more than 0"),
        (
            "consistency_min: {value: 0.5, statistic: Perc50}",
            "consistency_min.statistic: 'Perc50': cannot be taken here; allowed: Perc05/Perc50",
        ),
    ],
)
def test_a_wrong_threshold_is_refused_with_field_value_and_what_is_allowed(write, threshold, complaint):
    path = write(f"scenarios:\n  'udp-*':\n    {threshold}\n")
    with pytest.raises(InvalidInputError) as caught:
        sla.load(path)
    assert str(caught.value).startswith(f"{path}: scenarios.udp-*.{complaint}")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("scenarios: {}", "scenarios: "),
        ("tcp-*: {throughput_min_kbytes: 5}", "scenarios: is missing"),
        ("scenarios: {'TCP *': {throughput_min_kbytes: 5}}", "scenarios.TCP *"),
        (
            "scenarios: {'tcp-*': {throughput_min_kbytes: 5}, 'tcp-*': {}}",
            "line 1, column 50: the key 'tcp-*' is given",
        ),
    ],
)
def test_a_file_without_proper_scenarios_is_refused(write, text, complaint):
    path = write(text)
    with pytest.raises(InvalidInputError) as caught:
        sla.load(path)
    assert str(caught.value).startswith(f"{path}: {complaint}")
