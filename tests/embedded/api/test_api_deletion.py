"""Deletion: finalizers, grace, owners, namespaces."""

from __future__ import annotations

import pytest

MERGE = {"Content_Type": "application/merge-patch+json"}
POD_SPEC = {"containers": [{"name": "c", "image": "example:1"}]}


@pytest.fixture
def maps(namespace):
    return f"/api/v1/namespaces/{namespace}/configmaps"


@pytest.fixture
def pods(namespace):
    return f"/api/v1/namespaces/{namespace}/pods"


def _make(api, path, name, **metadata):
    answer = api.ask(path, "POST", {"metadata": {"name": name, **metadata}})
    assert answer.code == 201
    return answer.body


def _owner(obj, **more):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
        **more,
    }


def test_deletion_answers_with_a_status_that_names_the_uid(api, maps):
    made = _make(api, maps, "a")
    answer = api.ask(f"{maps}/a", "DELETE")
    assert answer.code == 200
    assert (answer.body["kind"], answer.body["status"]) == ("Status", "Success")
    assert answer.body["details"] == {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    assert api.ask(f"{maps}/a").code == 404


def test_with_finalizers_the_object_stays_until_the_last_is_removed(api, maps):
    _make(api, maps, "a", finalizers=["example.org/hold"])
    answer = api.ask(f"{maps}/a", "DELETE")
    assert (answer.code, answer.body["kind"]) == (200, "ConfigMap")
    assert "deletionTimestamp" in answer.body["metadata"]
    added = {"metadata": {"finalizers": ["example.org/hold", "example.org/more"]}}
    refused = api.ask(f"{maps}/a", "PATCH", added, **MERGE)
    assert (refused.code, refused.body["details"]["causes"][0]["field"]) == (422, "metadata.finalizers")
    assert api.ask(f"{maps}/a").code == 200
    api.ask(f"{maps}/a", "PATCH", {"metadata": {"finalizers": None}}, **MERGE)
    assert api.ask(f"{maps}/a").code == 404


def test_a_collection_is_deleted_by_selector_and_returned(api, maps):
    for name in ("a", "b"):
        _make(api, maps, name, labels={"go": "yes"})
    _make(api, maps, "c")
    answer = api.ask(f"{maps}?labelSelector=go", "DELETE")
    assert answer.body["kind"] == "ConfigMapList"
    assert [item["metadata"]["name"] for item in answer.body["items"]] == ["a", "b"]
    assert [item["metadata"]["name"] for item in api.ask(maps).body["items"]] == ["c"]


@pytest.mark.parametrize("precondition", [{"uid": "other"}, {"resourceVersion": "1"}])
def test_a_precondition_that_fails_is_a_conflict(api, maps, precondition):
    _make(api, maps, "a")
    assert api.ask(f"{maps}/a", "DELETE", {"preconditions": precondition}).code == 409
    assert api.ask(f"{maps}/a").code == 200


@pytest.mark.parametrize("options", [{"gracePeriodSeconds": "x"}, {"propagationPolicy": "Sideways"}, [1]])
def test_options_that_make_no_sense_are_refused(api, maps, options):
    _make(api, maps, "a")
    assert api.ask(f"{maps}/a", "DELETE", options).code == 400


def test_a_pod_on_a_node_is_left_to_its_node(api, pods):
    api.ask(pods, "POST", {"metadata": {"name": "p"}, "spec": {**POD_SPEC, "nodeName": "n1"}})
    marked = api.ask(f"{pods}/p", "DELETE", {"gracePeriodSeconds": 7}).body
    assert marked["kind"] == "Pod"
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 7
    status = {"status": {"phase": "Running"}}
    assert api.ask(f"{pods}/p/status", "PATCH", status, **MERGE).code == 200
    assert api.ask(f"{pods}/p").body["metadata"]["deletionTimestamp"]
    assert api.ask(f"{pods}/p", "DELETE", {"gracePeriodSeconds": 0}).code == 200
    assert api.ask(f"{pods}/p").code == 404


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_ended_goes_at_once(api, pods, phase):
    api.ask(pods, "POST", {"metadata": {"name": "p"}, "spec": {**POD_SPEC, "nodeName": "n1"}})
    api.ask(f"{pods}/p/status", "PATCH", {"status": {"phase": phase}}, **MERGE)
    api.ask(f"{pods}/p", "DELETE")
    assert api.ask(f"{pods}/p").code == 404


def test_a_pod_without_a_node_goes_at_once(api, pods):
    api.ask(pods, "POST", {"metadata": {"name": "p"}, "spec": POD_SPEC})
    api.ask(f"{pods}/p", "DELETE")
    assert api.ask(f"{pods}/p").code == 404


def test_what_an_object_owns_goes_after_it(api, maps, eventually):
    owner = _make(api, maps, "owner")
    _make(api, maps, "owned", ownerReferences=[_owner(owner)])
    api.ask(f"{maps}/owner", "DELETE")
    eventually(lambda: api.ask(f"{maps}/owned").code == 404)


def test_an_object_with_another_living_owner_stays(api, maps, eventually):
    first, second = _make(api, maps, "first"), _make(api, maps, "second")
    _make(api, maps, "owned", ownerReferences=[_owner(first), _owner(second)])
    api.ask(f"{maps}/first", "DELETE")
    owners = lambda: [each["name"] for each in api.ask(f"{maps}/owned").body["metadata"]["ownerReferences"]]  # noqa: E731 - asked again and again
    eventually(lambda: owners() == ["second"])


def test_foreground_deletion_waits_for_what_blocks_it(api, maps, eventually):
    owner = _make(api, maps, "owner")
    _make(
        api,
        maps,
        "owned",
        ownerReferences=[_owner(owner, blockOwnerDeletion=True)],
        finalizers=["example.org/hold"],
    )
    answer = api.ask(f"{maps}/owner?propagationPolicy=Foreground", "DELETE")
    assert answer.body["metadata"]["finalizers"] == ["foregroundDeletion"]
    eventually(lambda: "deletionTimestamp" in api.ask(f"{maps}/owned").body["metadata"])
    assert api.ask(f"{maps}/owner").code == 200
    api.ask(f"{maps}/owned", "PATCH", {"metadata": {"finalizers": None}}, **MERGE)
    eventually(lambda: api.ask(f"{maps}/owner").code == 404)


def test_orphans_outlive_their_owner(api, maps, eventually):
    owner = _make(api, maps, "owner")
    _make(api, maps, "owned", ownerReferences=[_owner(owner)])
    api.ask(f"{maps}/owner", "DELETE", {"propagationPolicy": "Orphan"})
    eventually(lambda: api.ask(f"{maps}/owner").code == 404)
    assert api.ask(f"{maps}/owned").body["metadata"]["ownerReferences"] == []


def test_an_object_whose_owner_was_never_there_goes(api, maps, eventually):
    ghost = {"metadata": {"name": "ghost", "uid": "00000000-0000-0000-0000-000000000000"}}
    _make(api, maps, "owned", ownerReferences=[_owner(ghost)])
    eventually(lambda: api.ask(f"{maps}/owned").code == 404)


def test_a_namespace_empties_itself_and_goes(api, namespace, maps, eventually):
    _make(api, maps, "held", finalizers=["example.org/hold"])
    _make(api, maps, "free")
    answer = api.ask(f"/api/v1/namespaces/{namespace}", "DELETE")
    assert answer.body["status"]["phase"] == "Terminating"
    eventually(lambda: api.ask(f"{maps}/free").code == 404)
    assert api.ask(f"/api/v1/namespaces/{namespace}").code == 200
    refused = api.ask(maps, "POST", {"metadata": {"name": "late"}})
    assert (refused.code, refused.body["reason"]) == (403, "Forbidden")
    assert refused.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    api.ask(f"{maps}/held", "PATCH", {"metadata": {"finalizers": None}}, **MERGE)
    eventually(lambda: api.ask(f"/api/v1/namespaces/{namespace}").code == 404)


def test_each_namespace_has_its_default_service_account_and_gets_it_back(api, namespace, eventually):
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    first = eventually(lambda: api.ask(account).body["metadata"].get("uid"))
    api.ask(account, "DELETE")
    eventually(lambda: api.ask(account).body["metadata"].get("uid") not in (None, first))
