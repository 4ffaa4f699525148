"""Whether somebody listens is seen without knocking."""

from __future__ import annotations

import socket

import pytest

from netcadence_worker.listening import is_listened_at


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
def test_a_socket_is_seen_once_it_listens_and_until_it_is_closed(address, family):
    """One that is bound and does not listen yet, and one at another address, are none."""
    host = address() if family is socket.AF_INET else "::1"
    with socket.socket(family) as listener:
        listener.bind((host, 0))
        port = listener.getsockname()[1]
        assert not is_listened_at(host, port)
        listener.listen()
        assert is_listened_at(host, port)
        assert not is_listened_at("127.255.255.254" if family is socket.AF_INET else "::2", port)
    assert not is_listened_at(host, port)
