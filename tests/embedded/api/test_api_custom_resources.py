"""Custom resources: schemas, statuses, patches, apply."""

from __future__ import annotations

import pytest

MERGE = {"Content_Type": "application/merge-patch+json"}
JSON_PATCH = {"Content_Type": "application/json-patch+json"}
APPLY = {"Content_Type": "application/apply-patch+yaml"}


def _probe(name="a", **spec):
    return {
        "apiVersion": "example.org/v1",
        "kind": "Probe",
        "metadata": {"name": name},
        "spec": {"size": 1, **spec},
    }


@pytest.fixture
def probes(definition, namespace):
    return f"{definition}/namespaces/{namespace}/probes"


@pytest.mark.usefixtures("definition")
def test_a_definition_is_established_at_once(api):
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/probes.example.org"
    conditions = {each["type"]: each["status"] for each in api.ask(path).body["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


def test_defaults_are_filled_in(api, probes):
    body = _probe(parts=[{"name": "x"}])
    spec = api.ask(probes, "POST", body).body["spec"]
    assert spec == {"size": 1, "mode": "fast", "parts": [{"name": "x", "weight": 0.5}]}


def test_a_status_in_a_create_is_dropped(api, probes):
    answer = api.ask(probes, "POST", {**_probe(), "status": {"phase": "Done"}})
    assert "status" not in answer.body


def test_a_body_without_kind_is_refused(api, probes):
    body = _probe()
    del body["kind"]
    assert api.ask(probes, "POST", body).code == 400


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        (
            {"size": "x"},
            (
                "spec.size",
                "FieldValueTypeInvalid",
                'Invalid value: "string": spec.size in body must be of type integer: "string"',
            ),
        ),
        (
            {"size": 0},
            (
                "spec.size",
                "FieldValueInvalid",
                "Invalid value: 0: spec.size in body should be greater than or equal to 1",
            ),
        ),
        (
            {"size": 11},
            (
                "spec.size",
                "FieldValueInvalid",
                "Invalid value: 11: spec.size in body should be less than or equal to 10",
            ),
        ),
        (
            {"mode": "x"},
            (
                "spec.mode",
                "FieldValueNotSupported",
                'Unsupported value: "x": supported values: "fast", "slow"',
            ),
        ),
        ({"note": "abcdefghi"}, ("spec.note", "FieldValueTooLong", "Too long: may not be more than 8 bytes")),
        (
            {"note": "A\n"},
            (
                "spec.note",
                "FieldValueInvalid",
                "Invalid value: \"A\\n\": spec.note in body should match '^[a-z]*$'",
            ),
        ),
        (
            {"since": "today"},
            (
                "spec.since",
                "FieldValueInvalid",
                'Invalid value: "today": spec.since in body must be of type date-time: "today"',
            ),
        ),
        (
            {"tags": ["a", "b", "c", "d"]},
            ("spec.tags", "FieldValueTooMany", "Too many: 4: must have at most 3 items"),
        ),
        ({"parts": [{"weight": 1}]}, ("spec.parts[0].name", "FieldValueRequired", "Required value")),
        (
            {"parts": [{"name": "x"}, {"name": "x"}]},
            ("spec.parts[1]", "FieldValueDuplicate", 'Duplicate value: {"name":"x"}'),
        ),
    ],
)
def test_what_the_schema_forbids_is_invalid_with_its_cause(api, probes, spec, cause):
    field, reason, message = cause
    answer = api.ask(probes, "POST", _probe(**spec))
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["details"]["causes"] == [{"reason": reason, "message": message, "field": field}]
    assert answer.body["message"] == f'Probe.example.org "a" is invalid: {field}: {message}'


def test_a_missing_spec_is_named(api, probes):
    body = _probe()
    del body["spec"]
    answer = api.ask(probes, "POST", body)
    assert answer.body["details"]["causes"] == [
        {"reason": "FieldValueRequired", "message": "Required value", "field": "spec"}
    ]


def test_a_wrong_type_in_a_status_says_so_as_the_real_server_does(api, probes):
    api.ask(probes, "POST", _probe())
    api.ask(f"{probes}/a/status", "PATCH", {"status": {"phase": "Done"}}, **MERGE)
    answer = api.ask(f"{probes}/a/status", "PATCH", {"status": {"phase": 3}}, **MERGE)
    assert answer.code == 422
    assert answer.body["details"]["causes"][0]["reason"] == "FieldValueTypeInvalid"
    assert answer.body["message"] == (
        'Probe.example.org "a" is invalid: status.phase: Invalid value: "integer": phase in body must be of '
        'type string: "integer"'
    )


def test_an_unknown_field_is_pruned_with_a_warning(api, probes):
    api.ask(probes, "POST", _probe())
    answer = api.ask(f"{probes}/a/status", "PATCH", {"status": {"bogus": 1, "phase": "Done"}}, **MERGE)
    assert answer.code == 200
    assert answer.warnings == ['299 - "unknown field \\"status.bogus\\""']
    assert answer.body["status"] == {"phase": "Done"}


def test_fields_that_the_schema_leaves_open_are_kept(api, probes):
    answer = api.ask(probes, "POST", _probe(free={"any": {"thing": [1]}}))
    assert answer.body["spec"]["free"] == {"any": {"thing": [1]}}
    assert answer.warnings == []


def test_strict_field_validation_refuses_an_unknown_field(api, probes):
    refused = api.ask(f"{probes}?fieldValidation=Strict", "POST", _probe(bogus=1))
    assert refused.code == 400
    assert 'strict decoding error: unknown field "spec.bogus"' in refused.body["message"]
    api.ask(probes, "POST", _probe())
    patch = {"status": {"bogus": 1}}
    assert api.ask(f"{probes}/a/status?fieldValidation=Strict", "PATCH", patch, **MERGE).code == 422
    assert (
        api.ask(f"{probes}/a?fieldValidation=Ignore", "PATCH", {"spec": {"bogus": 1}}, **MERGE).warnings == []
    )


def test_labels_and_finalizers_sent_to_the_status_are_ignored(api, probes):
    api.ask(probes, "POST", _probe())
    patch = {"metadata": {"labels": {"a": "b"}, "finalizers": ["x.org/y"]}, "status": {"phase": "Done"}}
    answer = api.ask(f"{probes}/a/status", "PATCH", patch, **MERGE)
    assert answer.code == 200
    assert not {"labels", "finalizers"} & answer.body["metadata"].keys()


def test_the_status_of_a_missing_object_is_not_found(api, probes):
    answer = api.ask(f"{probes}/zz/status", "PATCH", {"status": {}}, **MERGE)
    assert (answer.code, answer.body["message"]) == (404, 'probes.example.org "zz" not found')


@pytest.mark.parametrize("media", ["application/strategic-merge-patch+json", "application/json"])
def test_other_kinds_of_patch_are_unsupported_media(api, probes, media):
    api.ask(probes, "POST", _probe())
    answer = api.ask(f"{probes}/a", "PATCH", {}, Content_Type=media)
    assert (answer.code, answer.body["reason"]) == (415, "UnsupportedMediaType")
    assert "application/apply-patch+yaml" in answer.body["message"]


def test_a_failing_json_patch_test_is_invalid(api, probes):
    api.ask(probes, "POST", _probe())
    answer = api.ask(f"{probes}/a", "PATCH", [{"op": "test", "path": "/spec/size", "value": 9}], **JSON_PATCH)
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")


def test_a_json_patch_replaces_even_what_is_missing(api, probes):
    api.ask(probes, "POST", _probe())
    patch = [{"op": "replace", "path": "/spec/note", "value": "new"}]
    answer = api.ask(f"{probes}/a", "PATCH", patch, **JSON_PATCH)
    assert (answer.code, answer.body["spec"]["note"]) == (200, "new")


@pytest.mark.parametrize("patch", [{}, [{"op": "dance", "path": "/a"}], [7], [{"path": "/a"}]])
def test_a_json_patch_that_is_none_is_a_bad_request(api, probes, patch):
    api.ask(probes, "POST", _probe())
    assert api.ask(f"{probes}/a", "PATCH", patch, **JSON_PATCH).code == 400


def test_a_merge_patch_removes_with_null_and_replaces_lists(api, probes):
    api.ask(probes, "POST", _probe(note="x", tags=["a", "b"]))
    answer = api.ask(f"{probes}/a", "PATCH", {"spec": {"note": None, "tags": ["c"]}}, **MERGE)
    assert answer.body["spec"] == {"size": 1, "mode": "fast", "tags": ["c"]}


def test_a_merge_patch_with_a_stale_version_is_a_conflict(api, probes):
    old = api.ask(probes, "POST", _probe()).body["metadata"]["resourceVersion"]
    api.ask(f"{probes}/a", "PATCH", {"spec": {"size": 2}}, **MERGE)
    patch = {"metadata": {"resourceVersion": old}, "spec": {"size": 3}}
    answer = api.ask(f"{probes}/a", "PATCH", patch, **MERGE)
    assert (answer.code, answer.body["reason"]) == (409, "Conflict")
    assert answer.body["message"].startswith(
        'Operation cannot be fulfilled on probes.example.org "a": the object'
    )


def test_a_put_needs_the_version_that_it_replaces(api, probes):
    api.ask(probes, "POST", _probe())
    answer = api.ask(f"{probes}/a", "PUT", _probe(size=2))
    assert answer.code == 422
    assert answer.body["message"].endswith(
        "metadata.resourceVersion: Invalid value: 0: must be specified for an update"
    )


def test_the_generation_grows_with_changes_of_the_spec_only(api, probes):
    api.ask(probes, "POST", _probe())
    generations = [
        api.ask(f"{probes}/a{path}", "PATCH", patch, **MERGE).body["metadata"]["generation"]
        for path, patch in (
            ("", {"metadata": {"labels": {"a": "b"}}}),
            ("/status", {"status": {"phase": "Done"}}),
            ("", {"spec": {"size": 2}}),
        )
    ]
    assert generations == [1, 1, 2]


def test_two_writers_of_a_status_keep_out_of_each_others_way(api, probes):
    api.ask(probes, "POST", _probe())
    api.ask(f"{probes}/a/status", "PATCH", {"status": {"client": {"ready": True}}}, **MERGE)
    answer = api.ask(f"{probes}/a/status", "PATCH", {"status": {"phase": "Done"}}, **MERGE)
    assert answer.body["status"] == {"client": {"ready": True}, "phase": "Done"}


def test_apply_needs_a_manager(api, probes):
    answer = api.ask(f"{probes}/a", "PATCH", _probe(), **APPLY)
    assert answer.code == 422
    assert answer.body["details"]["causes"][0]["field"] == "fieldManager"


def test_apply_creates_and_then_changes_nothing(api, probes):
    first = api.ask(f"{probes}/a?fieldManager=one", "PATCH", _probe(), **APPLY)
    again = api.ask(f"{probes}/a?fieldManager=one", "PATCH", _probe(), **APPLY)
    assert (first.code, again.code) == (201, 200)
    assert first.body == again.body


def test_apply_of_a_field_that_another_owns_is_a_conflict_unless_forced(api, probes):
    api.ask(f"{probes}/a?fieldManager=one", "PATCH", _probe(size=2), **APPLY)
    answer = api.ask(f"{probes}/a?fieldManager=two", "PATCH", _probe(size=3), **APPLY)
    assert (answer.code, answer.body["reason"]) == (409, "Conflict")
    assert answer.body["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "one" using example.org/v1',
            "field": ".spec.size",
        }
    ]
    forced = api.ask(f"{probes}/a?fieldManager=two&force=true", "PATCH", _probe(size=3), **APPLY)
    assert (forced.code, forced.body["spec"]["size"]) == (200, 3)
    assert api.ask(f"{probes}/a?fieldManager=one", "PATCH", _probe(size=2), **APPLY).code == 409


def test_two_appliers_of_the_same_value_share_it(api, probes):
    api.ask(f"{probes}/a?fieldManager=one", "PATCH", _probe(size=2), **APPLY)
    assert api.ask(f"{probes}/a?fieldManager=two", "PATCH", _probe(size=2), **APPLY).code == 200


def test_what_an_applier_no_longer_names_goes_unless_another_owns_it(api, probes):
    api.ask(f"{probes}/a?fieldManager=one", "PATCH", _probe(note="x", tags=["t"]), **APPLY)
    shared = {**_probe(), "spec": {"note": "x"}}
    api.ask(f"{probes}/a?fieldManager=two", "PATCH", shared, **APPLY)
    answer = api.ask(f"{probes}/a?fieldManager=one", "PATCH", _probe(), **APPLY)
    assert answer.body["spec"] == {"size": 1, "mode": "fast", "note": "x"}


def test_items_of_a_keyed_list_are_owned_one_by_one(api, probes):
    api.ask(f"{probes}/a?fieldManager=one", "PATCH", _probe(parts=[{"name": "x", "weight": 1}]), **APPLY)
    other = {**_probe(), "spec": {"parts": [{"name": "y", "weight": 2}]}}
    answer = api.ask(f"{probes}/a?fieldManager=two", "PATCH", other, **APPLY)
    assert [each["name"] for each in answer.body["spec"]["parts"]] == ["x", "y"]
    answer = api.ask(f"{probes}/a?fieldManager=one", "PATCH", _probe(), **APPLY)
    assert [each["name"] for each in answer.body["spec"]["parts"]] == ["y"]


def test_a_plain_write_takes_over_the_fields_that_it_changes(api, probes):
    api.ask(f"{probes}/a?fieldManager=one", "PATCH", _probe(size=2), **APPLY)
    api.ask(f"{probes}/a?fieldManager=editor", "PATCH", {"spec": {"size": 3}}, **MERGE)
    answer = api.ask(f"{probes}/a?fieldManager=one", "PATCH", _probe(size=2), **APPLY)
    assert answer.code == 409
    assert 'conflict with "editor"' in answer.body["message"]


def test_what_did_not_change_is_not_held_against_a_write(api):
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}},
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    body = {
        "metadata": {"name": "tights.example.net"},
        "spec": {
            "group": "example.net",
            "scope": "Namespaced",
            "names": {"plural": "tights", "kind": "Tight"},
            "versions": [version],
        },
    }
    api.ask(definitions, "POST", body)
    objects = "/apis/example.net/v1/namespaces/default/tights"
    tight = {"apiVersion": "example.net/v1", "kind": "Tight", "metadata": {"name": "a"}, "spec": {"n": 9}}
    api.ask(objects, "POST", tight)
    stricter = [
        {
            "op": "add",
            "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/n/maximum",
            "value": 5,
        }
    ]
    api.ask(f"{definitions}/tights.example.net", "PATCH", stricter, **JSON_PATCH)
    assert api.ask(f"{objects}/a", "PATCH", {"metadata": {"labels": {"x": "y"}}}, **MERGE).code == 200
    assert api.ask(f"{objects}/a", "PATCH", {"spec": {"n": 8}}, **MERGE).code == 422
    api.ask(f"{definitions}/tights.example.net", "DELETE")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/metadata/name", "other.example.net"),
        ("/spec/scope", "Galaxy"),
        ("/spec/versions/0/schema", {}),
        ("/spec/versions/0/storage", False),
        (
            "/spec/versions/0/schema/openAPIV3Schema",
            {"type": "object", "properties": {"a": {"pattern": "("}}},
        ),
    ],
)
def test_a_definition_that_is_wrong_is_refused(api, path, value):
    body = {
        "metadata": {"name": "bads.example.net"},
        "spec": {
            "group": "example.net",
            "scope": "Namespaced",
            "names": {"plural": "bads", "kind": "Bad"},
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
    steps = [int(step) if step.isdigit() else step for step in path.strip("/").split("/")]
    place = body
    for step in steps[:-1]:
        place = place[step]
    place[steps[-1]] = value
    assert api.ask("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "POST", body).code == 422


def test_rules_that_are_not_evaluated_are_warned_of(api):
    rules = [{"rule": "self.a > 1"}]
    schema = {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-validations": rules}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    body = {
        "metadata": {"name": "ruleds.example.net"},
        "spec": {
            "group": "example.net",
            "scope": "Cluster",
            "names": {"plural": "ruleds", "kind": "Ruled"},
            "versions": [version],
        },
    }
    answer = api.ask("/apis/apiextensions.k8s.io/v1/customresourcedefinitions?dryRun=All", "POST", body)
    assert answer.warnings == ['299 - "the embedded API does not evaluate x-kubernetes-validations"']
