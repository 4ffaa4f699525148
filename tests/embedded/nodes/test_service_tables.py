"""Rules for Services from one state to the next: what is changed step by step is what is made at once."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
from pathlib import Path

import pytest

from netcadence.embedded.network import choose_kind, nftables
from netcadence.embedded.network.addresses import claim_free_slot
from netcadence.embedded.network.forwards import Backend, Forward, announcers, node_rules
from netcadence.embedded.network.namespaces import remove_leftovers
from netcadence.embedded.network.service_table import script, whole
from netcadence.embedded.network.translation import Translation

NODES = ("node-0", "node-1")
OWN = ("198.18.0.10", "fd00:198:18::a")


@pytest.fixture
def place():
    """The path of a network namespace with nothing in it."""
    if choose_kind("auto") != "namespaces":
        pytest.skip("network namespaces need root here")
    claim = claim_free_slot()
    name = f"nc-{claim.slot.number}-pod-256"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield Path("/run/netns") / name
    remove_leftovers(claim.slot)
    claim.release()


@pytest.fixture
def runner():
    with asyncio.Runner() as runner:
        yield runner


def forward(number, version, chance):
    """Return one of a few services, with backends and ways in as chance has it."""
    address = f"198.18.12.{number}" if version == 4 else f"fd00:198:18::c0{number}"
    pods = [f"198.18.1.{each}" if version == 4 else f"fd00:198:18::1{each}" for each in range(4)]
    balancer = f"198.18.14.{number}" if version == 4 else f"fd00:198:18::e0{number}"
    return Forward(
        version=version,
        protocol=chance.choice(("tcp", "udp")),
        address=address,
        port=80,
        backends=tuple(
            Backend(each, 8080, chance.choice(NODES))
            for each in sorted(chance.sample(pods, chance.randrange(5)))
        ),
        external=(balancer,) * chance.randrange(2),
        node_port=chance.choice((None, 30_000 + number)),
        external_local=chance.random() < 0.3,
        sticky=chance.random() < 0.3,
    )


def held(place):
    """Return what the kernel holds there, in an order of its own."""
    argv = ["nsenter", f"--net={place}", "nft", "-j", "list", "ruleset"]
    listed = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)["nftables"]
    found = set()
    for item in listed:
        ((kind, content),) = item.items()
        if kind == "metainfo":
            continue
        content.pop("handle", None)
        if "elem" in content:
            content["elem"] = sorted(content["elem"], key=json.dumps)
        found.add(f"{kind} {json.dumps(content, sort_keys=True)}")
    return found


@pytest.mark.parametrize("version", [4, 6])
def test_steps_lead_to_what_is_made_at_once(place, version):
    chance = random.Random(version)  # noqa: S311 - a seed makes a failure come again
    before = node_rules((), version, "node-0", OWN)
    for _ in range(12):
        forwards = [
            forward(number, version, chance) for number in chance.sample(range(6), chance.randrange(6))
        ]
        after = node_rules(forwards, version, "node-0", OWN)
        nftables.run(place, script(version, before, after, node=True))
        step_by_step = held(place)
        nftables.run(place, whole(version, after, node=True))
        assert held(place) == step_by_step
        before = after
    nftables.run(place, script(version, before, node_rules((), version, "node-0", OWN), node=True))
    assert held(place) == set()


def test_a_namespace_that_lost_its_rules_gets_all_of_them_again(place, runner):
    chance = random.Random(1)  # noqa: S311 - likewise
    first, second = (forward(number, 4, chance) for number in (1, 2))
    translation = Translation((4,))
    runner.run(translation.set([first]))
    runner.run(translation.add_pod("node-0", place))
    subprocess.run(["nsenter", f"--net={place}", "nft", "flush", "ruleset"], check=True)
    runner.run(translation.set([first, second]))
    assert {each for each in held(place) if "198.18.12.1" in each}
    runner.run(translation.set([]))
    assert held(place) == set()


def test_only_a_ready_node_answers_for_a_load_balancer_and_one_with_a_backend_where_that_matters():
    usual = Forward(
        version=4,
        protocol="tcp",
        address="198.18.12.1",
        port=80,
        backends=(Backend("198.18.1.0", 80, "node-1"),),
        external=("198.18.14.1",),
    )
    assert announcers([usual], ["node-0"]) == {"198.18.14.1": "node-0"}
    assert announcers([usual], []) == {}
    local = Forward(
        version=4,
        protocol="tcp",
        address="198.18.12.2",
        port=80,
        backends=usual.backends,
        external=("198.18.14.2",),
        external_local=True,
    )
    assert announcers([local], NODES) == {"198.18.14.2": "node-1"}
    assert announcers([local], ["node-0"]) == {}
