"""Role-based access control: who may do what, as the roles and bindings in the store say.

The rules are those of Kubernetes: all is forbidden but what some role grants, bindings give roles to users,
groups and service accounts, and a RoleBinding gives a role within its own namespace only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.access import ADMINISTRATORS, EVERYBODY, service_account_user

if TYPE_CHECKING:
    from netcadence.embedded.api.access import Identity
    from netcadence.embedded.api.store import Store
    from netcadence.embedded.api.target import Attributes

Rule = Mapping[str, Any]

_GROUP: Final = "rbac.authorization.k8s.io"
_ROLES: Final = {"Role": f"roles.{_GROUP}", "ClusterRole": f"clusterroles.{_GROUP}"}
_BINDINGS: Final = f"rolebindings.{_GROUP}"
_CLUSTER_BINDINGS: Final = f"clusterrolebindings.{_GROUP}"
_ANY: Final = "*"

#: Where everybody who is known may look around.
_DISCOVERY: Final = (
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
    "/version/",
)
#: The roles that every Kubernetes cluster has, and the groups that they are bound to.
_ROLES_OF_EVERY_CLUSTER: Final[Mapping[str, tuple[str, tuple[Rule, ...]]]] = {
    "cluster-admin": (
        ADMINISTRATORS,
        (
            {"apiGroups": [_ANY], "resources": [_ANY], "verbs": [_ANY]},
            {"nonResourceURLs": [_ANY], "verbs": [_ANY]},
        ),
    ),
    "system:discovery": (EVERYBODY, ({"nonResourceURLs": list(_DISCOVERY), "verbs": ["get"]},)),
    "system:basic-user": (
        EVERYBODY,
        (
            {
                "apiGroups": ["authorization.k8s.io"],
                "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
                "verbs": ["create"],
            },
            {
                "apiGroups": ["authentication.k8s.io"],
                "resources": ["selfsubjectreviews"],
                "verbs": ["create"],
            },
        ),
    ),
}


def grant_what_every_cluster_grants(store: Store) -> None:
    """Put the roles of every cluster into a new store, and bind them to those who have them everywhere."""
    for name, (group, rules) in _ROLES_OF_EVERY_CLUSTER.items():
        store.create(_ROLES["ClusterRole"], {"metadata": {"name": name}, "rules": list(rules)})
        reference = {"apiGroup": _GROUP, "kind": "ClusterRole", "name": name}
        subjects = [{"apiGroup": _GROUP, "kind": "Group", "name": group}]
        binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": subjects}
        store.create(_CLUSTER_BINDINGS, binding)


class RoleAuthorizer:
    """Decides by the roles in a store, as they are at that moment; administrators may do everything."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def authorize(self, identity: Identity, attributes: Attributes) -> bool:
        """Tell whether some rule grants the request."""
        if identity.is_admin:
            return True
        covers = _covers_path if attributes.path else _covers_resource
        return any(covers(rule, attributes) for rule in self.rules(identity, attributes.namespace))

    def rules(self, identity: Identity, namespace: str | None) -> Iterator[Rule]:
        """Return what an identity is granted in a namespace (None: at the cluster scope only)."""
        if identity.is_admin:
            yield {"apiGroups": [_ANY], "resources": [_ANY], "verbs": [_ANY]}
            yield {"nonResourceURLs": [_ANY], "verbs": [_ANY]}
            return
        bindings = list(self._store.view(_CLUSTER_BINDINGS))
        if namespace:
            bindings += self._store.view(_BINDINGS, namespace)
        for binding in bindings:
            where = binding["metadata"].get("namespace", "")
            if any(_means(subject, identity, where) for subject in binding.get("subjects") or ()):
                yield from self._rules_of(binding["roleRef"], where or None)

    def _rules_of(self, reference: Mapping[str, Any], namespace: str | None) -> Iterator[Rule]:
        kind, name = reference.get("kind"), reference.get("name")
        if kind not in _ROLES or (kind == "Role" and namespace is None):
            return
        where = namespace if kind == "Role" else None
        for role in self._store.view(_ROLES[kind], where):
            if role["metadata"]["name"] == name:
                yield from role.get("rules") or ()


def _means(subject: Mapping[str, Any], identity: Identity, binding_namespace: str) -> bool:
    kind, name = subject.get("kind"), subject.get("name", "")
    if kind == "ServiceAccount":
        return identity.name == service_account_user(subject.get("namespace") or binding_namespace, name)
    return name == identity.name if kind == "User" else kind == "Group" and name in identity.groups


def _covers_resource(rule: Rule, asked: Attributes) -> bool:
    plural, _, group = asked.resource.partition(".")
    resource = f"{plural}/{asked.subresource}" if asked.subresource else plural
    resources = rule.get("resources") or ()
    names = rule.get("resourceNames") or ()
    return (
        _has(rule, "verbs", asked.verb)
        and _has(rule, "apiGroups", group)
        and (_ANY in resources or resource in resources or f"{_ANY}/{asked.subresource}" in resources)
        and (not names or asked.name in names)
    )


def _covers_path(rule: Rule, asked: Attributes) -> bool:
    paths = rule.get("nonResourceURLs") or ()
    return _has(rule, "verbs", asked.verb) and any(_fits(pattern, asked.path) for pattern in paths)


def _has(rule: Rule, field: str, wanted: str) -> bool:
    values = rule.get(field) or ()
    return _ANY in values or wanted in values


def _fits(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith(_ANY) else path == pattern
