"""Removing what a daemon left behind: processes, namespaces, files. Whatever is gone already is no error."""

from __future__ import annotations

import shutil

from netcadence.embedded.network.addresses import Slot, claim_slot
from netcadence.embedded.network.namespaces import namespaces_of, remove_leftovers, slots_in_sight
from netcadence.embedded.processes import carries, is_in_namespace, sweep
from netcadence.embedded.state import ClusterState


def remove(state: ClusterState) -> None:
    """Remove everything of a cluster whose daemon is no more, and networks that no cluster holds."""
    for process in state.process_identities():
        process.kill()
    uids = [path.name for path in state.pods.glob("*")]
    if uids:
        sweep(lambda pid: any(carries(pid, uid) for uid in uids))
    shutil.rmtree(state.directory, ignore_errors=True)
    for slot in slots_in_sight():
        if claim := claim_slot(slot.number):  # nobody holds it, so that all of it is left over
            empty_namespaces(slot)
            remove_leftovers(slot)
            claim.release()


def empty_namespaces(slot: Slot) -> None:
    """End every process in the namespaces of a slot that nobody else holds."""
    inodes = frozenset(path.stat().st_ino for path in namespaces_of(slot))
    if inodes:
        sweep(lambda pid: is_in_namespace(pid, inodes))
