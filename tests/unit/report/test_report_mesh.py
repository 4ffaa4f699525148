"""A mesh as a terminal, a page and a machine are shown it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from netcadence.pair import Pair, WorkerPod
from netcadence.record import Judgement, PairOutcome, Verdict
from netcadence.report import as_json, as_markdown
from netcadence.report.content import notes
from netcadence.report.mesh import short_names
from netcadence_worker.contract import Reason, ReportedError, Result

PASS = Judgement(Verdict.PASS, ())


@pytest.fixture
def mesh(make_record):
    """Return a maker of meshes of so many nodes, of which node-1 receives 40 % less; pair 0 has an error."""

    def make(count, *, named="node-{}"):
        nodes = [named.format(number) for number in range(count)]
        pods = {node: WorkerPod(f"w-{node}", node, "198.18.0.1", node) for node in nodes}

        def outcome(index, client, server):
            pair = Pair(index, pods[client], pods[server], 5001)
            if index == 0:
                return PairOutcome(pair, error=ReportedError.of(Reason.TOOL_FAILED, "no"))
            value = 60_000.0 if server == nodes[1] else 100_000.0
            return PairOutcome(pair, results=(Result.of("throughput", value),))

        pairs = [(client, server) for client in nodes for server in nodes if client != server]
        record = make_record(*(outcome(index, *pair) for index, pair in enumerate(pairs)))
        return replace(record, facts=replace(record.facts, config=json.dumps({"shape": "mesh"})))

    return make


def said(record, about):
    return [note.text for note in notes(record, PASS) if note.about == about]


def test_the_node_that_is_slow_is_said_in_a_sentence(mesh):
    assert said(mesh(5), "blame") == ["node-1 receives 40 % below the median"]


def test_where_no_node_can_be_judged_that_is_said_and_not_that_none_stands_out(mesh):
    assert said(mesh(3), "blame") == [
        "too few pairs to tell which node is slow: that takes 3 of it in a role"
    ]


def test_each_pair_of_nodes_has_its_share_of_the_median_and_one_without_a_figure_has_none(mesh):
    (text,) = said(mesh(5), "mesh")
    assert text.splitlines() == [
        "19 of 20 pairs of nodes (95 %), in % of the median, 100,000 KBytes/s; rows send, columns receive",
        "            0    1    2    3    4",
        "0 node-0    -    -  100  100  100",
        "1 node-1  100    -  100  100  100",
        "2 node-2  100   60    -  100  100",
        "3 node-3  100   60  100    -  100",
        "4 node-4  100   60  100  100    -",
    ]


def test_the_domain_that_all_nodes_share_takes_no_room_in_a_matrix():
    assert short_names(("ip-10-0-1-1.eu.example", "ip-10-0-2-1.eu.example")) == ("ip-10-0-1-1", "ip-10-0-2-1")
    assert short_names(("10.0.0.1", "10.1.0.1")) == ("10.0.0.1", "10.1.0.1")
    assert short_names(("a.example", "b.test")) == ("a.example", "b.test")


@pytest.mark.parametrize(
    ("count", "named"),
    [(20, "node-{}"), (5, "{}-a-machine-with-a-name-longer-than-most-people-will-ever-type")],
)
def test_a_mesh_that_is_too_wide_for_a_terminal_has_no_matrix(mesh, count, named):
    (text,) = said(mesh(count, named=named), "mesh")
    assert text.endswith("; the median is 100,000 KBytes/s")
    assert len(text.splitlines()) == 1


def test_the_page_has_the_sentence_and_the_matrix_as_it_stands(mesh):
    page = as_markdown(mesh(5), PASS)
    assert "- **blame**: node-1 receives 40 % below the median" in page
    assert "\n      2 node-2  100   60    -  100  100\n" in page


def test_the_document_has_figures_and_effects(mesh):
    found = json.loads(json.dumps(as_json(mesh(5), PASS), allow_nan=False))["mesh"]
    assert found["sentences"] == ["node-1 receives 40 % below the median"]
    assert len(found["pairs"]) == 19
    assert [each["node"] for each in found["nodes"] if each["named"]] == ["node-1"]


def test_a_run_that_is_no_mesh_says_nothing_of_one(measured, passing):
    assert as_json(measured, passing)["mesh"] is None
    assert {"blame", "mesh"}.isdisjoint(note.about for note in notes(measured, passing))


def test_a_mesh_without_any_figure_says_nothing_of_nodes(mesh):
    record = mesh(2)
    errors = tuple(
        replace(outcome, results=(), error=ReportedError.of(Reason.TOOL_FAILED, "no"))
        for outcome in record.outcomes
    )
    assert said(replace(record, outcomes=errors), "blame") == []
