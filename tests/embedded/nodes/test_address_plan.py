"""Slots and addresses: nobody gets what another one has."""

from __future__ import annotations

import ipaddress

import pytest

from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.network.addresses import API_OFFSET, PodOffsets, Slot, claim_free_slot, claim_slot


def test_a_slot_has_one_holder():
    claim = claim_free_slot()
    assert claim_slot(claim.slot.number) is None
    claim.release()
    again = claim_slot(claim.slot.number)
    assert again is not None
    again.release()


def test_slots_do_not_share_addresses():
    last, first = Slot(3), Slot(4)
    assert last.ipv4(4095) == "198.18.63.255"
    assert first.ipv4(0) == "198.18.64.0"
    assert first.ipv6(256) == "fd00:198:18:4::100"


def test_services_and_load_balancers_have_ranges_that_no_pod_or_node_is_in():
    slot = Slot(4)
    ranges = (*slot.service_ranges(), *slot.load_balancer_ranges())
    assert [str(each) for each in ranges] == [
        "198.18.76.0/23",
        "fd00:198:18:4::c00/119",
        "198.18.78.0/24",
        "fd00:198:18:4::e00/120",
    ]
    offsets = PodOffsets()
    pods = [offsets.take() for _ in range(2816)]
    taken = [API_OFFSET, *(Slot.node_offset(index) for index in range(64)), *pods]
    for address in (ipaddress.ip_address(ip) for each in taken for ip in (slot.ipv4(each), slot.ipv6(each))):
        assert not any(address.version == each.version and address in each for each in ranges)


def test_pod_addresses_run_out_and_come_back():
    offsets = PodOffsets()
    taken = [offsets.take() for _ in range(2816)]
    assert len(set(taken)) == 2816
    with pytest.raises(EmbeddedClusterError, match="all 2816 pod addresses"):
        offsets.take()
    offsets.give_back(taken[5])
    assert offsets.take() == taken[5]
