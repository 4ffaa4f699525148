"""Slots and addresses: nobody gets what another one has."""

from __future__ import annotations

import pytest

from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.network.addresses import PodOffsets, Slot, claim_free_slot, claim_slot


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


def test_pod_addresses_run_out_and_come_back():
    offsets = PodOffsets()
    taken = [offsets.take() for _ in range(3839)]
    assert len(set(taken)) == 3839
    with pytest.raises(EmbeddedClusterError, match="all 3839 pod addresses"):
        offsets.take()
    offsets.give_back(taken[5])
    assert offsets.take() == taken[5]
