"""Going down and coming up, faults, and who is let in."""

from __future__ import annotations

import http.client
import json
import time

import pytest

FRESH = {"metadata": {"name": "a"}}
MAPS = "/api/v1/namespaces/default/configmaps"


def _ask_anew(api, path, *, token=None):
    """Send a request over a new connection; return the code, or None while connections are refused."""
    connection = api.connect()
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token or api.token}"})
        response = connection.getresponse()
        response.read()
        return response.status, response.headers.get("Retry-After")
    except OSError:
        return None, None
    finally:
        connection.close()


def _is_cut(stream):
    """Read a stream to its end; return whether that came in the middle instead of by agreement."""
    try:
        assert stream.read() == b""
    except (http.client.IncompleteRead, OSError):
        return True
    return False


def test_a_restart_refuses_connections_and_makes_known_versions_too_old(own_api, eventually):
    version = own_api.ask(MAPS, "POST", FRESH).body["metadata"]["resourceVersion"]
    with own_api.open(f"{MAPS}?watch=1&resourceVersion={version}") as watch:
        assert own_api.ask("/embedded/v1/restart", "POST", {"down_s": 0.5}).code == 202
        assert _is_cut(watch)
    assert _ask_anew(own_api, "/version")[0] is None
    eventually(lambda: _ask_anew(own_api, "/version")[0] == 200)
    own_api._connection.close()
    assert own_api.ask(f"{MAPS}/a").code == 200
    assert [event["object"]["code"] for event in own_api.watch(f"{MAPS}?resourceVersion={version}")] == [410]


def test_a_silent_restart_leaves_watches_open_without_a_word(own_api, eventually):
    version = own_api.ask(MAPS, "POST", FRESH).body["metadata"]["resourceVersion"]
    with own_api.open(f"{MAPS}?watch=1&resourceVersion={version}") as watch:
        own_api.ask("/embedded/v1/restart", "POST", {"down_s": 1, "silent": True})
        eventually(lambda: _ask_anew(own_api, "/version")[0] is None)
        own_api.inside(own_api.store.create, "configmaps", {"metadata": {"name": "b"}})
        begun = time.monotonic()
        assert _is_cut(watch)
        assert time.monotonic() - begun > 0.3
    eventually(lambda: _ask_anew(own_api, "/version")[0] == 200)
    own_api._connection.close()


def test_a_server_that_comes_up_is_first_unavailable_and_then_busy(own_api, eventually):
    own_api.ask("/embedded/v1/restart", "POST", {"down_s": 0, "warming_s": 0.5})
    own_api._connection.close()
    seen = []

    def is_up():
        answer = _ask_anew(own_api, "/version")
        if answer not in seen and answer[0] is not None:
            seen.append(answer)
        return answer[0] == 200

    eventually(lambda: _ask_anew(own_api, "/version")[0] == 503)
    assert own_api.ask("/embedded/v1/restart", "POST", {}).code == 409
    eventually(is_up)
    assert seen == [(503, "5"), (429, "1"), (200, None)]


def test_faults_strike_the_share_of_requests_that_was_asked_for(own_api):
    own_api.ask("/embedded/v1/faults", "POST", {"fraction": 0.5, "code": 429, "retry_after_s": 2, "seed": 7})
    answers = [own_api.ask(MAPS) for _ in range(100)]
    own_api.ask("/embedded/v1/faults", "POST", {"fraction": 0})
    refused = [answer for answer in answers if answer.code == 429]
    assert 30 < len(refused) < 70
    assert refused[0].headers["retry-after"] == "2"
    assert refused[0].body["reason"] == "TooManyRequests"
    assert all(own_api.ask(MAPS).code == 200 for _ in range(20))


def struck(api):
    return api.ask("/embedded/v1/faults").body["struck"]


def test_a_fault_strikes_as_often_as_it_was_asked_to_and_then_never_again(own_api):
    own_api.ask("/embedded/v1/faults", "POST", {"fraction": 1, "code": 503, "count": 2})
    assert [own_api.ask(MAPS).code for _ in range(4)] == [503, 503, 200, 200]
    assert struck(own_api) == 2


@pytest.mark.parametrize(
    "fault", [{"verb": "list"}, {"path": MAPS, "count": 1}, {"agent": "some", "path": MAPS}]
)
def test_a_fault_strikes_only_the_requests_that_are_meant(own_api, fault):
    own_api.ask("/embedded/v1/faults", "POST", {"fraction": 1, "code": 500, **fault})
    assert own_api.ask("/version", User_Agent="some client").code == 200
    assert (
        own_api.ask("/api/v1/namespaces", "POST", {"metadata": {"name": "x"}}, User_Agent="any").code == 201
    )
    assert own_api.ask(MAPS, User_Agent="some client").code == 500
    assert struck(own_api) == 1


@pytest.mark.parametrize(("code", "reason"), [(401, "Unauthorized"), (409, "Conflict"), (410, "Expired")])
def test_a_refusal_says_what_the_real_server_says(own_api, code, reason):
    own_api.ask("/embedded/v1/faults", "POST", {"fraction": 1, "code": code})
    answer = own_api.ask(MAPS)
    assert (answer.code, answer.body["kind"], answer.body["reason"]) == (code, "Status", reason)
    assert "retry-after" not in answer.headers


def test_a_path_that_is_made_unknown_is_answered_in_plain_text(own_api):
    own_api.ask("/embedded/v1/faults", "POST", {"fraction": 1, "code": 404})
    answer = own_api.ask(MAPS)
    assert (answer.code, answer.body) == (404, "404 page not found\n")
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_watch_is_told_that_it_has_expired_inside_a_success(own_api):
    own_api.ask("/embedded/v1/faults", "POST", {"fraction": 1, "code": 410, "verb": "watch"})
    with own_api.open(f"{MAPS}?watch=1") as stream:
        assert stream.status == 200
        event = json.loads(stream.read())
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


def test_a_request_whose_reply_is_lost_has_been_carried_out(own_api):
    own_api.ask("/embedded/v1/faults", "POST", {"fraction": 1, "effect": "lose-reply", "count": 1})
    with pytest.raises((http.client.HTTPException, OSError)):
        own_api.ask(MAPS, "POST", FRESH)
    own_api._connection.close()
    assert own_api.ask(f"{MAPS}/a").code == 200
    assert struck(own_api) == 1


def test_a_silent_watch_begins_and_then_neither_speaks_nor_ends(own_api):
    own_api.ask("/embedded/v1/faults", "POST", {"fraction": 1, "effect": "silence", "verb": "watch"})
    with own_api.open(f"{MAPS}?watch=1&timeoutSeconds=1") as stream:
        assert stream.status == 200
        own_api.ask(MAPS, "POST", FRESH)
        stream.fp.raw._sock.settimeout(1.5)
        with pytest.raises(TimeoutError):
            stream.read(1)


def test_a_watch_that_is_to_end_does_so_at_once_and_by_agreement(own_api):
    own_api.ask("/embedded/v1/faults", "POST", {"fraction": 1, "effect": "end", "verb": "watch"})
    with own_api.open(f"{MAPS}?watch=1") as stream:
        assert stream.status == 200
        assert not _is_cut(stream)


@pytest.mark.parametrize(
    "faults",
    [
        {"fraction": 2},
        {"fraction": True},
        {"code": 418},
        {"code": [429]},
        {"effect": "explode"},
        {"verb": "look"},
        {"count": -1},
        {"count": "many"},
        {"retry_after_s": 0.5},
        {"path": 7},
        {"agent": None},
        {"struck": 3},
        {"colour": "red"},
    ],
)
def test_faults_that_make_no_sense_are_refused(api, faults):
    assert api.ask("/embedded/v1/faults", "POST", faults).code == 400


@pytest.mark.parametrize("outage", [{"down_s": -1}, {"down_s": True}, {"silent": 1}, {"colour": "red"}, [1]])
def test_an_outage_that_makes_no_sense_is_refused(api, outage):
    assert api.ask("/embedded/v1/restart", "POST", outage).code == 400


def test_cut_watches_end_in_the_middle_and_nothing_else_does(own_api):
    with own_api.open(f"{MAPS}?watch=1&resourceVersion=0") as watch:
        own_api.ask(MAPS, "POST", FRESH)
        assert json.loads(watch.readline())["type"] == "ADDED"
        assert own_api.ask("/embedded/v1/cut-watches", "POST").body == {"cut": 1}
        assert _is_cut(watch)
    assert own_api.ask(f"{MAPS}/a").code == 200


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_a_known_token_nothing_is_served(api, token):
    answer = api.ask("/api/v1/pods", token=token)
    assert (answer.code, answer.body["reason"]) == (401, "Unauthorized")


def test_only_administrators_operate_the_cluster(api):
    answer = api.ask("/embedded/v1/faults", "POST", {"fraction": 1}, token=api.reader_token)
    assert (answer.code, answer.body["reason"]) == (403, "Forbidden")
    assert api.ask("/version", token=api.reader_token).code == 200


def test_health_is_answered_to_anyone(api):
    assert api.ask("/readyz", token="").code == 200


def test_the_authoriser_is_asked_with_everything_that_matters(own_api):
    asked = []

    class Suspicious:
        def authorize(self, identity, attributes):
            asked.append((identity.name, *attributes))
            return attributes.verb in ("get", "create")

    own_api.server.service.authorizer = Suspicious()
    path = "/apis/apps/v1/namespaces/default/deployments"
    denied = own_api.ask(f"{path}?watch=1", token=own_api.reader_token)
    assert asked == [("reader", "watch", "deployments.apps", "", "default", "", "")]
    assert denied.code == 403
    assert denied.body["message"] == (
        'deployments.apps is forbidden: User "reader" cannot watch resource "deployments" in API group '
        '"apps" in the namespace "default"'
    )
    own_api.ask("/api/v1/namespaces/default/pods/p/status", "PATCH", {})
    assert asked[-1] == ("admin", "patch", "pods", "status", "default", "p", "")
    review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "default"}}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert own_api.ask(path, "POST", review).body["status"] == {"allowed": True}
