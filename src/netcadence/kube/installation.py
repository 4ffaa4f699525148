"""What has to be in a cluster before workers can run: the resource definitions, a namespace, a role.

The objects are the YAML files that people apply with kubectl. Where they are there already, nothing is
touched, so that someone with the rights can install them once and a run needs no such rights.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import yaml

from netcadence.errors import PermanentError
from netcadence.kube.access import Access, Object
from netcadence.kube.errors import ApiRefusedError, ApiUnavailableError
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

_BY_KIND: Final = {
    resource.kind: resource for resource in (CRD, NAMESPACE, ROLE, ROLE_BINDING, SERVICE_ACCOUNT)
}
_SERVED_WITHIN_S: Final = 30.0
_PAUSE_S: Final = 0.05


class InstallationError(PermanentError):
    """The cluster lacks something that a run needs, and we may not or could not add it."""


def install(
    access: Access, namespace: str, manifests: Path, *, resources: Iterable[Resource] = (REQUEST, RUN)
) -> None:
    """Make sure of the custom resources, the namespace and the workers' role.

    Args:
        manifests: Folder with `crd/*.yaml` and `worker-rbac.yaml`.
        resources: What they define, to be waited for.

    Raises:
        InstallationError: Something is missing and may not be created, or is not served in time.
    """
    definitions = list(_documents(sorted((manifests / "crd").glob("*.yaml"))))
    for definition in definitions:
        _ensure(access, CRD, definition, None)
    _ensure(
        access, NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, None
    )
    _wait_usable(access, namespace)
    for body in _documents([manifests / "worker-rbac.yaml"]):
        _ensure(access, _BY_KIND[body["kind"]], _placed(body, namespace), namespace)
    for resource in resources:
        _wait_served(access, resource, namespace)


def _documents(files: Iterable[Path]) -> Iterable[Object]:
    for file in files:
        yield from (document for document in yaml.safe_load_all(file.read_text()) if document)


def _placed(body: Object, namespace: str) -> Object:
    """Name the namespace where a binding's subjects need it."""
    subjects = [{**subject, "namespace": namespace} for subject in body.get("subjects", [])]
    return {**body, **({"subjects": subjects} if subjects else {})}


def _ensure(access: Access, resource: Resource, body: Object, namespace: str | None) -> None:
    name = body["metadata"]["name"]
    try:
        access.get(resource, name, namespace)
    except ApiRefusedError as error:
        if not error.is_missing:
            raise
    else:
        return
    try:
        access.create(resource, body, namespace)
    except ApiRefusedError as error:
        if error.reason != "AlreadyExists":
            raise InstallationError(
                f"{resource.kind} {name} is missing and could not be created: {error}. "
                "Have it installed by someone who may: kubectl apply -R -f deployments/kubernetes"
            ) from error


def _wait_usable(access: Access, namespace: str) -> None:
    """Refuse a namespace that is on its way out: nothing can be created in it."""
    if access.get(NAMESPACE, namespace).get("status", {}).get("phase") == "Terminating":
        raise InstallationError(
            f"Namespace {namespace} is being deleted; wait until it is gone, or name another with --namespace"
        )


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
