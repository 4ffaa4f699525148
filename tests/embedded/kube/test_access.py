"""One connection to a cluster: what it refuses to start with, and what it survives."""

from __future__ import annotations

import itertools
import random
import socket
import threading
import time

import pytest
import yaml

from netcadence.kube.access import Access
from netcadence.kube.errors import ApiRefusedError, ApiUnavailableError, ClusterUnknownError
from netcadence.kube.resource import NAMESPACE, REQUEST, Resource
from netcadence_worker.contract import RUN_LABEL

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")


MAPS = CONFIG_MAP.path("default")
_numbers = itertools.count()


def config_map(name, *, labels=None, data=None):
    metadata = {"name": name, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data or {}}


def test_a_kubeconfig_that_is_not_there_is_named_in_one_sentence(tmp_path):
    file = tmp_path / "nowhere"
    with pytest.raises(ClusterUnknownError, match=r"^No cluster to talk to: .*--embedded") as refusal:
        Access.connect(kubeconfig=file)
    assert str(file) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("variable", "meant"), [("", "~/.kube/config"), ("/nowhere", "/nowhere")])
def test_without_any_kubeconfig_one_is_told_how_to_name_it(tmp_path, monkeypatch, variable, meant):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", variable)
    with pytest.raises(
        ClusterUnknownError, match=f"there is no kubeconfig {meant}. .*--kubeconfig or KUBECONFIG"
    ):
        Access.connect()


@pytest.mark.parametrize("text", ["", "{", "just words", "[]", "apiVersion: v1\nkind: Config\n"])
def test_a_file_that_is_no_kubeconfig_is_refused_in_one_sentence(tmp_path, text):
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(ClusterUnknownError) as refusal:
        Access.connect(kubeconfig=file)
    assert str(file) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_unknown_context_is_refused_with_those_that_there_are(cluster):
    with pytest.raises(
        ClusterUnknownError, match=f"has no context 'nonsense'; it has: netcadence-{cluster.name}"
    ):
        Access.connect(kubeconfig=cluster.kubeconfig, context="nonsense")


def test_a_cluster_goes_by_its_name_in_the_kubeconfig_unless_another_is_given(cluster):
    assert Access.connect(kubeconfig=cluster.kubeconfig).cluster == f"netcadence-{cluster.name}"
    assert Access.connect(kubeconfig=cluster.kubeconfig, cluster="lab").cluster == "lab"


def test_an_api_server_that_is_not_there_is_named_once_the_patience_is_over(cluster, tmp_path):
    access = Access.connect(kubeconfig=moved(cluster, tmp_path, closed_port())).with_patience(0.3)
    with pytest.raises(ApiUnavailableError, match=r"https://127\.0\.0\.1:\d+.* does not answer GET /version"):
        access.raw("/version")


def test_a_refusal_carries_the_server_s_own_words_and_is_not_retried(access):
    with pytest.raises(ApiRefusedError, match='configmaps "nobody" not found') as refusal:
        access.get(CONFIG_MAP, "nobody", "default")
    assert refusal.value.is_missing


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_server_that_refuses_half_of_all_requests_is_asked_until_it_answers(access, faults, code):
    faults(fraction=0.5, code=code, retry_after_s=0, seed=7)
    for _ in range(8):
        assert access.raw("/version")["gitVersion"]


def test_a_restarting_api_server_is_waited_for(access, cluster):
    cluster.restart_api(0.5)
    assert access.raw("/version")["gitVersion"]


def test_deleting_what_is_gone_is_fine(access):
    access.delete(CONFIG_MAP, "nobody", "default")


def test_an_object_whose_reply_was_lost_is_made_once_and_counted_as_made(access, faults, struck):
    faults(fraction=1, effect="lose-reply", verb="create", path=MAPS, count=1)
    made = access.create(CONFIG_MAP, config_map("once"), "default")
    assert struck() == 1
    assert made["metadata"]["uid"] == access.get(CONFIG_MAP, "once", "default")["metadata"]["uid"]


def test_what_another_has_made_meanwhile_is_not_counted_as_made(access, faults, struck):
    access.create(CONFIG_MAP, config_map("taken", data={"by": "another"}), "default")
    faults(fraction=1, code=503, retry_after_s=0, verb="create", path=MAPS, count=1)
    with pytest.raises(ApiRefusedError, match="already exists") as refusal:
        access.create(CONFIG_MAP, config_map("taken", data={"by": "us"}), "default")
    assert refusal.value.reason == "AlreadyExists"
    assert struck() == 1


def test_a_run_s_object_is_known_by_its_label_however_the_server_spells_the_rest(access, faults):
    labels = {RUN_LABEL: "run-a"}
    access.create(CONFIG_MAP, config_map("own", labels=labels, data={"cpu": "500m"}), "default")
    faults(fraction=1, code=503, retry_after_s=0, verb="create", path=MAPS, count=1)
    body = config_map("own", labels=labels, data={"cpu": "0.5"})
    assert access.create(CONFIG_MAP, body, "default")["data"] == {"cpu": "500m"}


def test_an_object_of_another_run_is_not_counted_as_made(access, faults):
    access.create(CONFIG_MAP, config_map("other", labels={RUN_LABEL: "run-b"}), "default")
    faults(fraction=1, code=503, retry_after_s=0, verb="create", path=MAPS, count=1)
    with pytest.raises(ApiRefusedError, match="already exists"):
        access.create(CONFIG_MAP, config_map("other", labels={RUN_LABEL: "run-a"}), "default")


@pytest.mark.parametrize("fault", [{"effect": "lose-reply"}, {"code": 409}, {"code": 401}, {"effect": "end"}])
def test_a_patch_that_rests_on_no_version_is_made_whatever_happens_to_it(access, faults, struck, fault):
    name = f"patched-{next(_numbers)}"
    access.create(CONFIG_MAP, config_map(name), "default")
    faults(fraction=1, verb="patch", path=MAPS, count=1, **fault)
    assert access.patch(CONFIG_MAP, name, {"data": {"value": "1"}}, "default")["data"] == {"value": "1"}
    assert struck() == 1


def test_a_conflict_of_a_patch_that_rests_on_a_version_is_the_caller_s(access, faults, struck):
    version = access.create(CONFIG_MAP, config_map("versioned"), "default")["metadata"]["resourceVersion"]
    faults(fraction=1, code=409, verb="patch", path=MAPS)
    body = {"metadata": {"resourceVersion": version}, "data": {"value": "1"}}
    with pytest.raises(ApiRefusedError) as refusal:
        access.patch(CONFIG_MAP, "versioned", body, "default")
    assert refusal.value.is_conflict
    assert struck() == 1


def test_a_list_whose_next_page_has_expired_is_begun_anew(access, faults, struck, monkeypatch):
    monkeypatch.setattr("netcadence.kube.access._PAGE", "1")
    for name in "abc":
        access.create(CONFIG_MAP, config_map(f"paged-{name}", labels={"test": "paged"}), "default")
    faults(fraction=0.5, seed=seed_of("passes", "struck"), code=410, verb="list", path=MAPS, count=1)
    items, _ = access.list(CONFIG_MAP, "default", selector="test=paged")
    assert [item["metadata"]["name"] for item in items] == ["paged-a", "paged-b", "paged-c"]
    assert struck() == 1


def test_a_list_that_expires_again_and_again_is_given_up(access, faults, struck):
    faults(fraction=1, code=410, verb="list", path=MAPS)
    with pytest.raises(ApiUnavailableError, match="list of configmaps expire before its last page"):
        access.list(CONFIG_MAP, "default")
    assert struck() < 10


def test_a_custom_resource_that_is_not_yet_served_is_waited_for(access, faults, struck):
    faults(fraction=1, code=404, path=REQUEST.path(), count=3)
    assert access.list(REQUEST)[0] == []
    assert struck() == 3


def test_a_custom_resource_that_is_never_served_is_named_with_what_is_missing(access):
    unknown = Resource("example.org", "v1", "things", "Thing")
    with pytest.raises(
        ApiRefusedError, match=r"/apis/example\.org/v1/things .*CustomResourceDefinition"
    ) as refusal:
        access.with_patience(0.3).list(unknown)
    assert refusal.value.is_missing


@pytest.mark.parametrize("path", ["/nowhere", "/apis/nothing.k8s.io/v1/things", "/apis/apps/v1/things"])
def test_what_the_server_itself_does_not_serve_is_not_waited_for(access, faults, struck, path):
    faults(fraction=1, code=404, path=path)
    with pytest.raises(ApiRefusedError) as refusal:
        access.raw(path)
    assert refusal.value.is_missing
    assert struck() == 1


def test_a_missing_object_of_a_custom_resource_is_told_from_one_that_is_not_served(access):
    with pytest.raises(ApiRefusedError, match='"nobody" not found') as refusal:
        access.get(REQUEST, "nobody", "default")
    assert refusal.value.reason == "NotFound"


def test_what_the_server_asks_of_one_caller_it_asks_of_all(access, faults, struck, until):
    faults(fraction=1, code=429, retry_after_s=3, path="/version", count=1)
    busy = threading.Thread(target=access.raw, args=("/version",))
    busy.start()
    until(lambda: struck() == 1)

    def asked_to_wait():
        begun = time.monotonic()
        access.get(NAMESPACE, "default")
        return time.monotonic() - begun > 1

    until(asked_to_wait)  # the answer may not have come yet
    busy.join(20)
    assert not busy.is_alive()


def test_a_call_without_patience_says_that_the_server_wants_to_be_left_alone(faults, cluster):
    own = Access.connect(kubeconfig=cluster.kubeconfig).with_patience(0)
    faults(fraction=1, code=503, retry_after_s=5, path="/version", count=1)
    with pytest.raises(ApiUnavailableError, match="503 ServiceUnavailable"):
        own.raw("/version")
    with pytest.raises(ApiUnavailableError, match=r"wants to be left alone for \d s more"):
        own.raw("/version")
    own.close()


def test_an_object_that_was_there_before_is_not_counted_as_made(access):
    access.create(CONFIG_MAP, config_map("twice"), "default")
    with pytest.raises(ApiRefusedError) as refusal:
        access.create(CONFIG_MAP, config_map("twice"), "default")
    assert refusal.value.is_conflict


def moved(cluster, folder, port):
    """Return a kubeconfig of the cluster that names another port."""
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


def seed_of(*fates):
    """Return a seed with which half of all requests are struck, and the first ones as given."""

    def fates_of(seed):
        chance = random.Random(seed)  # noqa: S311 - nothing secret
        return tuple("struck" if chance.random() < 0.5 else "passes" for _ in fates)

    return next(seed for seed in itertools.count() if fates_of(seed) == fates)


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
