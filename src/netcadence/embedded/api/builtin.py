"""The resources that are there without being defined."""

from __future__ import annotations

from typing import Final

from netcadence.embedded.api import defaults, network_policy, service_rules, validation
from netcadence.embedded.api.resources import ResourceType
from netcadence.embedded.api.structural import definition_causes

_STATUS: Final = frozenset({"status"})
_SCALED: Final = frozenset({"status", "scale"})
_RBAC: Final = "rbac.authorization.k8s.io"

BUILTIN: Final = (
    ResourceType(
        "",
        "v1",
        "namespaces",
        "Namespace",
        namespaced=False,
        short_names=("ns",),
        subresources=_STATUS | {"finalize"},
        name_rule="label",
        default=defaults.namespace,
        verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
    ),
    ResourceType(
        "",
        "v1",
        "nodes",
        "Node",
        namespaced=False,
        short_names=("no",),
        subresources=_STATUS,
        status_on_create=True,
    ),
    ResourceType(
        "",
        "v1",
        "pods",
        "Pod",
        short_names=("po",),
        categories=("all",),
        subresources=_STATUS | {"log", "binding", "eviction", "exec", "attach", "portforward"},
        graceful=True,
        returns_deleted=True,
        has_generation=True,
        default=defaults.pod,
        validate=validation.pod,
    ),
    ResourceType("", "v1", "events", "Event", short_names=("ev",), validate=validation.event),
    ResourceType("", "v1", "configmaps", "ConfigMap", short_names=("cm",)),
    ResourceType("", "v1", "secrets", "Secret", default=defaults.secret),
    ResourceType(
        "",
        "v1",
        "serviceaccounts",
        "ServiceAccount",
        short_names=("sa",),
        subresources=frozenset({"token"}),
        returns_deleted=True,
    ),
    ResourceType(
        "",
        "v1",
        "services",
        "Service",
        short_names=("svc",),
        categories=("all",),
        subresources=_STATUS,
        name_rule="label1035",
        returns_deleted=True,
        default=service_rules.default_service,
        validate=service_rules.service,
    ),
    ResourceType(
        "",
        "v1",
        "resourcequotas",
        "ResourceQuota",
        short_names=("quota",),
        subresources=_STATUS,
        returns_deleted=True,
    ),
    ResourceType("", "v1", "endpoints", "Endpoints", short_names=("ep",)),
    ResourceType(
        "apps",
        "v1",
        "deployments",
        "Deployment",
        short_names=("deploy",),
        categories=("all",),
        subresources=_SCALED,
        has_generation=True,
        default=defaults.deployment,
        validate=validation.deployment,
    ),
    ResourceType(
        "apps",
        "v1",
        "replicasets",
        "ReplicaSet",
        short_names=("rs",),
        categories=("all",),
        subresources=_SCALED,
        has_generation=True,
        default=defaults.replica_set,
        validate=validation.workload,
    ),
    ResourceType("coordination.k8s.io", "v1", "leases", "Lease", validate=validation.lease),
    ResourceType(
        "scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False, short_names=("pc",)
    ),
    ResourceType(
        "discovery.k8s.io",
        "v1",
        "endpointslices",
        "EndpointSlice",
        default=service_rules.default_slice,
        validate=service_rules.endpoint_slice,
    ),
    ResourceType(
        "networking.k8s.io",
        "v1",
        "networkpolicies",
        "NetworkPolicy",
        short_names=("netpol",),
        has_generation=True,
        default=network_policy.complete,
        validate=network_policy.causes,
        fields=network_policy.FIELDS,
    ),
    ResourceType(_RBAC, "v1", "roles", "Role", name_rule="path"),
    ResourceType(
        _RBAC, "v1", "rolebindings", "RoleBinding", name_rule="path", validate=validation.role_binding
    ),
    ResourceType(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False, name_rule="path"),
    ResourceType(
        _RBAC,
        "v1",
        "clusterrolebindings",
        "ClusterRoleBinding",
        namespaced=False,
        name_rule="path",
        validate=validation.role_binding,
    ),
    ResourceType(
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        subresources=_STATUS,
        has_generation=True,
        default=defaults.custom_resource_definition,
        validate=definition_causes,
    ),
)
