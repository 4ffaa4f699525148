"""Where a client goes: to its server, to an address, to a name that is resolved once."""

from __future__ import annotations

import socket
import time

import pytest

from netcadence_worker.bell import Bell
from netcadence_worker.contract import Reason, RequestSpec
from netcadence_worker.destination import Destination, find_destination
from netcadence_worker.failure import FailureError, WithdrawnError
from netcadence_worker.settings import Settings

SPEC = {
    "runID": "r",
    "pairIndex": 0,
    "clientPodName": "c",
    "serverPodName": "s",
    "serverPodIP": "198.18.0.2",
    "port": 5001,
    "protocol": "TCP",
    "tool": "iperf",
    "duration": 10,
}


def settings(*own):
    given = {
        "POD_NAME": "c",
        "POD_NAMESPACE": "bench",
        "POD_IP": own[0],
        "POD_IPS": ",".join(own),
        "KUBERNETES_SERVICE_HOST": "198.18.0.9",
        "KUBERNETES_SERVICE_PORT": "443",
    }
    return Settings.from_environment(given)


def find(target=None, own=("198.18.0.1", "fd00::1"), bell=None, seconds=0.5, **more):
    spec = RequestSpec.model_validate({**SPEC, **more, **({"target": target} if target else {})})
    return find_destination(spec, settings(*own), bell or Bell(), time.monotonic() + seconds)


@pytest.fixture
def resolver(monkeypatch):
    """Answers to names, one after another, where no name server is to be had; None is no answer."""
    answers = []

    def ask(_name, _port, *, family, type):  # noqa: A002 - as in `socket`
        found = answers.pop(0) if answers else None
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(family, type, 6, "", (address, 0)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    return answers


def test_without_a_target_it_is_where_the_server_listens():
    """The server's own address and port, from the client's own."""
    assert find() == Destination("198.18.0.2", 5001, "198.18.0.1")


def test_an_address_is_taken_as_it_is_and_left_from_the_own_one_of_its_family():
    """A target of the other family is reached from the pod's own of that family, or as the kernel likes."""
    target = {"address": "fd00::7", "port": 30501}
    assert find(target) == Destination("fd00::7", 30501, "fd00::1")
    assert find(target, own=("198.18.0.1",)) == Destination("fd00::7", 30501, None)


def test_a_name_is_asked_for_until_it_is_known(resolver):
    """A Service may be as new as the request; of several addresses the least is taken."""
    resolver.extend([None, ["198.18.1.10", "198.18.1.9"]])
    assert find({"address": "a.b.svc", "port": 5001}).address == "198.18.1.9"


@pytest.mark.usefixtures("resolver")
def test_a_name_that_leads_nowhere_is_said():
    """NameNotResolved, with the name, the family and the resolver's own words."""
    with pytest.raises(FailureError, match=r"a\.b\.svc has no IPv6 address after .*not known") as failed:
        find({"address": "a.b.svc", "port": 5001}, serverPodIP="fd00::2")
    assert failed.value.reason is Reason.NAME_NOT_RESOLVED


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "0.0.0.0"])  # noqa: S104 - refused
def test_a_name_leads_to_no_place_that_an_address_may_not_be(resolver, address):
    """What is refused as an address is refused behind a name."""
    resolver.append([address])
    with pytest.raises(FailureError, match=rf"a\.b leads to {address}") as failed:
        find({"address": "a.b", "port": 5001})
    assert failed.value.reason is Reason.REQUEST_REJECTED


def test_a_real_resolver_is_waited_for_no_longer_than_allowed():
    """The name is one that no resolver knows (RFC 6761), whether there is one or not."""
    begun = time.monotonic()
    with pytest.raises(FailureError, match=r"a\.invalid has no IPv4 address"):
        find({"address": "a.invalid", "port": 5001})
    assert time.monotonic() - begun < 5


@pytest.mark.usefixtures("resolver")
def test_a_withdrawn_request_is_not_waited_for():
    """A deleted request ends the wait for its name."""
    bell = Bell()
    bell.interrupt(WithdrawnError())
    with pytest.raises(WithdrawnError):
        find({"address": "a.b", "port": 5001}, bell=bell)
