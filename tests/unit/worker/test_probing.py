"""The worker's own prober and what answers it, over real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from netcadence_worker.bell import Bell
from netcadence_worker.contract import ProbeOptions
from netcadence_worker.failure import WithdrawnError
from netcadence_worker.path_check import Knock, Path
from netcadence_worker.probing.ports import Ports
from netcadence_worker.probing.prober import Prober
from netcadence_worker.probing.question import Question
from netcadence_worker.probing.responder import Responder
from netcadence_worker.probing.sight import Sight, Span, effect

FAST = ProbeOptions(interval_ms=2, timeout_ms=50)


@pytest.fixture
def bell():
    with Bell() as bell:
        yield bell


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(params=[Knock.STREAM, Knock.HTTP])
def path(request, free_port):
    return Path("uid-1", request.param, "127.0.0.1", free_port, "127.0.0.1")


def probe(path, bell, *, seconds=5.0, options=FAST, done=lambda _: False, ports=None):
    with Prober(path, options, ports=ports) as prober:
        now_s = time.monotonic()
        prober.run(bell, begin_s=now_s, until_s=now_s + seconds, done=done)
        return prober.sight


def states(sight):
    return [span.reachable for span in sight.spans]


def enough(number):
    return lambda sight: sight.attempts >= number


def test_a_server_that_comes_and_goes_is_seen_to_the_millisecond(path, bell):
    """What is seen lies within a moment of when the listener was there, by the same clock."""
    instants = {}

    def come_and_go():
        time.sleep(0.1)  # nothing to wait for: the prober is to see nobody for a while
        with Responder(path, Question.of(path)):
            instants["up"] = time.monotonic()
            time.sleep(0.1)
        instants["down"] = time.monotonic()

    server = threading.Thread(target=come_and_go)
    server.start()
    sight = probe(path, bell, done=lambda sight: states(sight) == [False, True, False])
    server.join()
    before, there, after = sight.spans
    assert before.attempts > 5
    assert -0.02 < there.first_s - instants["up"] < 0.1
    assert -0.1 < after.first_s - instants["down"] < 0.1


class Slow(Question):
    """A question over which its server ponders for a while, so that it does nothing else."""

    def is_asked_by(self, heard):
        time.sleep(0.5)
        return super().is_asked_by(heard)


def test_a_responder_knows_when_it_did_not_run_and_otherwise_has_nothing_to_tell(path, bell):
    with Responder(path, Question.of(path)) as responder:
        probe(path, bell, done=enough(20))
    assert not responder.stalls
    question = Question.of(path)
    slow = Slow(question.text, question.answer, is_beginning=question.is_beginning)
    with Responder(path, slow) as responder:
        began_s = time.monotonic()
        probe(path, bell, seconds=0.01, options=ProbeOptions(interval_ms=5, timeout_ms=2_000))
    (from_s, until_s), *_ = responder.stalls
    assert until_s - from_s > 0.5
    assert began_s - 0.2 < from_s < until_s < time.monotonic()


def test_a_server_of_another_request_does_not_count(path, bell):
    other = Path("uid-2", path.knock, path.server, path.port)
    with Responder(other, Question.of(other)):
        assert states(probe(path, bell, done=enough(10))) == [False]


def test_what_never_answers_has_failed_once_its_time_is_up(path, bell):
    """Meanwhile further attempts begin: one that is swallowed holds up none after it."""
    with socket.create_server((path.server, path.port), backlog=128):
        begun_s = time.monotonic()
        sight = probe(path, bell, seconds=0.3)
        assert time.monotonic() - begun_s < 2
    assert states(sight) == [False]
    assert sight.attempts > 20


def test_a_request_that_is_withdrawn_is_given_up_at_once(path, bell):
    threading.Timer(0.1, bell.interrupt, [WithdrawnError()]).start()
    with pytest.raises(WithdrawnError):
        probe(path, bell, seconds=30)


def test_the_responder_survives_strangers(path, bell):
    """Silence, noise and half a question cost only the connection on which they come."""
    with (
        Responder(path, Question.of(path)),
        socket.create_connection((path.server, path.port)),
        socket.create_connection((path.server, path.port)) as noisy,
    ):
        noisy.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert noisy.recv(10) == b""
        assert states(probe(path, bell, done=enough(10))) == [True]


def test_an_effect_is_a_state_that_lasts():
    """A flicker on the way there is none, and it is no leak either: the effect begins after it."""
    sight = Sight()
    for at_s, reachable in ((0, False), (1.0, True), (1.1, True), (1.2, False), (2, True), (3, True)):
        sight.add(reachable=reachable, at_s=at_s)
    assert [span.attempts for span in sight.spans] == [1, 2, 1, 2]
    assert effect(sight.spans, reachable=True) == 3
    assert effect(sight.spans, reachable=False) is None
    assert sight.spans[-1] == Span(reachable=True, first_s=2, last_s=3, attempts=2)


class HeldUp(Ports):
    """Once, it takes longer than an attempt may, as a prober does that gets no processor."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def bind(self, made, source):
        super().bind(made, source)
        self.count += 1
        if self.count == 20:
            time.sleep(3 * FAST.timeout_ms / 1e3)  # nothing to wait for: nothing is to go on meanwhile


def test_time_in_which_the_prober_itself_did_not_run_is_not_held_against_the_network(path, bell):
    with Responder(path, Question.of(path)):
        assert states(probe(path, bell, ports=HeldUp(), done=enough(40))) == [True]


def test_no_port_is_used_twice_so_that_nothing_remembers_where_it_led_before(path):
    """The kernel would give out one again once it is free; ports that somebody listens at are passed over."""
    ports, used = Ports(), []
    for _ in range(300):
        with path.socket() as made:
            ports.bind(made, path.source)
            used.append(made.getsockname()[1])
            if len(used) == 100:
                ahead = listen_from(path.source, used[-1] + 50)
    with ahead:
        assert len(set(used)) == 300
        assert ahead.getsockname()[1] not in used


def listen_from(address, port):
    """Return what listens at a port, or at the next one that nobody has."""
    while True:
        try:
            return socket.create_server((address, port))
        except OSError:
            port += 1


def test_what_became_of_an_attempt_that_failed_is_said(path, bell):
    assert "refused" in probe(path, bell, done=enough(5)).spans[0].why
    with socket.create_server((path.server, path.port), backlog=128):
        assert probe(path, bell, seconds=0.2).spans[0].why == "no answer in time"


def test_a_connection_whose_first_packet_was_swallowed_tells_nothing_of_what_came_later(path, bell):
    """The kernel sends another one after a second: an attempt from before would look like one after."""
    patient = ProbeOptions(interval_ms=1_000, timeout_ms=3_000)
    with (
        socket.create_server((path.server, path.port), backlog=0) as listener,
        contextlib.ExitStack() as held,
    ):
        for _ in range(2):  # one that waits to be accepted, and one more that fills the queue
            waiting = held.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex((path.server, path.port))
        make_room = threading.Timer(0.5, lambda: held.callback(listener.accept()[0].close))
        make_room.start()
        sight = probe(path, bell, seconds=0.1, options=patient)
        make_room.join()
    assert not sight.spans[0].reachable
    # On a busy machine the second packet may find no room either.
    assert sight.spans[0].why in {"no connection at the first packet", "no connection in time"}
