"""The HTTP application: routes, and what every request passes through."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from netcadence.embedded.api import discovery, openapi, reading, reviews, subresources, writing
from netcadence.embedded.api.access import unauthorized
from netcadence.embedded.api.bodies import JSON, failure, unknown_path
from netcadence.embedded.api.faults import Asked, Effect
from netcadence.embedded.api.impersonation import impersonated
from netcadence.embedded.api.service import require_access, require_path, service_of
from netcadence.embedded.api.status import ApiError
from netcadence.embedded.api.target import Target, find_target, is_watch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from netcadence.embedded.api.service import Service

Handler = Callable[[Request, Target], Awaitable[Response]]

_COLLECTION: Final[dict[str, Handler]] = {
    "GET": reading.list_objects,
    "POST": writing.create_object,
    "DELETE": writing.delete_collection,
}
_OBJECT: Final[dict[str, Handler]] = {
    "GET": reading.get_object,
    "PUT": writing.replace_object,
    "PATCH": writing.patch_object,
    "DELETE": writing.delete_object,
}
_WHOLE: Final[dict[str, Handler]] = {method: _OBJECT[method] for method in ("GET", "PUT", "PATCH")}
_SUBRESOURCES: Final[dict[str, dict[str, Handler]]] = {
    "status": _WHOLE,
    "finalize": {"PUT": writing.replace_object},
    "log": {"GET": subresources.pod_log},
    "binding": {"POST": subresources.bind_pod},
    "token": {"POST": subresources.request_token},
    "eviction": {"POST": subresources.evict_pod},
    "scale": {
        "GET": subresources.get_scale,
        "PUT": subresources.set_scale,
        "PATCH": subresources.set_scale,
    },
    **{
        name: dict.fromkeys(("GET", "POST"), subresources.refuse_stream)
        for name in ("exec", "attach", "portforward")
    },
}
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: Health checks are answered to anyone who reaches the port, and survive faults.
_OPEN_PATHS: Final = frozenset({"/healthz", "/livez", "/readyz"})
_ADMIN_PREFIX: Final = "/embedded/"
_RESOURCE_PATH: Final = re.compile(r"/(?:api/v1|apis/(?P<group>[^/]+)/(?P<version>[^/]+))/(?P<path>.+)")
_JSON_HEAD: Final = [(b"content-type", JSON.encode())]


async def serve_resource(request: Request) -> Response:
    """Serve whatever is stored: find the target, ask the authoriser, hand over."""
    parameters = request.path_params
    target = find_target(
        service_of(request).store.types,
        parameters.get("group", ""),
        parameters.get("version", "v1"),
        parameters["path"],
    )
    if target is None:
        return unknown_path()
    attributes = target.attributes(request.method, request.query_params)
    require_access(request, attributes)
    handlers = _SUBRESOURCES[target.subresource] if target.subresource else _COLLECTION
    if target.name and not target.subresource:
        handlers = _OBJECT
    handler = handlers.get(request.method)
    if handler is None or (not target.subresource and attributes.verb not in target.type.verbs):
        raise ApiError(
            405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
        )
    return await handler(request, target)


class Gate:
    """Lets only known identities in, and strikes requests while faults are wanted."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        effect = None
        try:
            if scope["path"] not in _OPEN_PATHS:
                effect = self._admit(scope)
        except ApiError as error:
            await failure(error)(scope, receive, send)
            return
        match effect:
            case None:
                await self._app(scope, receive, send)
            case Effect.REFUSE:
                await self._refusal(scope)(scope, receive, send)
            case Effect.LOSE_REPLY:
                await self._app(scope, receive, _unheard)
                self._service.cut(scope)
                await _disconnected(receive)
            case Effect.END:
                await Response(media_type=JSON)(scope, receive, send)
            case Effect.SILENCE:
                if is_watch(QueryParams(scope["query_string"])):
                    await send({"type": "http.response.start", "status": 200, "headers": _JSON_HEAD})
                await _disconnected(receive)

    def _admit(self, scope: Scope) -> Effect | None:
        """Find out who asks, and whether a fault strikes what is asked."""
        kind, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        identity = (
            self._service.authenticator.authenticate(token.strip()) if kind.lower() == "bearer" else None
        )
        if identity is None:
            raise unauthorized()
        identity = impersonated(identity, Headers(scope=scope), self._service.authorizer)
        scope["identity"] = identity
        if scope["path"].startswith(_ADMIN_PREFIX):
            if not identity.is_admin:
                raise ApiError(403, "Forbidden", f'User "{identity.name}" may not operate the cluster')
            return None
        return self._service.faults.strike(self._asked(scope))

    def _asked(self, scope: Scope) -> Asked:
        verb = "get"
        if served := _RESOURCE_PATH.fullmatch(scope["path"]):
            group, version, path = served["group"] or "", served["version"] or "v1", served["path"]
            target = find_target(self._service.store.types, group, version, path)
            if target:
                verb = target.attributes(scope["method"], QueryParams(scope["query_string"])).verb
        return Asked(verb, scope["path"], Headers(scope=scope).get("user-agent", ""))

    def _refusal(self, scope: Scope) -> Response:
        error = self._service.faults.refusal()
        if error.code == HTTPStatus.NOT_FOUND:
            return unknown_path()
        if error.code == HTTPStatus.GONE and is_watch(QueryParams(scope["query_string"])):
            return reading.error_event(error)
        return failure(error)


async def _unheard(_message: Message) -> None:
    """Take an answer and send nothing of it."""


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return failure(error)


async def _broken(_request: Request, error: Exception) -> Response:
    """Answer when this program is at fault; uvicorn logs the traceback."""
    message = f"Internal error occurred: {type(error).__name__}: {error}"
    return failure(ApiError(500, "InternalError", message))


async def _unknown(_request: Request, _error: Exception) -> Response:
    return unknown_path()


_PATHS: Final[dict[str, Callable[[Request], Awaitable[Response]]]] = {
    "/api": discovery.core_versions,
    "/api/{version}": discovery.resource_list,
    "/apis": discovery.group_list,
    "/apis/{group}": discovery.one_group,
    "/apis/{group}/{version}": discovery.resource_list,
    "/version": discovery.version,
    "/openapi/v3": openapi.index,
    "/openapi/v3/{path:path}": openapi.document,
}


def _by_path(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Return a handler of what is no resource, for those who may get its path."""

    async def handle(request: Request) -> Response:
        require_path(request)
        return await handler(request)

    return handle


def _routes(operations: Iterable[Route]) -> list[Route]:
    get: Any = ["GET"]
    resources = list(_METHODS)
    return [
        Route(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", reviews.access_review, methods=["POST"]
        ),
        Route(
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", reviews.rules_review, methods=["POST"]
        ),
        Route("/apis/authentication.k8s.io/v1/selfsubjectreviews", reviews.self_review, methods=["POST"]),
        Route("/api/v1/{path:path}", serve_resource, methods=resources),
        Route("/apis/{group}/{version}/{path:path}", serve_resource, methods=resources),
        *(Route(path, _by_path(handler), methods=get) for path, handler in _PATHS.items()),
        *(Route(path, discovery.healthy, methods=get) for path in sorted(_OPEN_PATHS)),
        *operations,
    ]


def build_app(service: Service, operations: Iterable[Route] = ()) -> ASGIApp:
    """Return the application.

    Args:
        operations: Further routes, below `/embedded/`, for administrators only.
    """
    app = Starlette(
        routes=_routes(operations),
        exception_handlers={ApiError: _refused, 404: _unknown, 405: _unknown, Exception: _broken},
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return Gate(app, service)
