"""Reports arrive, whatever the API server does meanwhile."""

from __future__ import annotations

import pytest

from netcadence_worker.contract import REQUESTS
from netcadence_worker.reporter import Reporter


@pytest.fixture
def reporter(endpoint):
    reporter = Reporter(endpoint)
    reporter.start()
    yield reporter
    reporter.stop()
    reporter.join(5)
    assert not reporter.is_alive()


@pytest.fixture
def status(api):
    api.put(REQUESTS, "a", {})
    return lambda: api.objects[REQUESTS]["a"].get("status")


def test_report_is_merged_into_the_status(api, reporter, status):
    """The other side's keys stay."""
    api.update(REQUESTS, "a", lambda obj: obj.update(status={"server": {"phase": "Armed"}}))
    reporter.send("a", {"client": {"phase": "Armed"}})
    assert reporter.flush(5)
    assert status() == {"server": {"phase": "Armed"}, "client": {"phase": "Armed"}}


@pytest.mark.parametrize("code", [401, 409, 429, 500, 503])
def test_refused_report_is_sent_again(api, reporter, status, code):
    """A server that is busy or starting gets the report once more."""
    api.refusals = [api.Refusal(code)] * 2
    reporter.send("a", {"phase": "Armed"})
    assert reporter.flush(5)
    assert status() == {"phase": "Armed"}


def test_lost_answer_leads_to_the_same_report_again(api, reporter, status):
    """A report that was accepted without an answer is sent again and changes nothing."""
    api.lose_answers = 1
    reporter.send("a", {"phase": "Armed"})
    assert reporter.flush(5)
    assert [method for method, _ in api.asked].count("PATCH") == 2
    assert api.objects[REQUESTS]["a"]["metadata"]["resourceVersion"] == str(api.version)
    assert status() == {"phase": "Armed"}


def test_newest_report_replaces_one_that_waits(api, reporter, status):
    """While the server is away only the last word about a request is kept."""
    api.stop()
    reporter.send("a", {"phase": "Armed"})
    reporter.send("a", {"phase": "Running"})
    reporter.send("a", {"phase": "Failed"})
    assert not reporter.flush(0.2)
    api.start()
    assert reporter.flush(10)
    assert status() == {"phase": "Failed"}
    assert len([event for event in api.events if event[1] == "MODIFIED"]) == 1


def test_unacceptable_report_is_dropped(api, reporter, status):
    """A report that the schema refuses does not keep others from arriving."""
    api.refusals = [api.Refusal(422)]
    reporter.send("a", {"phase": 7})
    reporter.send("gone", {"phase": "Armed"})
    assert reporter.flush(5)
    assert status() is None


def test_discarded_report_is_not_sent(api, reporter, status):
    """What waits for a deleted request is forgotten."""
    api.stop()
    reporter.send("a", {"phase": "Armed"})
    reporter.discard("a")
    assert reporter.flush(1)
    api.start()
    reporter.send("b", {})
    assert reporter.flush(10)
    assert status() is None


def test_connection_is_kept_and_replaced_when_it_was_closed(api, reporter, status):
    """Reports share one connection; one that the server has closed meanwhile costs no failure."""
    for phase in ("Armed", "Running"):
        reporter.send("a", {"phase": phase})
        assert reporter.flush(5)
    assert api.connections == 1
    api._http.cut_connections()
    reporter.send("a", {"phase": "Failed"})
    assert reporter.flush(5)
    assert (api.connections, status()) == (2, {"phase": "Failed"})
