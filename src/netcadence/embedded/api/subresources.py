"""What is served beside objects: logs, scale, bindings, evictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from starlette.responses import StreamingResponse

from netcadence.embedded.api.access import identity_of_user, service_account_user
from netcadence.embedded.api.bodies import answer, decode, media_type, read_body
from netcadence.embedded.api.patch import JSON_PATCH, apply_json_patch, apply_merge_patch
from netcadence.embedded.api.revising import now
from netcadence.embedded.api.service import service_of
from netcadence.embedded.api.status import ApiError, Object, bad_request, conflict, invalid, invalid_value
from netcadence.embedded.api.target import flag, is_dry_run, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from netcadence.embedded.api.target import Target

#: Of a service account's token where none is asked for, and the least that may be asked for.
_TOKEN_LIFETIME_S: Final = 3_600
_SHORTEST_TOKEN_LIFETIME_S: Final = 600
#: Containers in these states have written nothing yet.
_NOT_BEGUN: Final = ("ContainerCreating", "PodInitializing", "ErrImagePull", "ImagePullBackOff")


async def pod_log(request: Request, target: Target) -> Response:
    """Stream what a container printed."""
    query = request.query_params
    service = service_of(request)
    pod = service.store.get("pods", target.name, target.namespace)
    container = _container(pod, query.get("container"))
    previous = flag(query, "previous")
    if not previous:
        _require_begun(pod, container)
    output = service.logs(
        pod, container, follow=flag(query, "follow"), tail=number(query, "tailLines"), previous=previous
    )
    return StreamingResponse(output, media_type="text/plain")


def _container(pod: Mapping[str, Any], asked: str | None) -> str:
    names = [each["name"] for each in pod["spec"]["containers"]]
    if asked is None:
        if len(names) > 1:
            choices = f"choose one of: [{' '.join(names)}]"
            raise bad_request(
                f"a container name must be specified for pod {pod['metadata']['name']}, {choices}"
            )
        return cast("str", names[0])
    if asked not in names:
        raise bad_request(f"container {asked} is not valid for pod {pod['metadata']['name']}")
    return asked


def _require_begun(pod: Mapping[str, Any], container: str) -> None:
    states = pod.get("status", {}).get("containerStatuses") or ()
    state = next((each.get("state") or {} for each in states if each["name"] == container), {})
    reason = (state.get("waiting") or {}).get("reason")
    if not states and pod["status"].get("phase") == "Pending":
        reason = "ContainerCreating"
    if reason in _NOT_BEGUN:
        name = pod["metadata"]["name"]
        why = "trying and failing to pull image" if "Image" in str(reason) else reason
        raise bad_request(f'container "{container}" in pod "{name}" is waiting to start: {why}')


async def bind_pod(request: Request, target: Target) -> Response:
    """Place a pod on a node."""
    body = decode(await read_body(request), media_type(request))
    node = (body.get("target") or {}).get("name") if isinstance(body, dict) else None
    if not node:
        raise bad_request("target.name: Required value")
    service_of(request).store.mutate(
        "pods",
        target.name,
        target.namespace,
        lambda pod: _assign(pod, node),
        dry_run=is_dry_run(request.query_params),
    )
    return answer(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201
    )


def _assign(pod: Object, node: str) -> None:
    taken = pod["spec"].get("nodeName")
    if taken:
        why = f'pod {pod["metadata"]["name"]} is already assigned to node "{taken}"'
        raise conflict("pods/binding", pod["metadata"]["name"], why)
    pod["spec"]["nodeName"] = node


async def evict_pod(request: Request, target: Target) -> Response:
    """Delete a pod as a drain of its node does."""
    body = await read_body(request)
    options = (decode(body, media_type(request)) or {}).get("deleteOptions") or {} if body else {}
    service_of(request).store.delete(
        "pods",
        target.name,
        target.namespace,
        grace_s=options.get("gracePeriodSeconds"),
        dry_run=is_dry_run(request.query_params),
    )
    return answer(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201
    )


async def request_token(request: Request, target: Target) -> Response:
    """Make a token of a service account, as `kubectl create token` asks for it."""
    service = service_of(request)
    body = await read_body(request)
    wanted = decode(body, media_type(request)) if body else {}
    asked: Object = (wanted.get("spec") or {}) if isinstance(wanted, dict) else {}
    lifetime_s = asked.get("expirationSeconds") or _TOKEN_LIFETIME_S
    if not isinstance(lifetime_s, int) or lifetime_s < _SHORTEST_TOKEN_LIFETIME_S:
        cause = invalid_value(
            "spec.expirationSeconds", lifetime_s, "may not specify a duration less than 10 minutes"
        )
        raise invalid("TokenRequest", "authentication.k8s.io", target.name, [cause])
    service.store.get("serviceaccounts", target.name, target.namespace)
    user = service_account_user(target.namespace or "", target.name)
    token = service.authenticator.issue(identity_of_user(user), lifetime_s=lifetime_s)
    status = {"token": token, "expirationTimestamp": now(lifetime_s)}
    return answer(
        {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": target.name, "namespace": target.namespace},
            "spec": {"audiences": [], "boundObjectRef": None, "expirationSeconds": lifetime_s},
            "status": status,
        },
        201,
    )


async def refuse_stream(request: Request, target: Target) -> Response:
    """Say that nothing is executed in pods, attached to or forwarded."""
    del request
    message = f"the embedded cluster does not offer {target.subresource} into pods"
    raise ApiError(501, "NotImplemented", message)


async def get_scale(request: Request, target: Target) -> Response:
    """Return how many replicas there are and should be."""
    return answer(_scale(service_of(request).store.get(target.type.resource, target.name, target.namespace)))


async def set_scale(request: Request, target: Target) -> Response:
    """Replace or patch the number of replicas."""
    service = service_of(request)
    media = media_type(request)
    body = decode(await read_body(request), media)
    current = service.store.get(target.type.resource, target.name, target.namespace)
    scale = _scale(current)
    if request.method == "PATCH":
        scale = apply_json_patch(scale, body) if media == JSON_PATCH else apply_merge_patch(scale, body)
    elif isinstance(body, dict):
        scale = body
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if version := scale.get("metadata", {}).get("resourceVersion"):
        current["metadata"]["resourceVersion"] = version
    current["spec"]["replicas"] = replicas
    dry_run = is_dry_run(request.query_params)
    return answer(_scale(service.store.update(target.type.resource, current, dry_run=dry_run)))


def _scale(obj: Mapping[str, Any]) -> Object:
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    labels = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: obj["metadata"][key] for key in kept},
        "spec": {"replicas": obj["spec"]["replicas"]},
        "status": {
            "replicas": obj.get("status", {}).get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        },
    }
