"""Owner references: who made an object, and what an object made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcadence.embedded.api.store import Object, Store


def controller_of(obj: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the reference to the object that controls this one, if one does."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def controller_reference(owner: Mapping[str, Any]) -> Object:
    """Return the reference that makes an object the controller of another."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controlled_by(store: Store, resource: str, owner: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the objects of a resource that an object controls, to be read only."""
    uid = owner["metadata"]["uid"]
    return [
        each
        for each in store.view(resource, owner["metadata"]["namespace"])
        if (controller := controller_of(each)) is not None and controller["uid"] == uid
    ]
