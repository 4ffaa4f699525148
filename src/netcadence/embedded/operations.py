"""What an administrator can do to the machine under the cluster, beside the Kubernetes API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from netcadence.embedded.api.bodies import failure
from netcadence.embedded.api.status import ApiError, bad_request, not_found
from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.network import Network
from netcadence.embedded.node import Node
from netcadence.embedded.policy.enforcer import PolicyEnforcer
from netcadence.embedded.settings import MAX_DELAY_S

#: Rates below this starve even the API's own traffic, and those above are none.
_RATES_BITS_PER_S = range(100_000, 10**12)


class Operations:
    """The routes below /embedded/v1/; each is a POST with a JSON object that mostly names a node."""

    def __init__(self, network: Network, nodes: Mapping[str, Node], policies: PolicyEnforcer) -> None:
        self._network = network
        self._nodes = nodes
        self._policies = policies

    def routes(self) -> list[Route]:
        return [
            Route("/embedded/v1/uplink", self._set_uplink_rate, methods=["POST"]),
            Route("/embedded/v1/lose", self._lose, methods=["POST"]),
            Route("/embedded/v1/policies", self._set_policies, methods=["POST"]),
            Route("/embedded/v1/return", self._return, methods=["POST"]),
        ]

    async def _set_uplink_rate(self, request: Request) -> Response:
        body = await _body(request)
        node, rate = self._node(body), body.get("bits_per_s")
        if rate is not None and (not isinstance(rate, int) or rate not in _RATES_BITS_PER_S):
            allowed = f"a whole number from {_RATES_BITS_PER_S.start} to {_RATES_BITS_PER_S.stop}, or null"
            raise bad_request(f"bits_per_s: {rate!r} is not {allowed}")
        try:
            await self._network.set_uplink_rate(node.name, rate)
        except EmbeddedClusterError as error:
            return failure(ApiError(409, "Conflict", str(error)))
        return Response(status_code=204)

    async def _set_policies(self, request: Request) -> Response:
        body = await _body(request)
        enforced, delay_s = body.get("enforced"), body.get("delay_s")
        if not isinstance(enforced, bool):
            raise bad_request(f"enforced: {enforced!r} is not true or false")
        if (
            isinstance(delay_s, bool)
            or not isinstance(delay_s, int | float)
            or not 0 <= delay_s <= MAX_DELAY_S
        ):
            raise bad_request(f"delay_s: {delay_s!r} is not a number from 0 to {MAX_DELAY_S}")
        self._policies.change(enforced=enforced, delay_s=delay_s)
        return Response(status_code=204)

    async def _lose(self, request: Request) -> Response:
        await self._node(await _body(request)).lose()
        return Response(status_code=204)

    async def _return(self, request: Request) -> Response:
        self._node(await _body(request)).come_back()
        return Response(status_code=204)

    def _node(self, body: Mapping[str, Any]) -> Node:
        name = body.get("node")
        if not isinstance(name, str) or name not in self._nodes:
            raise not_found("nodes", str(name))
        return self._nodes[name]


async def _body(request: Request) -> Mapping[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise bad_request(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise bad_request("the body is not a JSON object")
    return body
