"""How much a run sends at most, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence import scenario
from netcadence.adjustment import Adjustment
from netcadence.amount import in_words, parse
from netcadence.budget import Limits, OverBudgetError, Traffic, require_within
from netcadence.errors import InvalidInputError

small = st.integers(1, 200)
maybe = st.none() | st.integers(1, 10**14)


limits_of_any_kind = st.builds(
    Limits, max_pair_bits_per_s=maybe, max_total_bits_per_s=maybe, max_total_bytes=maybe
)


@given(small, small, small, limits_of_any_kind)
def test_the_rate_that_is_advised_is_within_every_limit_and_one_bit_more_is_not(
    streams, pairs, seconds, limits
):
    rate = Traffic(None, streams, pairs, seconds).within(limits)
    if rate is None:
        require_within("x", Traffic(None, streams, pairs, seconds), limits)
        return
    require_within("x", Traffic(rate, streams, pairs, seconds), limits)
    with pytest.raises(OverBudgetError):
        require_within("x", Traffic(rate + 1, streams, pairs, seconds), limits)


def test_udp_sends_its_rate_in_every_stream_of_every_pair_for_the_whole_time():
    traffic = scenario.find("udp-50:50").traffic
    assert (traffic.pair_bits_per_s, traffic.total_bits_per_s) == (1_000_000, 50_000_000)
    assert traffic.total_bytes == 62_500_000


def refusal(name, **limits):
    with pytest.raises(OverBudgetError) as caught:
        Adjustment(**limits).of(scenario.find(name)).require_within_limits()
    return str(caught.value)


def test_a_refusal_names_number_limit_and_the_rate_that_would_do():
    said = refusal("udp-50:50", max_total_bytes="1M")
    assert "udp-50:50 sends up to 62,500,000 bytes in all; limits.max_total_bytes allows 1,000,000" in said
    assert "options.iperf.bandwidth: 16000 (bits/s of each stream)" in said


def test_tcp_without_a_rate_is_refused_by_any_limit_and_told_how_to_be_paced():
    said = refusal("tcp-1:1", max_pair_bits_per_s="100M")
    assert "sends as many bits/s in each pair as the network carries" in said
    assert "options.iperf.bandwidth: 100000000" in said


def test_a_tool_that_cannot_be_paced_says_so():
    assert "cannot be limited in rate" in refusal("http-1:1", max_total_bytes="1G")


@pytest.mark.parametrize(
    ("text", "number"), [("100M", 10**8), ("2.5G", 2_500_000_000), ("64", 64), ("1k", 1000), (7, 7)]
)
def test_an_amount_is_read_with_its_prefix(text, number):
    assert parse(text) == number


@pytest.mark.parametrize("text", ["", "M", "-1", "1e9", "1 MB", "ten", "1Mi"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match="is no amount"):
        parse(text)


def test_an_amount_is_written_with_the_prefix_that_fits():
    assert [in_words(n, "B") for n in (999, 62_500_000, 10**12)] == ["999 B", "62.5 MB", "1 TB"]


def test_one_node_alone_is_no_pair():
    with pytest.raises(InvalidInputError, match="a client node needs a server node beside it"):
        Adjustment(client_node="a").of(scenario.find("tcp-1:1"))


def test_nothing_asked_for_leaves_a_scenario_as_it_is():
    chosen = scenario.find("tcp-1:1")
    assert Adjustment().of(chosen) is chosen
    emptied = {"client_node": "", "path": "", "max_total_bytes": ""}  # as a form has what nobody filled in
    assert Adjustment.model_validate(emptied).of(chosen) is chosen


def test_two_names_of_one_node_make_a_pair_on_it():
    adjusted = Adjustment(client_node="a", server_node="a").of(scenario.find("tcp-1:1"))
    assert adjusted.placement == "same-node"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"qps": 1000, "payload": 1000},
            "sends up to 16,000,000 bits/s in each pair; limits.max_pair_bits_per_s allows 1,000,000. Ask",
        ),
        (
            {"payload": 1000},
            "1,000,000. Ask for options.fortio.qps (requests/s of a pair), a smaller payload, fewer pairs",
        ),
    ],
)
def test_requests_are_limited_by_their_rate_and_payload_there_and_back(options, said):
    asked = scenario.find("grpc-qps").model_dump(mode="json")
    asked |= {"limits": {"max_pair_bits_per_s": 1_000_000}, "options": {"fortio": options}}
    with pytest.raises(OverBudgetError) as caught:
        scenario.Scenario.model_validate(asked).require_within_limits()
    assert said in str(caught.value)
    scenario.find("grpc-qps").require_within_limits()
