"""Watches, as clients of the real server know them."""

from __future__ import annotations

import json

import pytest


def _config_map(name, value="1", **labels):
    return {"metadata": {"name": name, "labels": labels}, "data": {"value": value}}


@pytest.fixture
def path(namespace):
    return f"/api/v1/namespaces/{namespace}/configmaps"


def _is_marker(event):
    return event["object"]["metadata"].get("name") == "marker"


def _until_marker(api, path, query):
    """Return what a watch shows before an object that is made now."""
    api.ask(path, "POST", _config_map("marker"))
    return _seen(api.watch(path + query, _is_marker))[:-1]


def _seen(events):
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


def test_a_version_that_is_too_old_is_an_error_event_inside_a_200_and_then_the_end(own_api):
    own_api.inside(own_api.store.forget_history)
    with own_api.open("/api/v1/pods?watch=1&resourceVersion=1") as response:
        events = [json.loads(line) for line in response]
    assert response.status == 200
    assert [event["type"] for event in events] == ["ERROR"]
    status = events[0]["object"]
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")
    assert status["message"].startswith("too old resource version: 1 (")


@pytest.mark.parametrize("version", ["", "0"])
def test_without_a_version_the_present_objects_come_first(api, path, version):
    api.ask(path, "POST", _config_map("a"))
    assert _until_marker(api, path, f"?resourceVersion={version}") == [("ADDED", "a")]


def test_from_a_version_exactly_the_later_changes_come(api, path):
    version = api.ask(path, "POST", _config_map("a")).body["metadata"]["resourceVersion"]
    api.ask(f"{path}/a", "PUT", _config_map("a", "2"))
    api.ask(path, "POST", _config_map("b"))
    api.ask(f"{path}/a", "DELETE")
    events = api.watch(f"{path}?resourceVersion={version}", lambda event: event["type"] == "DELETED")
    assert _seen(events) == [("MODIFIED", "a"), ("ADDED", "b"), ("DELETED", "a")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(versions)
    assert versions[0] > int(version)


@pytest.mark.parametrize("bookmarks", ["", "&allowWatchBookmarks=true"])
def test_a_version_from_the_future_gives_no_event_at_all(api, path, bookmarks):
    api.ask(path, "POST", _config_map("a"))
    assert api.watch(f"{path}?resourceVersion=99999999{bookmarks}") == []


def test_a_version_that_is_no_number_is_an_internal_error(api, path):
    assert api.ask(f"{path}?watch=1&resourceVersion=abc").code == 500


def test_initial_events_end_with_an_annotated_bookmark(api, path):
    api.ask(path, "POST", _config_map("a"))
    query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    events = api.watch(f"{path}?{query}", lambda event: event["type"] == "BOOKMARK")
    assert [event["type"] for event in events] == ["ADDED", "BOOKMARK"]
    metadata = events[-1]["object"]["metadata"]
    assert metadata["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(metadata["resourceVersion"]) >= int(events[0]["object"]["metadata"]["resourceVersion"])


def test_initial_events_without_their_match_rule_are_refused(api, path):
    answer = api.ask(f"{path}?watch=1&sendInitialEvents=true")
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")


def test_bookmarks_come_only_when_allowed(api, path):
    version = api.ask(path, "POST", _config_map("a")).body["metadata"]["resourceVersion"]
    quiet = f"{path}?resourceVersion={version}"
    assert api.watch(quiet) == []
    events = api.watch(f"{quiet}&allowWatchBookmarks=true", lambda _: True)
    assert events[0]["type"] == "BOOKMARK"
    assert events[0]["object"]["kind"] == "ConfigMap"


def test_an_object_that_stops_matching_is_deleted_and_added_when_it_matches_again(api, path):
    version = api.ask(path, "POST", _config_map("a", tier="x")).body["metadata"]["resourceVersion"]
    for tier in ("y", "x"):
        api.ask(f"{path}/a", "PUT", _config_map("a", tier=tier))
    query = f"{path}?resourceVersion={version}&labelSelector=tier%3Dx"
    events = api.watch(query, lambda event: event["type"] == "ADDED")
    assert _seen(events) == [("DELETED", "a"), ("ADDED", "a")]
    assert events[0]["object"]["metadata"]["labels"] == {"tier": "x"}
    assert int(events[0]["object"]["metadata"]["resourceVersion"]) > int(version)


def test_a_patch_that_changes_nothing_is_no_event_and_no_new_version(api, path):
    before = api.ask(path, "POST", _config_map("a")).body["metadata"]["resourceVersion"]
    patch = {"data": {"value": "1"}}
    answer = api.ask(f"{path}/a", "PATCH", patch, Content_Type="application/merge-patch+json")
    assert answer.body["metadata"]["resourceVersion"] == before
    assert _until_marker(api, path, f"?resourceVersion={before}") == []


def test_other_namespaces_are_not_seen(api, path):
    api.ask("/api/v1/namespaces/default/configmaps", "POST", _config_map("elsewhere"))
    api.ask(path, "POST", _config_map("a"))
    assert _until_marker(api, path, "") == [("ADDED", "a")]
    api.ask("/api/v1/namespaces/default/configmaps/elsewhere", "DELETE")


def test_one_object_can_be_watched_by_its_path(api, path):
    for name in ("a", "b"):
        api.ask(path, "POST", _config_map(name))
    assert _seen(api.watch(f"{path}/b", lambda _: True)) == [("ADDED", "b")]


def test_a_changed_schema_ends_watches_of_its_objects_and_makes_versions_too_old(api):
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    definition = _definition("schemas")
    api.ask(definitions, "POST", definition)
    objects = "/apis/example.net/v1/namespaces/default/schemas"
    body = {"apiVersion": "example.net/v1", "kind": "Schemas", "metadata": {"name": "a"}}
    version = api.ask(objects, "POST", body).body["metadata"]["resourceVersion"]
    with api.open(f"{objects}?watch=1&resourceVersion={version}") as response:
        schema = {"type": "object", "properties": {"extra": {"type": "string"}}}
        change = [{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": schema}]
        patched = api.ask(
            f"{definitions}/schemas.example.net", "PATCH", change, Content_Type="application/json-patch+json"
        )
        assert patched.code == 200
        assert response.read() == b""
    assert [event["object"]["code"] for event in api.watch(f"{objects}?resourceVersion={version}")] == [410]
    api.ask(f"{definitions}/schemas.example.net", "DELETE")


def test_a_deleted_definition_deletes_its_objects_and_ends_their_watches(api):
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    api.ask(definitions, "POST", _definition("goners"))
    objects = "/apis/example.net/v1/namespaces/default/goners"
    body = {"apiVersion": "example.net/v1", "kind": "Goners", "metadata": {"name": "a"}}
    api.ask(objects, "POST", body)
    with api.open(f"{objects}?watch=1") as response:
        assert json.loads(response.readline())["type"] == "ADDED"
        api.ask(f"{definitions}/goners.example.net", "DELETE")
        rest = [json.loads(line) for line in response]
    assert _seen(rest) == [("DELETED", "a")]
    answer = api.ask(objects)
    assert (answer.code, answer.body) == (404, "404 page not found\n")
    assert api.ask(f"{definitions}/goners.example.net").code == 404


def _definition(plural):
    return {
        "metadata": {"name": f"{plural}.example.net"},
        "spec": {
            "group": "example.net",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": plural.capitalize()},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        },
    }


def test_a_watch_keeps_up_with_a_burst_of_writes_and_misses_none(api, path):
    version = api.ask(path).body["metadata"]["resourceVersion"]
    names = [f"n{number}" for number in range(200)]
    namespace = path.split("/")[4]

    def burst():
        for name in names:
            api.store.create("configmaps", {"metadata": {"name": name, "namespace": namespace}})

    api.inside(burst)
    last = names[-1]
    events = api.watch(
        f"{path}?resourceVersion={version}", lambda event: event["object"]["metadata"]["name"] == last
    )
    assert [event["object"]["metadata"]["name"] for event in events] == names


def test_a_table_is_streamed_to_those_who_ask_for_one(api, path):
    api.ask(path, "POST", _config_map("a"))
    with api.open(
        f"{path}?watch=1", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    ) as response:
        event = json.loads(response.readline())
    assert event["object"]["kind"] == "Table"
    assert event["object"]["rows"][0]["cells"][:2] == ["a", 1]


def test_a_watch_that_its_client_leaves_is_forgotten(own_api, eventually):
    watches = own_api.store._journals["secrets"]._watches
    with own_api.open("/api/v1/secrets?watch=1"):
        eventually(lambda: len(watches) == 1)
    eventually(lambda: not len(watches))
