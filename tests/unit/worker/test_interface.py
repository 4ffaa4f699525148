"""The interface that carries a pod's address."""

from __future__ import annotations

import socket

import pytest

from netcadence_worker.interface import mtu_of


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_loopback_interface_has_the_mtu_that_the_kernel_says(address):
    if address == "::1" and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    assert mtu_of(address) == 65_536


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_an_address_that_no_interface_has_gives_nothing(address):
    assert mtu_of(address) is None
