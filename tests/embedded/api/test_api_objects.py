"""Creating, reading, listing and replacing built-in objects."""

from __future__ import annotations

import time

import pytest

POD = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "example:1"}]}}


def _pod(name, **more):
    return {"metadata": {"name": name, **more}, "spec": POD["spec"]}


@pytest.fixture
def pods(namespace):
    return f"/api/v1/namespaces/{namespace}/pods"


def test_a_created_object_carries_what_the_server_adds(api, pods):
    answer = api.ask(pods, "POST", _pod("p"))
    assert answer.code == 201
    metadata = answer.body["metadata"]
    assert {"uid", "creationTimestamp", "resourceVersion"} <= metadata.keys()
    assert metadata["generation"] == 1
    assert answer.body["status"]["phase"] == "Pending"
    spec = answer.body["spec"]
    assert (spec["restartPolicy"], spec["dnsPolicy"], spec["serviceAccountName"]) == (
        "Always",
        "ClusterFirst",
        "default",
    )
    assert spec["terminationGracePeriodSeconds"] == 30
    assert spec["containers"][0]["imagePullPolicy"] == "IfNotPresent"


def test_creating_again_is_already_exists(api, pods):
    api.ask(pods, "POST", _pod("p"))
    answer = api.ask(pods, "POST", _pod("p"))
    assert (answer.code, answer.body["reason"], answer.body["message"]) == (
        409,
        "AlreadyExists",
        'pods "p" already exists',
    )


def test_a_generated_name_starts_as_asked_and_differs_each_time(api, pods):
    names = [
        api.ask(pods, "POST", {**POD, "metadata": {"generateName": "worker-"}}).body["metadata"]["name"]
        for _ in range(3)
    ]
    assert len(set(names)) == 3
    assert all(name.startswith("worker-") and len(name) == len("worker-") + 5 for name in names)


def test_creating_in_a_missing_namespace_is_not_found(api):
    answer = api.ask("/api/v1/namespaces/nowhere/pods", "POST", _pod("p"))
    assert (answer.code, answer.body["message"]) == (404, 'namespaces "nowhere" not found')


def test_a_missing_object_is_a_status_with_details(api, pods):
    answer = api.ask(f"{pods}/zz")
    assert answer.code == 404
    assert answer.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'pods "zz" not found',
        "reason": "NotFound",
        "details": {"name": "zz", "kind": "pods"},
        "code": 404,
    }


@pytest.mark.parametrize(
    "path",
    ["/api/v1/namespaces/default/nothings", "/apis/no.such.group/v1/things", "/apis/apps/v9", "/elsewhere"],
)
def test_what_is_not_served_is_a_plain_text_404(api, path):
    answer = api.ask(path)
    assert (answer.code, answer.body) == (404, "404 page not found\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_name_that_is_none_is_invalid_with_its_field(api, pods):
    answer = api.ask(pods, "POST", _pod("Not_A_Name"))
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert [cause["field"] for cause in answer.body["details"]["causes"]] == ["metadata.name"]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"containers": [{"name": "../c", "image": "example:1"}]}, "spec.containers[0].name"),
        ({**POD["spec"], "serviceAccountName": "../../a"}, "spec.serviceAccountName"),
        ({**POD["spec"], "serviceAccount": ".."}, "spec.serviceAccountName"),
    ],
)
def test_a_name_in_a_pod_that_leads_to_another_folder_is_invalid_with_its_field(api, pods, spec, field):
    answer = api.ask(pods, "POST", {"metadata": {"name": "p"}, "spec": spec})
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert [cause["field"] for cause in answer.body["details"]["causes"]] == [field]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{not json", 400),
        (b"[]", 400),
        (b'{"metadata": 3}', 400),
        (b'{"metadata": {"name": "p", "labels": [1]}}', 400),
        (b'{"metadata": {"name": "p"}, "spec": 7}', 400),
        (b'{"metadata": {"name": "p"}, "spec": {"containers": "c"}}', 400),
        (b'{"metadata": {"name": "p"}, "spec": {"containers": [7]}}', 400),
        (b'{"metadata": {"name": "p"}}', 422),
        (b'{"kind": "Secret", "metadata": {"name": "p"}}', 400),
        (b'{"apiVersion": "v2", "metadata": {"name": "p"}}', 400),
        (b'{"metadata": {"name": "p", "namespace": "other"}}', 400),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_and_never_breaks_the_server(api, pods, body, code):
    assert api.ask(pods, "POST", body).code == code


def test_a_body_that_is_too_large_is_refused(api, pods):
    body = b'{"metadata": {"name": "' + b"x" * (4 * 1024 * 1024) + b'"}}'
    assert api.ask(pods, "POST", body).code == 413


def test_yaml_is_read_too(api, namespace):
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {since: 2026-01-31}\n"
    answer = api.ask(
        f"/api/v1/namespaces/{namespace}/configmaps", "POST", body, Content_Type="application/yaml"
    )
    assert (answer.code, answer.body["data"]) == (201, {"since": "2026-01-31"})


def test_a_dry_run_answers_and_stores_nothing(api, pods):
    assert api.ask(f"{pods}?dryRun=All", "POST", _pod("p")).code == 201
    assert api.ask(f"{pods}/p").code == 404
    assert api.ask(f"{pods}?dryRun=Some", "POST", _pod("p")).code == 400


def test_a_stale_replacement_is_a_conflict(api, namespace):
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    old = api.ask(path, "POST", {"metadata": {"name": "a"}}).body
    assert api.ask(f"{path}/a", "PUT", {**old, "data": {"x": "1"}}).code == 200
    answer = api.ask(f"{path}/a", "PUT", {**old, "data": {"x": "2"}})
    assert (answer.code, answer.body["reason"]) == (409, "Conflict")
    assert answer.body["message"] == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your '
        "changes to the latest version and try again"
    )


def test_a_status_is_written_through_its_subresource_only(api, pods):
    api.ask(pods, "POST", _pod("p"))
    pod = api.ask(f"{pods}/p").body
    pod["status"]["phase"] = "Running"
    pod["metadata"]["labels"] = {"a": "b"}
    assert api.ask(f"{pods}/p", "PUT", pod).body["status"]["phase"] == "Pending"
    pod["metadata"].pop("resourceVersion")
    pod["metadata"]["labels"] = {"a": "c"}
    changed = api.ask(f"{pods}/p/status", "PUT", pod).body
    assert changed["status"]["phase"] == "Running"
    assert changed["metadata"]["labels"] == {"a": "b"}
    assert changed["metadata"]["generation"] == 1


def test_a_pods_spec_does_not_change_but_for_its_images(api, pods):
    api.ask(pods, "POST", _pod("p"))
    patch = {"spec": {"containers": [{"name": "c", "image": "example:2"}]}}
    strategic = {"Content_Type": "application/strategic-merge-patch+json"}
    assert api.ask(f"{pods}/p", "PATCH", patch, **strategic).code == 200
    answer = api.ask(f"{pods}/p", "PATCH", {"spec": {"dnsPolicy": "None"}}, **strategic)
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")


def test_lists_are_ordered_and_carry_the_version_to_watch_from(api, pods):
    for name in ("b", "a"):
        created = api.ask(pods, "POST", _pod(name)).body
    answer = api.ask(pods).body
    assert answer["kind"] == "PodList"
    assert [item["metadata"]["name"] for item in answer["items"]] == ["a", "b"]
    assert int(answer["metadata"]["resourceVersion"]) >= int(created["metadata"]["resourceVersion"])


def test_pages_keep_serving_the_version_of_the_first(api, pods):
    for name in "abcde":
        api.ask(pods, "POST", _pod(name))
    first = api.ask(f"{pods}?limit=2").body
    assert first["metadata"]["remainingItemCount"] == 3
    api.ask(f"{pods}/d", "DELETE")
    second = api.ask(f"{pods}?limit=2&continue={first['metadata']['continue']}").body
    third = api.ask(f"{pods}?limit=2&continue={second['metadata']['continue']}").body
    pages = [[item["metadata"]["name"] for item in page["items"]] for page in (first, second, third)]
    assert pages == [["a", "b"], ["c", "d"], ["e"]]
    assert {page["metadata"]["resourceVersion"] for page in (second, third)} == {
        first["metadata"]["resourceVersion"]
    }
    assert "continue" not in third["metadata"]


def test_a_continue_token_that_is_not_known_is_expired(api, pods):
    answer = api.ask(f"{pods}?limit=2&continue=AAAA")
    assert (answer.code, answer.body["reason"]) == (410, "Expired")


def test_a_list_of_a_version_to_come_times_out(api, pods):
    begun = time.monotonic()
    answer = api.ask(f"{pods}?resourceVersion=99999999")
    assert 2.5 < time.monotonic() - begun < 6
    assert (answer.code, answer.body["reason"]) == (504, "Timeout")
    assert "Too large resource version" in answer.body["message"]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("labelSelector=app%3Dx", ["a", "b"]),
        ("labelSelector=app!%3Dx", ["c"]),
        ("labelSelector=app%20in%20(x,y),tier", ["a"]),
        ("labelSelector=!tier", ["b", "c"]),
        ("labelSelector=app%20notin%20(x)", ["c"]),
        ("labelSelector=pod.example.org/x-1", ["b"]),
        ("fieldSelector=metadata.name%3Db", ["b"]),
        ("fieldSelector=spec.nodeName%3Dn1", ["c"]),
        ("fieldSelector=status.phase!%3DRunning,metadata.name!%3Da", ["b", "c"]),
    ],
)
def test_selectors_choose(api, pods, selector, names):
    for name, labels in (
        ("a", {"app": "x", "tier": "1"}),
        ("b", {"app": "x", "pod.example.org/x-1": "client"}),
        ("c", {"app": "y"}),
    ):
        body = _pod(name, labels=labels)
        if name == "c":
            body["spec"] = {**body["spec"], "nodeName": "n1"}
        api.ask(pods, "POST", body)
    found = api.ask(f"{pods}?{selector}").body["items"]
    assert [item["metadata"]["name"] for item in found] == names


@pytest.mark.parametrize("selector", ["labelSelector=a%3D%3D%3Db", "fieldSelector=spec.color%3Dred"])
def test_a_selector_that_cannot_be_read_is_refused(api, pods, selector):
    assert api.ask(f"{pods}?{selector}").code == 400


def test_a_secrets_text_is_kept_as_base64(api, namespace):
    body = {"metadata": {"name": "s"}, "stringData": {"k": "v"}}
    answer = api.ask(f"/api/v1/namespaces/{namespace}/secrets", "POST", body)
    assert (answer.body["data"], answer.body["type"]) == ({"k": "dg=="}, "Opaque")
    assert "stringData" not in answer.body


def test_a_method_that_a_resource_does_not_take_is_405(api):
    assert api.ask("/api/v1/namespaces", "DELETE").code == 405


def test_binding_places_a_pod_once(api, pods):
    api.ask(pods, "POST", _pod("p"))
    binding = {"apiVersion": "v1", "kind": "Binding", "target": {"kind": "Node", "name": "n1"}}
    assert api.ask(f"{pods}/p/binding", "POST", binding).code == 201
    assert api.ask(f"{pods}/p").body["spec"]["nodeName"] == "n1"
    assert api.ask(f"{pods}/p/binding", "POST", binding).code == 409


def test_a_log_is_streamed_from_the_node(api, pods):
    api.ask(pods, "POST", _pod("p"))
    waiting = api.ask(f"{pods}/p/log")
    assert (waiting.code, waiting.body["message"]) == (
        400,
        'container "c" in pod "p" is waiting to start: ContainerCreating',
    )
    status = {"phase": "Running", "containerStatuses": [{"name": "c", "state": {"running": {}}}]}
    api.ask(f"{pods}/p/status", "PATCH", {"status": status}, Content_Type="application/merge-patch+json")
    assert api.ask(f"{pods}/p/log?tailLines=2").body == "line 3 of c\nline 4 of c\n"
    assert api.ask(f"{pods}/p/log?follow=true").body.endswith("followed\n")
    assert api.ask(f"{pods}/p/log?container=zz").code == 400
    assert api.ask(f"{pods}/p/log?previous=true").code == 400


@pytest.mark.parametrize("subresource", ["exec", "attach", "portforward"])
def test_streams_into_pods_are_not_offered(api, pods, subresource):
    api.ask(pods, "POST", _pod("p"))
    answer = api.ask(f"{pods}/p/{subresource}", "POST")
    assert (answer.code, answer.body["reason"]) == (501, "NotImplemented")


def test_metadata_alone_can_be_asked_for(api, pods):
    api.ask(pods, "POST", _pod("p"))
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    answer = api.ask(pods, Accept=accept).body
    assert answer["kind"] == "PartialObjectMetadataList"
    assert answer["items"][0].keys() == {"kind", "apiVersion", "metadata"}
