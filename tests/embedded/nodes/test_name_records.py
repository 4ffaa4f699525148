"""Records of Services' names, and the messages in which they travel."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence.embedded.api.store import Store
from netcadence.embedded.dns.records import Record, records_of
from netcadence.embedded.dns.server import reply

SLICES = "endpointslices.discovery.k8s.io"


@pytest.fixture
def store():
    store = Store()
    store.create("namespaces", {"metadata": {"name": "shop"}})
    return store


def add_service(store, name, **spec):
    spec.setdefault("ports", [{"name": "http", "port": 80}])
    body = {"metadata": {"name": name, "namespace": "shop"}, "spec": spec}
    return store.create("services", body)["spec"]


def add_slice(store, service, *endpoints):
    labels = {"kubernetes.io/service-name": service}
    body = {
        "metadata": {"generateName": "s-", "namespace": "shop", "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": list(endpoints),
    }
    store.create(SLICES, body)


def ask(store, name, kind="A", *, datagram=True, **options):
    query = dns.message.make_query(name, kind, **options).to_wire()
    return dns.message.from_wire(reply(query, store, datagram=datagram))


def test_a_port_of_a_service_has_a_record_that_names_it(store):
    add_service(store, "web")
    assert records_of("_http._tcp.web.shop.svc.cluster.local", store) == [
        Record("SRV", "0 100 80 web.shop.svc.cluster.local.")
    ]
    assert records_of("_http._udp.web.shop.svc.cluster.local", store) is None


def test_pods_of_a_headless_service_have_names_of_their_own(store):
    add_service(store, "db", clusterIP="None", selector={"app": "db"})
    unready = {"addresses": ["198.18.1.3"], "conditions": {"ready": False}}
    add_slice(store, "db", {"addresses": ["198.18.1.1"]}, {"addresses": ["198.18.1.2"], "hostname": "db-1"})
    add_slice(store, "db", unready)
    own = "db.shop.svc.cluster.local"
    assert records_of(own, store) == [Record("A", "198.18.1.1"), Record("A", "198.18.1.2")]
    assert records_of(f"db-1.{own}", store) == [Record("A", "198.18.1.2")]
    assert records_of(f"198-18-1-1.{own}", store) == [Record("A", "198.18.1.1")]
    assert records_of(f"198-18-1-3.{own}", store) is None
    assert set(records_of(f"_http._tcp.{own}", store)) == {
        Record("SRV", f"0 100 8080 db-1.{own}."),
        Record("SRV", f"0 100 8080 198-18-1-1.{own}."),
    }


def test_a_headless_service_without_ready_pods_has_no_name(store):
    add_service(store, "empty", clusterIP="None")
    assert records_of("empty.shop.svc.cluster.local", store) is None


def test_an_external_name_leads_elsewhere(store):
    add_service(store, "out", type="ExternalName", externalName="example.org", ports=[])
    answer = ask(store, "out.shop.svc.cluster.local")
    assert "IN CNAME example.org." in answer.answer[0].to_text()


def test_a_name_without_records_of_a_kind_is_no_missing_name(store):
    address = add_service(store, "web")["clusterIP"]
    present = ask(store, "WEB.shop.svc.cluster.local")
    assert present.answer[0].to_text() == f"WEB.shop.svc.cluster.local. 5 IN A {address}"
    assert present.flags & dns.flags.AA
    without = ask(store, "web.shop.svc.cluster.local", "AAAA")
    assert (without.rcode(), without.answer) == (dns.rcode.NOERROR, [])
    assert without.authority[0].to_text().startswith("cluster.local. 5 IN SOA")
    for name in ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local"):
        assert ask(store, name).rcode() == dns.rcode.NOERROR
    for name in ("no.shop.svc.cluster.local", "web.no.svc.cluster.local", "no.cluster.local", "example.org"):
        assert ask(store, name).rcode() == dns.rcode.NXDOMAIN


def test_what_is_too_long_for_a_datagram_is_cut_and_comes_whole_over_a_connection(store):
    add_service(store, "many", clusterIP="None")
    add_slice(store, "many", *({"addresses": [f"198.18.1.{number}"]} for number in range(100)))
    name = "many.shop.svc.cluster.local"
    assert ask(store, name).flags & dns.flags.TC
    for whole in (ask(store, name, datagram=False), ask(store, name, use_edns=0, payload=4096)):
        assert not whole.flags & dns.flags.TC
        assert len(whole.answer[0]) == 100


_EMPTY = Store()


@given(st.binary(max_size=200))
def test_no_message_upsets_the_server(message):
    reply(message, _EMPTY, datagram=True)


@given(st.text("ab_-.0", max_size=40))
def test_no_name_upsets_the_server(name):
    records_of(f"{name}.svc.cluster.local", _EMPTY)
