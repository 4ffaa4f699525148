"""What tests of several folders look at: conditions that come true, processes, network namespaces."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import sys
import time
from pathlib import Path

import hypothesis
import pytest
import yaml

from netcadence.embedded.network.addresses import BLOCK, PREFIX, Slot, claim_slot
from netcadence.embedded.network.namespaces import namespaces_of
from netcadence.kube.access import Access
from netcadence.kube.resource import CRD, NAMESPACE, NODE, ROLE, ROLE_BINDING, SERVICE_ACCOUNT, Resource
from tests import parts
from tests.pages.chromium import Browser
from tests.rooms import Roll, RoomScheduling

# Programs beside the interpreter, such as fortio, are found as by the worker of an embedded cluster.
os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)))

NAMESPACES = Path("/run/netns")
MANIFESTS = Path(__file__).resolve().parents[1] / "deployments" / "kubernetes"
_RBAC = "rbac.authorization.k8s.io"
_CLUSTER_ROLE = Resource(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False)
_CLUSTER_BINDING = Resource(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
KINDS = {
    each.kind: each
    for each in (CRD, NAMESPACE, SERVICE_ACCOUNT, ROLE, ROLE_BINDING, _CLUSTER_ROLE, _CLUSTER_BINDING)
}


def pytest_addoption(parser):
    parts.pytest_addoption(parser)


def pytest_configure(config):
    parts.pytest_configure(config)
    # How long an example takes says more about the machine's other work than about what is tested.
    hypothesis.settings.register_profile("quick", deadline=None, max_examples=50)
    hypothesis.settings.register_profile("thorough", deadline=None, max_examples=2_000)
    hypothesis.settings.load_profile(config.getoption("--hypothesis-profile", None) or "quick")
    if not hasattr(config, "workerinput"):  # the one process that sees all outcomes
        config.pluginmanager.register(Roll(), "roll")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return RoomScheduling(config, log)


@pytest.fixture(scope="session")
def patience_s():
    """Seconds that `until` waits where it is not told; a folder may have its own."""
    return 30.0


@pytest.fixture(scope="session")
def until(patience_s):
    """Return what returns a condition's result once it is true, and fails the test after a deadline."""

    def until(condition, deadline_s=patience_s):
        end = time.monotonic() + deadline_s
        while not (found := condition()):
            assert time.monotonic() < end, f"{condition.__name__} did not come true within {deadline_s} s"
            time.sleep(0.02)
        return found

    return until


def pids_that_speak_of(text, where):
    """Return the processes that have a text in one of their files in /proc, this one left out."""
    found = []
    for path in Path("/proc").glob(f"[0-9]*/{where}"):
        try:
            speaks = str(text).encode() in path.read_bytes()
        except OSError:
            continue
        if speaks and path.parent.name != str(os.getpid()):
            found.append(int(path.parent.name))
    return found


@pytest.fixture(scope="session")
def processes_of():
    """Return what lists the processes whose environment speaks of a folder, or that are in it.

    A cluster's all do; a fork's environment is shown as that of what it is forked from.
    """

    def is_in(pid, folder):
        try:
            return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(folder)
        except OSError:
            return False

    def processes_of(folder):
        others = (int(path.name) for path in Path("/proc").glob("[0-9]*") if path.name != str(os.getpid()))
        within = {pid for pid in others if is_in(pid, folder)}
        return sorted(within.union(pids_that_speak_of(folder, "environ")))

    return processes_of


@pytest.fixture(scope="session")
def processes_with():
    """Return what lists the processes that have a text in their command line."""
    return lambda text: pids_that_speak_of(text, "cmdline")


@pytest.fixture(scope="session")
def networks_of():
    """Return what lists a cluster's network namespaces by name and inode; none where pods share loopback."""

    def networks_of(cluster):
        if cluster.network != "namespaces":
            return set()
        with contextlib.closing(Access.connect(kubeconfig=cluster.kubeconfig)) as access:
            address = access.list(NODE)[0][0]["status"]["addresses"][0]["address"]
        number = (int(ipaddress.ip_address(address)) - int(BLOCK[0])) >> (32 - PREFIX)
        return {(path.name, path.stat().st_ino) for path in namespaces_of(Slot(number))}

    return networks_of


@pytest.fixture(scope="session")
def networks_left():
    """Return what picks those network namespaces, given by name and inode, that are still there.

    The kernel gives out inodes again, also to the cluster that has the same slot next, and names with it.
    """

    def is_anothers(name):
        claim = claim_slot(int(name.split("-")[1]))
        if claim:
            claim.release()
        return claim is None

    def networks_left(namespaces):
        found = set()
        for path in NAMESPACES.glob("nc-*"):
            with contextlib.suppress(FileNotFoundError):  # another cluster's, removed right now
                found.add((path.name, path.stat().st_ino))
        return {each for each in namespaces & found if not is_anothers(each[0])}

    return networks_left


@pytest.fixture(scope="session")
def manifests_applied():
    """Return what puts all that `kubectl apply -k` of a folder does into a cluster."""

    def manifests_applied(access, folder=MANIFESTS):
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
        namespace = kustomization["namespace"]
        for file in kustomization["resources"]:
            for body in yaml.safe_load_all((folder / file).read_text()):
                resource = KINDS[body["kind"]]
                for subject in body.get("subjects", ()):
                    subject.setdefault("namespace", namespace)
                access.create(resource, body, namespace if resource.namespaced else None)
        return namespace

    return manifests_applied


@pytest.fixture(scope="session")
def kubeconfig_of(tmp_path_factory):
    """Return what makes a kubeconfig with a token that the API server issues for a service account."""

    def kubeconfig_of(cluster, namespace, account):
        config = yaml.safe_load(cluster.kubeconfig.read_text())
        with contextlib.closing(Access.connect(kubeconfig=cluster.kubeconfig)) as access:
            token = access.create(
                Resource("", "v1", f"serviceaccounts/{account}/token", "TokenRequest"),
                {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
                namespace,
            )["status"]["token"]
        config["users"][0]["user"] = {"token": token}
        file = tmp_path_factory.mktemp(account) / "kubeconfig"
        file.write_text(yaml.safe_dump(config))
        return file

    return kubeconfig_of


@pytest.fixture(scope="session")
def granted():
    """Return what reads a manifest's rights: verb, qualified resource, whether in a namespace, name."""

    def granted(file):
        return {
            (verb, f"{resource}.{group}" if group else resource, body["kind"] == "Role", name)
            for body in yaml.safe_load_all((MANIFESTS / file).read_text())
            for rule in body.get("rules", ())
            for verb in rule["verbs"]
            for resource in rule["resources"]
            for group in rule["apiGroups"]
            for name in rule.get("resourceNames", [""])
        }

    return granted


@pytest.fixture(scope="session")
def uses_of():
    """Return what lists the rights that an account has used on a cluster, as `granted` those of a manifest.

    What every cluster lets everybody ask about oneself is left out.
    """

    def uses_of(cluster, namespace, account):
        with contextlib.closing(Access.connect(kubeconfig=cluster.kubeconfig)) as access:
            uses = access.raw("/embedded/v1/uses")["uses"]
        user = f"system:serviceaccount:{namespace}:{account}"
        return {
            (each["verb"], f"{each['resource']}.{each['group']}".rstrip("."), bool(each["namespace"]))
            for each in uses
            if each["user"] == user and each["group"] != "authorization.k8s.io"
        }

    return uses_of


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A browser, for what is to be looked at."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    opened = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()
