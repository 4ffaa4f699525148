"""What a run has to be allowed to do, asked of the API server before anything is created."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from netcadence.change import Change
from netcadence.errors import PermanentError
from netcadence.kube.access import Access, Object
from netcadence.kube.errors import ApiRefusedError, ApiUnavailableError
from netcadence.kube.resource import (
    ACCESS_REVIEW,
    CRD,
    DEPLOYMENT,
    LEASE,
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    POD,
    REQUEST,
    ROLE,
    ROLE_BINDING,
    RUN,
    SERVICE,
    SERVICE_ACCOUNT,
    UPSTREAM_REQUEST,
    Resource,
)
from netcadence.kube.wire import Wire
from netcadence.kube.worker_deployment import WORKER
from netcadence.scenario import Scenario
from netcadence_worker import clusterloader

#: What a person types who may grant rights.
APPLY: Final = "kubectl apply -k deployments/kubernetes"
#: Likewise, for what runs on the host network need beside that.
APPLY_HOST: Final = "kubectl apply -k deployments/host-network"
#: And for those that drive ClusterLoader2's workers.
APPLY_UPSTREAM: Final = f"{APPLY}, then kubectl apply -k deployments/clusterloader"
_ASKERS: Final = 8
#: Seconds that the first question may take. A server that is not there at all is not waited for as one that
#: is busy in the middle of a run.
_FIRST_ANSWER_S: Final = 5.0
_UNAUTHORIZED: Final = 401


class PermissionMissingError(PermanentError):
    """The identity in use may not do all that a run has to do; nothing was created."""


class ClusterUnusableError(PermanentError):
    """The API server does not answer, or does not know who asks; nothing was created."""


@dataclass(frozen=True, slots=True)
class Permission:
    """One verb on one resource, in the run's namespace where the resource is in one.

    Attributes:
        name: The only object that it is needed for; empty for any.
        namespace: Where it is needed, if not in the run's namespace.
    """

    verb: str
    resource: Resource
    name: str = ""
    namespace: str = ""

    def where(self, namespace: str) -> str:
        """Return the namespace that it is needed in; empty for the whole cluster.

        A namespace counts as being in itself.
        """
        in_one = self.resource.namespaced or self.resource == NAMESPACE
        return (self.namespace or namespace) if in_one else ""


def _permissions(resource: Resource, *verbs: str, names: Iterable[str] = ("",)) -> list[Permission]:
    return [Permission(verb, resource, name) for verb in verbs for name in names]


#: What holding the lease takes, and looking whether its holder lives.
_LEASE: Final = tuple(_permissions(LEASE, "create", "get", "patch", "delete"))
#: What a path over Services takes.
NEEDED_SERVICES: Final = tuple(_permissions(SERVICE, "create", "list"))
#: What a change takes that is seen by probers: a Service is made, removed and made anew.
NEEDED_SERVICE_CHANGES: Final = tuple(_permissions(SERVICE, "delete"))
NEEDED_POLICIES: Final = tuple(_permissions(NETWORK_POLICY, "create", "list"))
#: What every run takes.
_ALWAYS: Final = (
    *_permissions(CRD, "get", names=(f"{REQUEST.plural}.{REQUEST.group}", f"{RUN.plural}.{RUN.group}")),
    *_permissions(NAMESPACE, "get"),
    *_permissions(SERVICE_ACCOUNT, "get", names=(WORKER,)),
    *_permissions(ROLE, "get", names=(WORKER,)),
    *_permissions(ROLE_BINDING, "get", names=(WORKER,)),
    *_permissions(NODE, "list"),
    *_permissions(RUN, "create", "get", "list", "patch", "delete"),
    *_permissions(REQUEST, "create", "list", "watch"),
    *_permissions(DEPLOYMENT, "create", "list", "delete"),
    *_permissions(POD, "list", "watch"),
    *_LEASE,
)
#: Exactly what `deployments/kubernetes/orchestrator.yaml` grants.
NEEDED: Final = (*_ALWAYS, *NEEDED_SERVICES, *NEEDED_SERVICE_CHANGES, *NEEDED_POLICIES)
#: What a run needs that speaks ClusterLoader2's wire, in the namespace that this wire is bound to.
NEEDED_UPSTREAM: Final = (
    *_permissions(CRD, "get", names=(f"{UPSTREAM_REQUEST.plural}.{UPSTREAM_REQUEST.group}",)),
    *_permissions(NAMESPACE, "get"),
    *_permissions(ROLE, "get", names=(clusterloader.ROLE,)),
    *_permissions(ROLE_BINDING, "get", names=(clusterloader.ROLE,)),
    *_permissions(NODE, "list"),
    *_permissions(UPSTREAM_REQUEST, "create", "list", "watch"),
    *_permissions(DEPLOYMENT, "create", "list", "delete"),
    *_permissions(POD, "list", "watch"),
    *_LEASE,
)


def needed(wire: Wire, lease_namespace: str, scenario: Scenario) -> tuple[Permission, ...]:
    """Return what a run has to be allowed to do that speaks `wire`, and holds the lease of a namespace."""
    wanted = _ALWAYS if RUN in wire.resources else NEEDED_UPSTREAM
    if scenario.path.has_service:
        wanted = (*wanted, *NEEDED_SERVICES)
    if scenario.change is Change.SERVICE:
        wanted = (*wanted, *NEEDED_SERVICE_CHANGES)
    elif scenario.change:
        wanted = (*wanted, *NEEDED_POLICIES)
    return tuple(
        replace(each, namespace=lease_namespace) if each.resource == LEASE else each for each in wanted
    )


def require(
    access: Access, namespace: str, permissions: Iterable[Permission] = NEEDED, *, apply: str = APPLY
) -> None:
    """Ask for every permission at once.

    Args:
        apply: What to type for those that are missing.

    Raises:
        PermissionMissingError: Some are missing; the text names verbs, resources and namespace, and how to
            get them.
        ClusterUnusableError: Nobody answers, or the identity is not known.
    """
    wanted = list(permissions)
    _meet(access)
    with ThreadPoolExecutor(max_workers=_ASKERS, thread_name_prefix="permissions") as askers:
        granted = list(askers.map(lambda each: _is_granted(access, namespace, each), wanted))
    missing = [each for each, is_granted in zip(wanted, granted, strict=True) if not is_granted]
    if missing:
        raise PermissionMissingError(
            f"The identity in use on cluster {access.cluster} may not {_listed(missing, namespace)}; "
            f"have it granted by someone who may ({apply}), or use another context. Nothing was created."
        )


def _meet(access: Access) -> None:
    try:
        access.with_patience(_FIRST_ANSWER_S).create(
            ACCESS_REVIEW, _review({"verb": "get", "resource": "pods"})
        )
    except ApiUnavailableError as error:
        raise ClusterUnusableError(
            f"{error}. Is the cluster up, and its address in the kubeconfig right? Nothing was created."
        ) from error
    except ApiRefusedError as error:
        if error.code != _UNAUTHORIZED:
            raise
        raise ClusterUnusableError(
            f"Cluster {access.cluster} does not know the identity in use (401 Unauthorized): its token or "
            "certificate is wrong or has expired; log in again, or use another context. Nothing was created."
        ) from error


def _review(attributes: dict[str, str]) -> Object:
    return {
        "apiVersion": ACCESS_REVIEW.api_version,
        "kind": ACCESS_REVIEW.kind,
        "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }


def _is_granted(access: Access, namespace: str, permission: Permission) -> bool:
    attributes = {
        "verb": permission.verb,
        "group": permission.resource.group,
        "resource": permission.resource.plural,
        "namespace": permission.where(namespace),
        "name": permission.name or (namespace if permission.resource == NAMESPACE else ""),
    }
    return bool(access.create(ACCESS_REVIEW, _review(attributes))["status"]["allowed"])


def _listed(missing: Iterable[Permission], namespace: str) -> str:
    """Return "create, patch networktestruns.netcadence.io in namespace x, and list nodes"."""
    verbs: dict[str, list[str]] = {}
    for each in missing:
        resource = each.resource.qualified
        place = f" in namespace {namespace}" if each.where(namespace) else " in the cluster"
        known = verbs.setdefault(resource + place, [])
        if each.verb not in known:
            known.append(each.verb)
    *first, last = [f"{', '.join(each)} {what}" for what, each in verbs.items()]
    return f"{'; '.join(first)}; or {last}" if first else last
