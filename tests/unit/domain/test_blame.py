"""Which node is it: planted faults are named, scatter alone is not."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence.blame import Part, blame
from netcadence.schedule import Mesh

LEVEL = 1_000_000.0
#: Share of public repeat runs that are below the one before by more than so much, though nothing changed.
PUBLIC_FALSE_ALARMS = {0.05: 0.257, 0.10: 0.144, 0.20: 0.046}


def scatter(chance):
    """Return a logarithm that scatters as the figures of public repeat runs do: Student's t of 2 degrees."""
    return 0.045 * chance.gauss(0, 1) / math.sqrt(chance.expovariate(1))


def names(count):
    return [f"node-{number:02}" for number in range(count)]


def measured(nodes, chance, *, slow=None, factor=1.0, part=None, degree=None):
    """Return the figures of a mesh, in which one node may be slower than the others."""
    named = names(nodes)

    def figure(client, server):
        hit = (client == slow and part is not Part.SERVER) or (server == slow and part is not Part.CLIENT)
        return LEVEL * math.exp(scatter(chance)) * (factor if hit else 1.0)

    matches = (match for matches in Mesh(degree).over(nodes).rounds for match in matches)
    pairs = [(named[match.client], named[match.server]) for match in matches]
    return {pair: figure(*pair) for pair in pairs}


def two_zones(nodes):
    return {node: "ab"[number % 2] for number, node in enumerate(names(nodes))}


def test_the_scatter_that_is_simulated_is_that_of_public_repeat_runs():
    chance = random.Random(20261124)  # noqa: S311 - figures, not secrets
    drops = [scatter(chance) - scatter(chance) for _ in range(40_000)]
    for drop, share in PUBLIC_FALSE_ALARMS.items():
        found = sum(each < math.log(1 - drop) for each in drops) / len(drops)
        assert found == pytest.approx(share, abs=0.035), drop


@pytest.mark.parametrize(("nodes", "meshes"), [(4, 2_000), (5, 800), (8, 300), (16, 100), (32, 20)])
def test_of_healthy_meshes_at_most_one_in_a_hundred_names_anybody(nodes, meshes):
    chance = random.Random(nodes)  # noqa: S311 - likewise
    zones = two_zones(nodes)
    alarms = sum(bool(blame(measured(nodes, chance), zones).named) for _ in range(meshes))
    assert alarms <= meshes / 100


@pytest.mark.parametrize("part", [*Part, None])
@pytest.mark.parametrize("nodes", [4, 8, 16])
def test_a_node_at_two_thirds_is_named_in_its_role_and_nobody_else_is(nodes, part):
    chance = random.Random(nodes)  # noqa: S311 - likewise
    meshes, right = 100, 0
    for _ in range(meshes):
        found = blame(measured(nodes, chance, slow="node-01", factor=0.66, part=part), two_zones(nodes))
        wanted = {("node-01", each) for each in ([part] if part else Part)}
        right += {(effect.node, effect.part) for effect in found.named} == wanted
    assert right >= 0.9 * meshes


def test_a_slow_node_is_named_in_a_sampled_mesh_of_many():
    chance = random.Random(5)  # noqa: S311 - likewise
    found = blame(measured(60, chance, slow="node-17", factor=0.6, part=Part.SERVER, degree=8))
    assert [(effect.node, effect.part) for effect in found.named] == [("node-17", Part.SERVER)]


def test_the_sentence_says_node_role_and_by_how_much():
    figures = {
        (client, server): LEVEL * (0.69 if server == "node-17" else 1.0)
        for client in names(20)
        for server in names(20)
        if client != server
    }
    (effect,) = blame(figures).named
    assert str(effect) == "node-17 receives 31 % below the median"
    assert effect.figures == 19


def test_the_slowest_node_comes_first():
    factors = {"node-01": 0.5, "node-02": 0.3}
    figures = {
        (client, server): LEVEL * factors.get(client, 1.0)
        for client in names(8)
        for server in names(8)
        if client != server
    }
    assert [effect.node for effect in blame(figures).named] == ["node-02", "node-01"]


def test_a_slow_way_between_zones_is_ascribed_to_the_crossing_and_to_no_node():
    zones = {node: "small" if number < 2 else "large" for number, node in enumerate(names(8))}
    figures = {
        (client, server): LEVEL * (0.5 if zones[client] != zones[server] else 1.0)
        for client in names(8)
        for server in names(8)
        if client != server
    }
    found = blame(figures, zones)
    assert found.named == ()
    assert found.crossing == pytest.approx(0.5)
    assert blame(figures).named  # who does not know of zones blames the nodes that are alone in one


def test_one_slow_pair_stands_in_its_residual_and_names_nobody():
    figures = measured(8, random.Random(1))  # noqa: S311 - likewise
    figures["node-03", "node-05"] /= 10
    found = blame(figures)
    assert found.named == ()
    assert next(iter(found.residuals)) == ("node-03", "node-05")


def test_a_node_that_gets_nothing_through_is_named_and_its_figures_stay_nothing():
    figures = {
        pair: 0.0 if "node-02" in pair else LEVEL
        for pair in ((client, server) for client in names(6) for server in names(6) if client != server)
    }
    found = blame(figures)
    assert {(effect.node, effect.part) for effect in found.named} == {("node-02", part) for part in Part}
    assert found.figures["node-02", "node-00"] == 0.0


@pytest.mark.parametrize("nodes", [2, 3])
def test_too_few_nodes_are_not_judged(nodes):
    named = names(nodes)
    figures = {(one, other): LEVEL for one in named for other in named if one != other}
    figures[named[0], named[1]] /= 100
    assert blame(figures).named == ()


meshes = st.integers(2, 9).flatmap(
    lambda nodes: st.lists(st.floats(1, 900), min_size=nodes * (nodes - 1), max_size=nodes * (nodes - 1)).map(
        lambda values: (names(nodes), values)
    )
)


@given(meshes, st.integers(0, 3))
def test_the_parts_of_a_mesh_multiply_to_its_figures(mesh, without_zone):
    nodes, values = mesh
    pairs = [(client, server) for client in nodes for server in nodes if client != server]
    figures = dict(zip(pairs, values, strict=True))
    zones = {node: "ab"[number % 2] for number, node in enumerate(nodes) if number >= without_zone}
    found = blame(figures, zones)
    factors = {(effect.node, effect.part): effect.factor for effect in found.effects}
    for (client, server), value in figures.items():
        crosses = client in zones and server in zones and zones[client] != zones[server]
        crossing = found.crossing if crosses and found.crossing else 1
        both = factors[client, Part.CLIENT] * factors[server, Part.SERVER]
        assert found.level * both * crossing * found.residuals[client, server] == pytest.approx(value)
