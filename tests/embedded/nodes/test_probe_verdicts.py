"""Probes against real listeners, and what thresholds make of the answers."""

from __future__ import annotations

import asyncio
import socket

import pytest

from netcadence.embedded.images import ContainerRefusedError
from netcadence.embedded.probes import Probe, Verdict, ask, verdicts


def source(family):
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(0)
    return connection


def ask_server(reply, *, host="127.0.0.1", **probe):
    """Probe a server that answers every connection with `reply`, or never if it is None."""

    async def story():
        served = asyncio.Event()

        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            if reply is None:
                await reader.read()
            else:
                writer.write(reply)
            writer.close()
            await writer.wait_closed()
            served.set()

        server = await asyncio.start_server(serve, host, 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            answer = await ask(Probe(port=port, path="/ready", **probe), host, source)
            await served.wait()
            return answer

    return asyncio.run(story())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_http_probe_is_content_with_a_success(host):
    assert ask_server(b"HTTP/1.1 204 No Content\r\n\r\n", host=host) is None


def test_an_http_probe_names_the_status_code_of_a_failure():
    assert ask_server(b"HTTP/1.1 503 No\r\n\r\n") == "HTTP probe failed with statuscode: 503"


@pytest.mark.parametrize("reply", [b"SSH-2.0-x\r\n", b"HTTP/1.1 20\r\n", b""])
def test_an_http_probe_refuses_what_is_not_http(reply):
    assert ask_server(reply) == "HTTP probe failed: the answer is not HTTP"


def test_a_probe_gives_up_after_its_timeout():
    assert ask_server(None, timeout_s=0.05).endswith('/ready": no answer within 0.05 s')


def test_a_probe_of_a_closed_port_says_that_it_was_refused():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    why = asyncio.run(ask(Probe(port=port), "127.0.0.1", source))
    assert why.startswith(f"dial tcp 127.0.0.1:{port}: ")
    assert "refused" in why


def collect(answers, **probe):
    """Return the verdicts and the failures that counted, given a probe's answers one after another."""
    left, counted, found = iter(answers), [], []

    async def check():
        return next(left)

    async def story():
        eager = probe.pop("eager", False)
        settings = Probe(port=1, period_s=probe.pop("period_s", 0.001), **probe)
        try:
            async for verdict in verdicts(settings, check, counted.append, eager=eager):
                found.append(verdict)  # noqa: PERF401 - a comprehension would lose them at the end
        except RuntimeError as end:  # the answers are used up
            assert isinstance(end.__cause__, StopIteration)  # noqa: PT017 - that very end and no other

    asyncio.run(story())
    return found, counted


def test_a_probe_fails_after_so_many_failures_in_a_row():
    found, _ = collect(["no", "no", None, "no", "no", "no", "no"], failure_threshold=3)
    assert found == [Verdict(healthy=True), Verdict(healthy=False, why="no")]


def test_a_probe_succeeds_after_so_many_successes_in_a_row():
    found, _ = collect([None, "no", None, None, None], success_threshold=2)
    assert found == [Verdict(healthy=True)]


def test_an_eager_probe_does_not_count_failures_before_the_first_period():
    found, counted = collect(["not yet"] * 3 + [None], eager=True, period_s=1.0, failure_threshold=1)
    assert (found, counted) == ([Verdict(healthy=True)], [])


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"exec": {"command": ["true"]}}, "this one is exec"),
        ({"httpGet": {"port": 1, "scheme": "HTTPS"}}, "not with HTTPS"),
        ({"httpGet": {"port": 1, "host": "192.0.2.1"}}, "own address only"),
        ({"tcpSocket": {"port": "web"}}, "'web'"),
    ],
)
def test_a_probe_that_cannot_be_asked_is_refused(spec, words):
    with pytest.raises(ContainerRefusedError, match=words):
        Probe.parse(spec, {"name": "c"})


def test_a_port_may_go_by_its_name():
    container = {"ports": [{"name": "web", "containerPort": 8080}]}
    assert Probe.parse({"tcpSocket": {"port": "web"}}, container).port == 8080
