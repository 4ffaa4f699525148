"""The server that siege asks, and the one that a kubelet asks."""

from __future__ import annotations

import http.client
import json

import pytest

from netcadence_worker.health import serve_health
from netcadence_worker.http_server import TrafficServers

PORT = 5301


def test_answers_ok_as_json_and_keeps_the_connection(address):
    """Several requests of one connection are answered, in HTTP/1.1."""
    host = address()
    with TrafficServers().serving(host, PORT, "uid-1"):
        connection = http.client.HTTPConnection(host, PORT, timeout=5)
        for _ in range(3):
            connection.request("GET", "/test")
            response = connection.getresponse()
            assert (response.status, response.version) == (200, 11)
            assert response.getheader("Content-Type") == "application/json"
            assert json.loads(response.read()) == "ok"
        connection.request("GET", "/other")
        response = connection.getresponse()
        assert (response.status, response.read()) == (404, b'"not found"')
        connection.close()


def test_is_shared_and_ends_with_its_last_user(address, http_get):
    """Two requests on one port share a server, which says whom it serves; it goes with the second."""
    host, servers = address(), TrafficServers()
    with servers.serving(host, PORT, "uid-1"):
        with servers.serving(host, PORT, "uid-2"):
            assert http_get(host, "/test", PORT)[0] == 200
            assert http_get(host, "/requests/uid-2", PORT) == (200, '"uid-2"')
        assert http_get(host, "/test", PORT)[0] == 200
        assert http_get(host, "/requests/uid-1", PORT) == (200, '"uid-1"')
        assert http_get(host, "/requests/uid-2", PORT)[0] == 404
    assert http_get(host, "/test", PORT)[0] == 0


def test_taken_port_is_an_error_and_is_not_remembered(address):
    """Who cannot listen says so; later the port can be had."""
    host = address()
    with TrafficServers().serving(host, PORT, "uid-1"):
        second = TrafficServers()
        with pytest.raises(OSError, match="in use"), second.serving(host, PORT, "uid-2"):
            pass
    with second.serving(host, PORT, "uid-2"):
        pass


def test_probes_tell_life_from_readiness(address, http_get):
    """Alive while not ready; readiness says why not."""
    host = address()
    obstacle = ["watch networktestruns: not yet connected"]
    server = serve_health(host, lambda: obstacle[0])
    try:
        assert http_get(host, "/livez", 5300) == (200, "ok\n")
        assert http_get(host, "/readyz", 5300) == (503, f"{obstacle[0]}\n")
        obstacle[0] = None
        assert http_get(host, "/readyz", 5300)[0] == 200
        assert http_get(host, "/", 5300)[0] == 404
    finally:
        server.close()
    assert http_get(host, "/livez", 5300)[0] == 0
