"""Repeats: how many there may be, which pairs they have, and in what order things are repeated."""

import pytest

from netcadence import scenario
from netcadence.errors import InvalidInputError
from netcadence.pair import Pair, WorkerPod
from netcadence.repeats import Repeats, repeated, shuffled

POD = WorkerPod(name="w", uid="u", ip="198.18.0.1", node="n")


def test_a_repeat_has_the_same_pairs_under_indices_and_rounds_of_its_own():
    once = tuple(Pair(index, POD, POD, 5001, round=index // 2) for index in range(6))
    assert repeated(once, 0) == once
    assert [(pair.index, pair.round) for pair in repeated(once, 2)] == [
        (12, 6), (13, 6), (14, 7), (15, 7), (16, 8), (17, 8)
    ]  # fmt: skip


def test_warm_ups_come_on_top_of_what_is_judged():
    repeats = Repeats(least=5, most=8, warm_up=2)
    assert (repeats.at_first, repeats.at_most) == (7, 10)


def test_the_most_follows_the_least_where_it_is_not_given():
    assert (Repeats().most, Repeats(least=40).most) == (15, 40)


def test_a_scenario_is_within_its_limits_with_all_the_repeats_that_it_may_take():
    plain = scenario.find("tcp-1:1")
    repeating = plain.model_copy(update={"repeats": Repeats(least=5, most=9, warm_up=1)})
    assert repeating.traffic.seconds == 10 * plain.traffic.seconds


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{least: 4}", "repeats.least: 4"),
        ("{least: 9, most: 7}", "repeats.most: 7: is less than repeats.least; allowed: 9 or more"),
        ("{times: 5}", "repeats.times"),
    ],
)
def test_repeats_that_make_no_sense_are_refused_with_field_and_what_is_allowed(tmp_path, text, complaint):
    path = tmp_path / "s.yaml"
    path.write_text(f"name: s\ntitle: s\nprotocol: TCP\ntool: iperf\nrepeats: {text}\n", encoding="utf-8")
    with pytest.raises(InvalidInputError) as caught:
        scenario.load(path)
    assert str(caught.value).startswith(f"{path}: {complaint}")


def test_every_item_is_in_every_repeat_once_and_the_seed_gives_the_order_again():
    order = shuffled("abcdef", 20, seed=3)
    blocks = [order[begin : begin + 6] for begin in range(0, 120, 6)]
    assert all(sorted(block) == list("abcdef") for block in blocks)
    assert len(set(blocks)) > 1
    assert order == shuffled("abcdef", 20, seed=3) != shuffled("abcdef", 20, seed=4)
