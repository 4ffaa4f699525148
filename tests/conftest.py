"""What tests of several folders look at: conditions that come true, processes, network namespaces."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import time
from pathlib import Path

import pytest

from netcadence.embedded.network.addresses import BLOCK, PREFIX, Slot
from netcadence.embedded.network.namespaces import namespaces_of
from netcadence.kube.access import Access
from netcadence.kube.resource import NODE

NAMESPACES = Path("/run/netns")


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
    """Return what lists the processes whose environment speaks of a folder, as a cluster's all do."""
    return lambda folder: pids_that_speak_of(folder, "environ")


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
    """Return what picks those network namespaces, given by name and inode, that are still there."""

    def networks_left(namespaces):
        found = set()
        for path in NAMESPACES.glob("nc-*"):
            with contextlib.suppress(FileNotFoundError):  # another cluster's, removed right now
                found.add((path.name, path.stat().st_ino))
        return namespaces & found

    return networks_left
