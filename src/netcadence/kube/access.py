"""One connection to a cluster: JSON in, JSON out, retried as far as a retry is honest.

The official client's generated models are left aside, because the objects here are read by models of our own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import urllib3

from netcadence.errors import NetcadenceError
from netcadence.kube.errors import ApiRefusedError, ApiUnavailableError, ExpiredError, NotServedError
from netcadence.kube.pace import Backoff
from netcadence.kube.resource import Resource
from netcadence.kube.transport import Transport
from netcadence_worker.contract import RUN_LABEL

Object = dict[str, Any]
#: Objects, and the version at which there were just these.
Listing = tuple[list[Object], str]

_GONE: Final = 410
_READ_S: Final = 30.0
#: A restarting API server is back well within this; whoever waits longer is told.
_RETRY_FOR_S: Final = 45.0
#: A new definition is served within 2 s; where it is not after this, it is not installed.
_SERVED_WITHIN_S: Final = 5.0
_PAGE: Final = "500"
#: How often a list is begun because its pages expire; a page is good for five minutes.
_LISTINGS: Final = 4


class Access:
    """A cluster's API server, as one kubeconfig context sees it.

    Every verb raises `ApiRefusedError` where the server says no, and `ApiUnavailableError` where it could
    not be made to answer in time.
    """

    def __init__(self, transport: Transport, *, patience_s: float = _RETRY_FOR_S) -> None:
        self._transport = transport
        self._patience_s = patience_s

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
        return cls(Transport(kubeconfig, context, cluster))

    @property
    def cluster(self) -> str:
        """Name under which the cluster's results are kept."""
        return self._transport.cluster

    def with_patience(self, seconds: float) -> Access:
        """Return the same connection, on which a call is tried anew for so long and no longer."""
        return Access(self._transport, patience_s=seconds)

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        return self._call("GET", resource.path(namespace, name))

    def find(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """Return an object, or None where there is none of that name."""
        try:
            return self.get(resource, name, namespace)
        except ApiRefusedError as error:
            if error.is_missing:
                return None
            raise

    def raw(self, path: str) -> Object:
        """Return the JSON object at a path that is no resource, such as `/version`."""
        return self._call("GET", path)

    def list(self, resource: Resource, namespace: str | None = None, *, selector: str = "") -> Listing:
        """Return the objects that match a label selector, and the version at which that was so."""
        for _ in range(_LISTINGS):
            try:
                return self._pages(resource.path(namespace), selector)
            except ExpiredError as error:
                expired = error
        raise ApiUnavailableError(
            f"{self._transport.name} let a list of {resource.qualified} expire before its last page, "
            f"{_LISTINGS} times: {expired}"
        ) from expired

    def _pages(self, path: str, selector: str) -> Listing:
        items = []
        query = {"labelSelector": selector, "limit": _PAGE}
        while True:
            page = self._call("GET", path, query=query)
            items += page["items"]
            token = page["metadata"].get("continue", "")
            if not token:
                return items, page["metadata"]["resourceVersion"]
            query["continue"] = token

    def create(self, resource: Resource, body: Object, namespace: str | None = None) -> Object:
        """Create an object; one that an earlier try of this call made, its reply lost, counts as made.

        Raises:
            ApiRefusedError: As everywhere; AlreadyExists where what is there is not what was to be made.
        """
        tries = _Tries(self._patience_s)
        while True:
            try:
                return self._once("POST", resource.path(namespace), tries, body=body)
            except ApiUnavailableError as error:
                tries.pause(error)
            except ApiRefusedError as error:
                if error.reason != "AlreadyExists" or not tries.count:
                    raise
                found = self.get(resource, body["metadata"]["name"], namespace)
                if not _is_made_of(found, body):
                    raise
                return found

    def patch(
        self,
        resource: Resource,
        name: str,
        body: Object,
        namespace: str | None = None,
        *,
        status: bool = False,
    ) -> Object:
        """Merge `body` into an object.

        A server under contention may answer with a conflict even where the patch rests on no version; that
        is tried again. With a resourceVersion in it a conflict is the caller's.
        """
        path = resource.path(namespace, name, "status" if status else None)
        rests_on_version = "resourceVersion" in body.get("metadata", {})
        return self._call(
            "PATCH", path, body=body, again=lambda error: error.is_conflict and not rests_on_version
        )

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
        response = self._transport.open(
            "GET",
            resource.path(namespace),
            query=query,
            read_s=timeout_s + 2,
            patience_s=min(timeout_s, self._patience_s),
        )
        try:
            yield self._events(response)
        finally:
            response.close()

    def answers(self) -> bool:
        """Tell whether the server answers now; tried once, for those who can do without it."""
        try:
            self._once("GET", "/version", _Tries(0))
        except ApiUnavailableError:
            return False
        return True

    def close(self) -> None:
        self._transport.close()

    def _events(self, response: urllib3.BaseHTTPResponse) -> Iterator[Object]:
        rest = b""
        try:
            for chunk in response.stream(None, decode_content=True):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield _unless_error(json.loads(line))
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise ApiUnavailableError(f"The watch on {self._transport.name} broke: {error}") from error

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        again: Callable[[ApiRefusedError], bool] = lambda _error: False,
    ) -> Object:
        """Exchange one request, tried anew while it may help; `again` says which refusals may pass, too."""
        tries = _Tries(self._patience_s)
        while True:
            try:
                return self._once(method, path, tries, query=query, body=body)
            except ApiUnavailableError as error:
                tries.pause(error)
            except ApiRefusedError as error:
                if not again(error):
                    raise
                tries.pause(error)

    def _once(
        self,
        method: str,
        path: str,
        tries: _Tries,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
    ) -> Object:
        response = self._transport.open(
            method, path, query=query, body=body, read_s=_READ_S, patience_s=tries.left_s
        )
        try:
            parsed = json.loads(response.read())
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise ApiUnavailableError(
                f"{self._transport.name} broke off its answer to {method} {path}: {error}"
            ) from error
        finally:
            response.release_conn()
        return parsed if isinstance(parsed, dict) else {"value": parsed}


class _Tries:
    """How often one call was tried, and how long to wait before the next try."""

    def __init__(self, patience_s: float) -> None:
        self.count = 0
        self._patience_s = patience_s
        self._began = time.monotonic()
        self._backoff = Backoff()

    @property
    def left_s(self) -> float:
        """Seconds in which this call may still be tried."""
        return max(self._patience_s - (time.monotonic() - self._began), 0.0)

    def pause(self, error: NetcadenceError) -> None:
        """Wait a growing while; raise `error` when the time is up, or would be by when the server allows."""
        self.count += 1
        pause_s, left_s = self._backoff.next_s(), self.left_s
        if isinstance(error, NotServedError):
            left_s -= max(self._patience_s - _SERVED_WITHIN_S, 0.0)
            if pause_s > left_s:
                raise ApiRefusedError(str(error), code=404, reason="NotFound") from error
        asked_s = error.retry_after_s if isinstance(error, ApiUnavailableError) else 0.0
        if max(pause_s, asked_s) > left_s:
            raise error
        time.sleep(pause_s)


def _is_made_of(found: Object, sent: Object) -> bool:
    """Tell whether an object is what was sent, whatever the server has added to it.

    A run's label is proof enough: no two runs share it, and servers spell quantities in a way of their own.
    """
    labels = sent["metadata"].get("labels", {})
    if RUN_LABEL in labels:
        return _contains(found["metadata"].get("labels"), labels)
    return _contains(found, {key: value for key, value in sent.items() if key != "status"})


def _contains(found: Any, sent: Any) -> bool:
    match sent:
        case dict():
            return isinstance(found, dict) and all(_contains(found.get(key), sent[key]) for key in sent)
        case list():
            return isinstance(found, list) and len(found) == len(sent) and all(map(_contains, found, sent))
    return bool(found == sent)


def _unless_error(event: Object) -> Object:
    if event["type"] != "ERROR":
        return event
    status = event["object"]
    if status.get("code") == _GONE:
        raise ExpiredError(status.get("message", "the version is too old"))
    raise ApiUnavailableError(f"The watch was ended: {status.get('message', status)}")
