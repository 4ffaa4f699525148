"""One connection to a cluster: JSON in, JSON out, retried as far as a retry is honest.

Configuration, credentials and transport are the official client's; its generated models are left aside,
because the objects here are read by models of our own.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import urllib3

from netcadence.kube.errors import ApiRefusedError, ApiUnavailableError, ExpiredError
from netcadence.kube.kubeconfig import configure
from netcadence.kube.resource import Resource

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

Object = dict[str, Any]

_TOO_MANY, _SERVER_ERROR, _GONE, _CONFLICT = 429, 500, 410, 409
_CONNECT_S: Final = 5.0
_READ_S: Final = 30.0
#: A restarting API server is back well within this; whoever waits longer is told.
_RETRY_FOR_S: Final = 45.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0
#: One run's dispatch creates requests from this many threads.
_POOL: Final = 16


class Access:
    """A cluster's API server, as one kubeconfig context sees it.

    Every verb raises `ApiRefusedError` where the server says no, and `ApiUnavailableError` where it could
    not be made to answer in time.
    """

    def __init__(self, client: ApiClient, *, cluster: str, patience_s: float = _RETRY_FOR_S) -> None:
        self._client = client
        self._patience_s = patience_s
        self.cluster = cluster

    @classmethod
    def connect(
        cls, *, kubeconfig: Path | None = None, context: str | None = None, cluster: str | None = None
    ) -> Self:
        """Read a kubeconfig (or, in a pod without one, the service account) and make a client of it.

        Args:
            kubeconfig: The file; by default KUBECONFIG or ~/.kube/config.
            context: Its context; by default the current one.
            cluster: Name under which results are kept; by default the context's cluster.

        Raises:
            ClusterUnknownError: There is no such file or context, or it cannot be read.
        """
        from kubernetes import client  # noqa: PLC0415 - costs 0.2 s, and only runs need it

        configuration = client.Configuration()
        configuration.retries = False
        configuration.connection_pool_maxsize = _POOL
        name = configure(configuration, kubeconfig=kubeconfig, context=context)
        return cls(client.ApiClient(configuration), cluster=cluster or name)

    def with_patience(self, seconds: float) -> Access:
        """Return the same connection, on which a call is tried anew for so long and no longer."""
        return Access(self._client, cluster=self.cluster, patience_s=seconds)

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        return self._call("GET", resource.path(namespace, name))

    def raw(self, path: str) -> Object:
        """Return the JSON object at a path that is no resource, such as `/version`."""
        return self._call("GET", path)

    def list(
        self, resource: Resource, namespace: str | None = None, *, selector: str = ""
    ) -> tuple[list[Object], str]:
        """Return the objects that match a label selector, and the version at which that was so."""
        items: list[Object] = []
        token = ""
        while True:
            query = {"labelSelector": selector, "limit": "500", "continue": token}
            page = self._call("GET", resource.path(namespace), query=query)
            items += page["items"]
            token = page["metadata"].get("continue", "")
            if not token:
                return items, page["metadata"]["resourceVersion"]

    def create(self, resource: Resource, body: Object, namespace: str | None = None) -> Object:
        """Create an object; one that an earlier try of this call made, its reply lost, counts as made."""
        tries = _Tries(self._patience_s)
        while True:
            try:
                return self._once("POST", resource.path(namespace), body=body)
            except ApiUnavailableError as error:
                tries.pause(error)
            except ApiRefusedError as error:
                if error.reason == "AlreadyExists" and tries.count:
                    return self.get(resource, body["metadata"]["name"], namespace)
                raise

    def patch(
        self,
        resource: Resource,
        name: str,
        body: Object,
        namespace: str | None = None,
        *,
        status: bool = False,
    ) -> Object:
        """Merge `body` into an object."""
        path = resource.path(namespace, name, "status" if status else None)
        return self._call("PATCH", path, body=body)

    def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str = "",
        version: str = "",
    ) -> None:
        """Delete an object and, after it, what it owns; one that is gone already is fine.

        Args:
            uid: Delete only the object with this UID, and nothing that has come to its name since.
            version: Delete it only if it has not changed since this resourceVersion; else it is a conflict.
        """
        conditions = {key: value for key, value in (("uid", uid), ("resourceVersion", version)) if value}
        options: Object = {"propagationPolicy": "Background"}
        try:
            self._call(
                "DELETE",
                resource.path(namespace, name),
                body=options | ({"preconditions": conditions} if conditions else {}),
            )
        except ApiRefusedError as error:
            if not error.is_missing:
                raise

    @contextmanager
    def watch(
        self, resource: Resource, namespace: str | None, *, selector: str, since: str, timeout_s: float
    ) -> Iterator[Iterator[Object]]:
        """Open one watch; yields an iterator over its events, which ends when the stream does.

        Silence is bounded: the server is asked to end the stream after `timeout_s`, and a stream on which
        nothing comes for somewhat longer is given up.

        Raises:
            ExpiredError: `since` is too old, at the start or in the middle.
            ApiUnavailableError: The connection broke.
        """
        query = {
            "watch": "true",
            "labelSelector": selector,
            "resourceVersion": since,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, round(timeout_s))),
        }
        response = self._open("GET", resource.path(namespace), query=query, read_s=timeout_s + 2)
        try:
            yield self._events(response)
        finally:
            response.close()

    def answers(self) -> bool:
        """Tell whether the server answers now; tried once, for those who can do without it."""
        try:
            self._once("GET", "/version")
        except ApiUnavailableError:
            return False
        return True

    def close(self) -> None:
        self._client.rest_client.close()

    def _events(self, response: urllib3.BaseHTTPResponse) -> Iterator[Object]:
        rest = b""
        try:
            for chunk in response.stream(None, decode_content=True):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield _unless_error(json.loads(line))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiUnavailableError(f"The watch on {self._where} broke: {error}") from error

    def _call(
        self, method: str, path: str, *, query: dict[str, str] | None = None, body: Object | None = None
    ) -> Object:
        tries = _Tries(self._patience_s)
        while True:
            try:
                return self._once(method, path, query=query, body=body)
            except ApiUnavailableError as error:
                tries.pause(error)

    def _once(
        self, method: str, path: str, *, query: dict[str, str] | None = None, body: Object | None = None
    ) -> Object:
        response = self._open(method, path, query=query, body=body, read_s=_READ_S)
        try:
            payload = response.read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiUnavailableError(
                f"{self._where} broke off its answer to {method} {path}: {error}"
            ) from error
        finally:
            response.release_conn()
        parsed = json.loads(payload)
        return parsed if isinstance(parsed, dict) else {"value": parsed}

    def _open(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Object | None = None,
        read_s: float,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = (
                "application/merge-patch+json" if method == "PATCH" else "application/json"
            )
        serialized = self._client.param_serialize(
            method,
            path,
            query_params=[(key, value) for key, value in (query or {}).items() if value],
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._client.call_api(*serialized, _request_timeout=(_CONNECT_S, read_s))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiUnavailableError(f"{self._where} does not answer {method} {path}: {error}") from error
        response: urllib3.BaseHTTPResponse = answer.response
        if response.status >= 400:  # noqa: PLR2004 - where HTTP's errors begin
            raise self._error(method, path, response)
        return response

    def _error(self, method: str, path: str, response: urllib3.BaseHTTPResponse) -> Exception:
        text = response.data.decode(errors="replace").strip()
        try:
            status = json.loads(text)
            message, reason = str(status["message"]), str(status.get("reason", ""))
        except (ValueError, KeyError, TypeError):
            message, reason = text, ""
        if response.status == _GONE:
            return ExpiredError(message)
        answer = f"{response.status} {reason or response.reason}"
        said = f"{self._where} answered {method} {path} with {answer}: {message}"
        if response.status == _TOO_MANY or response.status >= _SERVER_ERROR:
            asked = response.headers.get("Retry-After", "")
            return ApiUnavailableError(said, retry_after_s=float(asked) if asked.isdigit() else 0.0)
        return ApiRefusedError(said, code=response.status, reason=reason)

    @property
    def _where(self) -> str:
        return f"The API server of cluster {self.cluster} ({self._client.configuration.host})"


class _Tries:
    """How often one call was tried, and how long to wait before the next try."""

    def __init__(self, patience_s: float) -> None:
        self.count = 0
        self._until = time.monotonic() + patience_s
        self._pause_s = _FIRST_PAUSE_S

    def pause(self, error: ApiUnavailableError) -> None:
        """Wait as long as the server asked for, or a growing while; raise `error` when the time is up."""
        self.count += 1
        wait_s = max(error.retry_after_s, self._pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries, no secret
        if time.monotonic() + wait_s > self._until:
            raise error
        time.sleep(wait_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)


def _unless_error(event: Object) -> Object:
    if event["type"] != "ERROR":
        return event
    status = event["object"]
    if status.get("code") == _GONE:
        raise ExpiredError(status.get("message", "the version is too old"))
    raise ApiUnavailableError(f"The watch was ended: {status.get('message', status)}")
