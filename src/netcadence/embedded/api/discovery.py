"""What is served here, for clients that ask before they act."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from starlette.responses import PlainTextResponse

from netcadence.embedded.api.bodies import answer, unknown_path
from netcadence.embedded.api.resources import ResourceType
from netcadence.embedded.api.reviews import REVIEWS
from netcadence.embedded.api.service import service_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from netcadence.embedded.api.status import Object

#: The API that this one answers like.
VERSION: Final = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0-netcadence",
    "gitTreeState": "clean",
    "platform": "linux/amd64",
}
_AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_REVIEW_TYPES: Final = tuple(
    ResourceType(group, "v1", plural, kind, namespaced=False, verbs=("create",))
    for group, plural, kind in REVIEWS
)
#: Kind, group and version of subresources that are not of their resource's own kind; and their verbs.
_SUBRESOURCE_KINDS: Final = {
    "scale": ("Scale", "autoscaling", "v1", ("get", "patch", "update")),
    "log": ("Pod", "", "v1", ("get",)),
    "binding": ("Binding", "", "v1", ("create",)),
    "eviction": ("Eviction", "policy", "v1", ("create",)),
    "token": ("TokenRequest", "authentication.k8s.io", "v1", ("create",)),
    "finalize": ("Namespace", "", "v1", ("update",)),
}
_REFUSED: Final = frozenset({"exec", "attach", "portforward"})


def groups(types: Mapping[str, ResourceType]) -> dict[tuple[str, str], list[ResourceType]]:
    """Return the resources of each group and version."""
    found: defaultdict[tuple[str, str], list[ResourceType]] = defaultdict(list)
    for each in (*types.values(), *_REVIEW_TYPES):
        found[each.group, each.version].append(each)
    return dict(found)


async def version(request: Request) -> Response:
    del request
    return answer(VERSION)


async def healthy(request: Request) -> Response:
    del request
    return PlainTextResponse("ok")


async def core_versions(request: Request) -> Response:
    """Answer `/api`."""
    if _wants_aggregated(request):
        return _aggregated(request, core=True)
    return answer({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})


async def group_list(request: Request) -> Response:
    """Answer `/apis`."""
    if _wants_aggregated(request):
        return _aggregated(request, core=False)
    found = sorted({group for group, _ in groups(service_of(request).store.types) if group})
    listed = [_group(request, each) for each in found]
    return answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": listed})


async def one_group(request: Request) -> Response:
    """Answer `/apis/<group>`."""
    group = request.path_params["group"]
    if group not in {each for each, _ in groups(service_of(request).store.types)}:
        return unknown_path()
    return answer({"kind": "APIGroup", "apiVersion": "v1", **_group(request, group)})


def _group(request: Request, group: str) -> Object:
    versions = [
        {"groupVersion": f"{group}/{each}", "version": each}
        for name, each in groups(service_of(request).store.types)
        if name == group
    ]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


async def resource_list(request: Request) -> Response:
    """Answer `/api/v1` and `/apis/<group>/<version>`."""
    group, version_ = request.path_params.get("group", ""), request.path_params.get("version", "v1")
    types = groups(service_of(request).store.types).get((group, version_))
    if types is None:
        return unknown_path()
    listed = [each for type_ in types for each in _resources(type_)]
    api_version = f"{group}/{version_}" if group else version_
    return answer(
        {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": listed}
    )


def _resources(type_: ResourceType) -> list[Object]:
    own: Object = {
        "name": type_.plural,
        "singularName": type_.singular or type_.kind.lower(),
        "namespaced": type_.namespaced,
        "kind": type_.kind,
        "verbs": list(type_.verbs),
    }
    if type_.short_names:
        own["shortNames"] = list(type_.short_names)
    if type_.categories:
        own["categories"] = list(type_.categories)
    return [own, *(_subresource(type_, each) for each in sorted(type_.subresources - _REFUSED))]


def _subresource(type_: ResourceType, name: str) -> Object:
    kind, group, version_, verbs = _subresource_kind(type_, name)
    found: Object = {
        "name": f"{type_.plural}/{name}",
        "singularName": "",
        "namespaced": type_.namespaced,
        "kind": kind,
        "verbs": list(verbs),
    }
    if group != type_.group:
        found |= {"group": group, "version": version_}
    return found


def _subresource_kind(type_: ResourceType, name: str) -> tuple[str, str, str, tuple[str, ...]]:
    own = (type_.kind, type_.group, type_.version, ("get", "patch", "update"))
    return _SUBRESOURCE_KINDS.get(name, own)


def _wants_aggregated(request: Request) -> bool:
    accepted = request.headers.get("accept", "").replace(" ", "").split(",")
    return _AGGREGATED in accepted


def _aggregated(request: Request, *, core: bool) -> Response:
    found: defaultdict[str, list[Object]] = defaultdict(list)
    for (group, version_), types in groups(service_of(request).store.types).items():
        if (group == "") == core:
            resources = [_aggregated_resource(each) for each in types]
            found[group].append({"version": version_, "resources": resources, "freshness": "Current"})
    items = [
        {"metadata": {"name": group, "creationTimestamp": None}, "versions": versions}
        for group, versions in sorted(found.items())
    ]
    response = answer(
        {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": items,
        }
    )
    response.headers["Content-Type"] = _AGGREGATED
    return response


def _aggregated_resource(type_: ResourceType) -> Object:
    found: Object = {
        "resource": type_.plural,
        "responseKind": {"group": type_.group, "version": type_.version, "kind": type_.kind},
        "scope": "Namespaced" if type_.namespaced else "Cluster",
        "singularResource": type_.singular or type_.kind.lower(),
        "verbs": list(type_.verbs),
        "shortNames": list(type_.short_names),
        "categories": list(type_.categories),
        "subresources": [],
    }
    for name in sorted(type_.subresources - _REFUSED):
        kind, group, version_, verbs = _subresource_kind(type_, name)
        found["subresources"].append(
            {
                "subresource": name,
                "responseKind": {"group": group, "version": version_, "kind": kind},
                "verbs": list(verbs),
            }
        )
    return found
