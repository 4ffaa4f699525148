"""What has to be in a cluster before workers can run: the resource definitions, a namespace, a role.

The objects are the YAML files that people apply with kubectl. All is looked at before anything is made, and
what is there already is not touched: someone with the rights installs once, and a run then only looks.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from netcadence.errors import PermanentError
from netcadence.kube import permissions
from netcadence.kube.access import Access, Object
from netcadence.kube.errors import ApiRefusedError, ApiUnavailableError
from netcadence.kube.permissions import APPLY, Permission
from netcadence.kube.resource import (
    CRD,
    NAMESPACE,
    REQUEST,
    ROLE,
    ROLE_BINDING,
    RUN,
    SERVICE_ACCOUNT,
    Resource,
)

_NAMESPACE_FILE: Final = "namespace.yaml"
_FILES: Final = ("crd/*.yaml", _NAMESPACE_FILE, "worker.yaml")
_BY_KIND: Final = {
    resource.kind: resource for resource in (CRD, NAMESPACE, ROLE, ROLE_BINDING, SERVICE_ACCOUNT)
}
#: The label by which a namespace says what its pods may be, and the level that keeps none out.
_ENFORCED: Final = "pod-security.kubernetes.io/enforce"
_OPEN: Final = "privileged"
_SERVED_WITHIN_S: Final = 30.0
#: libyaml's where it is there: the definitions are long, and Python's takes a fifth of a second for them.
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PAUSE_S: Final = 0.05


class InstallationError(PermanentError):
    """The cluster lacks something that a run needs, or has it in another shape; nothing was changed."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One object of the installation."""

    resource: Resource
    body: Object
    namespace: str | None

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])


def install(
    access: Access,
    namespace: str,
    manifests: Path,
    *,
    resources: Iterable[Resource] = (REQUEST, RUN),
    on_host: bool = False,
) -> None:
    """Make sure of the custom resources, the namespace and the workers' role.

    Args:
        manifests: Folder with `crd/*.yaml`, `namespace.yaml` and `worker.yaml`.
        resources: What they define, to be waited for.
        on_host: Whether the namespace has to allow pods in their nodes' own network: another
            `namespace.yaml` makes one that does, that of the folder `host-network` beside `manifests`.

    Raises:
        InstallationError: A resource is defined in another shape, the namespace is being deleted, or a new
            definition is not served in time.
        PermissionMissingError: Something is missing, and may not be created.
    """
    parts = [*_parts(manifests, namespace, _FILES)]
    if on_host:
        host = _parts(manifests.parent / "host-network", namespace, [_NAMESPACE_FILE])
        parts = [*(part for part in parts if part.resource != NAMESPACE), *host]
        parts.sort(key=lambda part: part.resource != NAMESPACE)
        _require_open(access, namespace)
    _put(access, namespace, parts, apply=permissions.APPLY_HOST if on_host else APPLY)
    for resource in resources:
        _wait_served(access, resource, namespace)


def ensure_namespace(access: Access, namespace: str, manifests: Path) -> None:
    """Make sure of one namespace alone, such as that of the lease.

    Args:
        manifests: Folder with `namespace.yaml`.

    Raises:
        InstallationError: It is being deleted.
        PermissionMissingError: It is missing, and may not be created.
    """
    _put(access, namespace, _parts(manifests, namespace, [_NAMESPACE_FILE]))


def _require_open(access: Access, namespace: str) -> None:
    """Refuse a namespace whose Pod Security level keeps pods out of their nodes' own network."""
    found = access.find(NAMESPACE, namespace)
    level = found["metadata"].get("labels", {}).get(_ENFORCED, _OPEN) if found else _OPEN
    if level != _OPEN:
        raise InstallationError(
            f"Namespace {namespace} enforces the Pod Security level {level}, which keeps pods out of their "
            f"nodes' own network; leave --namespace out, for {permissions.APPLY_HOST} makes one that does not"
        )


def _put(access: Access, namespace: str, parts: Iterable[_Part], *, apply: str = APPLY) -> None:
    """Create what is missing, once all is looked at and may be created."""
    missing = [part for part in parts if not _is_there(access, part)]
    if missing:
        permissions.require(
            access, namespace, {Permission("create", part.resource): None for part in missing}, apply=apply
        )
    for part in missing:
        _create(access, part)


def _parts(manifests: Path, namespace: str, patterns: Iterable[str]) -> Iterator[_Part]:
    for pattern in patterns:
        for file in sorted(manifests.glob(pattern)):
            for body in _documents(file, file.stat().st_mtime_ns):
                resource = _BY_KIND[body["kind"]]
                yield _Part(resource, _placed(body, namespace), namespace if resource.namespaced else None)


@functools.cache
def _documents(file: Path, changed_ns: int) -> tuple[Object, ...]:  # noqa: ARG001 - a changed file is another
    """Return what a file holds, to be read only: for several runs of a process it is parsed once."""
    return tuple(document for document in yaml.load_all(file.read_text(), Loader=_Loader) if document)


def _placed(body: Object, namespace: str) -> Object:
    """Name the namespace where the object is one, or where a binding's subjects need it."""
    if body["kind"] == NAMESPACE.kind:
        return {**body, "metadata": {**body["metadata"], "name": namespace}}
    subjects = [{**subject, "namespace": namespace} for subject in body.get("subjects", [])]
    return {**body, **({"subjects": subjects} if subjects else {})}


def _is_there(access: Access, part: _Part) -> bool:
    """Tell whether a part is in the cluster already.

    Raises:
        InstallationError: It is there, and no run can use it.
    """
    found = access.find(part.resource, part.name, part.namespace)
    if found is None:
        return False
    if part.resource == NAMESPACE and found.get("status", {}).get("phase") == "Terminating":
        raise InstallationError(
            f"Namespace {part.name} is being deleted; wait until it is gone, or name another with --namespace"
        )
    if part.resource == CRD:
        _require_shape(found, part)
    return True


def _require_shape(found: Object, part: _Part) -> None:
    """Refuse a definition whose objects would not be ours: the server would drop or refuse what we write."""
    if "deletionTimestamp" in found["metadata"]:
        raise InstallationError(
            f"CustomResourceDefinition {part.name} is being deleted; wait until it is gone"
        )
    difference = _difference(_shape(part.body), _shape(found))
    if difference is not None:
        raise InstallationError(
            f"CustomResourceDefinition {part.name} is installed in another shape than this version of "
            f"netcadence needs: {difference} differs; have ours applied ({APPLY}), which changes it for all "
            "who use it"
        )


def _shape(definition: Object) -> Object:
    """Return what decides which objects a definition takes, and where they are served."""
    spec = definition["spec"]
    versions = {
        version["name"]: {
            "schema": version.get("schema", {}).get("openAPIV3Schema", {}),
            "subresources": version.get("subresources", {}),
        }
        for version in spec["versions"]
        if version["served"]
    }
    names = {key: spec["names"][key] for key in ("kind", "plural")}
    return {
        "scope": spec["scope"],
        "names": names,
        "versions": {REQUEST.version: versions.get(REQUEST.version)},
    }


def _difference(ours: Any, theirs: Any, where: str = "spec") -> str | None:
    """Return the path of the first difference; words of description make none."""
    if not (isinstance(ours, dict) and isinstance(theirs, dict)):
        return None if ours == theirs else where
    for key in sorted(ours.keys() | theirs.keys()):
        if key == "description" and not isinstance(ours.get(key, theirs.get(key)), dict):
            continue
        below = f"{where}.{key}"
        if (key in ours) != (key in theirs):
            return below
        if found := _difference(ours[key], theirs[key], below):
            return found
    return None


def _create(access: Access, part: _Part) -> None:
    try:
        access.create(part.resource, part.body, part.namespace)
    except ApiRefusedError as error:
        if error.reason != "AlreadyExists":
            raise InstallationError(
                f"{part.resource.kind} {part.name} is missing and could not be created: {error}. "
                f"Have it installed by someone who may: {APPLY}"
            ) from error


def _wait_served(access: Access, resource: Resource, namespace: str) -> None:
    """Wait until a new definition's objects can be listed: at first the server answers 404 or 429."""
    until = time.monotonic() + _SERVED_WITHIN_S
    while True:
        try:
            access.list(resource, namespace)
        except (ApiRefusedError, ApiUnavailableError) as error:
            missing = isinstance(error, ApiUnavailableError) or error.is_missing
            if not missing or time.monotonic() > until:
                raise InstallationError(f"{resource.plural} cannot be listed: {error}") from error
            time.sleep(_PAUSE_S)
        else:
            return
