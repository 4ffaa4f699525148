"""Strategic merge patches, as `kubectl apply` sends them, and what tables are made of."""

from __future__ import annotations

import pytest

from netcadence.embedded.api.duration import shown_duration
from netcadence.embedded.api.jsonpath import find
from netcadence.embedded.api.patch import apply_strategic_patch


def _names(pod):
    return [container["name"] for container in pod["containers"]]


POD = {
    "containers": [
        {"name": "a", "image": "x", "env": [{"name": "K", "value": "1"}]},
        {"name": "b", "image": "y"},
    ],
    "nodeSelector": {"k": "v"},
}


def test_items_are_merged_by_their_key():
    patch = {"containers": [{"name": "a", "env": [{"name": "L", "value": "2"}]}, {"name": "c", "image": "z"}]}
    merged = apply_strategic_patch(POD, patch)
    assert _names(merged) == ["a", "b", "c"]
    assert merged["containers"][0]["image"] == "x"
    assert [each["name"] for each in merged["containers"][0]["env"]] == ["K", "L"]


def test_the_original_is_left_alone():
    apply_strategic_patch(POD, {"containers": [{"name": "a", "image": "new"}], "nodeSelector": {"k": None}})
    assert POD["containers"][0]["image"] == "x"
    assert POD["nodeSelector"] == {"k": "v"}


def test_an_item_is_deleted_by_directive():
    assert _names(apply_strategic_patch(POD, {"containers": [{"name": "a", "$patch": "delete"}]})) == ["b"]


def test_a_list_is_replaced_by_directive():
    patch = {"containers": [{"$patch": "replace"}, {"name": "z", "image": "z"}]}
    assert _names(apply_strategic_patch(POD, patch)) == ["z"]


def test_items_are_put_in_the_order_that_the_patch_gives():
    patch = {
        "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
        "containers": [{"name": "c", "image": "z"}, {"name": "b", "$patch": "delete"}],
    }
    assert _names(apply_strategic_patch(POD, patch)) == ["c", "a"]


def test_only_retained_keys_stay():
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
    patch = {"$retainKeys": ["type"], "type": "Recreate"}
    assert apply_strategic_patch(strategy, patch) == {"type": "Recreate"}


def test_a_map_is_replaced_or_emptied_by_directive():
    assert apply_strategic_patch({"a": 1}, {"$patch": "replace", "b": 2}) == {"b": 2}
    assert apply_strategic_patch({"m": {"a": 1}}, {"m": {"$patch": "delete"}}) == {"m": {}}


def test_plain_values_are_added_and_removed_one_by_one():
    merged = apply_strategic_patch({"finalizers": ["a", "b"]}, {"finalizers": ["c", "a"]})
    assert merged["finalizers"] == ["a", "b", "c"]
    removed = apply_strategic_patch(merged, {"$deleteFromPrimitiveList/finalizers": ["b"]})
    assert removed["finalizers"] == ["a", "c"]


def test_lists_without_a_key_are_replaced():
    assert apply_strategic_patch({"args": ["a", "b"]}, {"args": ["c"]}) == {"args": ["c"]}


def test_ports_are_told_apart_by_whichever_port_they_have():
    container = {"ports": [{"containerPort": 1, "name": "x"}]}
    assert len(apply_strategic_patch(container, {"ports": [{"containerPort": 2}]})["ports"]) == 2
    service = {"ports": [{"port": 1, "name": "x"}]}
    merged = apply_strategic_patch(service, {"ports": [{"port": 1, "targetPort": 9}]})
    assert merged["ports"] == [{"port": 1, "name": "x", "targetPort": 9}]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (200, "3m20s"),
        (660, "11m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (30 * 3600, "30h"),
        (3 * 86400 + 7200, "3d2h"),
        (9 * 86400, "9d"),
        (3 * 365 * 86400, "3y"),
        (-60, "<invalid>"),
    ],
)
def test_ages_read_as_kubectl_shows_them(seconds, shown):
    assert shown_duration(seconds) == shown


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".a.b", [1]),
        (".list[1].n", ["y"]),
        (".list[*].n", ["x", "y"]),
        ('.list[?(@.n=="y")].v', [2]),
        (".metadata.annotations['example.org/k']", ["v"]),
        (".metadata.annotations.example\\.org/k", ["v"]),
        (".nowhere.at.all", []),
        (".list[9]", []),
    ],
)
def test_printer_columns_find_their_values(path, found):
    obj = {
        "a": {"b": 1},
        "list": [{"n": "x", "v": 1}, {"n": "y", "v": 2}],
        "metadata": {"annotations": {"example.org/k": "v"}},
    }
    assert find(obj, path) == found
