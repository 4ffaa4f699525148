"""Profiles: what they ask, what it takes to measure that, and what is refused with file, field and value."""

from __future__ import annotations

import pytest

from netcadence.acceptance import profile as profiles
from netcadence.acceptance import programme as programmes
from netcadence.acceptance.profile import Level
from netcadence.errors import InvalidInputError
from netcadence.nodes import Site

CHECK = "checks:\n  - {name: a, title: A, level: required, scenario: 'tcp-1:1'"


@pytest.fixture
def refused(write_profile):
    """Return what loads a profile that has to be refused; gives what is said, without the file's name."""

    def refused(text):
        file = write_profile(text)
        with pytest.raises(InvalidInputError) as caught:
            programmes.load(file)
        lines = str(caught.value).splitlines()
        assert all(line.startswith(f"{file}: ") for line in lines)
        return [line.removeprefix(f"{file}: ") for line in lines]

    return refused


def test_checks_of_one_scenario_share_one_measurement(programme):
    first = programme.measurements[0]
    assert first.scenario.name == "tcp-1:1"
    assert [asked.check.name for asked in first.asked] == ["connected", "bandwidth"]
    assert [(each.comparison, each.threshold) for each in first.requirements] == [(">", 0), (">=", 1000)]


def test_the_same_scenario_with_other_fields_is_measured_on_its_own(write_profile):
    other = "{name: b, title: B, level: optional, scenario: 'tcp-1:1', with: {duration_s: 3}}"
    text = f"{CHECK}}}\n  - {other}\n"
    found = programmes.load(write_profile(text))
    assert [each.scenario.duration_s for each in found.measurements] == [10, 3]


def test_a_check_without_thresholds_asks_what_the_default_sla_asks(programme):
    (http,) = [each for each in programme.measurements if each.scenario.name == "http-1:1"]
    assert [each.name for each in http.requirements] == ["response_time_max_sec"]


def test_what_a_profile_changes_holds_for_all_scenarios_and_what_a_check_changes_for_its_own(write_profile):
    text = (
        "with: {worker: {image: mine:1, cpu_request: 10m}, duration_s: 2}\n"
        f"{CHECK}, with: {{worker: {{image: other:2}}}}}}\n"
        "  - {name: b, title: B, level: optional, scenario: 'udp-1:1'}\n"
    )
    first, second = programmes.load(write_profile(text)).measurements
    assert (first.scenario.worker.image, first.scenario.worker.cpu_request) == ("other:2", "10m")
    assert (second.scenario.worker.image, second.scenario.duration_s) == ("mine:1", 2)
    assert second.scenario.options.iperf.bandwidth == 1_000_000


def test_a_scenario_file_is_looked_for_beside_the_profile(write_profile, tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\ntitle: Mine\nprotocol: TCP\ntool: iperf\n")
    found = programmes.load(
        write_profile(CHECK.replace("tcp-1:1", "mine.yaml") + ", thresholds: {throughput_min_kbytes: 1}}")
    )
    assert found.measurements[0].scenario.name == "mine"


def test_the_canary_is_short_capped_far_below_its_threshold_and_named_for_what_it_is(programme):
    copied, canary = programme.measurements[:2]
    assert canary.is_canary
    assert not copied.is_canary
    assert canary.scenario.name == "tcp-1:1-canary"
    assert canary.scenario.duration_s == 2
    assert canary.scenario.options.iperf.bandwidth == 1000 * 1024 * 8 // 10
    assert [each.threshold for each in canary.requirements] == [1000]


def test_a_canary_that_nothing_could_miss_is_refused(refused):
    (said,) = refused(CHECK.replace("tcp-1:1", "udp-1:1") + "}\ncanary: true\n")
    assert said.startswith("canary: True: there is nothing that a planted cap could miss; allowed: false, or")


def test_what_is_asked_for_beside_the_profile_wins(write_profile):
    found = programmes.load(write_profile(), strict=True, canary=False)
    assert found.profile.strict
    assert not any(each.is_canary for each in found.measurements)


def test_the_hash_tells_whether_the_same_was_asked(write_profile, programme):
    assert programmes.load(write_profile()).profile_hash == programme.profile_hash
    assert programmes.load(write_profile(), strict=True).profile_hash != programme.profile_hash


def test_traffic_is_what_the_waves_take(programme):
    assert programme.traffic_s == 10 + 10 + 10 + 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            CHECK.replace("tcp-1:1", "tpc-1:1") + "}",
            "checks.0.scenario: scenario 'tpc-1:1' is not known (did you mean 'tcp-1:1'?); allowed: ",
        ),
        (CHECK.replace("tcp-1:1", "none.yaml") + "}", "checks.0.scenario: "),
        (
            CHECK.replace("title", "titel") + "}",
            "checks.0.titel: unknown key (did you mean 'title'?); allowed here: ",
        ),
        (
            CHECK.replace("required", "mandatory") + "}",
            "checks.0.level: 'mandatory': allowed: 'required', 'recommended' or 'optional'",
        ),
        (
            CHECK.replace("required", "optional") + "}",
            "checks.level: none is required, so that any network passed",
        ),
        (
            CHECK + "}\n  - {name: a, title: B, level: optional, scenario: 'udp-1:1'}",
            "checks.1.name: 'a': is the name of checks.0 already; allowed: one that no other has",
        ),
        ("checks: []", "checks: []: "),
        (
            CHECK + ", thresholds: {throughput_max_kbytes: 5}}",
            "checks.0.thresholds.throughput_max_kbytes: unknown key (did you mean 'throughput_min_kbytes'?)",
        ),
        (
            CHECK + ", thresholds: {throughput_min_mbits: 8}}",
            "checks.0.thresholds.throughput_min_mbits: unknown key (did you mean 'throughput_min_kbytes'?)",
        ),
        (
            CHECK + ", thresholds: {throughput_min_kbytes: 8 Mbit/s}}",
            "checks.0.thresholds.throughput_min_kbytes: '8 Mbit/s': allowed: a number, in KBytes/s",
        ),
        (
            CHECK + ", thresholds: {throughput_min_kbytes: 0}}",
            "checks.0.thresholds.throughput_min_kbytes.value: 0.0: is always reached; allowed: more than 0",
        ),
        (
            CHECK + ", thresholds: {jitter_max_ms: 5}}",
            "checks.0.thresholds.jitter_max_ms: TCP does not yield jitter; allowed: throughput_min_kbytes",
        ),
        (
            CHECK + ", thresholds: {}}",
            "checks.0.thresholds: nothing is asked of tcp-1:1; allowed: throughput_min_kbytes",
        ),
        (
            CHECK + ", with: {options: {siege: {delay: 1}}}}",
            "checks.0.with.options.siege: is for another tool; allowed: options.iperf",
        ),
        (
            CHECK + ", with: {options: {fortio: {qps: 5}}}}",
            "checks.0.with.options.fortio: is for another tool; allowed: options.iperf",
        ),
        (CHECK + ", with: {name: mine}}", "checks.0.with.name: 'mine': a scenario keeps its name"),
        (
            "with: {duration_s: 0}\n" + CHECK + "}",
            "with.duration_s: 0: should be greater than or equal to 1",
        ),
        (
            CHECK + ", with: {limits: {max_total_bytes: 1G}}}",
            "checks.0.scenario: tcp-1:1 sends as many bytes in all as the network carries",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_by_file_field_value_and_what_is_allowed(refused, text, said):
    assert any(line.startswith(said) for line in refused(text))


def test_all_that_is_wrong_with_scenarios_is_said_at_once(refused):
    more = "\n  - {name: b, title: B, level: optional, scenario: 'udp-9:9'}"
    assert [line.split(":")[0] for line in refused(CHECK.replace("tcp-1:1", "tcp-9:9") + "}" + more)] == [
        "checks.0.scenario",
        "checks.1.scenario",
    ]


def test_a_mesh_on_one_node_is_refused_by_its_field(write_profile):
    found = programmes.load(write_profile(CHECK.replace("tcp-1:1", "tcp-mesh") + "}"))
    with pytest.raises(
        InvalidInputError, match=r"checks\.0\.scenario: tcp-mesh needs at least 2 nodes"
    ) as caught:
        found.require_possible([Site("only")])
    assert str(caught.value).startswith(str(found.source))
    found.require_possible([Site("one"), Site("other")])


def test_pairs_that_a_cluster_cannot_seat_are_left_to_be_a_result(programme):
    programme.require_possible([Site("only")])


def names(sittings):
    return [[[each.scenario.name for each in wave] for wave in sitting] for sitting in sittings]


def test_what_loads_nothing_goes_side_by_side_as_far_as_that_disturbs_nobody():
    found = programmes.load(profiles.DEFAULT)
    together = [wave for wave in found.waves if len(wave) > 1]
    assert together
    for wave in together:
        assert not any(each.disturbs for each in wave)
        assert sum(each.scenario.pairs for each in wave) <= 12


def test_what_is_set_up_together_is_alike_and_no_more_than_the_largest_has():
    sittings = names(programmes.load(profiles.DEFAULT).sittings)
    tools, probes, many = sittings
    assert tools == [["tcp-1:1"], ["tcp-1:1-canary"], ["udp-1:1"], ["http-qps"], ["grpc-qps"]]
    assert many == [["tcp-50:50"]]
    assert "policy-new-pod" in probes[0]


def test_where_nothing_is_large_nothing_is_set_up_together(write_profile):
    sittings = programmes.load(write_profile(), canary=False).sittings
    assert all(len(sitting) == 1 for sitting in sittings)


def crews(programme):
    found = {}
    for each, crew in zip(programme.measurements, programme.crews, strict=True):
        found.setdefault(crew, []).append(each.scenario.name)
    return list(found.values())


def test_measurements_of_a_sitting_that_want_the_same_workers_share_them():
    assert crews(programmes.load(profiles.DEFAULT)) == [
        ["tcp-1:1", "tcp-1:1-canary", "udp-1:1"],
        # Were they to share those of iperf, a worker without fortio would cost them, too.
        ["http-qps", "grpc-qps"],
        ["policy-new-pod"],
        [
            "service-cluster-ip-tcp",
            "service-cluster-ip-http",
            "service-node-port-tcp",
            "service-node-port-http",
        ],
        ["load-balancer"],
        ["policy-deny"],
        ["policy-allow"],
        ["tcp-50:50"],
    ]


def test_nobody_shares_workers_across_sittings(write_profile):
    assert all(len(crew) == 1 for crew in crews(programmes.load(write_profile(), canary=False)))


def test_measurements_side_by_side_have_workers_of_their_own(write_profile):
    checks = ["name: lab\nchecks:"]
    for port in ("5001", "5002"):
        probe = f"{{name: 'p{port}', title: P, level: required, scenario: load-balancer"
        checks.append(f"  - {probe}, with: {{duration_s: {port[-1]}0}}}}")
    checks.append("  - {name: many, title: M, level: required, scenario: 'tcp-50:50'}")
    found = programmes.load(write_profile("\n".join(checks)), canary=False)
    assert any(len(wave) == 2 for wave in found.waves)
    assert all(len(crew) == 1 for crew in crews(found))


def test_the_shipped_profile_holds_the_checks_of_the_guide():
    found = programmes.load(profiles.DEFAULT)
    levels = {check.name: check.level for check in found.profile.checks}
    assert levels["pod-to-pod-tcp"] is levels["basic-bandwidth"] is Level.REQUIRED
    for way in ("cluster-ip-tcp", "cluster-ip-http", "node-port-tcp", "node-port-http"):
        assert levels[way] is Level.REQUIRED
    assert levels["load-balancer"] is Level.RECOMMENDED
    for name in ("policy-deny", "policy-allow", "http-latency", "grpc-latency"):
        assert levels[name] is Level.OPTIONAL
    assert levels["many-at-once"] is levels["udp-quality"] is Level.RECOMMENDED
    assert found.profile.canary
    assert not found.profile.strict
